"""The results, for coroutines."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

import anyio.to_thread

from diffing.files.storage import Storage

# Requests that wait for a silent bucket leave threads for the others.
_MOST_THREADS = 16

_T = TypeVar("_T")


class Stored:
    """Looks for results, and opens them.

    Args:
        storage: where they are.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._limiter = anyio.CapacityLimiter(_MOST_THREADS) if storage.is_remote else None

    async def exists(self, path: Path) -> bool:
        """Whether a result exists. Argument and errors are those of `Storage.exists`."""
        return await self._in_thread(self._storage.exists, path)

    async def open(self, path: Path) -> BinaryIO:
        """Open a result. Argument and errors are those of `Storage.open`."""
        return await self._in_thread(self._storage.open, path)

    async def _in_thread(self, work: Callable[[Path], _T], path: Path) -> _T:
        # without a limiter, it is one of Starlette's threads
        return await anyio.to_thread.run_sync(work, path, limiter=self._limiter)
