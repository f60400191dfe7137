"""A run of the tests that is killed leaves no process."""

import os
import select
import subprocess
import sys

from tests.conftest import ROOT
from tests.preloaded import COMMANDS
from tests.service_under_test import PATIENCE_SECONDS

KILLED = f"""
import os, signal
from tests.preloaded import Preloaded

preloaded = Preloaded({COMMANDS[:1]})
fork = preloaded.start(["diffing", "api", "--port", "0"], os.environ, 2)
print(fork.pid, flush=True)
signal.pause()
"""


def test_programs_that_were_forked_end_with_tests_that_are_killed(
    tmp_path: os.PathLike[str],
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED],
        cwd=ROOT,
        env={**os.environ, "DIFFING_DATA_DIR": os.fspath(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        assert process.stderr
        program = os.pidfd_open(int(process.stdout.readline()))
        assert "listening" in process.stderr.readline()
        process.kill()

        assert select.select([program], [], [], PATIENCE_SECONDS)[0]
    os.close(program)
