"""The memory of an analysis, as a worker limits it."""

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
from diffing.engine.diff import peak_rss
from diffing.sandbox.limits import Limits
from diffing.worker.converter import _MB_OF_ANALYSIS

folder = Path(sys.argv[1])
summary = json.loads((folder / "summary.json").read_text())
spec = AnalysisSpec(folder / "detail.csv", folder / "removed.csv", summary, (3, 1))
Analysis(spec, Limits(1, f"{_MB_OF_ANALYSIS}MB", folder)).write(folder / "analysis.json")
print(peak_rss())
"""


@pytest.mark.slow
def test_an_analysis_of_millions_of_changed_rows_stays_below_512_mb(tmp_path: Path) -> None:
    (tmp_path / "removed.csv").write_text("day,id,stat,value\n")
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
        {"rows": ROWS, "file": str(tmp_path / "detail.csv")},
    )
    counts = {"added": 0, "changed": ROWS, "removed": 0, "within_tolerance": 0}
    sides = {side: {"rows": ROWS} for side in ("old", "new")}
    columns = {"key": ["day", "id", "stat"], "value": ["value"], "measure": "stat"}
    repeated = {"duplicate_keys": {"old": 0, "new": 0}}
    (tmp_path / "summary.json").write_text(json.dumps(columns | counts | sides | repeated))

    done = subprocess.run(
        [sys.executable, "-c", ANALYSE, tmp_path], capture_output=True, text=True, check=True
    )

    document = json.loads((tmp_path / "analysis.json").read_text())
    assert ROWS == sum(step["down"]["rows"] for step in document["bridge"])
    assert ["stat", "day"] == document["by"]
    assert int(done.stdout) < MOST, done.stdout
