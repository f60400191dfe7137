"""The catalogue of metrics is checked as a whole, and says what is wrong with it."""

import gzip
import re
from pathlib import Path

import pytest

from diffing.core.catalogue import BUNDLED, Metric, load_catalogue
from diffing.core.dialect import NAMES
from diffing.core.errors import BadCatalogue, MissingInput, UnknownMetric
from diffing.files.inputs import find_inputs
from tests.conftest import named
from tests.service_under_test import Client, Service
from tests.waiting import wait_until

GOOD = """
[metric.sales]
aliases = ["s"]
old = "a.csv"
new = "b.csv.gz"
key = ["id"]
value = ["v"]
"""


def test_the_bundled_metrics_are_found_by_id_and_alias() -> None:
    catalogue = load_catalogue(None)

    assert ["revenue", "c-revenue"] == list(catalogue.metrics)
    for name in ("c-revenue", "c_revenue", "cohort-revenue", "cohort_revenue"):
        assert "c-revenue" == catalogue.find(name).id


def test_the_bundled_catalogue_explains_each_option() -> None:
    comments = " ".join(re.findall(r"^#.*$", BUNDLED.read_text(encoding="utf-8"), re.MULTILINE))

    explained = set(re.findall(r"\w+", comments))
    assert set() == {*Metric.model_fields, *NAMES} - explained


def test_an_unknown_metric_is_answered_with_those_there_are() -> None:
    with pytest.raises(
        UnknownMetric, match=r"Unknown metric revenu\. Did you mean revenue\?.* c-revenue"
    ):
        load_catalogue(None).find("revenu")


def test_a_metric_in_letters_of_another_case_is_suggested() -> None:
    with pytest.raises(UnknownMetric, match=r"Did you mean c-revenue\?"):
        load_catalogue(None).find("C-REVENUE")


def test_a_relative_tolerance_that_is_left_out_is_not_set(tmp_path: Path) -> None:
    (tmp_path / "metrics.toml").write_text(GOOD)

    metric = load_catalogue(tmp_path / "metrics.toml").find("s")

    assert ("sales", None, 0.0) == (metric.id, metric.rel_tol, metric.abs_tol)


def test_a_value_column_may_have_tolerances_of_its_own(tmp_path: Path) -> None:
    own = """
abs_tol = 0.5
value = ["v", "w", "x"]
tolerance = { w = { rel_tol = 0 }, x = { rel_tol = 0.1, abs_tol = 0 } }
"""
    (tmp_path / "metrics.toml").write_text(GOOD.replace('value = ["v"]', own))

    comparison = load_catalogue(tmp_path / "metrics.toml").find("sales").comparison

    assert ((None, 0.5), (0.0, 0.5), (0.1, 0.0)) == comparison.tolerances


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"must contain \[metric\.<id>\] tables"),
        ("x = 1\n" + GOOD, r"tables and nothing else, not x\.$"),
        ("metric = 1", r"must contain"),
        ("[metric.sales\n", "not TOML"),
        ("[metric]\nsales = 1", "metric sales"),
        (GOOD.replace('key = ["id"]', ""), "metric sales: key: missing"),
        (GOOD.replace('["id"]', "[]"), "metric sales: key"),
        (GOOD.replace('["v"]', '["id"]'), "named twice among key and value: id"),
        (GOOD + "rel_tol = -1\n", "metric sales: rel_tol"),
        (GOOD + "rel_tol = true\n", "metric sales: rel_tol"),
        (GOOD + "abs_tol = nan\n", "metric sales: abs_tol"),
        (GOOD + "abs_tol = inf\n", "metric sales: abs_tol"),
        (GOOD + "colour = 1\n", "metric sales: colour: unknown, not one of key, value"),
        (GOOD + "abs_tool = 1\n", "abs_tool: unknown, perhaps abs_tol is meant, not one of key"),
        (GOOD + 'delimter = ";"\n', "delimter: unknown, perhaps delimiter is meant, not one of"),
        (GOOD + 'duplicates = "no"\n', "metric sales: duplicates"),
        (
            GOOD + 'measure = "amount"\n',
            "metric sales: .*measure names amount, which is not a key column",
        ),
        (GOOD + 'text = ["id"]\n', "metric sales: .*text names id, which is not a value column"),
        (GOOD + 'text = "v"\n', "metric sales: text"),
        (GOOD + 'trim = "yes"\n', "metric sales: trim"),
        (GOOD + 'time = ["v"]\ntime_tol = 1\n', "metric sales: time_tol"),
        (GOOD + 'time = ["v"]\ntime_tol = "1m"\n', "metric sales: time_tol: must be a number with"),
        (GOOD + 'time = ["v"]\ntime_tol = "0.5us"\n', "metric sales: time_tol"),
        (GOOD + 'time = ["v"]\ntime_tol = "400000d"\n', "at most 1,000 years"),
        (GOOD + f"empty = {['x'] * 101}\n", "metric sales: empty"),
        (GOOD + "fingerprint = 7\n", "metric sales: fingerprint"),
        (GOOD + "tolerance.v.abs_tol = -1\n", r"metric sales: tolerance\.v\.abs_tol"),
        (GOOD + "tolerance.v.abs = 1\n", r"metric sales: tolerance\.v\.abs"),
        (GOOD + "tolerance.id.abs_tol = 1\n", "tolerance set for id, which is not a value column"),
        (GOOD.replace("a.csv", "../a.csv"), "metric sales: old"),
        (GOOD.replace("a.csv", "a.xlsx"), "metric sales: old"),
        (GOOD.replace("a.csv", "a.zst"), "metric sales: old"),
        (GOOD.replace("sales", '"a b"'), "metric a b: id"),
        (GOOD + GOOD.replace("sales", "other"), "name s belongs to two metrics"),
    ],
)
def test_a_catalogue_with_a_fault_is_refused_with_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "metrics.toml").write_text(text)

    with pytest.raises(BadCatalogue, match=said):
        load_catalogue(tmp_path / "metrics.toml")


def test_a_catalogue_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadCatalogue, match="No such file"):
        load_catalogue(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "name", ["b.csv", "b.csv.gz", "b.tsv.zst", "b.txt.xz", "b.csv.bz2", "b.zip", "b.parquet"]
)
def test_an_input_is_a_file_that_may_be_packed(tmp_path: Path, name: str) -> None:
    (tmp_path / "metrics.toml").write_text(GOOD.replace("b.csv.gz", name))

    assert name == load_catalogue(tmp_path / "metrics.toml").find("s").new


class TestFindInputs:
    @pytest.fixture
    def metric(self, tmp_path: Path) -> Metric:
        (tmp_path / "revenue_old.csv").touch()
        return load_catalogue(None).find("revenue")

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path, metric: Metric) -> None:
        (tmp_path / "revenue_new.csv").mkdir()

        with pytest.raises(
            MissingInput,
            match=r"Missing input file revenue_new\.csv of the metric revenue\. Put it into",
        ):
            find_inputs(metric, tmp_path)

    @pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
    def test_a_file_may_stand_compressed_where_the_catalogue_names_it_plain(
        self, tmp_path: Path, metric: Metric, suffix: str
    ) -> None:
        new = tmp_path / f"revenue_new.csv{suffix}"
        new.touch()

        found = find_inputs(metric, tmp_path)

        assert (named(tmp_path / "revenue_old.csv"), named(new)) == found

    def test_the_file_that_the_catalogue_names_comes_first(
        self, tmp_path: Path, metric: Metric
    ) -> None:
        for suffix in ("", ".gz", ".zst"):
            (tmp_path / f"revenue_new.csv{suffix}").touch()

        assert named(tmp_path / "revenue_new.csv") == find_inputs(metric, tmp_path)[1]

    def test_of_two_compressed_files_neither_is_taken(self, tmp_path: Path, metric: Metric) -> None:
        for suffix in (".gz", ".zst"):
            (tmp_path / f"revenue_new.csv{suffix}").touch()

        with pytest.raises(MissingInput) as caught:
            find_inputs(metric, tmp_path)

        assert caught.value.detail == (
            "Missing input file revenue_new.csv of the metric revenue, but both revenue_new.csv.gz "
            "and revenue_new.csv.zst exist. Remove one of them."
        )


class TestWatched:
    """The service reads the catalogue again when its file changes."""

    MORE = GOOD.replace("sales", "more").replace('["s"]', '["m"]')

    @pytest.fixture
    def path(self, service: Service) -> Path:
        return service.write("metrics.toml", GOOD)

    @pytest.fixture
    def client(self, service: Service, path: Path) -> Client:
        service.write("a.csv", "id,v\n1,1\n")
        service.write("b.csv.gz", gzip.compress(b"id,v\n1,2\n"))
        self.api = service.start("api", "--port", "0", metrics=str(path))
        service.worker(metrics=str(path))
        return service.client_of(self.api)

    @staticmethod
    def ids(client: Client) -> list[str]:
        return [metric["id"] for metric in client.get("/api/diffing/metrics").json()["metrics"]]

    @staticmethod
    def check(client: Client) -> dict[str, str]:
        return dict(client.get("/ready").json()["checks"]["catalogue"])

    def test_a_new_metric_is_known_at_once_to_api_and_worker(
        self, client: Client, path: Path
    ) -> None:
        wait_until(lambda: client.get("/ready").status_code == 200, "it is not ready")
        path.write_text(GOOD + self.MORE)
        wait_until(lambda: self.ids(client) == ["sales", "more"], "the old catalogue is used")

        client.wait_for_success(client.new_job("m"))
        assert {"status": "ok", "detail": "2 metrics."} == self.check(client)
        assert 'diffing_jobs_ended_total{metric="more"' in client.get("/metrics").text

    def test_a_broken_one_leaves_the_last_and_says_so(self, client: Client, path: Path) -> None:
        wait_until(lambda: client.get("/ready").status_code == 200, "it is not ready")
        path.write_text(GOOD + "[broken")
        wait_until(lambda: self.check(client)["status"] == "warning", "nothing is said")

        assert 200 == client.get("/ready").status_code
        assert str(path) not in client.get("/ready").text
        assert ["sales"] == self.ids(client)
        assert any("is not TOML" in line for line in self.api.lines())
        client.wait_for_success(client.new_job("s"))

        path.unlink()
        client.wait_for_success(client.new_job("s"))
        path.write_text(self.MORE)
        wait_until(lambda: self.ids(client) == ["more"], "the last one is still used")
        assert "ok" == self.check(client)["status"]
