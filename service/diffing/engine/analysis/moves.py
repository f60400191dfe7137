"""The rows of a diff by period, and how far their values moved, for the verdict."""

import csv
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from diffing.core.comparison import Comparison
from diffing.core.durations import microseconds
from diffing.core.expectations import rules_of as rules_in
from diffing.core.periods import Calendar, Period, State
from diffing.engine.analysis.reading import detail_of, removed_of, rules_of
from diffing.engine.connection import CsvRefused, Session, as_pattern
from diffing.engine.counts import Counts
from diffing.engine.parameters import Side, Work, parameters, reading_sections


@dataclass
class ColumnMoves:
    """How far the values of a column moved.

    Args:
        cells: that differ in changed rows.
        moved: sum of their differences, without signs.
        farthest: the largest difference.
        largest: the largest relative change.
        sum_of_old: sum of all values of old, without signs; 0 if no rule needs it.
    """

    cells: int = 0
    moved: float = 0.0
    farthest: float = 0.0
    largest: float = 0.0
    sum_of_old: float = 0.0


@dataclass
class PartMoves:
    """The rows of some periods, or all, by kind; and the moves of value columns by name."""

    old_rows: int = 0
    new_rows: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    columns: defaultdict[str, ColumnMoves] = field(default_factory=lambda: defaultdict(ColumnMoves))


@dataclass(frozen=True)
class Moves:
    """The parts of a diff.

    Args:
        whole: all rows; without a period, only the moves of columns.
        parts: the rows by the state of their period; empty without a period.
        calendar: has the state of each period; None without periods.
    """

    whole: PartMoves
    parts: defaultdict[State, PartMoves]
    calendar: Calendar | None

    def parts_of(self, period: Period) -> Sequence[PartMoves]:
        """The parts to which the rows of a period belong."""
        if not self.calendar:
            return (self.whole,)
        return (self.whole, self.parts[self.calendar.state(period)])


def moves_of(work: Work, connect: Callable[[Sequence[Path]], Session]) -> Moves:
    """Find the moves of a finished diff.

    Args:
        work: the same order, with detail and removed rows among its outputs, as SQL wrote them.
        connect: opens a session of one thread that may read both inputs, and these files.

    Raises:
        CsvRefused: DuckDB does not accept an input.
        OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
        Interrupted: the session was interrupted.
    """
    csv.field_size_limit(sys.maxsize)
    detail, removed = work.outputs.detail, work.outputs.removed
    assert detail, "the caller adds it"  # noqa: S101
    assert removed, "the caller adds it"  # noqa: S101
    files = [detail, removed, as_pattern(detail), as_pattern(removed)]
    with connect(files) as session:
        return _Search(work, session, parameters(work)).run(detail, removed)


@dataclass(frozen=True)
class _Search:
    work: Work
    session: Session
    bound: dict[str, Any]

    @property
    def _comparison(self) -> Comparison:
        return self.work.comparison

    def run(self, detail: Path, removed: Path) -> Moves:
        for section in reading_sections(self.work):
            self.session.run(section, self.bound)
        old, new = self._rows_by_period() if self._comparison.period else ([], [])
        calendar = self._calendar(old, new) if self._comparison.period else None
        moves = Moves(PartMoves(), defaultdict(PartMoves), calendar)
        for found in old:
            for part in moves.parts_of(_period(found)):
                part.old_rows += found["rows"]
        for found in new:
            for part in moves.parts_of(_period(found)):
                part.new_rows += found["rows"]
        for found in self._changes(detail, removed):
            for part in moves.parts_of(_period(found)):
                _add(part, part.columns[self._name(found)], found)
        for found in self._sums_of_old():
            for part in moves.parts_of(_period(found)):
                part.columns[self._name(found)].sum_of_old += found["sum"]
        return moves

    def _name(self, found: dict[str, Any]) -> str:
        nth: int = found["nth"]
        return self._comparison.value[nth - 1]

    def _calendar(self, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> Calendar:
        comparison = self._comparison
        settled_after = timedelta(microseconds=microseconds(comparison.settled_after or "0d"))
        return Calendar.of(map(_period, old), map(_period, new), settled_after, comparison.today)

    def _rows_by_period(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        old, new = (
            self._find("rows_by_period", side.pieces.protocol)["periods"]
            for side in self.work.sides
        )
        return old, new

    def _changes(self, detail: Path, removed: Path) -> list[dict[str, Any]]:
        comparison = self._comparison
        read = {
            **rules_of(comparison),
            "detail": detail_of(detail, comparison),
            "removed": removed_of(removed, comparison),
            "curve": [],
            "place": self._place(list(comparison.key)),
        }
        found: list[dict[str, Any]] = self.session.run("changes_by_period", read)["periods"]
        return found

    def _sums_of_old(self) -> list[dict[str, Any]]:
        """The sums of the columns of which a rule names a share."""
        comparison = self._comparison
        names = sorted(
            {
                rule.column
                for rule in rules_in(comparison.expect)
                if rule.column and rule.figure == "moved" and rule.is_share
            }
        )
        if not names:
            return []
        of_file = self._in_order(self.work.old, comparison.value)
        found: list[dict[str, Any]] = self._find(
            "sums_by_period",
            "old",
            nths=[comparison.value.index(name) + 1 for name in names],
            values=[of_file.index(name) + 1 for name in names],
        )["periods"]
        return found

    def _find(self, section: str, side: str, **more: Any) -> dict[str, Any]:
        of_work = self.work.old if side == "old" else self.work.new
        keys = self._in_order(of_work, self._comparison.key)
        bound = {
            "rows_of_file": self.bound[f"{side}_rows"],
            "place": self._place(keys),
            "rules": rules_of(self._comparison)["rules"],
        }
        return self.session.run(section, bound | more)

    def _in_order(self, side: Side, columns: Sequence[str]) -> list[str]:
        """These columns in the order in which the views of `1_read.sql` have them."""
        if self.work.is_reordered:
            return list(columns)
        return [name for name in side.file.columns if name in columns]

    def _place(self, keys: Sequence[str]) -> int:
        """The place of the period among key columns, from 1; 0 for none."""
        return keys.index(self._comparison.period) + 1 if self._comparison.period else 0


def _period(found: dict[str, Any]) -> Period:
    return Period(found["start"], found["last"])


def _add(part: PartMoves, column: ColumnMoves, found: dict[str, Any]) -> None:
    part.added += found["added"]
    part.changed += found["changed"]
    part.removed += found["removed"]
    column.cells += found["cells"]
    column.moved += found["moved"] or 0.0
    column.farthest = max(column.farthest, found["farthest"] or 0.0)
    column.largest = max(column.largest, found["largest"] or 0.0)


def require_sums(moves: Moves, counts: Counts) -> None:
    """Check the parts against the counts of the diff.

    Raises:
        CsvRefused: they do not add up, so DuckDB misread an input.
    """
    names = ["added", "changed", "removed", *(["old_rows", "new_rows"] if moves.calendar else [])]
    if any(getattr(moves.whole, name) != getattr(counts, name) for name in names):
        raise CsvRefused("The rows of the periods do not add up; this is a fault of the service.")
