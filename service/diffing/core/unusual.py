"""Figures of a run that differ from those of earlier runs of the same metric.

The rule is the modified z-score of B. Iglewicz and D. Hoaglin, How to Detect and Handle Outliers
(ASQC Quality Press, 1993), which the NIST/SEMATECH e-Handbook gives in section 1.3.5.17. The score
is 0.6745 (x - median) / MAD, where MAD is the median of the distances from the median. A score
above 3.5 is an outlier. If more than half of the runs are equal, MAD is 0. Then the mean distance,
times 1.2533, takes its place, as in SPSS. If all runs are equal, any other figure is unusual.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

RUNS = 30
"""Most runs with which a figure is compared."""

LEAST_RUNS = 5
"""With fewer earlier runs, nothing is unusual."""

_MOST_SCORE = 3.5
_OF_MEDIAN = 0.6745  # MAD of the normal distribution, in standard deviations
_OF_MEAN = 1.2533  # its standard deviation, in mean distances
_TIMES = 2  # from here on, the text says how many times the usual
_ROUND = 10  # from here on, it does so without a fraction


@dataclass(frozen=True)
class Unusual:
    """A figure that differs from earlier ones.

    Args:
        figure: its name.
        value: of this run.
        usual: median of the earlier runs.
        runs: number of these.
    """

    figure: str
    value: float
    usual: float
    runs: int

    @property
    def text(self) -> str:
        """The same in words."""
        of = f"(median of {self.runs} runs)"
        said = f"{self.figure.replace('_', ' ')} {self.value:,.12g}"
        times = self.value / self.usual if self.usual else 0.0
        if times < _TIMES:
            return f"{said}: the usual is {self.usual:,.12g} {of}"
        number = f"{times:,.0f}" if times >= _ROUND else f"{times:.1f}".removesuffix(".0")
        return f"{said}: {number} times the usual {self.usual:,.12g} {of}"


def unusual(
    figures: Mapping[str, float], earlier: Sequence[Mapping[str, float]]
) -> tuple[Unusual, ...]:
    """The figures that differ from those of earlier runs.

    Args:
        figures: of a run, by name.
        earlier: the same figures of earlier runs, at most `RUNS`.
    """
    if len(earlier) < LEAST_RUNS:
        return ()
    found = []
    for name, value in figures.items():
        before = [run[name] for run in earlier]
        if _is_unusual(value, before):
            found.append(Unusual(name, value, median(before), len(before)))
    return tuple(found)


def _is_unusual(value: float, before: Sequence[float]) -> bool:
    middle = median(before)
    distances = [abs(other - middle) for other in before]
    spread = median(distances) / _OF_MEDIAN or fmean(distances) * _OF_MEAN
    return abs(value - middle) > _MOST_SCORE * spread
