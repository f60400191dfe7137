"""The plans that DuckDB makes: a hash join, and never one that compares each row with each."""

import pytest

from service.catalogue import comparison_of
from service.engine import Diff
from service.limits import Limits
from service.samples import write_sample


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Diff:
    folder = tmp_path_factory.mktemp("plan")
    write_sample("revenue", 5_000, folder / "old.csv", folder / "new.csv")
    return Diff(
        folder / "old.csv",
        folder / "new.csv",
        comparison_of(["date", "segment_field", "segment_value_id", "stat"], ["value"], 1e-9, 0),
        Limits(threads=2, memory="1GB", temp_folder=folder),
    )


@pytest.mark.parametrize("name", ["classify", "duplicates"])
def test_rows_meet_in_hash_joins_alone(work: Diff, name: str) -> None:
    plan = work.explain(name).upper().replace(" ", "_")

    assert "HASH_JOIN" in plan
    for slow in ("NL_JOIN", "NESTED_LOOP", "CROSS_PRODUCT", "PIECEWISE", "IE_JOIN"):
        assert slow not in plan


def test_each_file_is_read_once_unless_a_key_stands_several_times(work: Diff) -> None:
    assert 2 == work.explain("classify").upper().replace(" ", "_").count("FUNCTION:_READ_CSV")
