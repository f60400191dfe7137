"""The benchmark measures and checks what it says it does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.rows import compared
from tests.conftest import ROOT


@pytest.mark.slow
def test_a_table_shows_reading_and_diffing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--repeat", "1", "--no-peers", "--out", out, "--folder", tmp_path)

    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "2000", *options],
        cwd=ROOT,
        env={**os.environ, "DIFFING_REAL_PAIRS": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        check=True,
    )

    written = (out / "bench.md").read_text()
    tables = written[written.index("### ") :]
    assert tables.strip() == done.stdout.strip()
    for tool in ("reading", "diffing", "diffing, 512 MB"):
        assert 2 == tables.count(f"\n| 2,000 | {tool} | ")
    assert 2 == tables.count(" | same rows |\n")
    assert ["bench.json", "bench.md"] == sorted(path.name for path in out.iterdir())


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("id,value\n1,a\n2,b\n2,b\n", "same rows"),
        ("id,value\n2,b\n1,a\n2,b\n", "same rows"),
        ("value,id\nb,2\na,1\nb,2\n", "same rows"),
        ('id,value\n"1","a"\r\n2,b\r\n2,b', "same rows"),
        ("id,value\n1,a\n2,b\n", "0 rows too many, 1 missing"),
        ("id,value\n1,a\n2,b\n2,b\n2,b\n", "1 rows too many, 0 missing"),
        ("id,value\n1,a\n2,b\n2,b \n3,\n", "2 rows too many, 1 missing"),
        ("id,other\n1,a\n2,b\n2,b\n", "other columns"),
        ("", "other columns"),
    ],
)
def test_rows_are_compared_in_any_order(found: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "expected.csv").write_text("id,value\n1,a\n2,b\n2,b\n")
    (tmp_path / "found.csv").write_text(found)

    assert said == compared(tmp_path / "expected.csv", tmp_path / "found.csv")
