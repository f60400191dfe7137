"""Compares a pair of files: the rows that they do not share, or the whole files."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from diffing.core.errors import DiffFailed, DiffingError, Interrupted
from diffing.csvfiles.split import MOST_PIECES, Cutting, Pieces
from diffing.csvfiles.stretches import Irreducible
from diffing.csvfiles.verify import Inspection
from diffing.engine.compare import compare
from diffing.engine.connection import CsvRefused, Session, is_fault_of_duckdb
from diffing.engine.counts import Counts
from diffing.engine.destination import Destination
from diffing.engine.last_night import LastNight
from diffing.engine.on_cluster import OnCluster
from diffing.engine.pair import Pair
from diffing.engine.parameters import Work, sides_of
from diffing.engine.reducer import Reducer
from diffing.engine.reduction import Reduction, ReductionContext
from diffing.sandbox.helpers import Helpers
from diffing.sandbox.limits import Limits

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Compared:
    """A compared pair.

    Args:
        pair: as DuckDB read it.
        counts: of its rows.
        rest: the rows that the files do not share, if only these were compared.
    """

    pair: Pair
    counts: Counts
    rest: Pair | None = None


@dataclass(frozen=True)
class PairComparison:
    """Compares a pair of files, and writes the outputs.

    Args:
        limits: threads, memory and disk.
        cutting: sizes of pieces and samples of the files.
        destination: where it writes and reports.
        connect: opens a session that may write these files and read these pieces.
        interrupted: when set, the comparison ends.
        helpers: processes that hash keys beside this one.
        last_night: the key hashes of old, and those of new to keep.
        cluster: joins the rows; None for DuckDB.
    """

    limits: Limits
    cutting: Cutting
    destination: Destination
    connect: Callable[[Iterable[Path], Sequence[Pieces]], Session]
    interrupted: threading.Event
    helpers: Helpers
    last_night: LastNight
    cluster: OnCluster | None

    def run(self, pair: Pair) -> Compared:
        """Compare the rows that the files do not share; if that does not suffice, the whole files.

        Args:
            pair: the files, opened.

        Raises:
            BadInput: a file is not valid CSV, or repeats a key against the options.
            OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
            Interrupted: the comparison was interrupted.
        """
        reporter = self.destination.reporter
        if self._may_share_rows(pair):
            reporter.stage("comparing")
            if compared := self._reduced(pair):
                return compared
        self.last_night.read_on()
        self.helpers.end()
        counts = self._counts(pair)
        if isinstance(counts, CsvRefused):
            # DuckDB is stricter than RFC 4180 in places. The rewrite reports the place of a fault,
            # or makes a copy that DuckDB accepts.
            reporter.stage("rewriting")
            pair = pair.rewritten(self.destination.scratch)
            counts = self._counts(pair)
        if isinstance(counts, CsvRefused):
            raise counts
        return Compared(pair, counts)

    def _may_share_rows(self, pair: Pair) -> bool:
        """Whether a reduction is possible, and the files are large enough for it."""
        return (
            not self.cluster
            # the reduction compares keys by their bytes
            and not pair.comparison.has_rules_of_fields
            and not any(file.rewritten for file in pair)
            and all(file.path.stat().st_size >= self.cutting.shared / 2 for file in pair)
        )

    def _reduced(self, pair: Pair) -> Compared | None:
        """Compare the rows that the files do not share; None if that does not suffice."""
        comparison = pair.comparison
        if comparison.duplicates == "error":  # the whole files give the examples
            comparison = comparison.model_copy(update={"duplicates": "allow"})
        reducer = Reducer(pair.files, comparison, self._context())
        with self.destination.reporter.watching([reducer]):
            reduction = reducer.run()
            self.helpers.end()  # DuckDB may need the memory
            if not reduction:
                return None
            rest = Pair(reduction.old, reduction.new, comparison)
            if not (counts := self._counts_of_whole(reduction, rest)):
                return None
        if pair.comparison.duplicates == "error" and (counts.old_surplus or counts.new_surplus):
            return None
        return Compared(pair, counts, replace(rest, comparison=pair.comparison))

    def _counts_of_whole(self, reduction: Reduction, rest: Pair) -> Counts | None:
        """The counts of the whole files, by a comparison of the rest; None if it fails."""
        try:
            left = self._counts(rest, reduction.new_cuts)
            return None if isinstance(left, CsvRefused) else reduction.whole(left)
        except Interrupted:
            raise
        except Irreducible:
            return None
        except DiffingError as error:
            _log.info("the whole files are compared: %s", error)
            return None

    def _context(self) -> ReductionContext:
        return ReductionContext(
            scratch=self.destination.scratch,
            connect=lambda pieces: self.connect((), pieces),
            limits=self.limits,
            cutting=self.cutting,
            interrupted=self.interrupted,
            last_night=self.last_night,
            helpers=self.helpers,
        )

    def _counts(self, pair: Pair, new_cuts: Sequence[int] = ()) -> Counts | CsvRefused:
        """Compare all rows of two files."""
        destination = self.destination
        old, new = sides_of(pair.files, min(self.limits.threads, MOST_PIECES), self.cutting)
        new = replace(new, cuts=new_cuts)
        options = self.limits.exact_keys, self.cutting.sorted
        work = Work(old, new, pair.comparison, destination.outputs, *options)
        pieces = [side.pieces for side in work.sides]
        if any(file.is_large for file in pieces):
            for side in work.sides:
                if not side.file.rewritten:  # a sample would split its records of several lines
                    side.pieces.take_sample()

        def connect() -> Session:
            staged = self.cluster.staged.paths if self.cluster else []
            return self.connect([*destination.outputs.paths, *staged], pieces)

        with (
            Inspection(pair.files, self.interrupted) as inspection,
            destination.reporter.watching(pieces),
        ):
            order = work, connect, inspection, destination.reporter.stage, self.cluster
            try:
                return compare(*order)
            except DiffFailed as error:
                if self.cluster or not is_fault_of_duckdb(error):
                    raise
                # DuckDB 2.0.0 rarely loses a buffer of a file on a busy machine
                _log.warning("DuckDB failed; the files are compared again: %s", error.__cause__)
                return compare(*order)
