"""The memory of an analysis, and of rows, as a worker limits it."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

ROWS = 3_000_000
MOST = 512 * 1024 * 1024
ANALYSE = """
import json, sys
from pathlib import Path
from diffing.core.spec import AnalysisSpec
from diffing.engine.analysis.analyse import Analysis
from diffing.engine.summing_up import peak_rss
from diffing.sandbox.limits import Limits
from diffing.worker.converter import _MB_OF_ANALYSIS

folder = Path(sys.argv[1])
summary = json.loads((folder / "summary.json").read_text())
spec = AnalysisSpec(folder / "detail.csv", folder / "removed.csv", summary, (3, 1))
Analysis(spec, Limits(1, f"{_MB_OF_ANALYSIS}MB", folder)).write(folder / "analysis.json")
print(peak_rss())
"""


def write_changes(folder: Path) -> None:
    """The outputs of a diff with many changed rows."""
    (folder / "removed.csv").write_text("day,id,stat,value\n")
    duckdb.connect().execute(
        """
        copy (
            select
                date '2024-01-01' + (i % 730)::int as day, i as id, 'stat ' || i % 60 as stat,
                i * 1.25 as value, 'changed' as _change, '' as _changed,
                i * 1.25 + 1 + i % 1000 as _old_value
            from range($rows) as rows(i)
        ) to $file (header)
        """,
        {"rows": ROWS, "file": str(folder / "detail.csv")},
    )
    counts = {"added": 0, "changed": ROWS, "removed": 0, "within_tolerance": 0, "emitted": ROWS}
    sides = {side: {"rows": ROWS} for side in ("old", "new")}
    columns = {"key": ["day", "id", "stat"], "value": ["value"], "measure": "stat"}
    repeated = {"duplicate_keys": {"old": 0, "new": 0}}
    (folder / "summary.json").write_text(json.dumps(columns | counts | sides | repeated))


@pytest.mark.slow
def test_an_analysis_of_millions_of_changed_rows_stays_below_512_mb(tmp_path: Path) -> None:
    write_changes(tmp_path)

    done = subprocess.run(
        [sys.executable, "-c", ANALYSE, tmp_path], capture_output=True, text=True, check=True
    )

    document = json.loads((tmp_path / "analysis.json").read_text())
    assert ROWS == sum(step["down"]["rows"] for step in document["bridge"])
    assert ["stat", "day"] == document["by"]
    assert int(done.stdout) < MOST, done.stdout


CHANGES = """
import json, sys
from pathlib import Path
from diffing.core.spec import ChangesSpec
from diffing.engine.analysis.changes import Changes
from diffing.engine.summing_up import peak_rss
from diffing.sandbox.limits import Limits
from diffing.worker.converter import _MB_OF_ANALYSIS

folder = Path(sys.argv[1])
summary = json.loads((folder / "summary.json").read_text())
(folder / "changes.parquet").touch()
spec = ChangesSpec(folder / "detail.csv", folder / "removed.csv", summary)
Changes(spec, Limits(1, f"{_MB_OF_ANALYSIS}MB", folder)).write(folder / "changes.parquet")
print(peak_rss())
"""
PAGE = """
import json, sys
from pathlib import Path
from diffing.core.row_query import Given, RowQuery
from diffing.core.spec import RowsSpec
from diffing.engine.analysis.rows import Rows
from diffing.engine.summing_up import peak_rss
from diffing.sandbox.limits import Limits
from diffing.worker.converter import _MB_OF_ANALYSIS

folder = Path(sys.argv[1])
summary = json.loads((folder / "summary.json").read_text())
query = RowQuery.of(Given(json.loads(sys.argv[2])), summary["key"], summary["value"])
spec = RowsSpec(folder / "changes.parquet", folder / "detail.csv", summary, query)
Rows(spec, Limits(1, f"{_MB_OF_ANALYSIS}MB", folder)).write(folder / sys.argv[3])
print(peak_rss())
"""


@pytest.mark.slow
def test_rows_of_millions_of_changed_rows_stay_below_512_mb(tmp_path: Path) -> None:
    write_changes(tmp_path)

    peaks = [peak_of(CHANGES, tmp_path)]
    for query, target in (
        ([["order", "moved"]], "page.json"),
        ([["key", ""], ["key", str(ROWS - 1)]], "last.json"),
        ([["order", "relative"]], "all.csv"),
    ):
        (tmp_path / target).touch()
        peaks.append(peak_of(PAGE, tmp_path, json.dumps(query), target))

    page, last = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("page", "last"))
    assert [ROWS, 1] == [found["matched"]["changed"] for found in (page, last)]
    assert {-1000} == {row["cells"][0]["difference"] for row in page["rows"]}
    with (tmp_path / "all.csv").open() as lines:
        assert ROWS + 1 == sum(1 for _ in lines)
    assert max(peaks) < MOST, peaks


def peak_of(program: str, *arguments: object) -> int:
    words = [sys.executable, "-c", program, *map(str, arguments)]
    return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
