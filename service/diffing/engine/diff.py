"""One diff: it checks two files, compares them within limits, and publishes the outputs."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath

from diffing.core.errors import BadArgument, DiffFailed
from diffing.core.input_file import InputFile, named_apart
from diffing.core.progress import Progress
from diffing.core.spec import DiffSpec
from diffing.csvfiles.csv_file import CsvFile
from diffing.csvfiles.open import open_csv, require_columns
from diffing.csvfiles.rewrite import rewrite
from diffing.csvfiles.split import CUTTING, Cutting, Pieces
from diffing.csvfiles.verify import Inspection
from diffing.engine.compare import Counts, Side, Work, compare
from diffing.engine.connection import ENGINE, CsvRefused, Session
from diffing.engine.summary import ColumnsSummary, InputSummary, ResultSummary, SideCounts, Summary
from diffing.files.checksums import fingerprint, sha256
from diffing.files.results import Outputs
from diffing.files.versions import unchanged
from diffing.sandbox.limits import Limits
from diffing.sandbox.malloc import limit_arenas

_REPORT_SECONDS = 0.5


class Diff:
    """One diff of two files.

    Args:
        spec: the order; the files are `.csv`, `.csv.gz` or `.csv.zst`.
        limits: threads, memory and disk.
        cutting: sizes of pieces and samples of the files.
    """

    def __init__(self, spec: DiffSpec, limits: Limits, cutting: Cutting = CUTTING) -> None:
        self._spec = spec
        self._old, self._new = named_apart(spec.old, spec.new)
        self._comparison = spec.comparison
        self._limits = limits
        self._cutting = cutting
        self._session: Session | None = None
        self._interrupted = threading.Event()

    def interrupt(self) -> None:
        """Stop `run` from another thread. `run` then raises Interrupted."""
        self._interrupted.set()
        if self._session:
            self._session.interrupt()

    def run(
        self,
        outputs: Outputs,
        on_progress: Callable[[Progress], None] = lambda _: None,
        on_ready: Callable[[Outputs], None] = lambda _: None,
    ) -> Summary:
        """Compare the files and write the outputs.

        They appear under their names only when all are complete.

        Args:
            outputs: files to write, with `result` or `detail` or both.
            on_progress: called at the start of a stage, and as more is read; from any thread, but
                never from two at once.
            on_ready: called with the temporary files of the outputs, before anything is read.

        Raises:
            BadInput: a file is not valid CSV, lacks a column, or repeats a key against the options.
            InputChanged: a file changed during the diff.
            BadArgument, CannotWrite: an output cannot be written.
            OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
            Interrupted: `interrupt` was called.
        """
        if not (outputs.result or outputs.detail):
            raise BadArgument("Name a file for the result.")
        started = time.monotonic()
        limit_arenas(self._limits.threads)
        with (
            outputs.parts() as parts,
            self._scratch() as scratch,
            unchanged(self._old, self._new),
        ):
            on_ready(parts)
            reporter = _Reporter(on_progress)
            reporter.stage("checking")
            old, new = self._open(self._old, scratch), self._open(self._new, scratch)
            counts = self._compare(old, new, parts, scratch, reporter)
            if isinstance(counts, CsvRefused):
                # DuckDB is stricter than RFC 4180 in places. The rewrite reports the place of a
                # fault, or makes a copy that DuckDB accepts.
                reporter.stage("rewriting")
                old, new = rewrite(old, scratch), rewrite(new, scratch)
                counts = self._compare(old, new, parts, scratch, reporter)
            if isinstance(counts, CsvRefused):
                raise counts
            result = _result_summary(parts, counts)
            inputs = (
                self._input(old, self._spec.old, counts.old_rows),
                self._input(new, self._spec.new, counts.new_rows),
            )
        return Summary(
            **self._comparison.model_dump(),
            metric=self._spec.metric,
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

    def _open(self, original: InputFile, scratch: Path) -> CsvFile:
        file = open_csv(original, scratch, self._limits.max_unpacked_bytes)
        require_columns(file, [*self._comparison.key, *self._comparison.value])
        return file

    def _compare(
        self,
        old: CsvFile,
        new: CsvFile,
        outputs: Outputs,
        scratch: Path,
        reporter: "_Reporter",
    ) -> Counts | CsvRefused:
        most = self._limits.threads
        work = Work(
            Side(old, Pieces(old, "old", most, self._cutting)),
            Side(new, Pieces(new, "new", most, self._cutting)),
            self._comparison,
            outputs,
            self._limits.exact_keys,
        )
        pieces = [side.pieces for side in work.sides]
        if any(file.is_large for file in pieces):
            for side in work.sides:
                if not side.file.rewritten:  # a sample would split its records of several lines
                    side.pieces.take_sample()

        def connect() -> Session:
            self._session = Session(self._limits, scratch, outputs.paths, pieces, self._interrupted)
            return self._session

        cuts = {side.file: side.pieces.cuts for side in work.sides}
        with Inspection(cuts, self._interrupted) as inspection, reporter.watching(pieces):
            return compare(work, connect, inspection, reporter.stage)

    def _input(self, file: CsvFile, given: InputFile, rows: int) -> InputSummary:
        return InputSummary(
            name=PurePath(given.name).name,
            rows=rows,
            bytes=file.bytes,
            fingerprint=fingerprint(given.path) if self._spec.fingerprint else None,
        )

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="diff-", dir=self._limits.temp_folder) as folder:
            yield Path(folder)


class _Reporter:
    """Reports progress at the start of a stage, and twice a second during reading."""

    def __init__(self, on_progress: Callable[[Progress], None]) -> None:
        self._on_progress = on_progress
        self._files: Sequence[Pieces] = ()
        self._latest = Progress("")
        self._lock = threading.Lock()

    def stage(self, stage: str) -> None:
        """Begin a stage."""
        with self._lock:
            self._report(stage)

    @contextmanager
    def watching(self, files: Sequence[Pieces]) -> Iterator[None]:
        """Report how much of these files was read, during the block."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(_REPORT_SECONDS):
                with self._lock:
                    self._report(self._latest.stage)

        thread = threading.Thread(target=watch, daemon=True)
        self._files = files
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self._files = ()

    def _report(self, stage: str) -> None:
        progress = Progress(stage)
        if self._files:
            read, total = (
                sum(f.bytes_read for f in self._files),
                sum(f.bytes_total for f in self._files),
            )
            progress = Progress(stage, read, total)
        if progress != self._latest:
            self._latest = progress
            self._on_progress(progress)


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
    """The peak memory of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise DiffFailed("The system does not report the peak memory of a process.")
