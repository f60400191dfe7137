"""Sample pairs look like real exports, and are the same on every machine."""

import csv
import hashlib
from collections import Counter
from pathlib import Path

import pytest

from diffing.core.catalogue import load_catalogue
from diffing.core.errors import BadArgument
from diffing.engine.diff import Diff
from diffing.engine.samples import METRICS, write_sample
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits
from tests.conftest import AS_LARGE, spec_of

HEADERS = {
    "revenue": "date,segment_field,segment_name,segment_value,segment_value_id,stat,value",
    "c-revenue": "cohort,cohort_id,month_date,month_nth,segment_field,segment_name,segment_value,"
    "segment_value_id,stat,value",
}
STATS = {
    "revenue": {"revenue-30", "revenue-new-30", "revenue-ret-30"},
    "c-revenue": {"c-revenue", "c-revenue-pc"},
}


@pytest.mark.parametrize("metric", METRICS)
def test_a_sample_holds_all_that_a_diff_has_to_deal_with(metric: str, tmp_path: Path) -> None:
    write_sample(metric, 20_000, tmp_path / "old.csv", tmp_path / "new.csv")
    entry = load_catalogue(None).find(metric)
    sides = {}
    for side in ("old", "new"):
        with (tmp_path / f"{side}.csv").open(newline="") as file:
            assert HEADERS[metric] == file.readline().rstrip()
            rows = list(csv.DictReader(file, HEADERS[metric].split(",")))
        sides[side] = [tuple(row[name] for name in entry.key) for row in rows]
        empty = Counter(name for row in rows for name in entry.key if not row[name])

        assert 20_000 == len(rows) == len(set(sides[side]))
        assert STATS[metric] == {row["stat"] for row in rows}
        assert any(float(row["value"]) < 0 for row in rows)
        assert all(empty[name] > 500 for name in ("segment_field", "segment_value_id"))
        assert "revenue" == metric or empty["month_nth"] > 500

    limits = Limits(threads=2, memory="1GB", temp_folder=tmp_path)
    spec = spec_of(tmp_path / "old.csv", tmp_path / "new.csv", entry.comparison)
    work = Diff(spec, limits, AS_LARGE)
    summary = work.run(Outputs(result=tmp_path / "out.csv"))
    assert min(summary.added, summary.changed, summary.removed, summary.within_tolerance) > 50
    in_old, in_new = set(sides["old"]), set(sides["new"])
    kept_in_old_order = [key for key in sides["old"] if key in in_new]
    assert kept_in_old_order != [key for key in sides["new"] if key in in_old]


def test_a_sample_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        write_sample("revenue", 3_000, tmp_path / folder / "old.csv", tmp_path / folder / "new.csv")

    first, second = (
        [
            hashlib.sha256((tmp_path / f / s).read_bytes()).hexdigest()
            for s in ("old.csv", "new.csv")
        ]
        for f in ("first", "second")
    )
    assert first == second


def test_a_sample_may_be_compressed(tmp_path: Path) -> None:
    write_sample("revenue", 100, tmp_path / "old.csv.gz", tmp_path / "new.csv.gz")

    assert (tmp_path / "old.csv.gz").read_bytes().startswith(b"\x1f\x8b")


def test_there_are_samples_of_the_bundled_metrics_alone(tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match=r"of else\. Samples exist of c-revenue, revenue\."):
        write_sample("else", 100, tmp_path / "old.csv", tmp_path / "new.csv")
