"""An installed `diffing` needs no checkout."""

import os
import subprocess
import venv
from pathlib import Path

from tests.conftest import ROOT

MAKE_A_JOB = """
from pathlib import Path
from diffing.store.job import Submission
from diffing.store.jobs import Jobs
print(Jobs.in_file(Path("jobs.sqlite3")).create(Submission("revenue")).id)
"""


def test_the_package_works_in_an_empty_environment_outside_the_checkout(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python, diffing = tmp_path / "venv/bin/python", tmp_path / "venv/bin/diffing"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ROOT],
        env={
            **os.environ,
            "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
            "PIP_BUILD_CONSTRAINT": str(ROOT / "constraints.txt"),
        },
        check=True,
        timeout=500,
    )

    subprocess.run(
        [diffing, "sample", "--rows", "1000", "--out", "data/input"], cwd=tmp_path, check=True
    )
    done = subprocess.run(
        [diffing, "diff", "--metric", "revenue"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    made = subprocess.run(
        [python, "-c", MAKE_A_JOB], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    where = subprocess.run(
        [python, "-c", "import diffing; print(diffing.__file__)"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout.startswith("date,segment_field,")
    assert made.stdout == "1\n"
    assert where.stdout.startswith(str(tmp_path))
