"""Takes jobs from the queue, runs each, and takes over those whose worker died."""

import logging
import threading
from collections.abc import Callable

from huey.consumer import Consumer

from service.catalogue import Catalogue, find_inputs
from service.errors import DiffFailed, DiffingError, Interrupted
from service.jobs import Job, Jobs, Status
from service.limits import Limits
from service.runner import ChildCrashed, Request, Runner
from service.settings import Settings
from service.tasks import JobQueue

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.1


class Worker:
    """Runs jobs in `settings.workers` threads, each diff in a child process of its own."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._jobs = Jobs.in_file(settings.jobs_file)
        self._queue = JobQueue(settings.queue_file, run=self.process)
        self._runner = Runner()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; a job that is not done after the grace is queued again."""
        consumer = Consumer(
            self._queue.huey,
            workers=self._settings.workers,
            periodic=False,
            max_delay=_POLL_SECONDS,
            shutdown_timeout=self._settings.grace,
            graceful_signal="TERM",
        )
        reaper = threading.Thread(target=self._reap_regularly, daemon=True)
        reaper.start()
        _log.info("working on up to %d jobs at once", self._settings.workers)
        consumer.run()
        self._stopping.set()
        self._runner.close()
        for _, thread in consumer.worker_threads:
            thread.join(timeout=5)
        _log.info("stopped")

    def process(self, job_id: int) -> None:
        """Run one job to its end, unless another worker has it."""
        job = self._jobs.claim(job_id)
        if job is None:
            return
        _log.info("job %d: %s, attempt %d", job.id, job.metric, job.attempt)
        try:
            summary = self._runner.run(
                self._request(job), beat=lambda stage: self._jobs.beat(job, stage)
            )
        except Interrupted:
            if self._jobs.give_back(job):
                self._queue.put(job.id)
        except ChildCrashed as crash:
            self._again(job, crash)
        except DiffingError as error:
            _log.warning("job %d failed: %s", job.id, error)
            self._jobs.fail(job, error.failure)
        except Exception:  # noqa: BLE001 - whatever it is, the job must end and the worker live on
            _log.exception("job %d failed", job.id)
            self._jobs.fail(
                job, DiffFailed("An error that was not foreseen; the worker's log has it.").failure
            )
        else:
            if self._jobs.succeed(job, summary):
                _log.info("job %d succeeded: %d rows", job.id, summary["emitted"])

    def reap(self) -> None:
        """Queue again what gave no sign of life; fail what had all its attempts."""
        for job in self._jobs.stale(self._settings.stale_after):
            if job.status is Status.PROCESSING:
                self._again(job, DiffFailed("The worker died while it ran the job."), reaped=True)
            elif job.id not in self._queue.waiting() and self._jobs.take_over(job):
                self._queue.put(job.id)

    def _again(self, job: Job, error: DiffingError, *, reaped: bool = False) -> None:
        """Another attempt, or the end of it."""
        _log.warning("job %d, attempt %d: %s", job.id, job.attempt, error)
        if job.attempt >= self._settings.max_attempts:
            self._jobs.fail(job, error.failure)
            return
        queue: Callable[[Job], Job | None] = (
            self._jobs.take_over if reaped else self._jobs.give_back
        )
        if queue(job):
            self._queue.put(job.id)

    def _request(self, job: Job) -> Request:
        metric = self._catalogue.find(job.metric)
        old, new = find_inputs(metric, self._settings.input_dir)
        return Request(
            old=old,
            new=new,
            output=self._settings.result_file(job.id, job.attempt),
            metric=metric,
            limits=Limits(
                threads=self._settings.threads,
                memory=self._settings.memory_share,
                temp_folder=self._settings.tmp_dir,
                temp=self._settings.temp_limit,
            ),
        )

    def _reap_regularly(self) -> None:
        while True:
            self.reap()
            if self._stopping.wait(self._settings.stale_after / 3):
                return
