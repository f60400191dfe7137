"""The totals of both whole files: taken by a diff, read by its analysis."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from diffing.core.comparison import Comparison
from diffing.core.periods import Calendar, State
from diffing.engine.analysis.reading import rules_of
from diffing.engine.analysis.sums import Sum
from diffing.engine.connection import CsvRefused, Session
from diffing.engine.counts import Counts
from diffing.engine.parameters import Work, parameters, reading_sections

MOST_SUMS = 100_000
"""Sums of a file, beyond which its totals are left out."""

Group = tuple[str | None, ...]


@dataclass
class Total:
    """The total of a value column in a file.

    Args:
        rows: that it has.
        left_out: infinite or NaN values, which are in no sum.
        sum: of all other numbers.
    """

    rows: int = 0
    left_out: int = 0
    sum: Sum = field(default_factory=Sum)

    def add(self, other: "Total") -> None:
        """Add another total to this one."""
        self.rows += other.rows
        self.left_out += other.left_out
        self.sum += other.sum


@dataclass(frozen=True)
class At:
    """The place of a total: the state of its period, its group, and its value column from 1."""

    state: State | None
    group: Group
    nth: int


Sums = list[dict[str, Any]]


def take_totals(
    work: Work, session: Session, sides: Sequence[str], calendar: Calendar | None
) -> list[Sums | None]:
    """Take the totals of files in a pass of its own.

    Args:
        work: the order.
        session: may read the files.
        sides: "old", "new" or both.
        calendar: has the state of each period; None without periods.

    Returns:
        The sums of each side; None for one that has too many.

    Raises:
        CsvRefused: DuckDB does not accept a file.
        OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
        Interrupted: the session was interrupted.
    """
    for section in reading_sections(work):
        session.run(section, parameters(work))
    return [_of_file(work, session, side, calendar) for side in sides]


def of_rest(old: Sums | None, rest: Sequence[Sums | None]) -> Sums | None:
    """The totals of new, given those of old and of the rows that the two do not share.

    Args:
        old: of the old file.
        rest: of its other rows, and of those of new.
    """
    old_rest, new_rest = rest
    if old is None or old_rest is None or new_rest is None:
        return None
    less = [
        {**one, **{name: -int(one[name]) for name in ("rows", "left_out", "sum")}}
        for one in old_rest
    ]
    return [*old, *less, *new_rest]


def write_totals(
    target: Path, comparison: Comparison, taken: Sequence[Sums | None], counts: Counts
) -> None:
    """Write the totals of a finished diff.

    Args:
        target: the file to write.
        comparison: of the diff.
        taken: the sums of old and of new.
        counts: of the diff.

    Raises:
        CsvRefused: they have other rows than the diff, so DuckDB misread a file.
    """
    for found, rows in zip(taken, (counts.old_rows, counts.new_rows), strict=True):
        if found is not None and sum(one["rows"] for one in found if one["nth"] == 1) != rows:
            raise CsvRefused("The rows of the totals do not add up; a fault of the service.")
    document = {"by": comparison.columns_of_totals, "old": taken[0], "new": taken[1]}
    target.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def _of_file(work: Work, session: Session, side: str, calendar: Calendar | None) -> Sums | None:
    """The sums of a file; None if there are too many."""
    comparison, bound = work.comparison, parameters(work)
    period = comparison.period if calendar else None
    by = comparison.columns_of_totals
    names = [name for name in comparison.key if name in (*by, period)]
    found = session.run(
        "totals",
        {
            "rows_of_file": bound[f"{side}_rows"],
            "rules": rules_of(comparison)["rules"],
            "single": len(comparison.value) == 1,
            "grouped": bool(names),
            "groups": _pattern(comparison, names or comparison.key[:1]),
            "kept": [names.index(name) + 1 for name in by],
            "place": names.index(period) + 1 if period else 0,
            "newest_of_old": calendar.newest_of_old if calendar else None,
            "settled_until": calendar.settled_until if calendar else None,
            "most": MOST_SUMS,
        },
    )
    return None if found["sums"] > MOST_SUMS else found["totals"]


def _pattern(comparison: Comparison, names: Sequence[str]) -> str:
    """A pattern of the roles of key columns."""
    places = "|".join(str(comparison.key.index(name)) for name in names)
    return f"^key_({places})$"


class Totals:
    """The totals of a diff.

    Args:
        by: key columns that group them.
        sides: totals of old and of new; None if they have too many groups.
    """

    def __init__(self, by: Sequence[str], sides: Sequence[Mapping[At, Total]] | None) -> None:
        self.by = tuple(by)
        self._sides = sides

    @classmethod
    def read(cls, file: Path) -> Self:
        """The totals in a file that `write_totals` wrote.

        Raises:
            FileNotFoundError: it was removed.
        """
        document = json.loads(file.read_text(encoding="utf-8"))
        sides = [document["old"], document["new"]]
        if None in sides:
            return cls(document["by"], None)
        return cls(document["by"], [_totals_in(side) for side in sides])

    @property
    def are_left_out(self) -> bool:
        """Whether they had too many groups."""
        return self._sides is None

    def grouped(self, by: Sequence[str], *, by_state: bool = False) -> "Grouped | None":
        """The totals by some of their columns; None if they are not grouped by all of them.

        Args:
            by: names of key columns.
            by_state: whether those of settled, open and new periods are apart.
        """
        if self._sides is None or not set(by) <= set(self.by):
            return None
        places = [self.by.index(name) for name in by]
        grouped = []
        for side in self._sides:
            totals: defaultdict[At, Total] = defaultdict(Total)
            for at, total in side.items():
                group = tuple(at.group[place] for place in places)
                totals[At(at.state if by_state else None, group, at.nth)].add(total)
            grouped.append(totals)
        return Grouped(*grouped)


@dataclass(frozen=True)
class Grouped:
    """The totals of old and of new by place; a place without rows is not in them."""

    old: Mapping[At, Total]
    new: Mapping[At, Total]

    def at(self, at: At) -> tuple[Total, Total]:
        """The totals of old and new."""
        return self.old.get(at, Total()), self.new.get(at, Total())


def _totals_in(side: Sequence[Mapping[str, Any]]) -> dict[At, Total]:
    totals: defaultdict[At, Total] = defaultdict(Total)
    for one in side:
        at = At(one["state"], tuple(one["texts"]), one["nth"])
        totals[at].add(Total(one["rows"], one["left_out"], Sum.of(one["sum"], one["unit"])))
    return totals
