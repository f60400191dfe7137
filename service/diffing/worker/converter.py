"""Takes conversions, and what else is made of results, from their queue; runs each to its end."""

import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffing.core import logs
from diffing.core.dialect import PLAIN, FullDialect
from diffing.core.errors import (
    DatabaseUnavailable,
    DiffingError,
    Interrupted,
    ResultGone,
    UnknownJob,
    unforeseen,
)
from diffing.core.row_query import RowQuery
from diffing.core.settings import Settings
from diffing.core.spec import (
    AnalysisSpec,
    CellsSpec,
    ChangesSpec,
    ConversionSpec,
    MadeSpec,
    RowsSpec,
    StorageSpec,
)
from diffing.files.publish import locked_folder
from diffing.files.results import OutputName, Outputs, dialect_of_output
from diffing.sandbox.limits import Limits
from diffing.store.conversions import Conversion, Conversions
from diffing.store.jobs import Jobs
from diffing.store.queue import CONVERSIONS, JobQueue
from diffing.worker.claim import Claim
from diffing.worker.reaper import Reaper
from diffing.worker.sharing import AttemptResults, Sharing
from diffing.worker.supervisor import Runner
from diffing.worker.sweeper import Sweeper
from diffing.worker.task import Task

_log = logging.getLogger(__name__)
_MEMORY = "512MB"
# An analysis stays below 512 MB. DuckDB reserves more for each value column.
_MB_OF_ANALYSIS, _COLUMNS_PER_MB = 400, 4


@dataclass(frozen=True)
class WorkerParts:
    """The parts of a worker that jobs and conversions share.

    Args:
        runner: starts the child processes.
        sweeper: removes files of ended attempts.
        sharing: knows where results are.
    """

    runner: Runner
    sweeper: Sweeper
    sharing: Sharing


class Converter:
    """Writes results in other formats, analyses, and lists of cells and rows.

    Each is written by a child process.

    Args:
        settings: all settings.
        jobs: the jobs table.
        conversions: the conversions table.
        parts: the parts of a worker that it needs, too.
    """

    def __init__(
        self, settings: Settings, jobs: Jobs, conversions: Conversions, parts: WorkerParts
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._conversions = conversions
        self._runner = parts.runner
        self._sweeper = sweeper = parts.sweeper
        self._sharing = parts.sharing
        self.queue = JobQueue(settings, conversions.engine, run=self.process, name=CONVERSIONS)
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
        try:
            self._write(conversion)
        except Interrupted:
            self._sweeper.tidy(conversion)
            if self._conversions.give_back(conversion):
                self.queue.put(conversion.id)
        except DiffingError as error:
            _log.warning("conversion %d, %s: %s", conversion.id, conversion.name, error)
            self._failed(conversion, error)
        except Exception:  # noqa: BLE001 - the conversion must end, and the worker continue
            _log.exception("conversion %d, %s", conversion.id, conversion.name)
            self._failed(conversion, unforeseen())
        else:
            self._conversions.succeed(conversion)
            if Outputs.has_rows(conversion.name):
                self._sweeper.thin(conversion)

    def _failed(self, conversion: Conversion, error: DiffingError) -> None:
        self._sweeper.tidy(conversion)
        self._conversions.fail(conversion, error.failure)

    def _write(self, conversion: Conversion) -> None:
        own = f".{os.getpid()}-{threading.get_ident()}-{conversion.name}"
        with locked_folder(self._settings.tmp_dir / own) as folder:
            results = self._results(conversion, folder)
            # a worker that died before the record may have written it
            if results.has(conversion.name):
                return
            spec = self._spec(conversion, results.folder)
            results.bring(spec.inputs)
            target = results.folder / conversion.name
            self._run_child(conversion, spec, target, folder)
            results.publish([target])

    def _results(self, conversion: Conversion, folder: Path) -> AttemptResults:
        def move(spec: StorageSpec) -> dict[str, Any]:
            return self._run_child(conversion, spec, folder / conversion.name, folder)

        return self._sharing.results(folder, move)

    def _run_child(
        self,
        conversion: Conversion,
        spec: ConversionSpec | MadeSpec | StorageSpec,
        target: Path,
        folder: Path,
    ) -> dict[str, Any]:
        task = Task(
            spec=spec,
            outputs=Outputs(target),
            limits=self._limits(spec, target.parent, folder),
            log=logs.Style(self._settings.log_level, self._settings.log_format),
            said={"conversion_id": conversion.id, "attempt": conversion.attempt},
        )
        return self._runner.run(task, Claim(self._conversions, conversion))

    def _limits(
        self, spec: ConversionSpec | MadeSpec | StorageSpec, results: Path, folder: Path
    ) -> Limits:
        if isinstance(spec, ConversionSpec):
            return Limits(threads=1, memory=_MEMORY, temp_folder=results, temp="0KB")
        if isinstance(spec, MadeSpec):
            memory = _MB_OF_ANALYSIS + len(spec.summary["value"]) // _COLUMNS_PER_MB
            own = folder / "own"  # what is made must not be able to write to the copies
            own.mkdir(exist_ok=True)
            return Limits(1, f"{memory}MB", own, self._settings.temp_limit)
        return Limits(1, _MEMORY, folder, self._settings.temp_limit)

    def _spec(self, conversion: Conversion, results: Path) -> ConversionSpec | MadeSpec:
        if _is_made(conversion.name):
            return self._made(conversion, results)
        source = (results / conversion.name).with_suffix(".csv")
        return ConversionSpec(source, conversion.rows, self._dialect(conversion))

    def _made(self, conversion: Conversion, results: Path) -> MadeSpec:
        """The order for what is made of a result."""
        job_id, attempt = map(int, conversion.stem.split("."))
        outputs = Outputs.of_attempt(results, job_id, attempt)
        jobs = self._jobs.of_ids([job_id])
        summary = jobs[0].summary if jobs else None
        if not (summary and outputs.detail and outputs.removed):
            raise ResultGone("The result was removed. Start a new job.")
        dialect, of_removed = (dialect_of_output(summary, name) for name in ("detail", "removed"))
        if conversion.ask is not None:
            changes = Outputs.changes(results, job_id, attempt)
            query = RowQuery.of_json(conversion.ask)
            return RowsSpec(changes, outputs.detail, summary, query, dialect)
        if Outputs.has_changes(conversion.name):
            return ChangesSpec(outputs.detail, outputs.removed, summary, dialect, of_removed)
        by = Outputs.analysed_by(conversion.name)
        if by is None:
            return CellsSpec(outputs.detail, summary, dialect)
        return AnalysisSpec(
            outputs.detail, outputs.removed, summary, by, dialect, of_removed, outputs.totals
        )

    def _dialect(self, conversion: Conversion) -> FullDialect:
        """The dialect of the CSV."""
        job_id, _, output, *_ = conversion.name.split(".")
        if output == "cells":
            return PLAIN
        try:
            summary = self._jobs.get(int(job_id)).summary or {}
        except UnknownJob:  # the conversion reports that the file is gone
            return PLAIN
        names: dict[str, OutputName] = {"detail": "detail", "removed": "removed"}
        return dialect_of_output(summary, names.get(output, "result"))


def _is_made(name: str) -> bool:
    """Whether a file is made of a result, and not another format of one."""
    return (
        Outputs.analysed_by(name) is not None
        or Outputs.has_cells(name)
        or Outputs.has_changes(name)
        or Outputs.has_rows(name)
    )
