"""Follows jobs for waiting requests."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from diffing.core.errors import DatabaseUnavailable
from diffing.store.job import FINISHED, Job
from diffing.store.jobs import Jobs

_log = logging.getLogger(__name__)
_LOOKS_APART = 0.25
_AFTER_FAULT_SECONDS = 2.0
# each needs one of DIFFING_MAX_CONNECTIONS
_MOST_WAITING = 100


class Watch:
    """Reads all followed jobs in one query, a few times a second.

    Args:
        jobs: the jobs table.
        stopping: ends all waits when set.
    """

    def __init__(self, jobs: Jobs, stopping: asyncio.Event) -> None:
        self._jobs = jobs
        self._stopping = stopping
        self._followed: Counter[int] = Counter()
        self._looking: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._seen: dict[int, Job | None] | None = None
        self._waiting = 0

    async def looks_at(self, job_id: int) -> AsyncGenerator[Job, None]:
        """The latest state of a job, repeatedly, until the job is removed."""
        self._followed[job_id] += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            while True:
                await self._news.wait()
                if self._seen is None:
                    return
                if job_id in self._seen:  # a job that was added during the query is missing
                    job = self._seen[job_id]
                    if job is None:
                        return
                    yield job
        finally:
            self._followed[job_id] -= 1
            if not self._followed[job_id]:
                del self._followed[job_id]

    async def until_end(self, job_id: int, request: Request, seconds: float) -> None:
        """Wait until the job ends, the seconds are over, or the client leaves.

        It returns at once if too many requests already wait.
        """
        if self._waiting >= _MOST_WAITING:
            return
        self._waiting += 1
        waits = [asyncio.ensure_future(wait) for wait in (self._end_of(job_id), left(request))]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting -= 1
            for wait in waits:
                wait.cancel()

    async def _end_of(self, job_id: int) -> None:
        async with aclosing(self.looks_at(job_id)) as looks:
            async for job in looks:
                if job.status in FINISHED:
                    return

    async def _look(self) -> None:
        try:
            while self._followed and not self._stopping.is_set():
                ids, seconds = list(self._followed), _LOOKS_APART
                try:
                    jobs = await run_in_threadpool(self._jobs.of_ids, ids)
                except DatabaseUnavailable as error:
                    _log.warning("the followed jobs cannot be read: %s", error)
                    seconds = _AFTER_FAULT_SECONDS
                else:
                    self._wake({**dict.fromkeys(ids), **{job.id: job for job in jobs}})
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), seconds)
        finally:
            self._wake(None)

    def _wake(self, seen: dict[int, Job | None] | None) -> None:
        """Wake all waits; None ends them."""
        self._seen = seen
        self._news.set()
        self._news = asyncio.Event()


async def left(request: Request) -> None:
    """Return when the client leaves, after its request body was read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
