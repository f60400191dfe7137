"""Where: the rows by the values of each key column."""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, islice
from typing import Any

from diffing.api.pages.charts import KINDS_SHOWN, Span, stacked

# A few values have at least so much of the rows, and are at most so much of the values.
_FEW = ((0.99, 0.4), (0.95, 1 / 3), (0.9, 1 / 3))
# how many of each are shown; the document has more
_MOST_VALUES, _MOST_KEYS = 10, 8


@dataclass(frozen=True)
class Value:
    """A value of a key column.

    Args:
        text: None for an empty field.
        others: number of values that it counts together; 0 for a single one.
        counts: rows by kind.
        share: of added, changed and removed rows.
        spans: the same as a bar.
    """

    text: str | None
    others: int
    counts: dict[str, int]
    share: float
    spans: list[Span]


@dataclass(frozen=True)
class Where:
    """The rows by the values of a key column.

    Args:
        column: its name.
        values: the first ones, and the others together; empty if each has one row.
        number: of all values.
        few: number of values that have most changed rows, or most of all if none changed; 0 if no
            few have.
        share: of these rows, that these values have.
    """

    column: str
    values: list[Value]
    number: int
    few: int
    share: float


def where_of(document: Mapping[str, Any]) -> list[Where]:
    """The section of each key column."""
    found = groupby(document["slices"], key=lambda one: one["column"])
    return [_values(column, list(slices)) for column, slices in islice(found, _MOST_KEYS)]


def _values(column: str, slices: Sequence[Mapping[str, Any]]) -> Where:
    named = [one for one in slices if one["values"] == 1]
    number = sum(one["values"] for one in slices)
    if all(_rows(one) <= 1 for one in named):
        return Where(column, [], number, 0, 0)
    few, share = _few(slices, number)
    longest = max(map(_rows, named))
    values = [_value(one["value"], 0, [one], longest) for one in named[:_MOST_VALUES]]
    others = [one for one in slices if one not in named[:_MOST_VALUES]]
    if others:
        rest = sum(one["values"] for one in others)
        values.append(_value(None, rest, others, 0))
    return Where(column, values, number, few, share)


def _rows(one: Mapping[str, Any]) -> int:
    return sum(int(one[kind]) for kind in KINDS_SHOWN)


def _few(slices: Sequence[Mapping[str, Any]], number: int) -> tuple[int, float]:
    """The least number of values that have nearly all rows, or else most, if they are few."""
    of_all = sum(int(one["changed"]) for one in slices)
    rows_of = (lambda one: int(one["changed"])) if of_all else _rows
    of_all = of_all or sum(map(_rows, slices))
    rows = sorted((rows_of(one) for one in slices if one["values"] == 1), reverse=True)
    so_far = list(accumulate(rows))
    for wanted, most in _FEW:
        few = bisect_left(so_far, wanted * of_all) + 1
        if few <= min(len(rows), number * most):
            return few, so_far[few - 1] / of_all
    return 0, 0


def _value(
    text: str | None, others: int, slices: Sequence[Mapping[str, Any]], longest: int
) -> Value:
    counts = {kind: sum(int(one[kind]) for one in slices) for kind in KINDS_SHOWN}
    share = math.fsum(one["share"] for one in slices)
    return Value(text, others, counts, share, stacked(counts, longest))
