"""The series that moved most."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diffing.api.pages.charts import Span
from diffing.api.pages.sections.names import Texts, texts_of

MOST_MOVERS = 15
"""How many are shown; the document has more."""

HEIGHT_OF_COURSE = 24
"""Of the picture of a series in time, in pixels."""

# what moved is seen, however little it was
_LEAST_HEIGHT = 0.7


@dataclass(frozen=True)
class Mark:
    """A part of a course: its place in percent, and its top and height in pixels."""

    kind: str
    start: float
    top: float
    height: float


@dataclass(frozen=True)
class Moved:
    """A series that moved.

    Args:
        found: as in the document.
        texts: its names.
        spans: a bar of its net movement.
        course: how far it moved in each part of the time; empty without dates.
        said: the same in words.
    """

    found: Mapping[str, Any]
    texts: Texts
    spans: list[Span]
    course: list[Mark]
    said: str


def moved_of(movers: Sequence[Mapping[str, Any]]) -> list[Moved]:
    """The series, with bars to the right and left of the middle."""
    most: dict[str, float] = {}
    for mover in movers:
        most[mover["column"]] = max(most.get(mover["column"], 0), abs(mover["net"] or 0))
    moved = []
    for mover in movers:
        net, longest = mover["net"] or 0, most[mover["column"]]
        width = 50 * abs(net) / longest if longest and math.isfinite(longest) else 0
        span = Span("up" if net > 0 else "down", 50 if net > 0 else 50 - width, width)
        course = mover["course"] or []
        moved.append(
            Moved(
                found=mover,
                texts=texts_of(mover["series"]),
                spans=[span] if width else [],
                course=_marks(course),
                said=_said(course),
            )
        )
    return moved


def _marks(course: Sequence[float | None]) -> list[Mark]:
    """Bars up and down from the middle, in parts of the highest one."""
    most = max((abs(mean) for mean in course if mean is not None), default=0)
    if not most:
        return []
    middle, marks = HEIGHT_OF_COURSE / 2, []
    for place, mean in enumerate(course):
        if mean:
            height = max(middle * abs(mean) / most, _LEAST_HEIGHT)
            top = middle - height if mean > 0 else middle
            kind = "up" if mean > 0 else "down"
            marks.append(Mark(kind, 100 * place / len(course), top, height))
    return marks


def _said(course: Sequence[float | None]) -> str:
    up, down = (sum(mean is not None and sign * mean > 0 for mean in course) for sign in (1, -1))
    return f"{up} of {len(course)} parts of the time went up, {down} went down"
