"""Takes jobs from the queue, runs each, and takes over those whose worker died."""

import logging
import shutil
import threading

from huey.consumer import Consumer

from service.catalogue import Catalogue, find_inputs
from service.errors import DiffFailed, DiffingError, Interrupted
from service.jobs import Job, Jobs, Status
from service.limits import Limits
from service.outputs import Outputs
from service.runner import ChildCrashed, Request, Runner
from service.settings import Settings
from service.tasks import JobQueue

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.1


class _Consumer(Consumer):  # type: ignore[misc]
    """Huey's consumer, with its signal handlers set before a thread can take a job."""

    def start(self) -> None:
        """Start the threads."""
        self._set_signal_handlers()
        super().start()
        _log.info("working on up to %d jobs at once", self.workers)


class Worker:
    """Runs jobs in `settings.workers` threads, each diff in a child process of its own."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._jobs = Jobs.in_file(settings.jobs_file)
        self._queue = JobQueue(settings.queue_file, run=self.process)
        self._runner = Runner(beat_seconds=min(2.0, settings.stale_after / 4))
        self._stopping = threading.Event()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; a job that is not done after the grace is queued again."""
        consumer = _Consumer(
            self._queue.huey,
            workers=self._settings.workers,
            periodic=False,
            max_delay=_POLL_SECONDS,
            shutdown_timeout=self._settings.grace,
            graceful_signal="TERM",
        )
        reaper = threading.Thread(target=self._reap_regularly, daemon=True)
        reaper.start()
        try:
            consumer.run()
        finally:
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
                self._request(job), beat=lambda progress: self._jobs.beat(job, progress)
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
        finally:
            self._tidy(job)

    def reap(self) -> None:
        """Queue again what gave no sign of life; fail what had all its attempts."""
        stale = self._jobs.stale(self._settings.stale_after)
        waiting = self._queue.waiting() if stale else set()
        for job in stale:
            if job.status is Status.PROCESSING:
                self._take_over(job)
            elif job.id not in waiting and self._jobs.take_over(job):
                self._queue.put(job.id)

    def _again(self, job: Job, crash: ChildCrashed) -> None:
        """Another attempt at a job whose child crashed, or the end of it."""
        _log.warning("job %d, attempt %d: %s", job.id, job.attempt, crash)
        if job.attempt >= self._settings.max_attempts:
            self._jobs.fail(job, crash.failure)
        elif self._jobs.give_back(job):
            self._queue.put(job.id)

    def _take_over(self, job: Job) -> None:
        """Another attempt at a job whose worker died, or the end of it."""
        _log.warning("job %d, attempt %d: its worker died", job.id, job.attempt)
        if job.attempt >= self._settings.max_attempts:
            reason = DiffFailed("The worker died while it ran the job.")
            taken = self._jobs.give_up(job, reason.failure)
        elif taken := self._jobs.take_over(job):
            self._queue.put(job.id)
        if taken:
            self._tidy(job)

    def _tidy(self, job: Job) -> None:
        """Remove what a killed attempt was writing, and what it spilled."""
        shutil.rmtree(self._settings.scratch_dir(job.id, job.attempt), ignore_errors=True)
        self._outputs(job).discard_parts()

    def _outputs(self, job: Job) -> Outputs:
        return Outputs.of_attempt(self._settings.results_dir, job.id, job.attempt)

    def _request(self, job: Job) -> Request:
        metric = self._catalogue.find(job.metric)
        old, new = find_inputs(metric, self._settings.input_dir)
        scratch = self._settings.scratch_dir(job.id, job.attempt)
        scratch.mkdir(exist_ok=True)
        return Request(
            old=old,
            new=new,
            outputs=self._outputs(job),
            metric=metric,
            limits=Limits.of(self._settings, scratch),
        )

    def _reap_regularly(self) -> None:
        while True:
            try:
                self.reap()
            except Exception:  # noqa: BLE001 - a database may be busy; the next round may do better
                _log.exception("could not look for jobs whose worker died")
            if self._stopping.wait(self._settings.stale_after / 3):
                return
