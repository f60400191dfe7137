"""Names that differ for every two living processes, in any container."""

from pathlib import Path


def name_of(pid: int) -> str:
    """The beginning of the ids of workers in a process. No two living processes have the same.

    Args:
        pid: a process of this container; another container may have the same number.
    """
    return f"{Path('/proc/self/ns/pid').stat().st_ino}-{pid}-"
