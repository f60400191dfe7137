"""The command line, as its users run it, on a small pair of files."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, closing, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from diffing.cli import main
from tests.preloaded import COMMANDS
from tests.service_under_test import PATIENCE_SECONDS, preloaded_of

OLD = "id,note,value\n1,a,10\n2,,20\n,c,30\n5,e,50\n"
NEW = "id,note,value\n9,x,90\n2,new note,20.000000000001\n,c,31\n1,a,10\n"
CHANGED = "id,note,value\n9,x,90\n,c,31\n"
REMOVED = "id,note,value\n5,e,50\n"
DIFF = ("diff", "--old", "old.csv", "-q", "--new", "new.csv", "--key", "id", "--value", "value")

Done = subprocess.CompletedProcess[str]


def diffing(folder: Path, *arguments: str, **variables: str) -> Done:
    """Run a command to its end, in a folder, with variables beside those there are."""
    return run(folder, arguments, {**os.environ, **variables})


def run(folder: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> Done:
    """Run a command to its end, in a folder; the environment is all of it."""
    preloaded = preloaded_of(COMMANDS)
    if preloaded is None:
        return subprocess.run(
            [sys.executable, "-m", "diffing", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    with ThreadPoolExecutor(2) as threads, closing(_Pipe()) as stdout, closing(_Pipe()) as stderr:
        program = ["diffing", *arguments]
        process = preloaded.start(program, environment, stderr.writing, stdout.writing, folder)
        said, told = (threads.submit(pipe.all_that_is_written) for pipe in (stdout, stderr))
        try:
            status = process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return Done(arguments, status, said.result(), told.result())


class _Pipe:
    """A pipe that is read until the process that writes, and its children, have ended."""

    def __init__(self) -> None:
        reading, self.writing = os.pipe()
        self._file = os.fdopen(reading, encoding="utf-8")

    def all_that_is_written(self) -> str:
        os.close(self.writing)
        return self._file.read()

    def close(self) -> None:
        self._file.close()


def refused_by(folder: Path, *arguments: str) -> Done:
    """Run a command that is to be refused, in this process: to start one takes longer than all."""
    return run_here(folder, *arguments)


def run_here(folder: Path, *arguments: str) -> Done:
    """Run a command in this process, for the files that it writes, not for its standard output."""
    said, told, on_sigterm = StringIO(), StringIO(), signal.getsignal(signal.SIGTERM)
    with (
        chdir(folder),
        redirect_stdout(said),
        redirect_stderr(told),
        patch.object(sys, "argv", ["diffing", *arguments]),
    ):
        try:
            main.run()
        except SystemExit as end:
            return Done(arguments, int(end.code or 0), said.getvalue(), told.getvalue())
        finally:
            signal.signal(signal.SIGTERM, on_sigterm)
    raise AssertionError("it came back")
