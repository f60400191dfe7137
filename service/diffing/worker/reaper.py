"""Finds jobs that nobody works on or has in the queue, and brings them on their way again."""

import logging
import time
from collections.abc import Callable

from diffing.core.errors import DiffFailed
from diffing.core.settings import Settings
from diffing.store.job import Job, Status
from diffing.store.jobs import Jobs
from diffing.store.queue import JobQueue
from diffing.worker.sweeper import Sweeper

_log = logging.getLogger(__name__)


class Reaper:
    """Queues again what gave no sign of life; any number may run, one of them wins each job.

    How long a job was silent is told by this process's own clock, which only goes forward, from
    when it first saw a sign of life: wall clocks jump, and differ between machines.

    Args:
        settings: seconds of silence after which a job is taken over, and the most attempts.
        jobs: the jobs table.
        queue: carries the ids.
        sweeper: removes what dead attempts left.
        clock: gives seconds.
    """

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        queue: JobQueue,
        sweeper: Sweeper,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs = jobs
        self._queue = queue
        self._sweeper = sweeper
        self._stale_after = settings.stale_after
        self._max_attempts = settings.max_attempts
        self._clock = clock
        self._first_seen: dict[tuple[object, ...], float] = {}
        self._looked_at = clock()

    def reap(self) -> None:
        """Take over what was silent too long; to be called every `stale_after / 3` or so.

        Raises:
            DatabaseUnavailable: the jobs table cannot be asked.
        """
        stale = self._stale(self._jobs.unfinished())
        for job in stale:
            if job.status is Status.PROCESSING:
                self._take_over(job)
        queued = [job for job in stale if job.status is Status.QUEUED]
        waiting = self._queue.waiting() if queued else set()
        for job in queued:
            if job.id not in waiting and self._jobs.take_over(job):
                _log.warning("job %d was not in the queue", job.id, extra={"job_id": job.id})
                self._queue.put(job.id)

    def _stale(self, jobs: list[Job]) -> list[Job]:
        now = self._clock()
        if now - self._looked_at > self._stale_after:
            self._first_seen = {}  # this process slept: the others may have, too
        self._looked_at = now
        signs = {job.id: (job.id, job.status, job.attempt, job.seen_at) for job in jobs}
        self._first_seen = {s: self._first_seen.get(s, now) for s in signs.values()}
        return [job for job in jobs if now - self._first_seen[signs[job.id]] >= self._stale_after]

    def _take_over(self, job: Job) -> None:
        """Another attempt at a job whose worker died, or the end of it."""
        if job.attempt >= self._max_attempts:
            reason = DiffFailed("The worker died while it ran the job.")
            taken = self._jobs.give_up(job, reason.failure)
        elif taken := self._jobs.take_over(job):
            self._queue.put(job.id)
        if taken:
            said = {"job_id": job.id, "attempt": job.attempt}
            _log.warning("job %d, attempt %d: its worker died", job.id, job.attempt, extra=said)
            self._sweeper.tidy(job)
