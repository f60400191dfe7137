"""Rights and memory that the process of a diff or conversion gives up."""

import contextlib
import os
import resource
import signal
from pathlib import Path

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals of a terminal or a supervisor, which end a process or a whole group."""


def status_of(name: str) -> int | None:
    """A number in the status of this process, such as `Threads`; None if the system has none."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return None


def ignore_signals() -> None:
    """Ignore signals to the whole group, from a terminal or a supervisor: the parent decides."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def bound_memory(most: int) -> None:
    """Limit the memory of this process, and make it the first that the kernel kills.

    Args:
        most: bytes.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    be_first_to_go()


def be_first_to_go() -> None:
    """If memory runs out, make the kernel kill this process first, not its parent or the API."""
    # without permission, the choice stays with the kernel
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def leave_no_core() -> None:
    """Disable core files, which would contain data of the inputs."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def use_one_thread_for_algebra() -> None:
    """Let numpy start no threads for linear algebra, which nothing uses.

    Call it before numpy is imported. If the environment sets their number, that counts.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
