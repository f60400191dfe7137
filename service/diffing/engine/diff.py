"""One diff: it checks two files, compares them within limits, and publishes the outputs."""

import logging
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from fsspec.spec import AbstractFileSystem

from diffing.core.columns import Header, is_auto, resolved
from diffing.core.comparison import Comparison
from diffing.core.errors import BadArgument, BadInput, DiffFailed, DiffingError, Interrupted
from diffing.core.input_file import named_apart
from diffing.core.progress import Progress
from diffing.core.sizes import bytes_in
from diffing.core.spec import Contents, DiffSpec
from diffing.core.text import listed
from diffing.csvfiles.alignment import Irreducible
from diffing.csvfiles.archives import Copies
from diffing.csvfiles.csv_file import CsvFile
from diffing.csvfiles.notation import with_plain_numbers
from diffing.csvfiles.open import without_rows
from diffing.csvfiles.rewrite import rewrite
from diffing.csvfiles.split import CUTTING, MOST_PIECES, Cutting, Pieces
from diffing.csvfiles.verify import Inspection
from diffing.engine.analysis.moves import Moves
from diffing.engine.compare import Counts, compare
from diffing.engine.connection import (
    ENGINE,
    CsvRefused,
    OrderedSession,
    Session,
    is_fault_of_duckdb,
)
from diffing.engine.destination import Destination
from diffing.engine.key_search import KeySearch, SearchContext
from diffing.engine.last_night import LastNight
from diffing.engine.measure import Measurer
from diffing.engine.on_cluster import OnCluster
from diffing.engine.opening import open_pair
from diffing.engine.parameters import Work, sides_of
from diffing.engine.reduction import Reducer, ReductionContext
from diffing.engine.reporter import Reporter
from diffing.engine.stoppable import Stoppable
from diffing.engine.summary import Summary
from diffing.engine.summing_up import Finished, input_summaries, result_summary
from diffing.engine.verdict import with_verdict
from diffing.engine.warn import Facts
from diffing.engine.written import Written
from diffing.files.checksums import Digests
from diffing.files.results import Outputs
from diffing.files.versions import unchanged
from diffing.sandbox.helpers import Helpers
from diffing.sandbox.limits import Limits
from diffing.sandbox.malloc import limit_arenas

_log = logging.getLogger(__name__)

_HASHES = "new.hashes"


class AnsweredBefore(Exception):
    """A result for the same contents exists.

    Args:
        contents: the SHA-256 of old and new.
    """

    def __init__(self, contents: Contents) -> None:
        super().__init__("a result for these contents exists")
        self.contents = contents


class Diff(Stoppable):
    """One diff of two files.

    Args:
        spec: the order; the files are CSV, perhaps packed, or Parquet.
        limits: threads, memory and disk.
        cutting: sizes of pieces and samples of the files.
        cluster: joins the rows; None for DuckDB.

    Attributes:
        reduced: whether `run` compared only the rows that the files do not share.
        helpers: the processes that `fork_helpers` forked.
    """

    def __init__(
        self,
        spec: DiffSpec,
        limits: Limits,
        cutting: Cutting = CUTTING,
        cluster: OnCluster | None = None,
    ) -> None:
        super().__init__()
        self._spec = spec
        self._cluster = cluster
        self.helpers = Helpers()
        self._old, self._new = named_apart(spec.old, spec.new)
        self._comparison = spec.comparison
        self._limits = limits
        self._cutting = cutting
        self.reduced = False
        self._digests: Digests
        self._rest: tuple[CsvFile, CsvFile] | None = None

    def fork_helpers(self) -> None:
        """Fork processes that hash keys beside this one, if the files are large.

        Call it before `run`, as long as this process has one thread; else it does nothing. `run`
        ends them.
        """
        paths = [file.path for file in (self._old, self._new)]
        if not self._cluster and all(
            path.is_file() and path.stat().st_size >= self._cutting.helped for path in paths
        ):
            memory = bytes_in(self._limits.memory) // 4
            self.helpers.fork(min(self._limits.threads, MOST_PIECES), memory)

    def run(
        self,
        outputs: Outputs,
        on_progress: Callable[[Progress], None] = lambda _: None,
        on_ready: Callable[[Outputs], None] = lambda _: None,
    ) -> Summary:
        """Compare the files and write the outputs.

        They appear under their names only when all are complete.

        Args:
            outputs: files to write, with `result` or `detail` or both; `totals` only if the
                comparison takes them.
            on_progress: called at the start of a stage, and as more is read; from any thread, but
                never from two at once.
            on_ready: called with the temporary files of the outputs, before anything is read.

        Raises:
            BadInput: a file is not valid CSV, lacks a column, has no key that can be found, or
                repeats a key against the options.
            InputChanged: a file changed during the diff.
            BadArgument, CannotWrite: an output cannot be written.
            OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
            Interrupted: `interrupt` was called.
            AnsweredBefore: the contents of the files are among `answered` of the order.
        """
        if not (outputs.result or outputs.detail):
            raise BadArgument("Name a file for the result.")
        if outputs.only_changed_columns and self._comparison.needs_moves:
            raise BadArgument(
                "Leave out --only-changed-columns: a period, or a rule of COLUMN.moved or "
                "COLUMN.largest, needs all columns."
            )
        if not self._comparison.takes_totals:
            outputs = replace(outputs, totals=None)
        started = time.monotonic()
        limit_arenas(self._limits.threads)
        with (
            self.helpers,
            outputs.parts() as parts,
            self._scratch() as scratch,
            unchanged(self._old, self._new),
            ExitStack() as stack,
        ):
            on_ready(parts)
            reporter = Reporter(on_progress)
            reporter.stage("checking")
            self._digests = stack.enter_context(self._begin_digests())
            old, new = self._opened(scratch)
            self._resolve((old, new), scratch, reporter)
            old, new = self._with_plain_numbers((old, new), scratch)
            written = Written.of(parts, (old, new), self._comparison.value, scratch)
            plain = written.plain
            if self._comparison.needs_moves:
                plain = _for_moves(plain, scratch)
            destination = Destination(plain, scratch, reporter)
            counts = self._counts((old, new), destination)
            if isinstance(counts, CsvRefused):
                # DuckDB is stricter than RFC 4180 in places. The rewrite reports the place of a
                # fault, or makes a copy that DuckDB accepts.
                reporter.stage("rewriting")
                old, new = rewrite(old, scratch), rewrite(new, scratch)
                counts = self._compare((old, new), self._comparison, destination)
            if isinstance(counts, CsvRefused):
                raise counts
            moves = self._measured((old, new), counts, destination)
            written.finish()
            facts = Facts(self._spec.comparison, self._comparison, old, new, counts)
            finished = Finished(
                facts,
                self._spec.metric,
                input_summaries(self._spec, facts, self._hashes_of_contents()),
                result_summary(parts, counts),
            )
            self._last_night.leave(scratch / _HASHES, new, self._limits.temp_folder)
        seconds = time.monotonic() - started
        return with_verdict(finished.summary(seconds, self._engine), moves)

    def interrupt(self) -> None:
        """Stop the work from another thread. It then raises Interrupted."""
        super().interrupt()
        if self._cluster:
            self._cluster.joiner.interrupt()

    @property
    def _engine(self) -> str:
        joined = self._cluster and self._cluster.engine
        return f"{ENGINE}, {joined}" if joined else ENGINE

    def _opened(self, scratch: Path) -> tuple[CsvFile, CsvFile]:
        def connect(files: Sequence[AbstractFileSystem]) -> Session:
            self._session = OrderedSession(self._limits, scratch, (), files, self._interrupted)
            return self._session

        copies = Copies(scratch, self._limits.max_unpacked_bytes)
        return open_pair(self._old, self._new, self._comparison, copies, connect)

    def _with_plain_numbers(
        self, files: tuple[CsvFile, CsvFile], scratch: Path
    ) -> tuple[CsvFile, CsvFile]:
        """Both files, with value columns as SQL reads numbers."""
        old, new = files
        numbers = self._comparison.numbers
        copies = Copies(scratch, self._limits.max_unpacked_bytes)
        if not new.dialect.has_plain_numbers:
            new = with_plain_numbers(new, self._new, numbers, copies)
        if old.dialect.has_plain_numbers:
            return old, new
        if not old.bytes:  # it has the dialect of new
            return without_rows(new, old.name, scratch), new
        return with_plain_numbers(old, self._old, numbers, copies), new

    def _resolve(self, files: tuple[CsvFile, CsvFile], scratch: Path, reporter: Reporter) -> None:
        """Find the columns of the comparison in both files."""
        headers = [Header(file.name, file.columns) for file in files]
        asked = self._comparison
        comparison = resolved(asked, *headers)
        if is_auto(asked, *headers):
            reporter.stage("looking for a key")
            connect = partial(self._connect, scratch, ())
            context = SearchContext(scratch, connect, self._limits.threads, self._interrupted)
            key, *_ = KeySearch(files, asked, context).run()
            for option, column in (
                ("period", asked.period),
                ("measure", asked.measure),
                *(("totals_by", column) for column in asked.totals_by),
            ):
                if column and column not in key:
                    raise BadInput(
                        f"The key that was found, {listed(key)}, does not contain the {option} "
                        f"{listed([column])}. Name the key columns."
                    )
            comparison = resolved(asked.model_copy(update={"key": key}), *headers)
        self._comparison = comparison

    def _counts(
        self, files: tuple[CsvFile, CsvFile], destination: Destination
    ) -> Counts | CsvRefused:
        """Compare the rows that the files do not share, or the whole files."""
        if (
            not self._cluster
            # the reduction compares keys by their bytes
            and not self._comparison.has_rules_of_fields
            and not any(file.rewritten for file in files)
            and all(file.path.stat().st_size >= self._cutting.shared / 2 for file in files)
        ):
            destination.reporter.stage("comparing")
            if counts := self._compare_reduced(files, destination):
                return counts
        self.helpers.end()
        return self._compare(files, self._comparison, destination)

    def _compare_reduced(
        self, files: tuple[CsvFile, CsvFile], destination: Destination
    ) -> Counts | None:
        """Compare the rows that the files do not share; None if that does not suffice."""
        comparison = self._comparison
        if comparison.duplicates == "error":  # the whole files give the examples
            comparison = comparison.model_copy(update={"duplicates": "allow"})
        connect = partial(self._connect, destination.scratch, ())
        last_night = self._last_night
        may_be_kept = last_night.may_have(files[0])
        context = ReductionContext(
            destination.scratch,
            connect,
            self._limits,
            self._cutting,
            self._interrupted,
            partial(last_night.of, files[0]),
            lambda: not may_be_kept or self._digests.is_known(0),
            destination.scratch / _HASHES if self._spec.hashes else None,
            self.helpers,
        )
        reducer = Reducer(files, comparison, context)
        with destination.reporter.watching([reducer]):
            reduction = reducer.run()
            self.helpers.end()  # DuckDB may need the memory
            if not reduction:
                return None
            try:
                left = self._compare(
                    (reduction.old, reduction.new), comparison, destination, reduction.new_cuts
                )
                counts = None if isinstance(left, CsvRefused) else reduction.whole(left)
            except Interrupted:
                raise
            except Irreducible:
                return None
            except DiffingError as error:
                _log.info("the whole files are compared: %s", error)
                return None
        repeat = counts and (counts.old_surplus or counts.new_surplus)
        if repeat and self._comparison.duplicates == "error":
            return None
        self.reduced = counts is not None
        self._rest = (reduction.old, reduction.new) if counts else None
        return counts

    @property
    def _last_night(self) -> LastNight:
        comparison = self._comparison
        return LastNight(self._spec.hashes, self._digests, comparison.key, comparison.value)

    def _compare(
        self,
        files: tuple[CsvFile, CsvFile],
        comparison: Comparison,
        destination: Destination,
        new_cuts: Sequence[int] = (),
    ) -> Counts | CsvRefused:
        old, new = sides_of(files, min(self._limits.threads, MOST_PIECES), self._cutting)
        new = replace(new, cuts=new_cuts)
        options = self._limits.exact_keys, self._cutting.sorted
        work = Work(old, new, comparison, destination.outputs, *options)
        pieces = [side.pieces for side in work.sides]
        if any(file.is_large for file in pieces):
            for side in work.sides:
                if not side.file.rewritten:  # a sample would split its records of several lines
                    side.pieces.take_sample()

        def connect() -> Session:
            staged = self._cluster.staged.paths if self._cluster else []
            return self._connect(destination.scratch, [*destination.outputs.paths, *staged], pieces)

        with (
            Inspection(files, self._interrupted) as inspection,
            destination.reporter.watching(pieces),
        ):
            order = work, connect, inspection, destination.reporter.stage, self._cluster
            try:
                return compare(*order)
            except DiffFailed as error:
                if self._cluster or not is_fault_of_duckdb(error):
                    raise
                # DuckDB 2.0.0 rarely loses a buffer of a file on a busy machine
                _log.warning("DuckDB failed; the files are compared again: %s", error.__cause__)
                return compare(*order)

    def _measured(
        self, files: tuple[CsvFile, CsvFile], counts: Counts, destination: Destination
    ) -> Moves | None:
        connect = partial(self._connect, destination.scratch)
        measurer = Measurer(self._comparison, destination, self._limits, self._cutting, connect)
        return measurer.measure(files, self._rest, counts)

    def _connect(
        self,
        scratch: Path,
        outputs: Iterable[Path],
        pieces: Sequence[Pieces],
        limits: Limits | None = None,
    ) -> Session:
        limits = limits or self._limits
        self._session = Session(limits, scratch, outputs, pieces, self._interrupted)
        return self._session

    def _begin_digests(self) -> Digests:
        """The digests of both files, if they are wanted, beside the pass over them.

        Raises:
            AnsweredBefore: as from `run`.
        """
        spec = self._spec
        digests = Digests(
            [spec.old, spec.new] if spec.sha256 or spec.hashes else [],
            self._interrupted,
            "sha256" if spec.sha256 else "blake3",
        )
        if self._spec.answered:
            with digests:
                old, new = digests.wait()
            if (old, new) in self._spec.answered:
                raise AnsweredBefore((old, new))
        return digests

    def _hashes_of_contents(self) -> tuple[str | None, str | None]:
        """Wait for the hashes of the inputs, and return those that the summary names."""
        found = self._digests.wait()
        old, new = found if self._spec.sha256 else (None, None)
        return old, new

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="diff-", dir=self._limits.temp_folder) as folder:
            yield Path(folder)


def _for_moves(outputs: Outputs, scratch: Path) -> Outputs:
    """The same outputs, and those that `moves_of` reads."""
    detail = outputs.detail or scratch / "all-detail.csv"
    return replace(outputs, detail=detail, removed=outputs.removed or scratch / "all-removed.csv")
