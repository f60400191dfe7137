"""Takes jobs from the queue, and runs each to its end."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from diffing.core import logs, tracing
from diffing.core.baseline import against
from diffing.core.catalogue import Catalogue, Metric
from diffing.core.comparison import Comparison
from diffing.core.errors import (
    DatabaseUnavailable,
    DiffingError,
    Failure,
    Interrupted,
    StorageUnavailable,
    Unreachable,
    of_os,
    unforeseen,
)
from diffing.core.input_file import InputFile
from diffing.core.question import question_of
from diffing.core.remote_file import RemoteFile
from diffing.core.settings import Settings
from diffing.core.sizes import bytes_in
from diffing.core.spec import DiffSpec, FetchSpec, StorageSpec
from diffing.engine import sql
from diffing.files.hash_cache import HashCache
from diffing.files.inputs import Source
from diffing.files.remote_content import modules_for
from diffing.files.results import Outputs
from diffing.sandbox import landlock
from diffing.sandbox.limits import Limits
from diffing.store.baselines import Baselines
from diffing.store.clock import utc_now
from diffing.store.conversions import Conversions
from diffing.store.counters import ONE_OFF
from diffing.store.database import open_database
from diffing.store.history import History
from diffing.store.job import Job
from diffing.store.job_inputs import has_baseline, new_file, old_file
from diffing.store.jobs import End, Jobs
from diffing.store.queue import JobQueue
from diffing.store.secret import service_id
from diffing.store.workers import Presence
from diffing.worker.answers import Answers
from diffing.worker.baselines import BaselineKeeper
from diffing.worker.claim import Claim
from diffing.worker.clusters import Clusters
from diffing.worker.consumer import consumer_of
from diffing.worker.converter import Converter, WorkerParts
from diffing.worker.reaper import Reaper
from diffing.worker.sharing import Sharing
from diffing.worker.supervisor import ChildCrashed, Listener, Runner
from diffing.worker.sweeper import Sweeper
from diffing.worker.task import Task

_log = logging.getLogger(__name__)
_SWEEP_SECONDS = 60.0
# For attempts to record the end of a job. After that, a reaper takes it over.
_PATIENCE_SECONDS = 60.0
# failures of a server or a network, which another attempt may not meet
_SILENT = {
    f"urn:diffing:{kind.slug()}" for kind in (Unreachable, StorageUnavailable, DatabaseUnavailable)
}

_Run = Callable[[Task], dict[str, Any]]


class Worker:
    """Runs jobs in `settings.workers` threads, each diff in a child process of its own.

    Args:
        settings: all settings.
        catalogue: the metrics.
        beat_seconds: time between two signs of life; None for one that fits the settings.
        now: gives the time, in UTC.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        beat_seconds: float | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        engine = open_database(settings)
        self._service = service_id(engine) if settings.storage else ""
        self._jobs = Jobs(engine, now)
        self._presence = Presence(engine, settings.workers, settings.stale_after)
        self._queue = JobQueue(settings, engine, run=self.process)
        beat_seconds = beat_seconds or min(2.0, settings.stale_after / 4)
        preload = modules_for(settings.storage)
        self._runner = Runner(beat_seconds, settings.job_timeout, preload)
        self._sharing = Sharing(settings)
        baselines = Baselines(engine, now)
        self._clusters = Clusters(settings, beat_seconds)
        self._sweeper = Sweeper(
            settings, self._jobs, History(engine, now), baselines, self._clusters.leave
        )
        self._baselines = BaselineKeeper(
            settings, self._jobs, baselines, self._sharing, beat_seconds
        )
        self._answers = Answers(self._jobs)
        self._hashes = HashCache(settings.hashes_dir, bytes_in(settings.hashes_limit))
        self._reaper = Reaper(settings, self._jobs, self._queue, self._sweeper)
        self._converter = Converter(
            settings,
            self._jobs,
            Conversions(engine, now),
            WorkerParts(self._runner, self._sweeper, self._sharing),
        )
        self._stopping = threading.Event()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT. Jobs that outlast the grace are queued again."""
        self._sweeper.connect(self._service)
        # a diff parses files of others, so its process must not inherit them
        self._sharing.take_credentials()
        self._clusters.credentials = self._sharing.credentials
        consumer = consumer_of(
            self._queue.huey,
            self._converter.queue.huey,
            self._settings.workers,
            self._settings.grace,
        )
        if not landlock.version():
            _log.warning(
                "this kernel lacks Landlock: only DuckDB's settings restrict a diff to its files"
            )
        sweep_every = min(_SWEEP_SECONDS, self._settings.retention / 4)
        for work, seconds in (
            (self._reaper.reap, self._settings.stale_after / 3),
            (self._converter.reaper.reap, self._settings.stale_after / 3),
            (self._sweeper.sweep, sweep_every),
            (self._presence.beat, self._settings.stale_after / 3),
        ):
            threading.Thread(target=self._regularly, args=(work, seconds), daemon=True).start()
        try:
            consumer.run()
        finally:
            self._stopping.set()
            self._runner.close()
        for _, thread in consumer.worker_threads:
            thread.join(timeout=5)
        self._leave()
        _log.info("stopped")

    def process(self, job_id: int) -> None:
        """Run a job to its end, unless another worker has it, or it was cancelled."""
        try:
            job = self._jobs.claim(job_id)
        except DatabaseUnavailable as error:
            _log.error("job %d cannot be taken yet: %s", job_id, error)
            return
        if job is None:
            return
        with logs.bound(**_said_of(job)), tracing.span("job", "consumer", job.traceparent) as span:
            _log.info("job %d: %s, attempt %d", job.id, job.metric or ONE_OFF, job.attempt)
            span.add(
                {
                    "diffing.job.id": job.id,
                    "diffing.metric": job.metric,
                    "diffing.attempt": job.attempt,
                }
            )
            end = self._attempt(job, span)
            if self._recorded(job, end):
                self._tidy(job)

    def _attempt(self, job: Job, span: tracing.Span) -> Callable[[], object]:
        """Run the diff, and return a function that records its end."""
        try:
            self._sweeper.clear(job)
            with tracing.Stages() as stages:
                return self._answered(job, stages)
        except Interrupted:
            return partial(self._again, job)
        except ChildCrashed as crash:
            span.fail(crash.detail)
            _log.warning("job %d, attempt %d: %s", job.id, job.attempt, crash)
            if job.attempt < self._settings.max_attempts:
                return partial(self._again, job)
            return partial(self._jobs.fail, job, crash.failure)
        except DiffingError as error:
            span.fail(error.detail)
            return self._failed_or_silent(job, error.failure)
        except OSError as error:
            _log.exception("job %d", job.id)
            span.fail(type(error).__name__)
            return self._failed(job, of_os(error).failure)
        except Exception as error:  # noqa: BLE001 - the job must end, and the worker continue
            _log.exception("job %d", job.id)
            span.fail(type(error).__name__)
            return self._failed(job, unforeseen().failure)

    def _answered(self, job: Job, stages: tracing.Stages) -> Callable[[], object]:
        """Take the result of a job that answered the same question, or run the diff."""
        metric = self._metric(job)
        run = partial(
            self._runner.run,
            attempt=Claim(self._jobs, job),
            listener=Listener(stages),
            since=time.monotonic(),
        )

        def move(spec: StorageSpec) -> dict[str, Any]:
            return run(self._task(job, spec))

        results = self._sharing.results(self._scratch(job), move)
        spec = self._spec(job, metric, run)
        run_diff = run
        if metric and metric.engine == "spark":
            cluster = self._clusters.place(self._scratch(job))
            spec = replace(spec, staged=cluster.staged)
            on_join = partial(self._clusters.join, cluster, run)
            run_diff = partial(run, listener=Listener(stages, on_join))
        question = question_of(spec, exact_keys=self._settings.exact_keys, sql=sql.digest())
        known = frozenset() if job.fresh else self._answers.worth_a_look(job, question, spec)
        found = self._diffed(job, replace(spec, answered=known), run_diff)
        end = None
        if "answered" in found:
            takes_totals = spec.comparison.takes_totals
            if answer := self._answers.take(
                job, question, found["answered"], results, takes_totals=takes_totals
            ):
                end = End(answer.summary or {}, question, answer.id)
            else:  # its files were removed meanwhile
                found = self._diffed(job, spec, run_diff)
        outputs = Outputs.of_attempt(results.folder, job.id, job.attempt)
        results.publish(outputs.paths, instead_of=f"{job.stem}.")
        end = self._baselines.end_of(job, metric, spec, end or End(found, question), move)
        return partial(self._succeed, job, end)

    def _diffed(self, job: Job, spec: DiffSpec, run: _Run) -> dict[str, Any]:
        """Run a diff, and keep the key hashes of new."""
        task = self._task(job, replace(spec, hashes=self._settings.hashes_dir))
        found = run(task)
        if "answered" not in found:
            try:
                self._hashes.take(task.limits.temp_folder)
            except OSError as error:
                _log.warning("job %d: its key hashes are not kept: %s", job.id, error)
        return found

    def _failed_or_silent(self, job: Job, failure: Failure) -> Callable[[], object]:
        """Record a failure, or let a reaper start another attempt if a server did not answer."""
        if failure.type not in _SILENT or job.attempt >= self._settings.max_attempts:
            return self._failed(job, failure)
        _log.warning(
            "job %d, attempt %d: %s It is left to a reaper.", job.id, job.attempt, failure.detail
        )
        return lambda: None

    def _failed(self, job: Job, failure: Failure) -> Callable[[], object]:
        _log.warning("job %d failed: %s", job.id, failure.detail)
        return partial(self._jobs.fail, job, failure)

    def _succeed(self, job: Job, end: End) -> None:
        if self._jobs.succeed(job, end):
            _log.info("job %d succeeded: %d rows", job.id, end.summary["emitted"])

    def _again(self, job: Job) -> None:
        """Queue a job for its next attempt, unless it was taken away."""
        if self._jobs.give_back(job):
            try:
                self._queue.put(job.id)
            except DatabaseUnavailable as error:
                _log.error(
                    "job %d cannot be queued yet, so a reaper will queue it: %s", job.id, error
                )

    def _recorded(self, job: Job, end: Callable[[], object]) -> bool:
        """Record the end of an attempt, with retries; False if the table stays unavailable."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                end()
            except DatabaseUnavailable as error:
                _log.error("job %d: its end cannot be recorded: %s", job.id, error)
                if time.monotonic() > deadline or self._stopping.wait(1):
                    return False
            else:
                return True

    def _tidy(self, job: Job) -> None:
        try:
            self._sweeper.tidy(job)
        except (DatabaseUnavailable, OSError) as error:
            _log.warning("job %d: its temporary files stay until the next sweep: %s", job.id, error)

    def _spec(self, job: Job, metric: Metric | None, run: _Run) -> DiffSpec:
        comparison, baseline = self._comparison(job, metric), None
        is_against_baseline = metric is not None and has_baseline(job, metric)
        if metric and is_against_baseline:
            baseline = self._baselines.noted(job, metric)
            comparison = against(baseline, comparison)
        may_be_missing = comparison.old_may_be_missing
        old = (
            self._baselines.source_of(baseline)
            if is_against_baseline
            else old_file(self._settings, job, metric, may_be_missing=may_be_missing)
        )
        sources = {"old": old, "new": new_file(self._settings, job, metric)}
        files = self._here(job, sources, run, may_be_missing=may_be_missing)
        if baseline:
            files["old"] = replace(files["old"], name=baseline.name, sha256=baseline.sha256)
        return DiffSpec(
            files["old"],
            files["new"],
            comparison,
            job.metric,
            fingerprint=metric is not None and metric.fingerprint,
            sha256=True,
        )

    def _here(
        self, job: Job, sources: Mapping[str, Source], run: _Run, *, may_be_missing: bool
    ) -> dict[str, InputFile]:
        """The files on this machine, by side. Those on other machines are fetched."""
        found = {side: file for side, file in sources.items() if isinstance(file, InputFile)}
        remote = {side: file for side, file in sources.items() if isinstance(file, RemoteFile)}
        if remote:
            folder = self._scratch(job) / "fetched"
            folder.mkdir(parents=True, exist_ok=True)
            spec = FetchSpec(remote, folder, may_be_missing, self._sharing.credentials)
            copies = run(self._task(job, spec))
            found |= {
                side: InputFile(folder / copy, name, is_fetched=True)
                for side, (copy, name) in copies.items()
            }
        return found

    def _task(self, job: Job, spec: FetchSpec | DiffSpec | StorageSpec) -> Task:
        folder = self._sharing.folder(self._scratch(job))
        return Task(
            spec=spec,
            outputs=Outputs.of_attempt(folder, job.id, job.attempt),
            limits=self._limits(job, spec),
            log=logs.Style(self._settings.log_level, self._settings.log_format),
            said=_said_of(job),
        )

    def _limits(self, job: Job, spec: FetchSpec | DiffSpec | StorageSpec) -> Limits:
        scratch = self._scratch(job)
        copies = [path for path in spec.inputs if path.is_relative_to(scratch)]
        if not copies:
            return Limits.of(self._settings, scratch)
        own = scratch / "own"  # a diff must not be able to write to the copies
        own.mkdir(exist_ok=True)
        return Limits.of(self._settings, own).beside(
            sum(path.stat().st_size for path in copies if path.exists())
        )

    def _scratch(self, job: Job) -> Path:
        scratch = self._settings.scratch_dir(job.id, job.attempt)
        scratch.mkdir(exist_ok=True)
        return scratch

    def _comparison(self, job: Job, metric: Metric | None) -> Comparison:
        if metric is None or job.comparison:
            return Comparison.model_validate(job.comparison)
        return metric.comparison

    def _metric(self, job: Job) -> Metric | None:
        return None if job.metric is None else self._catalogue.find(job.metric)

    def _leave(self) -> None:
        try:
            self._presence.leave()
        except DatabaseUnavailable as error:
            _log.warning("another worker will remove the row of this one: %s", error)

    def _regularly(self, work: Callable[[], None], seconds: float) -> None:
        while True:
            try:
                work()
            except Exception:  # noqa: BLE001 - a database may be busy; the next round may succeed
                _log.exception("regular work on the jobs failed")
            if self._stopping.wait(seconds):
                return


def _said_of(job: Job) -> dict[str, object]:
    """The fields of each log line about an attempt."""
    said = {"job_id": job.id, "attempt": job.attempt, "request_id": job.request_id}
    return {name: value for name, value in said.items() if value is not None}
