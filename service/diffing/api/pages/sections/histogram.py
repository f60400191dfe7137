"""How large changes are: a histogram with a logarithmic scale, up and down."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diffing.api.pages.charts import Tick

# bins of a power of ten
_BINS = 4
_MOST_TICKS = 7
_HEIGHT = 180  # of all bars, in pixels


@dataclass(frozen=True)
class Bar:
    """A bin.

    Args:
        start, width: in percent.
        up, down: heights in pixels.
        title: its meaning.
    """

    start: float
    width: float
    up: float
    down: float
    title: str


@dataclass(frozen=True)
class Decade:
    """The values of a power of ten, up to this size."""

    up_to: str
    up: int
    down: int


@dataclass(frozen=True)
class Histogram:
    """The values that differ, by their relative change.

    Args:
        bars: the bins that have values.
        ticks: labels of sizes.
        tolerances: lines, with their labels.
        zero: height of the bars that go up, in pixels.
        most_up, most_down: values of the highest bars.
        decades: the same figures for a table.
        up, down: all of them.
    """

    bars: list[Bar]
    ticks: list[Tick]
    tolerances: list[Tick]
    zero: float
    most_up: int
    most_down: int
    decades: list[Decade]
    up: int
    down: int


def histogram_of(document: Mapping[str, Any]) -> Histogram | None:
    """The histogram of a document; None if no number moved."""
    bins: dict[int, list[int]] = {}
    for size in document["sizes"]:
        counts = bins.setdefault(_place(size["up_to"]), [0, 0])
        counts[0] += size["up"]
        counts[1] += size["down"]
    if not bins:
        return None
    lines = sorted({t for t in document["rel_tols"].values() if t})
    axis = _Axis([*bins, *(math.ceil(_BINS * math.log10(line)) for line in lines)])
    most_up, most_down = (max(counts[side] for counts in bins.values()) for side in (0, 1))
    scale = _HEIGHT / (most_up + most_down)
    return Histogram(
        bars=[
            axis.bar(place, [scale * n for n in counts], _title(place, *counts))
            for place, counts in sorted(bins.items())
        ],
        ticks=axis.ticks(),
        tolerances=[Tick(axis.at(_BINS * math.log10(t)), tolerance_text(t)) for t in lines],
        zero=scale * most_up,
        most_up=most_up,
        most_down=most_down,
        decades=_decades(bins),
        up=sum(up for up, _ in bins.values()),
        down=sum(down for _, down in bins.values()),
    )


def tolerance_text(tolerance: float) -> str:
    """A tolerance as people write it, such as 1e-7."""
    if tolerance >= 0.01:
        return f"{tolerance:g}"
    number, _, power = f"{tolerance:.15e}".partition("e-")
    return f"{number.rstrip('0').rstrip('.')}e-{power.lstrip('0')}"


class _Axis:
    """Places of sizes, in percent. It begins a power of ten before the first one."""

    def __init__(self, places: Sequence[int]) -> None:
        self._first = _BINS * (math.floor(min(places) / _BINS) - 1)
        self._length = max(0, *places) + 1 - self._first

    def at(self, place: float) -> float:
        return 100 * (place - self._first) / self._length

    def bar(self, place: int, heights: Sequence[float], title: str) -> Bar:
        up, down = heights
        return Bar(self.at(place - 1), 100 / self._length, up, down, title)

    def ticks(self) -> list[Tick]:
        powers = range(self._first // _BINS + 1, (self._first + self._length) // _BINS + 1)
        every = math.ceil(len(powers) / _MOST_TICKS)
        shown = powers[::-1][::every]
        return [Tick(self.at(_BINS * power), _power(power)) for power in reversed(shown)]


def _place(up_to: float) -> int:
    """The upper border of a bin, counted from 1."""
    return round(_BINS * math.log10(up_to))


def _decades(bins: Mapping[int, Sequence[int]]) -> list[Decade]:
    counts: dict[int, list[int]] = {}
    for place, (up, down) in bins.items():
        found = counts.setdefault(math.ceil(place / _BINS), [0, 0])
        found[0] += up
        found[1] += down
    return [Decade(_power(power), *counts[power]) for power in sorted(counts)]


def _power(power: int) -> str:
    return tolerance_text(float(f"1e{power}"))


def _title(place: int, up: int, down: int) -> str:
    low, high = (10 ** (border / _BINS) for border in (place - 1, place))
    return f"{low:.2g} to {high:.2g}: {up:,} up, {down:,} down"
