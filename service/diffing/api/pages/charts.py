"""Places in charts, in percent: bars, steps from old to new, and a calendar."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

KINDS_SHOWN = ("changed", "added", "removed")
# days of a unit of a calendar, at most
_DAYS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366, "decade": 3653}
_LEVELS = 5
# characters of a label, and how many there are
_TICKS = {"year": (4, 6), "decade": (4, 6), "month": (7, 4), "quarter": (7, 4)}
# what has rows is seen, however few they are
_LEAST_WIDTH = 0.4


@dataclass(frozen=True)
class Span:
    """A part of a chart.

    Args:
        kind: class of its colour.
        start, width: in percent.
        title: its meaning.
        level: darkness, up to 1.
    """

    kind: str
    start: float
    width: float
    title: str = ""
    level: float = 1


@dataclass(frozen=True)
class Tick:
    """A label of an axis: its place in percent, and its text."""

    place: float
    text: str


def stacked(counts: Mapping[str, int], whole: float) -> list[Span]:
    """Counts beside each other, in parts of a whole."""
    spans, start = [], 0.0
    for kind, count in counts.items():
        if count and whole:
            width = 100 * count / whole
            spans.append(Span(kind, start, width, f"{count:,} {kind}"))
            start += width
    return spans


def steps(moves: Mapping[str, float]) -> list[Span]:
    """Moves after each other, each from where the one before it ended.

    Args:
        moves: signed amounts by kind.
    """
    places = [0.0]
    for move in moves.values():
        places.append(places[-1] + move)
    low, length = min(places), max(places) - min(places)
    if not length or not math.isfinite(length):
        return []
    spans = []
    for (kind, move), at in zip(moves.items(), places, strict=False):
        if move:
            left = 100 * (min(at, at + move) - low) / length
            width = max(100 * abs(move) / length, _LEAST_WIDTH)
            spans.append(Span(kind, min(left, 100 - width), width, f"{kind}: {move:+,.6g}"))
    return spans


class CalendarChart:
    """The places of times, from the first to the last.

    Args:
        unit: of the times, such as `week`.
        starts: first days of the units, as ISO dates.
    """

    def __init__(self, unit: str, starts: Sequence[str]) -> None:
        self._unit = unit
        known = sorted({date.fromisoformat(start) for start in starts})
        self._units = [known[0]] if known else []
        while self._units and self._units[-1] < known[-1]:
            self._units.append(_next(self._units[-1], unit))
        self._places = {day.isoformat(): place for place, day in enumerate(self._units)}

    def line(self, entries: Sequence[Mapping[str, Any]]) -> list[Span]:
        """The rows of one group. Equal neighbours are one span; darker is more, in this line.

        Args:
            entries: of the analysis, with a start.
        """
        rows = {self._places[e["start"]]: {kind: e[kind] for kind in KINDS_SHOWN} for e in entries}
        most = max((sum(counts.values()) for counts in rows.values()), default=0)
        look = {place: self._look(counts, most) for place, counts in rows.items()}
        spans = []
        # equal looks that follow each other have equal distances from their rank
        ranked = enumerate(sorted(look))
        for (_, kind, level), found in groupby(ranked, key=lambda p: (p[1] - p[0], *look[p[1]])):
            places = [place for _, place in found]
            counts = {k: sum(rows[place][k] for place in places) for k in KINDS_SHOWN}
            spans.append(self._span(places, kind, level / _LEVELS, counts))
        return spans

    def ticks(self) -> list[Tick]:
        """A few labels."""
        length, most = _TICKS.get(self._unit, (10, 3))
        every = max(1, math.ceil(len(self._units) / most))
        return [
            Tick(100 * place / len(self._units), self._units[place].isoformat()[:length])
            for place in range(0, len(self._units), every)
        ]

    def _look(self, counts: Mapping[str, int], most: int) -> tuple[str, int]:
        rows = sum(counts.values())
        return max(KINDS_SHOWN, key=lambda kind: counts[kind]), math.ceil(_LEVELS * rows / most)

    def _span(
        self, places: Sequence[int], kind: str, level: float, counts: Mapping[str, int]
    ) -> Span:
        first, last = (self._units[place].isoformat() for place in (places[0], places[-1]))
        when = f"{self._unit} of {first}" if first == last else f"{first} to {last}"
        said = ", ".join(f"{rows:,} {kind}" for kind, rows in counts.items() if rows)
        whole = len(self._units)
        return Span(
            kind, 100 * places[0] / whole, 100 * len(places) / whole, f"{when}: {said}", level
        )


def _next(day: date, unit: str) -> date:
    """The first day of the next unit."""
    later = day + timedelta(days=_DAYS[unit])
    match unit:
        case "day" | "week":
            return later
        case "year" | "decade":
            return later.replace(month=1, day=1)
        case _:
            return later.replace(day=1)
