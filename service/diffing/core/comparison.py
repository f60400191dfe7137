"""What a diff compares: key and value columns, and when two values are the same."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from diffing.core.errors import BadArgument
from diffing.core.text import faults, shown

Duplicates = Literal["allow", "error"]
Tolerance = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Columns = Annotated[tuple[str, ...], Field(min_length=1)]


class ColumnTolerance(BaseModel):
    """The tolerances of one value column; None for that of the comparison."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rel_tol: Tolerance | None = None
    abs_tol: Tolerance | None = None


class Comparison(BaseModel):
    """What makes two rows the same row, and two values the same value.

    Args:
        key: columns that name a row, at least one.
        value: columns that are compared, at least one, none of them in `key`.
        rel_tol: relative tolerance, as in `math.isclose`.
        abs_tol: absolute tolerance, as in `math.isclose`; where both are 0, numbers are compared
            as decimals.
        tolerance: value columns that have tolerances of their own.
        duplicates: whether keys that stand in several rows of a file are an error.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Columns
    value: Columns
    rel_tol: Tolerance = 1e-9
    abs_tol: Tolerance = 0.0
    tolerance: dict[str, ColumnTolerance] = {}
    duplicates: Duplicates = "allow"

    @property
    def tolerances(self) -> tuple[tuple[float, float], ...]:
        """The relative and the absolute tolerance of each value column."""
        own = (self.tolerance.get(column, ColumnTolerance()) for column in self.value)
        return tuple(
            (
                self.rel_tol if column.rel_tol is None else column.rel_tol,
                self.abs_tol if column.abs_tol is None else column.abs_tol,
            )
            for column in own
        )

    @property
    def compares_decimals(self) -> bool:
        """Whether a value column has both tolerances 0: its numbers are compared exactly."""
        return any(rel_tol == abs_tol == 0 for rel_tol, abs_tol in self.tolerances)

    @model_validator(mode="after")
    def _columns_are_named_once(self) -> Self:
        columns = [*self.key, *self.value]
        twice = sorted({c for c in columns if columns.count(c) > 1})
        if twice:
            names = ", ".join(map(shown, twice))
            raise ValueError(f"column named twice among key and value: {names}")
        return self

    @model_validator(mode="after")
    def _tolerances_are_of_value_columns(self) -> Self:
        others = sorted(set(self.tolerance) - set(self.value))
        if others:
            names = ", ".join(map(shown, others))
            raise ValueError(f"tolerance of what is no value column: {names}")
        return self


def comparison_of(
    key: Sequence[str],
    value: Sequence[str],
    rel_tol: float = 1e-9,
    abs_tol: float = 0.0,
    tolerance: Mapping[str, Mapping[str, float]] | None = None,
    duplicates: str = "allow",
) -> Comparison:
    """A comparison from arguments, which are as those of Comparison.

    Raises:
        BadArgument: a tolerance is negative or no number, no column is given, or one twice.
    """
    given = [("", {"rel_tol": rel_tol, "abs_tol": abs_tol}), *(tolerance or {}).items()]
    for column, tolerances in given:
        for name, number in tolerances.items():
            if not number >= 0 or math.isinf(number):
                of_column = f" of {shown(column)}" if column else ""
                raise BadArgument(f"{name}{of_column} must be a number, 0 or more, not {number}.")
    try:
        return Comparison(
            key=tuple(key),
            value=tuple(value),
            rel_tol=rel_tol,
            abs_tol=abs_tol,
            tolerance={c: ColumnTolerance(**t) for c, t in (tolerance or {}).items()},
            duplicates=duplicates,
        )
    except ValidationError as error:
        raise BadArgument(f"{faults(error)}.") from None
