"""The comparison: key and value columns, as they are asked for, their kinds, and its options."""

import datetime
import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from diffing.core.dialect import SIDES, Dialect, by_side
from diffing.core.durations import microseconds
from diffing.core.errors import BadArgument
from diffing.core.expectations import limits_of, rules_of
from diffing.core.text import faults, shown


def _not_negative(number: float) -> float:
    if not 0 <= number < math.inf:
        raise ValueError(f"must be a number, 0 or more, not {number}")
    return number


def _duration(text: str) -> str:
    microseconds(text)
    return text


def _day(given: object) -> object:
    if isinstance(given, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", given):
        return datetime.date.fromisoformat(given)
    if isinstance(given, datetime.datetime) or not isinstance(given, datetime.date | None):
        raise ValueError("must be a date such as 2026-11-30")
    return given


def _limits(given: object) -> object:
    return limits_of(given) if isinstance(given, Mapping) else given


# options of which a request replaces single entries
_MERGED = ("tolerance", "expect")
# each field is compared with each word
_MOST_WORDS = 100

Duplicates = Literal["allow", "count", "error"]
First = Literal["error", "added"]
Tolerance = Annotated[float, Field(strict=True), AfterValidator(_not_negative)]
Flag = Annotated[bool, Field(strict=True)]
Duration = Annotated[str, AfterValidator(_duration)]
Kind = Literal["number", "text", "time"]
Columns = Annotated[tuple[str, ...], Field(min_length=1)]
Day = Annotated[datetime.date | None, BeforeValidator(_day)]
Expected = Annotated[dict[str, str], BeforeValidator(_limits)]

REL_TOL = 1e-9
"""The relative tolerance, if nobody names one: but of two whole numbers, none."""
AUTO = ("auto",)
"""In place of key columns: the first smallest set of columns that is unique in both files."""
ALL = ("*",)
"""The value columns, if nobody names them: all that both files have, except the key."""


def _not(names: Sequence[str], kind: str) -> str:
    """These names, and that they are not columns of a kind."""
    are = f"is not a {kind} column" if len(names) == 1 else f"are not {kind} columns"
    return f"{', '.join(map(shown, names))}, which {are}"


def _as_list(given: object) -> object:
    return AUTO if given == AUTO[0] else given


Key = Annotated[Columns, BeforeValidator(_as_list)]


class ColumnTolerance(BaseModel):
    """The tolerances of one value column; None for those of the comparison."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rel_tol: Tolerance | None = None
    abs_tol: Tolerance | None = None


class Options(BaseModel):
    """The options of a comparison, beside its columns.

    Args:
        rel_tol: relative tolerance, as in `math.isclose`; None for 1e-9, but no tolerance between
            two whole numbers, written without a point or an exponent.
        abs_tol: absolute tolerance, as in `math.isclose`. If both are 0, numbers are compared as
            decimals.
        tolerance: tolerances of single value columns, by names or patterns.
        text: value columns that are compared by character.
        time: value columns that are compared as dates and times of ISO 8601.
        time_tol: tolerance of times, such as "1s".
        trim: ignore blanks around keys and values.
        nocase: ignore the case of keys and values.
        empty: keys and values that mean an empty field.
        duplicates: "count" lets each row of new take one row of old; "error" refuses a file that
            repeats a key.
        first: "added" takes an old file that is missing or empty as one without rows.
        period: key column with dates, months, quarters or years.
        settled_after: time after the end of a period, such as "45d", from which it is settled.
        today: day on which a period is settled or open; None for the newest period of new.
        expect: limits of figures of the summary, by the name of the figure; see `expectations.py`.
        ignore: names and patterns of columns that are not compared.
        rename: names of columns in new, by their names in old. Elsewhere they have those of new.
        measure: key column that names what is measured: values of others are not added to them.
        additive: whether sums of the values mean something; those of means do not.
        totals: whether to take the totals of both whole files, for an analysis.
        totals_by: key columns that group these totals, beside the measure.
        old_dialect, new_dialect: of the files. Their fields are taken as options, too, and then
            count for both files.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rel_tol: Tolerance | None = None
    abs_tol: Tolerance = 0.0
    tolerance: dict[str, ColumnTolerance] = {}
    text: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    time_tol: Duration | None = None
    trim: Flag = False
    nocase: Flag = False
    empty: Annotated[tuple[str, ...], Field(max_length=_MOST_WORDS)] = ()
    duplicates: Duplicates = "allow"
    first: First = "error"
    period: str | None = None
    settled_after: Duration | None = None
    today: Day = None
    expect: Expected = {}
    ignore: tuple[str, ...] = ()
    rename: dict[str, str] = {}
    measure: str | None = None
    additive: Flag = True
    totals: Flag = False
    totals_by: tuple[str, ...] = ()
    old_dialect: Dialect = Dialect()
    new_dialect: Dialect = Dialect()

    @property
    def old_may_be_missing(self) -> bool:
        """Whether the old file may be missing or empty."""
        return self.first == "added"

    @model_validator(mode="before")
    @classmethod
    def _dialects_by_side(cls, given: Any) -> Any:
        return by_side(given) if isinstance(given, Mapping) else given


class _Columns(BaseModel):
    key: Key
    value: Columns = ALL


class Comparison(Options, _Columns):  # the columns come first, in summaries and errors
    """The columns of a diff, and its options. `columns.resolved` finds them in two headers.

    Args:
        key: columns that identify a row, at least one; or AUTO.
        value: columns to compare, at least one, and not in `key`. In a name, `*` matches any text.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that both files must have, whatever else they have."""
        key = () if self.key == AUTO else self.key
        return (*key, *(name for name in self.value if "*" not in name))

    @property
    def tolerances(self) -> tuple[tuple[float | None, float], ...]:
        """The relative tolerance, None if not set, and the absolute one of each value column."""
        own = (self.tolerance.get(column, ColumnTolerance()) for column in self.value)
        return tuple(
            (
                self.rel_tol if column.rel_tol is None else column.rel_tol,
                self.abs_tol if column.abs_tol is None else column.abs_tol,
            )
            for column in own
        )

    @property
    def rel_tols(self) -> tuple[float, ...]:
        """The relative tolerance of each value column, except between whole numbers."""
        return tuple(REL_TOL if rel_tol is None else rel_tol for rel_tol, _ in self.tolerances)

    @property
    def compares_decimals(self) -> bool:
        """Whether both tolerances of a value column are 0, so its numbers are compared exactly."""
        return any(rel_tol == abs_tol == 0 for rel_tol, abs_tol in self.tolerances)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kind of each value column."""
        return tuple(
            "text" if column in self.text else "time" if column in self.time else "number"
            for column in self.value
        )

    @property
    def numbers(self) -> tuple[str, ...]:
        """The value columns of numbers."""
        return tuple(c for c, kind in zip(self.value, self.kinds, strict=True) if kind == "number")

    @property
    def time_tols(self) -> tuple[int | None, ...]:
        """The tolerance of each value column of times in microseconds; None for other columns."""
        tolerance = microseconds(self.time_tol) if self.time_tol else 0
        return tuple(tolerance if kind == "time" else None for kind in self.kinds)

    @property
    def has_rules_of_fields(self) -> bool:
        """Whether fields with different texts may be equal, even those of a key."""
        return self.trim or self.nocase or bool(self.empty)

    @property
    def has_rules(self) -> bool:
        """Whether values are compared otherwise than as numbers."""
        return self.has_rules_of_fields or bool(self.text or self.time)

    @property
    def needs_moves(self) -> bool:
        """Whether the verdict depends on periods, or on how far values moved."""
        rules = rules_of(self.expect)
        return self.period is not None or any(rule.is_of_values for rule in rules)

    @property
    def takes_totals(self) -> bool:
        """Whether totals of the whole files are taken: they are wanted, and mean something."""
        return self.totals and self.additive

    @property
    def columns_of_totals(self) -> tuple[str, ...]:
        """The key columns that group the totals, in the order of the key."""
        return tuple(name for name in self.key if name in (self.measure, *self.totals_by))

    @staticmethod
    def of(**fields: object) -> "Comparison":
        """A comparison of these fields.

        Raises:
            BadArgument: a field is invalid, or two fields contradict each other.
        """
        try:
            return Comparison.model_validate(fields)
        except ValidationError as error:
            raise BadArgument(f"{faults(error, Comparison.model_fields)}.") from None

    def with_options(self, options: Mapping[str, Any]) -> "Comparison":
        """The same comparison, with some options replaced.

        A column in `tolerance` gets those tolerances in place of both of its present ones. In
        `expect`, the given limits are replaced. Of a dialect, the given fields are replaced.

        Args:
            options: values by the names of the fields.

        Raises:
            BadArgument: an option is invalid, or does not match the columns.
        """
        own = self.model_dump(include=set(Comparison.model_fields))
        try:
            given = by_side(options)
        except ValueError as error:
            raise BadArgument(f"{error}.") from None
        merged = {name: own[name] | given.get(name, {}) for name in (*_MERGED, *SIDES)}
        return Comparison.of(**{**own, **given, **merged})

    @model_validator(mode="after")
    def _columns_are_named_once(self) -> Self:
        columns = [*self.key, *self.value]
        twice = sorted({c for c in columns if columns.count(c) > 1})
        if twice:
            names = ", ".join(map(shown, twice))
            if ALL[0] in self.key:
                raise ValueError("key names *, but only value may have patterns")
            raise ValueError(f"column named twice among key and value: {names}")
        return self

    @model_validator(mode="after")
    def _renamed_columns_differ(self) -> Self:
        targets = list(self.rename.values())
        if twice := sorted({name for name in targets if targets.count(name) > 1}):
            raise ValueError(f"two columns renamed to {', '.join(map(shown, twice))}")
        return self

    @model_validator(mode="after")
    def _measure_is_a_key_column(self) -> Self:
        if self.measure is not None and self.measure not in self.key and self.key != AUTO:
            raise ValueError(f"measure names {_not([self.measure], 'key')}")
        return self

    @model_validator(mode="after")
    def _totals_are_of_key_columns(self) -> Self:
        others = [name for name in self.totals_by if name not in self.key]
        if others and self.key != AUTO:
            raise ValueError(f"totals_by names {_not(others, 'key')}")
        if self.totals_by and not self.totals:
            raise ValueError("`totals_by` is set, but not `totals`")
        return self

    @model_validator(mode="after")
    def _tolerances_are_of_value_columns(self) -> Self:
        others = sorted(name for name in set(self.tolerance) - set(self.value) if "*" not in name)
        if others and not any("*" in name for name in self.value):
            raise ValueError(f"tolerance set for {_not(others, 'value')}")
        return self

    @model_validator(mode="after")
    def _rules_are_of_value_columns(self) -> Self:
        if not any("*" in name for name in self.value):
            self.require_columns_of_rules()
        for rule in rules_of(self.expect):
            if rule.period and not self.period:
                raise ValueError(f"expect names {rule.name}, but no period is set")
        return self

    def require_columns_of_rules(self) -> None:
        """Check the columns that `expect` names.

        Raises:
            ValueError: one is not a value column, or not one of numbers although a rule needs that.
        """
        rules = rules_of(self.expect)
        named = {rule.column for rule in rules if rule.column is not None}
        if others := sorted(named - set(self.value)):
            raise ValueError(f"expect names {_not(others, 'value')}")
        for rule in rules:
            if rule.is_of_values and rule.column not in self.numbers:
                column = shown(rule.column or "")
                raise ValueError(f"expect names {shown(rule.name)}, but {column} has no numbers")

    @model_validator(mode="after")
    def _periods_are_complete(self) -> Self:
        if self.period is not None and self.period not in self.key and self.key != AUTO:
            raise ValueError(f"period names {_not([self.period], 'key')}")
        if (self.period is None) != (self.settled_after is None):
            raise ValueError("`period` and `settled_after` are given together")
        if self.today is not None and self.period is None:
            raise ValueError("today is set, but no period")
        return self

    @model_validator(mode="after")
    def _kinds_are_of_value_columns(self) -> Self:
        for name, columns in (("text", self.text), ("time", self.time)):
            others = sorted(set(columns) - set(self.value))
            if others and not any("*" in column for column in self.value):
                raise ValueError(f"{name} names {_not(others, 'value')}")
        if both := sorted(set(self.text) & set(self.time)):
            raise ValueError(f"column in both text and time: {', '.join(map(shown, both))}")
        return self

    @model_validator(mode="after")
    def _tolerances_fit_the_kinds(self) -> Self:
        for kind, columns in (("text", self.text), ("time", self.time)):
            if toleranced := sorted(set(self.tolerance) & set(columns)):
                names = ", ".join(map(shown, toleranced))
                are = f"is a {kind} column" if len(toleranced) == 1 else f"are {kind} columns"
                hint = "; time_tol is the tolerance of times" if kind == "time" else ""
                raise ValueError(f"tolerance set for {names}, which {are}{hint}")
        if self.time_tol is not None and not self.time:
            raise ValueError("time_tol is set, but no column is a time")
        return self

    @model_validator(mode="after")
    def _counted_times_have_no_tolerance(self) -> Self:
        if self.duplicates == "count" and any(self.time_tols):
            raise ValueError("`duplicates=count` takes no `time_tol`; leave one of them out")
        return self
