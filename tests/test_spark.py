"""A cluster joins the rows of a diff: the same bytes as by DuckDB, and nothing is left there."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from diffing.core.cluster import Cluster
from diffing.core.comparison import Comparison
from diffing.core.errors import BadInput, DiffFailed
from diffing.engine import sql as queries
from diffing.engine.diff import Diff
from diffing.engine.on_cluster import OnCluster
from diffing.engine.spark import SparkSession
from diffing.files.results import Outputs
from diffing.files.staging import Staging
from diffing.sandbox.limits import Limits
from tests import reference
from tests.bucket import NAME, Bucket
from tests.cluster import VARIABLE, Gate, cluster
from tests.command_line import CHANGED, refused_by, run_here
from tests.conftest import AS_LARGE, one_in, spec_of
from tests.service_under_test import NEW, OLD, Service
from tests.test_cases import CASES, Case, Way, answered_by
from tests.test_mutations import run_instead
from tests.waiting import STALE_AFTER, wait_until, wait_until_nothing_is_left

COLUMNS = ("old.csv", "new.csv", "-q", "-k", "id", "-v", "value", "--engine", "spark")
SECRET = "s3cr3t-of-the-cluster"  # noqa: S105 - no server asks for it
RESULT = reference.diff(
    OLD, NEW, ["date", "segment_field", "segment_value_id", "stat"], ["value"]
).csv.encode()
REFUSED = "refused_missing_for_a_blank"
OF_MACHINE = {"seconds", "peak_rss_bytes", "engine"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with cluster() as found:
        yield found


@pytest.fixture
def gate(address: str) -> Iterator[Gate]:
    gate = Gate(address)
    yield gate
    gate.close()


@pytest.fixture
def staging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("staging")


@pytest.fixture
def on(address: str, staging: Path) -> Iterator[OnCluster]:
    place = Cluster(f"sc://{address}", str(staging / "diff"), staging)
    Staging(place).make()
    session = SparkSession(place)
    yield OnCluster(place.staged, session)
    session.close()


class TestTheDiff:
    @pytest.mark.parametrize(
        ("case", "exact"),
        one_in(
            29,
            [[case, bool(place % 2)] for place, case in enumerate(CASES) if not case.refused],
        ),
    )
    def test_a_diff_says_what_the_case_expects(
        self, case: Case, exact: bool, on: OnCluster, tmp_path: Path
    ) -> None:
        said = answered_by(case, Way(2, exact, AS_LARGE), tmp_path, on)

        assert re.match(r"duckdb \S+, spark \S+", said["engine"])

    def test_hours_between_times_may_be_tolerated_beside_numbers(
        self, on: OnCluster, tmp_path: Path
    ) -> None:
        (tmp_path / "old.csv").write_text("id,at,x\n1,2026-11-27T09,1\n2,2026-11-27T09,1\n")
        (tmp_path / "new.csv").write_text("id,at,x\n1,2026-11-27T10,1\n2,2026-11-27T10:01,1\n")
        comparison = Comparison.of(key=["id"], value=["at", "x"], time=["at"], time_tol="1h")
        spec = spec_of(tmp_path / "old.csv", tmp_path / "new.csv", comparison)
        limits = Limits(2, memory="1GB", temp_folder=tmp_path)

        summary = Diff(spec, limits, AS_LARGE, on).run(Outputs(tmp_path / "result.csv"))

        assert (1, 1) == (summary.changed, summary.within_tolerance)

    def test_a_refusal_is_that_of_duckdb_and_reaches_no_cluster(self, tmp_path: Path) -> None:
        place = Cluster("sc://127.0.0.1:1", str(tmp_path / "staged"), tmp_path)
        Staging(place).make()
        case = next(case for case in CASES if case.name == REFUSED)
        session = SparkSession(place)

        with pytest.raises(BadInput) as caught:
            case.run(tmp_path, 2, cluster=OnCluster(place.staged, session))

        session.close()

        assert [] == [words for words in case.refused if words not in caught.value.detail]


# As in test_mutations.py: a section with one thing changed, and the case that notices.
MUTANTS = [
    ("stage", "when value[2] is null then null", "", "values_without_tolerance_are_decimals"),
    ("stage", "when isnan(value[2]) then 'nan'", "", "values_nan_and_infinity"),
    ("stage", "when isinf(value[2]) then value[2]::varchar", "", "values_nan_and_infinity"),
    ("stage", "null, 5e8,", "null, 1e15,", "values_whole_numbers_around_a_billion"),
    ("stage", "and is_whole(value[1])", "", "values_whole_numbers_around_a_billion"),
    ("stage", "time_in(value[5])", "null", "kinds_time"),
    ("join_on_cluster", "p.x.exact = p.y.exact", "false", "values_without_tolerance_are_decimals"),
    ("join_on_cluster", "p.x.time - p.y.time) <= p.t", "p.x.time - p.y.time) < p.t", "kinds_time"),
    (
        "join_on_cluster",
        "p.w and p.x.exact is not null and p.y.exact is not null",
        "false",
        "values_whole_numbers_by_default",
    ),
    (
        "join_on_cluster",
        "p.x.number <> p.y.number\n",
        "true\n",
        "values_whole_numbers_by_default",
    ),
    (
        "join_on_cluster",
        "and abs(p.x.number - p.y.number) <= p.s",
        "",
        "values_whole_numbers_around_a_billion",
    ),
    ("join_on_cluster", "p.r * abs(p.x", "0 * abs(p.x", "values_tolerance_is_symmetric"),
    ("join_on_cluster", "p.r * abs(p.y", "0 * abs(p.y", "values_tolerance_is_symmetric"),
    (
        "join_on_cluster",
        "or abs(p.x.number - p.y.number) <= p.s",
        "",
        "values_at_the_absolute_tolerance",
    ),
    ("join_on_cluster", "p.x.whole and p.y.whole", "true", "values_whole_numbers_of_metrics"),
    (
        "join_on_cluster",
        "(p.x.number <> p.y.number or coalesce(p.x.exact <> p.y.exact, false))",
        "false",
        "values_whole_numbers_within_a_tolerance",
    ),
    ("join_on_cluster", "o.copies > 1 or", "", "duplicates_shuffled"),
    ("join_on_cluster", "or (:counts and n.copies > 1)", "", "count_more_rows_in_new"),
    ("join_on_cluster", "and not (:counts and repeats)", "", "count_lost_rows"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("section", "original", "changed", "case"), MUTANTS)
def test_a_query_that_is_broken_is_noticed(
    section: str,
    original: str,
    changed: str,
    case: str,
    on: OnCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = next(each for each in CASES if each.name == case)
    text = queries.query(section)
    assert original in text
    broken = {**queries.sections(), section: text.replace(original, changed, 1)}
    run_instead(broken, monkeypatch)

    with pytest.raises((AssertionError, DiffFailed)) as caught:
        answered_by(found, Way(2, False, AS_LARGE), tmp_path, on)
    # a query that does not run at all proves nothing
    assert caught.type is AssertionError or "do not add up" in str(caught.value)


METRICS = """\
[metric.revenue]
key = ["date", "segment_field", "segment_value_id", "stat"]
value = ["value"]
old = "revenue_old.csv"
new = "revenue_new.csv"
engine = "spark"
"""


class TestAJob:
    @pytest.fixture
    def on_cluster(self, service: Service, gate: Gate, staging: Path) -> dict[str, object]:
        """The settings of a service whose metric is joined on the cluster."""
        service.write_small_pair()
        metrics = service.write("metrics.toml", METRICS)
        url = f"sc://{gate.address}/;user_agent={SECRET}"
        return {"metrics": metrics, "spark_url": url, "staging_url": staging}

    def test_is_joined_on_the_cluster(
        self, service: Service, on_cluster: dict[str, object], staging: Path
    ) -> None:
        client, _ = service.api_and_worker(**on_cluster)
        client.wait_for_success(job_id := client.new_job())

        assert RESULT == client.result_of(job_id)
        summary = client.get(f"/api/diffing/job/{job_id}/summary").json()
        assert re.fullmatch(r"duckdb \S+, spark \S+", summary["engine"])
        wait_until(lambda: not [*staging.iterdir()], "a staged file is left")
        assert not [line for line in service.all_lines() if SECRET in line]

    @pytest.mark.slow
    @pytest.mark.skipif(VARIABLE in os.environ, reason="this Spark has no package for buckets")
    def test_may_be_staged_in_a_bucket(
        self, service: Service, on_cluster: dict[str, object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Bucket() as bucket:
            for_sail = {"AWS_ALLOW_HTTP": "true", "AWS_ENDPOINT": bucket.gate.url}
            for name, value in (bucket.environment | for_sail).items():
                monkeypatch.setenv(name, value)
            place = f"s3://{NAME}/staging"
            client, _ = service.api_and_worker(**on_cluster | {"staging_url": place})
            client.wait_for_success(job_id := client.new_job())

            assert RESULT == client.result_of(job_id)
            wait_until(lambda: not [*service.settings.tmp_dir.iterdir()], "a file is left")
            staged = [line for line in bucket.gate.requests if b"old.parquet" in line]
            assert [b"PUT", b"DELETE"] == [staged[0].split()[0], staged[-1].split()[0]]

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "how", ["cancelled", pytest.param("timed out", marks=pytest.mark.slow)]
    )
    def test_that_ends_early_leaves_no_query(
        self,
        service: Service,
        on_cluster: dict[str, object],
        gate: Gate,
        staging: Path,
        how: str,
    ) -> None:
        gate.held = True
        timeout = 3600 if how == "cancelled" else 20
        client, _ = service.api_and_worker(**on_cluster, job_timeout=timeout)
        job_id = client.new_job()
        sessions = gate.wait_for(1)
        if how == "cancelled":
            client.delete(f"/api/diffing/job/{job_id}")
        else:
            assert "took longer than 20 s" in client.wait_for_failure(job_id)["error"]["detail"]

        gate.wait_for(0)
        assert sessions == gate.ended
        wait_until(lambda: not [*staging.iterdir()], "a staged file is left")
        wait_until_nothing_is_left(service)

    @pytest.mark.slow
    def test_whose_worker_is_killed_leaves_no_query_and_is_done(
        self, service: Service, on_cluster: dict[str, object], gate: Gate, staging: Path
    ) -> None:
        gate.held = True
        client, worker = service.api_and_worker(**on_cluster)
        job_id = client.new_job()
        sessions = gate.wait_for(1)
        worker.signal_all(signal.SIGKILL)
        worker.ended()
        gate.held = False
        service.worker(**on_cluster, stale_after=STALE_AFTER)

        assert 2 == client.wait_for_success(job_id)["attempt"]
        assert RESULT == client.result_of(job_id)
        gate.wait_for(0)
        assert sessions == gate.ended
        wait_until(lambda: not [*staging.iterdir()], "a staged file is left")

    def test_without_a_cluster_says_what_to_set(
        self, service: Service, on_cluster: dict[str, object]
    ) -> None:
        client, _ = service.api_and_worker(metrics=on_cluster["metrics"])

        failed = client.wait_for_failure(client.new_job())

        assert 'engine = "spark" needs DIFFING_SPARK_URL.' in failed["error"]["detail"]


class TestOnTheCommandLine:
    @pytest.fixture(autouse=True)
    def _environment(self, address: str, staging: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DIFFING_SPARK_URL", f"sc://{address}")
        monkeypatch.setenv("DIFFING_STAGING_URL", f"file://{staging}")

    def test_the_diff_is_that_of_duckdb(self, folder: Path, staging: Path) -> None:
        done = run_here(folder, *COLUMNS, "-o", "out.csv", "--summary", "summary.json")

        assert (0, "") == (done.returncode, done.stderr)
        assert CHANGED == (folder / "out.csv").read_text()
        assert ", spark " in json.loads((folder / "summary.json").read_text())["engine"]
        assert [] == [*staging.iterdir()]

    @pytest.mark.slow
    def test_an_interrupt_ends_the_query(
        self, folder: Path, gate: Gate, staging: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DIFFING_SPARK_URL", f"sc://{gate.address}")
        gate.held = True
        command = [sys.executable, "-m", "diffing", *COLUMNS]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
            sessions = gate.wait_for(1)
            process.send_signal(signal.SIGINT)

            gate.wait_for(0)
            assert sessions == gate.ended
        assert [] == [*staging.iterdir()]

    @pytest.mark.parametrize("name", ["DIFFING_SPARK_URL", "DIFFING_STAGING_URL"])
    def test_without_a_setting_an_error_names_it(
        self, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(name)

        done = refused_by(folder, *COLUMNS)

        assert 2 == done.returncode
        assert f"needs {name}. Set DIFFING_SPARK_URL, such as sc://" in done.stderr

    def test_without_the_extra_an_error_names_it(
        self, folder: Path, staging: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "pyspark.sql.connect.session", None)

        done = refused_by(folder, *COLUMNS)

        assert "Run pip install 'diffing[spark]', or leave the engine out." in done.stderr
        assert [] == [*staging.iterdir()]

    def test_a_cluster_that_does_not_answer_is_told_without_its_token(
        self, folder: Path, staging: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DIFFING_SPARK_URL", f"sc://127.0.0.1:1/;user_agent={SECRET}")

        done = refused_by(folder, *COLUMNS)

        assert "The cluster of DIFFING_SPARK_URL does not answer." in done.stderr
        assert SECRET not in done.stderr
        assert [] == [*staging.iterdir()]

    @pytest.mark.parametrize(
        ("name", "given", "said"),
        [
            ("DIFFING_SPARK_URL", f"http://{SECRET}", "the URL must begin with sc://"),
            ("DIFFING_STAGING_URL", "/mnt/*", "DIFFING_STAGING_URL: "),
        ],
    )
    def test_an_unusable_setting_is_refused(
        self, folder: Path, name: str, given: str, said: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(name, given)

        done = refused_by(folder, *COLUMNS)

        assert 2 == done.returncode
        assert said in done.stderr
        assert SECRET not in done.stderr


def test_a_diff_by_duckdb_loads_nothing_of_clusters(folder: Path) -> None:
    program = (
        "import sys; from diffing import diff; diff('old.csv', 'new.csv', key='id', value='value');"
        "print({'pyspark', 'pyarrow', 'pandas', 'grpc'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )

    assert "set()\n" == done.stdout
