"""Measures the cost of one process, within bounds."""

import os
import re
import select
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LOOK_EVERY = 0.05
_EXCEPTION = re.compile(r"(?:\w+\.)*(\w+(?:Error|Exception))\b")


@dataclass(frozen=True)
class Cost:
    """The cost of a process: seconds of wall and CPU time, bytes at the peak."""

    wall: float
    cpu: float
    rss: int


@dataclass(frozen=True)
class Failure:
    """Why a process came to no end of its own, or to a bad one."""

    reason: str
    hopeless: bool
    said: str = ""


@dataclass(frozen=True)
class Bounds:
    """The bounds of a process: seconds, bytes of memory, bytes of its result."""

    seconds: float
    memory: int
    result: int


def measured(
    command: Sequence[str | Path], output: Path, bounds: Bounds, environment: Mapping[str, str]
) -> Cost | Failure:
    """Run a command that writes a file, in the folder of that, to its end or to its bounds.

    A process starts with the peak of the one that started it, so this one must stay small: what
    needs memory is done apart.
    """
    errors = output.with_suffix(".stderr")
    started = time.perf_counter()
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            command,
            cwd=output.parent,
            env={**environment, "TMPDIR": str(output.parent)},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
    with _ended_at_last(process.pid):
        exceeded = _wait(process.pid, output, bounds)
        if exceeded:
            os.killpg(process.pid, signal.SIGKILL)
        _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if exceeded:
        return Failure(exceeded, hopeless=True)
    if process.returncode == -signal.SIGKILL:
        return Failure("killed", hopeless=True)
    if process.returncode:
        return _error(errors)
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        int(statistics.median(cost.rss for cost in costs)),
    )


def apart(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a process of its own, which takes its memory with it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args, **kwargs).result()


@contextmanager
def _ended_at_last(pid: int) -> Iterator[None]:
    try:
        yield
    except BaseException:
        os.killpg(pid, signal.SIGKILL)
        raise


def _wait(pid: int, output: Path, bounds: Bounds) -> str | None:
    """Until the process has ended, or the bound that it has exceeded."""
    deadline = time.monotonic() + bounds.seconds
    process = os.pidfd_open(pid)
    try:
        while not select.select([process], [], [], _LOOK_EVERY)[0]:
            if time.monotonic() > deadline:
                return f"over {bounds.seconds:g} s"
            if _rss(pid) > bounds.memory:
                return f"killed, over {bounds.memory / 1e9:.0f} GB"
            if output.exists() and output.stat().st_size > bounds.result:
                return "killed, result larger than new"
    finally:
        os.close(process)
    return None


def _rss(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def _error(log: Path) -> Failure:
    """The exception that a traceback ends with, by its name, and the last line."""
    lines = log.read_text("utf-8", "replace").splitlines() or [""]
    names = [found[1] for line in lines if (found := _EXCEPTION.match(line))]
    reason = f"error ({names[-1]})" if names else "error"
    return Failure(reason, hopeless=False, said=lines[-1])
