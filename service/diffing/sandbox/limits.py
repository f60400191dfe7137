"""What one diff may use of the machine."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from diffing.core.settings import Settings
from diffing.core.sizes import bytes_in

# Python, DuckDB's libraries, blocks of the files on their way: measured beside what DuckDB counts.
_BESIDE = 100_000_000

# What DuckDB counts beside what joins and sorts hold: blocks of the files, rows on their way into a
# table or a result. Joins would leave nothing for it.
_ON_THEIR_WAY = 256_000_000

# What may be reserved beside what is used: DuckDB's allocator and the stack of each thread.
_RESERVED, _STACK = 512 * 2**20, 16 * 2**20


@dataclass(frozen=True)
class Limits:
    """What one diff may use of the machine.

    Args:
        threads: number of threads.
        memory: of the process: size, such as `512MB`, or a share of the machine's memory, such as
            `40%`.
        temp_folder: an existing folder, where it spills to disk when the memory is short.
        temp: size of what it may spill, such as `20GB`; None for nine tenths of the free space.
        exact_keys: keep the keys themselves in memory, not 128 bits for each.
        max_unpacked_bytes: what a compressed input may become.
    """

    threads: int
    memory: str
    temp_folder: Path
    temp: str | None = None
    exact_keys: bool = False
    max_unpacked_bytes: float = math.inf

    @classmethod
    def of(cls, settings: Settings, temp_folder: Path) -> Self:
        """What the settings give one diff, and a folder for it."""
        return cls(
            threads=settings.threads,
            memory=settings.memory_share,
            temp_folder=temp_folder,
            temp=settings.temp_limit,
            exact_keys=settings.exact_keys,
            max_unpacked_bytes=settings.max_unpacked_bytes,
        )

    @property
    def memory_of_duckdb(self) -> str:
        """What is left of `memory` for DuckDB, as it reads it."""
        return f"{self._of_duckdb}B"

    @property
    def memory_of_operators(self) -> str:
        """What of DuckDB's memory its joins, groupings and sorts may hold before they spill."""
        return f"{max(self._of_duckdb - _ON_THEIR_WAY, self._of_duckdb // 2)}B"

    @property
    def _of_duckdb(self) -> int:
        size = bytes_in(self.memory)
        return max(size - _BESIDE, size * 3 // 4)

    @property
    def most_memory(self) -> int:
        """Bytes beyond which the kernel refuses more: no limit that a diff in order meets."""
        return bytes_in(self.memory) * 3 // 2 + _RESERVED + self.threads * _STACK
