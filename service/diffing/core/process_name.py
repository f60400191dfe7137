"""Names that differ for every two living processes, in any container and on any host."""

from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def name_of(pid: int) -> str:
    """The beginning of the ids of workers in a process. No two living processes have the same.

    Args:
        pid: a process of this container; another container or host may have the same number.
    """
    # the first container of each host has the same number
    host, container = _BOOT.read_text()[:8], Path("/proc/self/ns/pid").stat().st_ino
    return f"{host}-{container}-{pid}-"
