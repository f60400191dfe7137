"""An installed `diffing` needs no checkout."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.conftest import ROOT

MAKE_A_JOB = """
from pathlib import Path
from diffing.store.database import open_file
from diffing.store.job import Submission
from diffing.store.jobs import Jobs
print(Jobs(open_file(Path("jobs.sqlite3"))).create(Submission("revenue")).id)
"""
DIFF_IN_PYTHON = """
from diffing import diff
with diff("data/input/revenue_old.csv", "data/input/revenue_new.csv",
          key=["date", "segment_field", "segment_value_id", "stat"], value="value") as found:
    print(found.rows.columns[0], len(found.rows) == found.summary.emitted > 0)
"""
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
PINNED = {
    **os.environ,
    "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
    "PIP_BUILD_CONSTRAINT": str(ROOT / "constraints.txt"),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the project."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [*PIP, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT],
        env=PINNED,
        check=True,
        timeout=500,
    )
    [wheel] = folder.iterdir()
    return wheel


def output_of(folder: Path, *command: str | Path) -> str:
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, timeout=120
    ).stdout


def assert_works(folder: Path) -> None:
    """The installed `diffing` of a folder does a diff and makes a job."""
    python, diffing = folder / "venv/bin/python", folder / "venv/bin/diffing"
    output_of(folder, diffing, "sample", "--rows", "1000", "--out", "data/input")

    diffed = output_of(folder, diffing, "diff", "--metric", "revenue")
    assert diffed.startswith("date,segment_field,")
    assert "date True\n" == output_of(folder, python, "-c", DIFF_IN_PYTHON)
    assert "1\n" == output_of(folder, python, "-c", MAKE_A_JOB)
    where = output_of(folder, python, "-c", "import diffing; print(diffing.__file__)")
    assert where.startswith(str(folder))
    assert files_in(ROOT / "sql") == files_in(Path(where.strip()).parent / "sql")


@pytest.mark.slow
def test_the_wheel_brings_all_that_it_needs_outside_the_checkout(
    wheel: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    subprocess.run(
        # Python compiles what it loads
        [*PIP, "--python", python, "install", "--quiet", "--no-compile", wheel],
        env=PINNED,
        check=True,
        timeout=500,
    )

    assert_works(tmp_path)


def files_in(folder: Path) -> dict[str, bytes]:
    """The files in a folder, by the path below it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
