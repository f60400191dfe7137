"""Measures a compared pair in passes of their own: what moved by how much, and totals."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from diffing.core.comparison import Comparison
from diffing.core.periods import Calendar
from diffing.csvfiles.csv_file import CsvFile
from diffing.csvfiles.rewrite import rewrite
from diffing.csvfiles.split import Cutting, Pieces
from diffing.engine.analysis.moves import Moves, moves_of, require_sums
from diffing.engine.analysis.totals import Sums, of_rest, take_totals, write_totals
from diffing.engine.compare import Counts
from diffing.engine.connection import CsvRefused, Session
from diffing.engine.destination import Destination
from diffing.engine.parameters import Work, sides_of
from diffing.sandbox.limits import Limits

Connect = Callable[[Iterable[Path], Sequence[Pieces], Limits], Session]


@dataclass(frozen=True)
class Measurer:
    """Takes what a verdict and an analysis need beside the outputs.

    Args:
        comparison: its columns are those of the files.
        destination: with the outputs of the diff, which are written.
        limits: threads, memory and disk.
        cutting: sizes of pieces.
        connect: opens a session that may reach outputs and read pieces.
    """

    comparison: Comparison
    destination: Destination
    limits: Limits
    cutting: Cutting
    connect: Connect

    def measure(
        self,
        files: tuple[CsvFile, CsvFile],
        rest: tuple[CsvFile, CsvFile] | None,
        counts: Counts,
    ) -> Moves | None:
        """Take the moves, if they are needed, and write the totals, if they are wanted.

        Args:
            files: the compared files.
            rest: the rows that they do not share, if only these were compared.
            counts: what the comparison counted.

        Raises:
            OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
            Interrupted: the session was interrupted.
        """
        if not (self.comparison.needs_moves or self.destination.outputs.totals):
            return None
        self.destination.reporter.stage("measuring")
        try:
            return self._measure(files, rest, counts)
        except CsvRefused:
            old, new = (
                file if file.rewritten else rewrite(file, self.destination.scratch)
                for file in files
            )
            return self._measure((old, new), rest, counts)

    def _measure(
        self,
        files: tuple[CsvFile, CsvFile],
        rest: tuple[CsvFile, CsvFile] | None,
        counts: Counts,
    ) -> Moves | None:
        moves = self._moves(files, counts) if self.comparison.needs_moves else None
        if path := self.destination.outputs.totals:
            taken = self._totals(files, rest, moves.calendar if moves else None)
            write_totals(path, self.comparison, taken, counts)
        return moves

    def _moves(self, files: tuple[CsvFile, CsvFile], counts: Counts) -> Moves:
        work = self._work(files)
        pieces = [side.pieces for side in work.sides]

        def connect(readable: Sequence[Path]) -> Session:
            return self.connect(readable, pieces, replace(self.limits, threads=1))

        with self.destination.reporter.watching(pieces):
            moves = moves_of(work, connect)
        require_sums(moves, counts)
        return moves

    def _totals(
        self,
        files: tuple[CsvFile, CsvFile],
        rest: tuple[CsvFile, CsvFile] | None,
        calendar: Calendar | None,
    ) -> list[Sums | None]:
        """The totals of both files. Those of new may follow from old, and the rest of both.

        They need a pass of their own, because a reduced diff reads no values of shared rows.
        """
        if not rest or any(file.rewritten for file in files):
            return self._taken(files, ("old", "new"), calendar)
        (old,) = self._taken(files, ("old",), calendar)
        return [old, of_rest(old, self._taken(rest, ("old", "new"), calendar))]

    def _taken(
        self,
        files: tuple[CsvFile, CsvFile],
        sides: Sequence[str],
        calendar: Calendar | None,
    ) -> list[Sums | None]:
        work = self._work(files)
        pieces = [side.pieces for side in work.sides]
        with (
            self.connect((), pieces, self.limits) as session,
            self.destination.reporter.watching(pieces),
        ):
            return take_totals(work, session, sides, calendar)

    def _work(self, files: tuple[CsvFile, CsvFile]) -> Work:
        sides = sides_of(files, 1, self.cutting)
        return Work(*sides, self.comparison, self.destination.outputs, self.limits.exact_keys)
