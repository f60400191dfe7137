"""Sums of doubles that are exact, so they do not depend on the order of the numbers."""

import math
from collections.abc import Mapping
from typing import Any, Self

# a sum is a whole number of 2 ** -1074, the least double
_DIGITS = 1074


class Sum:
    """A sum, exact until it is rounded once."""

    def __init__(self, parts: int = 0) -> None:
        self._parts = parts

    @classmethod
    def of(cls, whole: int, unit: int) -> Self:
        """A whole number of units of 2 ** unit."""
        return cls(whole << (_DIGITS + unit))

    def __add__(self, other: "Sum") -> "Sum":
        return Sum(self._parts + other._parts)

    def __sub__(self, other: "Sum") -> "Sum":
        return Sum(self._parts - other._parts)

    def __bool__(self) -> bool:
        return self._parts != 0

    @property
    def number(self) -> float | None:
        """The nearest double; None if the sum is too large for one."""
        try:
            return self._parts / (1 << _DIGITS)
        except OverflowError:
            return None


def sums_in(part: Mapping[str, Any]) -> tuple[Sum, Sum]:
    """The sums of old and new in a row of `bridge`."""
    return (
        Sum.of(int(part["old_sum"]), part["old_unit"]),
        Sum.of(int(part["new_sum"]), part["new_unit"]),
    )


def finite(figure: Any) -> Any:
    """The figure, but None for a number that JSON does not have."""
    return None if isinstance(figure, float) and not math.isfinite(figure) else figure
