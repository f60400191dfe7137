"""What a process of one diff or conversion takes from itself."""

import contextlib
import resource
import signal
from pathlib import Path


def ignore_signals() -> None:
    """Ignore what a terminal or a supervisor sends to the whole group: the parent decides."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def bound_memory(most: int) -> None:
    """Refuse more memory than that, and be the first to go when the machine runs short.

    Args:
        most: bytes.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    be_first_to_go()


def be_first_to_go() -> None:
    """When memory runs short it must hit this process: not its parent, not the API."""
    # a system that does not let us leaves the choice to the kernel
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def leave_no_core() -> None:
    """Write no core file, which would have the data of the inputs in it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
