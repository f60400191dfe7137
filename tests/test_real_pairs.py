"""Real datasets on two dates give the counts that an independent, slow reference gave.

The data is not part of the project: DIFFING_REAL_PAIRS names its folder.
"""

import csv
import gzip
import os
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import pytest

from diffing.core.comparison import Comparison
from diffing.core.spec import AnalysisSpec
from diffing.engine.analysis.analyse import Analysis
from diffing.engine.diff import Diff
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits
from tests.conftest import AS_LARGE, ROOT, spec_of

FOLDER = Path(os.environ.get("DIFFING_REAL_PAIRS", ROOT.parent / "shared" / "data"))
EVERY_OTHER = "every other column"

# folder: key, value, (added, changed, removed, within tolerance)
PAIRS = {
    "revenue": (
        ["date", "segment_field", "segment_value_id", "stat"],
        "value",
        (34_535, 251_557, 12_906, 0),
    ),
    "nga_dimensions": (
        ["objectid", "element", "dimensiontype"],
        "dimension",
        (1_174, 2, 14, 0),
    ),
    "nga_text_entries": (["constituentid", "texttype", "year"], "text", (106, 14, 9, 0)),
    "ourairports_runways": (["id"], EVERY_OTHER, (5_538, 20_942, 178, 21)),
    "owid_co2": (["country", "year"], EVERY_OTHER, (0, 21_703, 0, 0)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_real_pair_gives_the_counts_of_the_reference(name: str, tmp_path: Path) -> None:
    old, new = FOLDER / name / "old.csv.gz", FOLDER / name / "new.csv.gz"
    if not old.exists():
        pytest.skip(f"the real pairs are not here: no {name} in DIFFING_REAL_PAIRS")
    key, value, counts = PAIRS[name]
    with gzip.open(new, "rt", encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file))
    values = [c for c in header if c not in key] if value == EVERY_OTHER else [value]
    limits = Limits(threads=2, memory="2GB", temp_folder=tmp_path)

    work = Diff(spec_of(old, new, Comparison.of(key=key, value=values)), limits, AS_LARGE)
    summary = work.run(Outputs(result=tmp_path / "out.csv"))

    said = (summary.added, summary.changed, summary.removed, summary.within_tolerance)
    assert counts == said
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        assert summary.added + summary.changed == sum(1 for _ in csv.reader(file)) - 1


def sums_by_stat(file: Path) -> dict[str, Fraction]:
    """The exact sum of the values of each stat."""
    sums: dict[str, Fraction] = defaultdict(Fraction)
    with gzip.open(file, "rt", encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            sums[row["stat"]] += Fraction(float(row["value"] or 0))
    return sums


@pytest.mark.slow
def test_each_bridge_of_the_revenue_pair_closes_and_its_curve_is_that_of_other_diffs(
    tmp_path: Path,
) -> None:
    old, new = FOLDER / "revenue" / "old.csv.gz", FOLDER / "revenue" / "new.csv.gz"
    if not old.exists():
        pytest.skip("the real pairs are not here: no revenue in DIFFING_REAL_PAIRS")
    key, value, _ = PAIRS["revenue"]
    detail, removed = tmp_path / "detail.csv", tmp_path / "removed.csv"
    limits = Limits(threads=2, memory="2GB", temp_folder=tmp_path)
    spec = spec_of(old, new, Comparison.of(key=key, value=[value], rel_tol=1e-9))
    summary = Diff(spec, limits).run(Outputs(detail=detail, removed=removed))

    order = AnalysisSpec(detail, removed, summary.model_dump(mode="json"), (4,))
    document = Analysis(order, limits).run()

    before, after = sums_by_stat(old), sums_by_stat(new)
    bridge = {step["group"]["stat"]: step for step in document["bridge"]}
    assert 61 == len(bridge)
    for stat in set(before) | set(after):
        moved = after[stat] - before[stat]
        step = bridge.get(stat)
        if not step:
            assert 0 == moved
            continue
        gross = sum(abs(step[part]["amount"]) for part in ("added", "removed", "up", "down"))
        assert abs(float(moved) - step["net"]) <= 1e-9 * gross, stat
    curve = {point["rel_tol"]: point["rows"] for point in document["curve"]}
    for rel_tol in (1e-9, 1e-3, 1e-2, 1e-1, 1.0):
        other = Comparison.of(key=key, value=[value], rel_tol=rel_tol)
        counted = Diff(spec_of(old, new, other), limits).run(Outputs(result=tmp_path / "o.csv"))
        assert counted.changed == curve[rel_tol]
