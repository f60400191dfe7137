"""Takes conversions from their queue, and runs each to its end."""

import logging

from diffing.core import logs
from diffing.core.dialect import PLAIN, FullDialect
from diffing.core.errors import DatabaseUnavailable, DiffingError, Interrupted, UnknownJob
from diffing.core.settings import Settings
from diffing.core.spec import ConversionSpec
from diffing.files.results import OutputName, Outputs, dialect_of
from diffing.sandbox.limits import Limits
from diffing.store.conversions import Conversion, Conversions
from diffing.store.jobs import Jobs
from diffing.store.queue import CONVERSIONS, JobQueue
from diffing.worker.claim import Claim
from diffing.worker.reaper import Reaper
from diffing.worker.supervisor import Runner
from diffing.worker.sweeper import Sweeper
from diffing.worker.task import Task

_log = logging.getLogger(__name__)
_MEMORY = "512MB"


class Converter:
    """Writes results in other formats, each in a child process.

    Args:
        settings: all settings.
        conversions: the conversions table.
        jobs: the jobs table.
        runner: starts the child processes.
        sweeper: removes files of ended attempts.
    """

    def __init__(
        self,
        settings: Settings,
        conversions: Conversions,
        jobs: Jobs,
        runner: Runner,
        sweeper: Sweeper,
    ) -> None:
        self._jobs = jobs
        self._settings = settings
        self._conversions = conversions
        self._runner = runner
        self._sweeper = sweeper
        self.queue = JobQueue(settings.queue_file, run=self.process, name=CONVERSIONS)
        self.reaper = Reaper(settings, conversions, self.queue, sweeper)

    def process(self, conversion_id: int) -> None:
        """Run a conversion to its end, unless another worker has it, or no client wants it."""
        try:
            if conversion := self._conversions.claim(conversion_id):
                with logs.bound(conversion_id=conversion.id, attempt=conversion.attempt):
                    self._run(conversion)
        except DatabaseUnavailable as error:
            _log.error(
                "conversion %d cannot be recorded, so it is left to a reaper: %s",
                conversion_id,
                error,
            )

    def _run(self, conversion: Conversion) -> None:
        task = self._task(conversion)
        try:
            # a worker that died before the record may have written it
            if not task.outputs.paths[0].exists():
                self._runner.run(task, Claim(self._conversions, conversion))
        except Interrupted:
            self._sweeper.tidy(conversion)
            if self._conversions.give_back(conversion):
                self.queue.put(conversion.id)
        except DiffingError as error:
            _log.warning("conversion %d, %s: %s", conversion.id, conversion.name, error)
            self._sweeper.tidy(conversion)
            self._conversions.fail(conversion, error.failure)
        else:
            self._conversions.succeed(conversion)

    def _task(self, conversion: Conversion) -> Task:
        target = self._settings.results_dir / conversion.name
        return Task(
            spec=ConversionSpec(
                target.with_suffix(".csv"), conversion.rows, self._dialect(conversion)
            ),
            outputs=Outputs(target),
            limits=Limits(threads=1, memory=_MEMORY, temp_folder=target.parent, temp="0KB"),
            log=logs.Style(self._settings.log_level, self._settings.log_format),
            said={"conversion_id": conversion.id, "attempt": conversion.attempt},
        )

    def _dialect(self, conversion: Conversion) -> FullDialect:
        """The dialect of the CSV."""
        job_id, _, output, *_ = conversion.name.split(".")
        try:
            summary = self._jobs.get(int(job_id)).summary or {}
        except UnknownJob:  # the conversion reports that the file is gone
            return PLAIN
        names: dict[str, OutputName] = {"detail": "detail", "removed": "removed"}
        return dialect_of(summary, names.get(output, "result"))
