"""Finds jobs without a worker that are not in the queue, and queues them again."""

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
    """Queues jobs without a sign of life again. Many reapers may run; one of them wins each job.

    Wall clocks jump, and differ between machines. So the process measures silence with its own
    clock, which only goes forward, from when it first saw the last sign of life.

    Args:
        settings: seconds of silence after which a job is taken over, and the most attempts.
        jobs: the jobs table.
        queue: of job ids.
        sweeper: removes files of dead attempts.
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
        """Take over jobs that were silent too long. Call it about every `stale_after / 3`.

        Raises:
            DatabaseUnavailable: the jobs table cannot be read or written.
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
            self._first_seen = {}  # this process slept, and so may have the others
        self._looked_at = now
        signs = {job.id: (job.id, job.status, job.attempt, job.seen_at) for job in jobs}
        self._first_seen = {s: self._first_seen.get(s, now) for s in signs.values()}
        return [job for job in jobs if now - self._first_seen[signs[job.id]] >= self._stale_after]

    def _take_over(self, job: Job) -> None:
        """Start another attempt at a job whose worker died, or fail the job."""
        if job.attempt >= self._max_attempts:
            reason = DiffFailed("The worker died while it ran the job.")
            taken = self._jobs.give_up(job, reason.failure)
        elif taken := self._jobs.take_over(job):
            self._queue.put(job.id)
        if taken:
            said = {"job_id": job.id, "attempt": job.attempt}
            _log.warning("job %d, attempt %d: its worker died", job.id, job.attempt, extra=said)
            self._sweeper.tidy(job)
