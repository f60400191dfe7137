"""Follows jobs and conversions for waiting requests."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Generic

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from diffing.core.errors import DatabaseUnavailable
from diffing.store.claims import Row
from diffing.store.job import FINISHED

_log = logging.getLogger(__name__)
_LOOKS_APART = 0.25
_AFTER_FAULT_SECONDS = 2.0
# each needs one of DIFFING_MAX_CONNECTIONS
MOST_WAITING = 100


class Watch(Generic[Row]):
    """Reads all followed rows in one query, a few times a second.

    Args:
        of_ids: reads the rows with these ids.
        stopping: ends all waits when set.
        slots: one for each request that may wait.
    """

    def __init__(
        self,
        of_ids: Callable[[list[int]], list[Row]],
        stopping: asyncio.Event,
        slots: asyncio.Semaphore,
    ) -> None:
        self._of_ids = of_ids
        self._stopping = stopping
        self._slots = slots
        self._followed: Counter[int] = Counter()
        self._looking: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._seen: dict[int, Row | None] | None = None

    async def looks_at(self, row_id: int) -> AsyncGenerator[Row, None]:
        """The latest state of a row, repeatedly, until the row is removed."""
        self._followed[row_id] += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            while True:
                await self._news.wait()
                if self._seen is None:
                    return
                if row_id in self._seen:  # a row that was added during the query is missing
                    row = self._seen[row_id]
                    if row is None:
                        return
                    yield row
        finally:
            self._followed[row_id] -= 1
            if not self._followed[row_id]:
                del self._followed[row_id]

    async def until_end(self, row_id: int, request: Request, seconds: float) -> None:
        """Wait until the row ends, the seconds are over, or the client leaves.

        It returns at once if too many requests already wait.
        """
        if self._slots.locked():
            return
        async with self._slots:
            waits = [asyncio.ensure_future(wait) for wait in (self._end_of(row_id), _left(request))]
            try:
                await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()

    async def _end_of(self, row_id: int) -> None:
        async with aclosing(self.looks_at(row_id)) as looks:
            async for row in looks:
                if row.status in FINISHED:
                    return

    async def _look(self) -> None:
        try:
            while self._followed and not self._stopping.is_set():
                ids, seconds = list(self._followed), _LOOKS_APART
                try:
                    rows = await run_in_threadpool(self._of_ids, ids)
                except DatabaseUnavailable as error:
                    _log.warning("the followed jobs cannot be read: %s", error)
                    seconds = _AFTER_FAULT_SECONDS
                else:
                    self._wake({**dict.fromkeys(ids), **{row.id: row for row in rows}})
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), seconds)
        finally:
            self._wake(None)

    def _wake(self, seen: dict[int, Row | None] | None) -> None:
        """Wake all waits; None ends them."""
        self._seen = seen
        self._news.set()
        self._news = asyncio.Event()


async def _left(request: Request) -> None:
    """Return when the client leaves, after its request body was read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
