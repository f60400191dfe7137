"""What moved most: series."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diffing.api.pages.charts import Span
from diffing.api.pages.sections.names import Texts, texts_of

MOST_MOVERS = 15
"""How many are shown; the document has more."""


@dataclass(frozen=True)
class Moved:
    """A series that moved, as in the document, with its names and a bar."""

    found: Mapping[str, Any]
    texts: Texts
    spans: list[Span]


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
        moved.append(Moved(mover, texts_of(mover["series"]), [span] if width else []))
    return moved
