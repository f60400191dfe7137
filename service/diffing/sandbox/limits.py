"""The limits of one diff: threads, memory and disk."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from diffing.core.settings import Settings
from diffing.core.sizes import bytes_in

# Memory that DuckDB does not count, as measured: Python, DuckDB's libraries, blocks of the files.
_BESIDE = 100_000_000

# Memory that DuckDB counts, but not for joins and sorts: blocks of the files, rows on their way
# into a table or a result. Without a limit, joins would leave nothing for them.
_ON_THEIR_WAY = 256_000_000

# Memory that may be reserved, but not used: by DuckDB's allocator, and for each thread's stack.
_RESERVED, _STACK = 512 * 2**20, 16 * 2**20


@dataclass(frozen=True)
class Limits:
    """The limits of one diff.

    Args:
        threads: number of threads.
        memory: of the process: a size, such as `512MB`, or a share of the machine's memory, such as
            `40%`.
        temp_folder: an existing folder, to which the diff spills if memory is short.
        temp: most bytes to spill, such as `20GB`; None for 90 % of the free space.
        exact_keys: keep whole keys in memory, instead of 128 bits per key.
        max_unpacked_bytes: most bytes of an unpacked input.
    """

    threads: int
    memory: str
    temp_folder: Path
    temp: str | None = None
    exact_keys: bool = False
    max_unpacked_bytes: float = math.inf

    @classmethod
    def of(cls, settings: Settings, temp_folder: Path) -> Self:
        """The limits that the settings give one diff, with a folder for it."""
        return cls(
            threads=settings.threads,
            memory=settings.memory_share,
            temp_folder=temp_folder,
            temp=settings.temp_limit,
            exact_keys=settings.exact_keys,
            max_unpacked_bytes=settings.max_unpacked_bytes,
        )

    @property
    def most_temp(self) -> float:
        """Most bytes of temporary files, if that is set."""
        return math.inf if self.temp is None else bytes_in(self.temp)

    def beside(self, size: int) -> Self:
        """The limits of a diff whose copied inputs take so many bytes of its disk space."""
        if self.temp is None or not size:
            return self
        left = bytes_in(self.temp) - size
        return replace(self, temp=f"{max(left, 0) // 1000}KB")

    @property
    def memory_of_duckdb(self) -> str:
        """The part of `memory` for DuckDB, in its notation."""
        return f"{self._of_duckdb}B"

    @property
    def memory_of_operators(self) -> str:
        """The part of DuckDB's memory for joins, groupings and sorts; beyond it, they spill."""
        return f"{max(self._of_duckdb - _ON_THEIR_WAY, self._of_duckdb // 2)}B"

    @property
    def _of_duckdb(self) -> int:
        size = bytes_in(self.memory)
        return max(size - _BESIDE, size * 3 // 4)

    @property
    def most_memory(self) -> int:
        """Bytes beyond which the kernel refuses memory. A normal diff stays below."""
        return bytes_in(self.memory) * 3 // 2 + _RESERVED + self.threads * _STACK
