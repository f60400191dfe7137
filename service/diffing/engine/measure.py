"""Measures a compared pair in passes of their own: what moved by how much, and totals."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from diffing.core.periods import Calendar
from diffing.csvfiles.split import Cutting, Pieces
from diffing.engine.analysis.moves import Moves, moves_of, require_sums
from diffing.engine.analysis.totals import Sums, of_rest, take_totals, write_totals
from diffing.engine.compare_pair import Compared
from diffing.engine.connection import CsvRefused, Session
from diffing.engine.destination import Destination
from diffing.engine.pair import Pair
from diffing.engine.parameters import Work, sides_of
from diffing.sandbox.limits import Limits

Connect = Callable[[Iterable[Path], Sequence[Pieces], Limits], Session]


@dataclass(frozen=True)
class Measurer:
    """Takes what a verdict and an analysis need beside the outputs.

    Args:
        destination: with the outputs of the diff, which are written.
        limits: threads, memory and disk.
        cutting: sizes of pieces.
        connect: opens a session that may reach outputs and read pieces.
    """

    destination: Destination
    limits: Limits
    cutting: Cutting
    connect: Connect

    def measure(self, compared: Compared) -> Moves | None:
        """Take the moves, if they are needed, and write the totals, if they are wanted.

        Args:
            compared: the pair of files.

        Raises:
            OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
            Interrupted: the session was interrupted.
        """
        if not (compared.pair.comparison.needs_moves or self.destination.outputs.totals):
            return None
        self.destination.reporter.stage("measuring")
        try:
            return self._measure(compared)
        except CsvRefused:
            rewritten = compared.pair.rewritten(self.destination.scratch)
            return self._measure(replace(compared, pair=rewritten))

    def _measure(self, compared: Compared) -> Moves | None:
        comparison = compared.pair.comparison
        moves = self._moves(compared) if comparison.needs_moves else None
        if path := self.destination.outputs.totals:
            taken = self._totals(compared, moves.calendar if moves else None)
            write_totals(path, comparison, taken, compared.counts)
        return moves

    def _moves(self, compared: Compared) -> Moves:
        work = self._work(compared.pair)
        pieces = [side.pieces for side in work.sides]

        def connect(readable: Sequence[Path]) -> Session:
            return self.connect(readable, pieces, replace(self.limits, threads=1))

        with self.destination.reporter.watching(pieces):
            moves = moves_of(work, connect)
        require_sums(moves, compared.counts)
        return moves

    def _totals(self, compared: Compared, calendar: Calendar | None) -> list[Sums | None]:
        """The totals of both files. Those of new may follow from old, and the rest of both.

        They need a pass of their own, because a reduced diff reads no values of shared rows.
        """
        pair, rest = compared.pair, compared.rest
        if not rest or any(file.rewritten for file in pair):
            return self._taken(pair, ("old", "new"), calendar)
        (old,) = self._taken(pair, ("old",), calendar)
        return [old, of_rest(old, self._taken(rest, ("old", "new"), calendar))]

    def _taken(
        self, pair: Pair, sides: Sequence[str], calendar: Calendar | None
    ) -> list[Sums | None]:
        work = self._work(pair)
        pieces = [side.pieces for side in work.sides]
        with (
            self.connect((), pieces, self.limits) as session,
            self.destination.reporter.watching(pieces),
        ):
            return take_totals(work, session, sides, calendar)

    def _work(self, pair: Pair) -> Work:
        sides = sides_of(pair.files, 1, self.cutting)
        return Work(*sides, pair.comparison, self.destination.outputs, self.limits.exact_keys)
