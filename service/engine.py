"""One diff: two files checked, compared within limits, and what came out published when whole."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from service.catalogue import Comparison
from service.checksums import fingerprint, sha256
from service.compare import Counts, KeysNotHashable, Side, compare
from service.csvfile import CsvFile, open_csv, require_columns, rewrite
from service.errors import BadArgument, DiffFailed
from service.inspection import Inspection
from service.limits import Limits
from service.outputs import Outputs
from service.parts import Parts
from service.session import ENGINE, CsvRefused, Session
from service.summary import ColumnsSummary, InputSummary, ResultSummary, SideCounts, Summary


class Diff:
    """One diff of two files.

    Args:
        old, new: CSV files, `.csv`, `.csv.gz` or `.csv.zst`.
        comparison: the columns and tolerances.
        limits: what it may use.
        with_fingerprints: take a fingerprint of each input.
    """

    def __init__(
        self,
        old: Path,
        new: Path,
        comparison: Comparison,
        limits: Limits,
        with_fingerprints: bool = False,
    ) -> None:
        self._old, self._new = old.absolute(), new.absolute()
        self._comparison = comparison
        self._limits = limits
        self._with_fingerprints = with_fingerprints
        self._session: Session | None = None
        self._interrupted = threading.Event()

    def interrupt(self) -> None:
        """Stop `run` from another thread; it raises Interrupted."""
        self._interrupted.set()
        if self._session:
            self._session.interrupt()

    def run(
        self,
        outputs: Outputs,
        metric: str | None = None,
        on_stage: Callable[[str], None] = lambda _: None,
    ) -> Summary:
        """Compare the files and write the outputs.

        They appear under their names only when all are whole.

        Args:
            outputs: files to write; `result` or `detail`, or both, and what else is wanted.
            metric: id to name in the summary.
            on_stage: called with one word whenever the next stage begins.

        Raises:
            BadInput: a file is no CSV, lacks a column, or repeats keys that must not repeat.
            BadArgument: an output cannot be written.
            OutOfMemory, OutOfDisk, DiffFailed: the machine was not up to it.
            Interrupted: `interrupt` was called.
        """
        if not (outputs.result or outputs.detail):
            raise BadArgument("Name a file for the result.")
        started = time.monotonic()
        with outputs.parts() as parts, self._scratch() as scratch:
            on_stage("checking")
            old, new = self._open(self._old, scratch), self._open(self._new, scratch)
            try:
                counts = self._compare(old, new, parts, scratch, on_stage)
            except CsvRefused:
                # DuckDB is stricter than RFC 4180 in places: say where the fault is, or, where
                # there is none, let it read a plain copy
                on_stage("rewriting")
                old, new = rewrite(old, scratch), rewrite(new, scratch)
                counts = self._compare(old, new, parts, scratch, on_stage)
            result = _result_summary(parts, counts)
            inputs = (
                self._input(old, self._old, counts.old_rows),
                self._input(new, self._new, counts.new_rows),
            )
        return Summary(
            **self._comparison.model_dump(),
            metric=metric,
            old=inputs[0],
            new=inputs[1],
            columns=_columns_summary(old, new),
            added=counts.added,
            changed=counts.changed,
            removed=counts.removed,
            unchanged=counts.unchanged,
            within_tolerance=counts.within_tolerance,
            emitted=counts.added + counts.changed,
            duplicate_keys=SideCounts(old=counts.old_surplus, new=counts.new_surplus),
            not_numbers=SideCounts(old=counts.old_not_numbers, new=counts.new_not_numbers),
            result=result,
            seconds=round(time.monotonic() - started, 3),
            peak_rss_bytes=peak_rss(),
            engine=ENGINE,
        )

    def _open(self, path: Path, scratch: Path) -> CsvFile:
        file = open_csv(path, scratch)
        require_columns(file, [*self._comparison.key, *self._comparison.value])
        return file

    def _compare(
        self,
        old: CsvFile,
        new: CsvFile,
        parts: Outputs,
        scratch: Path,
        on_stage: Callable[[str], None],
    ) -> Counts:
        sides = (
            Side(old, Parts(old, "old", most=1)),
            Side(new, Parts(new, "new", most=self._limits.threads)),
        )
        cuts = {side.file: side.parts.cuts for side in sides}
        with Inspection(cuts, self._interrupted) as inspection:
            try:
                return self._run_queries(*sides, inspection, parts, scratch, on_stage)
            except CsvRefused:
                for side in sides:  # that a file is not UTF-8 is the better word
                    inspection.contents(side.file)
                raise
            except KeysNotHashable:
                return self._run_queries(*sides, inspection, parts, scratch, on_stage, True)

    def _run_queries(
        self,
        old: Side,
        new: Side,
        inspection: Inspection,
        outputs: Outputs,
        scratch: Path,
        on_stage: Callable[[str], None],
        exact_keys: bool = False,
    ) -> Counts:
        files = [old.file.path, new.file.path, *outputs.paths]
        exact = exact_keys or self._limits.exact_keys
        with Session(
            self._limits, scratch, files, [old.parts, new.parts], self._interrupted
        ) as self._session:
            return compare(
                self._session, old, new, inspection, self._comparison, outputs, on_stage, exact
            )

    def _input(self, file: CsvFile, path: Path, rows: int) -> InputSummary:
        return InputSummary(
            name=file.name,
            rows=rows,
            bytes=file.bytes,
            fingerprint=fingerprint(path) if self._with_fingerprints else None,
        )

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="diff-", dir=self._limits.temp_folder) as folder:
            yield Path(folder)


def _result_summary(parts: Outputs, counts: Counts) -> ResultSummary:
    path = parts.result or parts.detail
    assert path, "run checks it"  # noqa: S101
    return ResultSummary(
        rows=counts.added + counts.changed, bytes=path.stat().st_size, sha256=sha256(path)
    )


def _columns_summary(old: CsvFile, new: CsvFile) -> ColumnsSummary:
    return ColumnsSummary(
        only_old=tuple(name for name in old.columns if name not in new.columns),
        only_new=tuple(name for name in new.columns if name not in old.columns),
    )


def peak_rss() -> int:
    """The most memory that this process held, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise DiffFailed("The system does not tell how much memory a process held.")
