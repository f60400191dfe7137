"""The catalogue of metrics is checked as a whole, and says what is wrong with it."""

from pathlib import Path

import pytest

from service.catalogue import find_inputs, load_catalogue
from service.errors import BadCatalogue, MissingInput, UnknownMetric

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


def test_an_unknown_metric_is_answered_with_those_there_are() -> None:
    with pytest.raises(
        UnknownMetric, match=r"no metric revenu\. Did you mean revenue\?.* c-revenue"
    ):
        load_catalogue(None).find("revenu")


def test_tolerances_default_to_those_of_math_isclose(tmp_path: Path) -> None:
    (tmp_path / "metrics.toml").write_text(GOOD)

    metric = load_catalogue(tmp_path / "metrics.toml").find("s")

    assert ("sales", 1e-9, 0.0) == (metric.id, metric.rel_tol, metric.abs_tol)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"must hold \[metric\.<id>\] tables"),
        ("x = 1\n" + GOOD, "and nothing else"),
        ("metric = 1", r"must hold"),
        ("[metric.sales\n", "not TOML"),
        ("[metric]\nsales = 1", "metric sales"),
        (GOOD.replace('key = ["id"]', ""), "metric sales: key: Field required"),
        (GOOD.replace('["id"]', "[]"), "metric sales: key"),
        (GOOD.replace('["v"]', '["id"]'), "named twice among key and value: id"),
        (GOOD + "rel_tol = -1\n", "metric sales: rel_tol"),
        (GOOD + "abs_tol = nan\n", "metric sales: abs_tol"),
        (GOOD + "abs_tol = inf\n", "metric sales: abs_tol"),
        (GOOD + "colour = 1\n", "metric sales: colour"),
        (GOOD.replace("a.csv", "../a.csv"), "metric sales: old"),
        (GOOD.replace("a.csv", "a.parquet"), "metric sales: old"),
        (GOOD.replace("sales", '"a b"'), "metric a b: id"),
        (GOOD + GOOD.replace("sales", "other"), "name s stands for two metrics"),
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


def test_a_file_may_stand_compressed_where_the_catalogue_names_it_plain(tmp_path: Path) -> None:
    (tmp_path / "revenue_old.csv").touch()
    metric = load_catalogue(None).find("revenue")

    with pytest.raises(MissingInput, match=r"no input file revenue_new\.csv"):
        find_inputs(metric, tmp_path)

    (tmp_path / "revenue_new.csv.gz").touch()
    assert [
        "revenue_old.csv",
        "revenue_new.csv.gz",
    ] == [p.name for p in find_inputs(metric, tmp_path)]
