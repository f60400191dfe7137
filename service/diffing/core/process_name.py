"""What tells one process from all others that live, whichever container it is in."""

from pathlib import Path


def name_of(pid: int) -> str:
    """What the ids of workers in that process begin with: no two living ones have the same.

    Args:
        pid: a process of this container; another container may have the same number.
    """
    return f"{Path('/proc/self/ns/pid').stat().st_ino}-{pid}-"
