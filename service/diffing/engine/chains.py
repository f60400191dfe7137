"""Pairs rows whose numbers form chains: each is within tolerance of the next, not of all others.

`6_multisets.sql` finds the chains, and checks the pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

# A row with the numbers of its value columns, as in `close_groups`.
Entry = Mapping[str, Any]

_STEPS = 1_000


@dataclass(frozen=True)
class Pairs:
    """Rows of new, and the row of old that each takes."""

    new: list[int] = field(default_factory=list)
    old: list[int] = field(default_factory=list)

    def add(self, new: Entry, old: Entry) -> None:
        """Add a pair."""
        self.new.append(new["row"])
        self.old.append(old["row"])


@dataclass(frozen=True)
class Chains:
    """Chains of numbers of several keys.

    Args:
        groups: `new_rows` and `old_rows` of each, as in `close_groups`.
        tolerances: the relative and the absolute one of each value column.
    """

    groups: Sequence[Mapping[str, Sequence[Entry]]]
    tolerances: Sequence[tuple[float, float]]

    def pairs(self, on_step: Callable[[], None]) -> Pairs:
        """Pair the rows of each group.

        Args:
            on_step: called often; an exception from it ends the pairing.
        """
        pairs = Pairs()
        pair = self._sorted if len(self.tolerances) == 1 else self._in_order
        # a distance may be infinite, as in SQL
        with np.errstate(over="ignore"):
            for group in self.groups:
                on_step()
                for new, old in pair(group["new_rows"], group["old_rows"], on_step):
                    pairs.add(new, old)
        return pairs

    def _sorted(
        self, new: Sequence[Entry], old: Sequence[Entry], on_step: Callable[[], None]
    ) -> list[tuple[Entry, Entry]]:
        """Walk through the numbers of both sides. No other way finds more pairs."""
        here, there = ([_number(entry, 0) for entry in side] for side in (new, old))
        found, places_new, places_old = [], _ascending(here), _ascending(there)
        at_new = at_old = 0
        while at_new < len(new) and at_old < len(old):
            if not (at_new + at_old) % _STEPS:
                on_step()
            i, j = places_new[at_new], places_old[at_old]
            if _close(here[i], there[j], self.tolerances[0]):
                found.append((new[i], old[j]))
                at_new += 1
                at_old += 1
            elif _order(here[i]) < _order(there[j]):
                at_new += 1
            else:
                at_old += 1
        return found

    def _in_order(
        self, new: Sequence[Entry], old: Sequence[Entry], on_step: Callable[[], None]
    ) -> list[tuple[Entry, Entry]]:
        """Pair each row of new with the first row of old that is left and within tolerance."""
        columns = [
            (column, _array([_number(entry, column) for entry in old]))
            for column, number in enumerate(old[0]["numbers"])
            if number is not None  # else all values of the column are within tolerance
        ]
        found, left = [], np.ones(len(old), np.bool_)
        for step, entry in enumerate(new):
            if not step % _STEPS:
                on_step()
            close = left.copy()
            for column, there in columns:
                close &= _close(_number(entry, column), there, self.tolerances[column])
            first = int(close.argmax())
            if close[first]:
                left[first] = False
                found.append((entry, old[first]))
        return found


def _number(entry: Entry, column: int) -> tuple[float, Decimal]:
    """A number, and its exact value if it is compared exactly, else 0."""
    exact = entry["exacts"][column]
    return entry["numbers"][column], Decimal(exact) if exact else Decimal(0)


def _order(number: tuple[float, Decimal]) -> tuple[float, bool, Decimal]:
    return number[0], bool(number[1]), number[1]


def _ascending(numbers: Sequence[tuple[float, Decimal]]) -> list[int]:
    """The places of numbers, in ascending order; equal numbers stay in theirs."""
    return sorted(range(len(numbers)), key=lambda place: _order(numbers[place]))


def _array(numbers: Sequence[tuple[float, Decimal]]) -> tuple[Any, Any]:
    doubles, exacts = zip(*numbers, strict=True)
    return np.array(doubles, np.float64), np.array(exacts, np.object_)


def _close(a: tuple[Any, Any], b: tuple[Any, Any], tolerance: tuple[float, float]) -> Any:
    """Whether finite numbers are within tolerance, as in `numbers_equal`; b may be arrays."""
    (x, exact_x), (y, exact_y), (rel_tol, abs_tol) = a, b, tolerance
    apart = abs(x - y)
    free = (exact_y == 0) | (exact_x == 0)
    return (
        (x == y) & (free | (exact_x == exact_y))
        | (x != y) & (apart <= abs_tol)
        | free & ((apart <= rel_tol * abs(x)) | (apart <= rel_tol * abs(y)))
    )
