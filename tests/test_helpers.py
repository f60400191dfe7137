"""Helper processes hash a part of the keys. Their number and their faults change no result."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diffing.sandbox.helpers import Helpers
from tests.conftest import ROOT, examples, one_in
from tests.service_under_test import PATIENCE_SECONDS
from tests.test_reduction import nights, numbered, text_of

OLD = numbered(3_000)
NEW = [*OLD[:100], ("7", "again", "7.5", ""), *OLD[103:]]


class Pairs(list[Sequence[str]]):
    """Texts of pairs of files, of which hypothesis prints the number alone."""

    def __repr__(self) -> str:
        return f"{len(self)} pairs"


@contextmanager
def helped(folder: Path, threads: int, fault: str = "none") -> Iterator[subprocess.Popen[str]]:
    """The program that diffs the pairs of a folder."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.programs.helped", folder, str(threads), fault],
        cwd=ROOT,
        # numpy's library would start threads
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def put(folder: Path, *pairs: Sequence[str]) -> Path:
    """Write pairs of files; their folder."""
    for number, texts in enumerate(pairs):
        place = folder / "pairs" / f"{number:03}"
        place.mkdir(parents=True)
        for name, text in zip(("old", "new"), texts, strict=True):
            (place / f"{name}.csv").write_bytes(text.encode())
    return folder / "pairs"


def all_said(folder: Path, threads: int, fault: str = "none") -> list[dict[str, Any]]:
    with helped(folder, threads, fault) as process:
        out, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert (0, "") == (process.returncode, errors)
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize(("threads", "helpers"), one_in(2, [[2, 1], [4, 3], [1, 0]]))
def test_each_thread_but_one_is_a_helper_if_the_files_are_large(
    tmp_path: Path, threads: int, helpers: int
) -> None:
    pairs = put(tmp_path, (text_of(OLD), text_of(NEW)))

    assert [{"reduced": True, "right": True, "helpers": [helpers, 0]}] == all_said(pairs, threads)


def test_helpers_work_in_the_sandbox_of_their_parent(tmp_path: Path) -> None:
    pairs = put(tmp_path, (text_of(OLD), text_of(NEW)))

    assert [{"reduced": True, "right": True, "helpers": [1, 0]}] == all_said(pairs, 2, "enclosed")


@pytest.mark.parametrize("threads", one_in(2, [2, 4]))
def test_helpers_walk_parts_of_the_files_if_the_hashes_of_old_are_kept(
    tmp_path: Path, threads: int
) -> None:
    old = numbered(9_000)
    new = [
        *old[:100],
        ("7", "again", "7.5", ""),
        *old[103:5_000],
        *old[5_001:],
        *numbered(3, 9_000),
    ]
    pairs = put(tmp_path, (text_of(old), text_of(new)))

    helpers = [threads - 1, 0]
    assert [{"reduced": True, "right": True, "helpers": helpers, "parts": [threads]}] == all_said(
        pairs, threads, "kept"
    )


@settings(
    max_examples=examples(10),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    pairs=st.lists(nights(2), min_size=8, max_size=8).map(Pairs),
    threads=st.sampled_from([2, 4]),
)
def test_any_pair_gives_what_the_reference_gives_with_helpers(
    tmp_path_factory: pytest.TempPathFactory, pairs: Pairs, threads: int
) -> None:
    folder = put(tmp_path_factory.mktemp("nights"), *pairs)

    found = all_said(folder, threads)
    assert [] == [pair for pair, its in zip(pairs, found, strict=True) if not its["right"]]


def test_records_of_several_lines_are_read_whole_whichever_process_meets_them(
    tmp_path: Path,
) -> None:
    long = "two\nlines," * 300
    old = [(id_, name, value, long) for id_, name, value, _ in numbered(40)]
    new = [*old[:10], ("10", "x", "0", long), *old[11:]]
    pairs = put(tmp_path, (text_of(old), text_of(new)))

    assert [{"reduced": True, "right": True, "helpers": [1, 0]}] == all_said(pairs, 2)


@pytest.mark.parametrize("fault", ["killed", "short of memory"])
@pytest.mark.parametrize("threads", one_in(2, [2, 4]))
def test_the_whole_files_are_compared_if_a_helper_fails(
    tmp_path: Path, fault: str, threads: int
) -> None:
    pairs = put(tmp_path, (text_of(OLD), text_of(NEW)))

    assert [{"reduced": False, "right": True, "helpers": [threads - 1, 0]}] == all_said(
        pairs, threads, fault
    )


def test_little_memory_has_no_room_for_helpers() -> None:
    helpers = Helpers()
    helpers.fork(4, memory=10_000_000)

    assert 0 == len(helpers)


def ran(program: str) -> subprocess.CompletedProcess[str]:
    """A program, at its end; nobody has told it how many threads numpy may start."""
    return subprocess.run(
        [sys.executable, "-c", program],
        env={name: at for name, at in os.environ.items() if name != "OPENBLAS_NUM_THREADS"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


FORK_SERVER = """
import operator, os, sys
import diffing.worker.preload
from diffing.sandbox.helpers import Helpers

if child := os.fork():  # as the fork server does for each order
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
with Helpers() as helpers:
    helpers.fork(2, 10**9)
    helpers.begin(operator.is_, [])
    assert ([], []) == helpers.results(operator.is_, print, lambda: None)
    assert 1 == len(helpers)
os._exit(7)
"""


def test_the_process_of_a_job_has_helpers() -> None:
    assert 7 == ran(FORK_SERVER).returncode


ERRORS_IN_BOTH = """
import os
from diffing.sandbox.helpers import Helpers

here, (seen, see), (met, meet) = os.getpid(), os.pipe(), os.pipe()

def work(part, on_read):
    if os.getpid() == here:
        os.write(meet, b"x")
        raise ValueError(part)
    os.write(see, b"x")
    os.read(met, 1)
    raise ValueError(part)

with Helpers() as helpers:
    helpers.fork(2, 10**9)
    helpers.begin(work, [(0, 1), (1, 2), (2, 3)])
    os.read(seen, 1)
    try:
        helpers.results(work, print, lambda: None)
    except ValueError as error:
        print(len(helpers), error)
"""


def test_the_error_of_the_first_part_is_raised_whoever_had_it() -> None:
    # of two parts that a record spans, the first one alone surely says so
    done = ran(ERRORS_IN_BOTH)

    assert ("0 (0, 1)\n", "") == (done.stdout, done.stderr)


NOT_TO_BE_SENT = """
from diffing.sandbox.helpers import Helpers

def work(part, on_read):
    on_read(1)
    return lambda: part  # no pickle of it can be made

with Helpers() as helpers:
    helpers.fork(2, 10**9)
    helpers.begin(work, [(0, 1)])
    while not helpers.bytes_read:
        pass
    try:
        helpers.results(work, print, lambda: None)
    except Exception as error:
        print(len(helpers), error)
"""


def test_an_error_of_a_helper_after_its_last_part_is_raised_here() -> None:
    done = ran(NOT_TO_BE_SENT)

    assert "" == done.stderr
    assert done.stdout.startswith("0 Can't pickle")


def children_of(pid: int) -> list[int]:
    return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def with_stopped_helper(process: subprocess.Popen[str]) -> int:
    """Wait until the helper has stopped itself; a handle of it."""
    while True:
        for child in children_of(process.pid):
            if "T (stopped)" in Path(f"/proc/{child}/status").read_text():
                return os.pidfd_open(child)
        assert process.poll() is None


def test_a_helper_dies_with_its_parent_even_a_stopped_one(tmp_path: Path) -> None:
    pairs = put(tmp_path, (text_of(OLD), text_of(NEW)))
    with helped(pairs, 2, "stopped") as process:
        helper = with_stopped_helper(process)
        process.kill()

        assert select.select([helper], [], [], PATIENCE_SECONDS)[0]
        os.close(helper)


def test_an_interrupt_ends_a_diff_that_waits_for_a_helper(tmp_path: Path) -> None:
    pairs = put(tmp_path, (text_of(OLD), text_of(NEW)))
    with helped(pairs, 2, "stopped") as process:
        helper = with_stopped_helper(process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)

        assert "KeyboardInterrupt" in errors
        assert select.select([helper], [], [], 0)[0]
        os.close(helper)
    assert {"old.csv", "new.csv"} == {path.name for path in (pairs / "000").iterdir()}


def test_numpy_starts_no_threads_where_a_worker_forks_its_children() -> None:
    program = "import diffing.worker.preload, numpy, os; print(len(os.listdir('/proc/self/task')))"
    done = ran(program)

    assert ("1\n", "", 0) == (done.stdout, done.stderr, done.returncode)
