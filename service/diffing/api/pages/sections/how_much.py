"""By how much: the rows that other tolerances would leave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diffing.api.pages.sections.histogram import Histogram, histogram_of, tolerance_text
from diffing.core.noise import noise_in


@dataclass(frozen=True)
class Point:
    """A tolerance, and the rows that would still be changed.

    Args:
        tolerance: as a text.
        rows: still changed.
        height, before: of these, and of those at the tolerance before, in percent of all.
    """

    tolerance: str
    rows: int
    height: float
    before: float


@dataclass(frozen=True)
class HowMuch:
    """The rows that other tolerances would leave.

    Args:
        points: of the curve.
        noise: the point that separates noise from changes; None without noise.
        noisy: number of rows of noise.
        far: the largest tolerance that would leave all rows changed; None if no other does.
        histogram: of the sizes of changes; None if no number moved.
    """

    points: list[Point]
    noise: Point | None
    noisy: int
    far: str | None
    histogram: Histogram | None


def how_much_of(document: Mapping[str, Any]) -> HowMuch | None:
    """The section of a document; None if no row changed."""
    curve, changed = document["curve"], document["rows"]["changed"]
    if not changed:
        return None
    before = [changed, *(point["rows"] for point in curve)]
    points = [
        Point(
            tolerance_text(point["rel_tol"]),
            point["rows"],
            100 * point["rows"] / changed,
            100 * rows / changed,
        )
        for point, rows in zip(curve, before, strict=False)
    ]
    noise = noise_in(curve, changed)
    whole = [point.tolerance for point in points if point.rows == changed]
    return HowMuch(
        points=points,
        noise=next((p for p in points if noise and p.tolerance == tolerance_text(noise[0])), None),
        noisy=noise[1] if noise else 0,
        far=whole[-1] if len(whole) > 1 else None,
        histogram=histogram_of(document),
    )
