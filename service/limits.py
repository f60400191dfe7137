"""What one diff may use of the machine."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Limits:
    """What one diff may use of the machine.

    Args:
        threads: number of threads.
        memory: size, such as `512MB`, or a share of the machine's memory, such as `40%`.
        temp_folder: an existing folder, where it spills to disk when the memory is short.
        temp: size of what it may spill, such as `20GB`; None for nine tenths of the free space.
        exact_keys: keep the keys themselves in memory, not 128 bits for each.
    """

    threads: int
    memory: str
    temp_folder: Path
    temp: str | None = None
    exact_keys: bool = False
