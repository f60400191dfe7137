"""The rules of a verdict, such as `changed <= 1%`."""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Self

from diffing.core.text import near, shown

OF_PERIODS = ("added", "changed", "removed", "unchanged", "emitted")
"""The counts of a summary that a rule may name of a period, as in settled.changed."""

COUNTS = (
    *OF_PERIODS,
    *("within_tolerance", "within_tolerance_whole", "duplicate_keys", "not_numbers"),
)
"""The counts of a summary that a rule may name."""

OF_COLUMNS = ("changed", "moved", "largest")
"""The figures of a value column, as in COLUMN.changed."""

PERIODS = ("settled", "open", "new")

_COLUMNS = "columns"
_SAME = "same"
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_LIMIT = re.compile(r"(<=|>=|<|>|==?)?\s*([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*(%?)")
_RULE = re.compile(r"(.+?)\s*((?:<|>|=).*)", re.DOTALL)


@dataclass(frozen=True)
class Rule:
    """A rule: a figure, and its limit.

    Args:
        name: of the figure: a count, `columns`, or COLUMN.changed, COLUMN.moved, COLUMN.largest;
            perhaps with a period before it.
        sign: how the figure relates to the limit.
        limit: a number; None for columns that are the same.
        is_share: whether the limit is in percent.
    """

    name: str
    sign: str = "="
    limit: Decimal | None = None
    is_share: bool = False

    @classmethod
    def of(cls, name: str, limit: object) -> Self:
        """The rule of a name and a limit: a number, or a text such as `<= 1%`.

        Raises:
            ValueError: no such figure exists, or the limit is not one.
        """
        if name == _COLUMNS:
            if limit not in (_SAME, f"= {_SAME}"):
                raise ValueError(f'columns can only be expected to be "{_SAME}"')
            return cls(name)
        is_number = isinstance(limit, int | float) and not isinstance(limit, bool)
        text = _plain(limit) if is_number else limit
        found = _LIMIT.fullmatch(text.strip()) if isinstance(text, str) else None
        _, column, figure = _parts(name)
        if figure not in (OF_COLUMNS if column else COUNTS):
            hint = near(figure, OF_COLUMNS if column else COUNTS)
            raise ValueError(f"unknown figure {shown(name)}.{hint} The figures are {_known()}")
        if not found:
            raise ValueError(
                f"the limit of {shown(name)} must be a number, or a text such as <= 1%"
            )
        sign = (found[1] or "=").replace("==", "=")
        return cls(name, sign, Decimal(found[2]), is_share=bool(found[3]))

    @property
    def period(self) -> str | None:
        """The periods in which the figure is taken; None for all rows."""
        return _parts(self.name)[0]

    @property
    def column(self) -> str | None:
        """The value column, if the figure is of one."""
        return _parts(self.name)[1]

    @property
    def figure(self) -> str:
        """The figure, without its period and its column."""
        return _parts(self.name)[2]

    @property
    def is_of_values(self) -> bool:
        """Whether the figure is a distance of values, and not a number of rows."""
        return self.figure in ("moved", "largest")

    @property
    def expected(self) -> str:
        """The limit as a text that `of` reads."""
        if self.limit is None:
            return _SAME
        return f"{self.sign} {self.limit:f}{'%' if self.is_share else ''}"

    def is_met(self, figure: float, whole: float) -> bool:
        """Whether a figure keeps the limit.

        Args:
            figure: the figure, perhaps infinite.
            whole: the figure that is 100 %. If it is 0, any figure above 0 exceeds every share. If
                it exceeds all doubles, a finite figure keeps no share.
        """
        if self.limit is None:
            return figure == 0
        compare = _OPERATORS[self.sign]
        if not math.isfinite(figure):
            return compare(figure, self.limit)
        # exact, because a quotient would be rounded
        if self.is_share:
            if not math.isfinite(whole):
                return False
            return compare(100 * Fraction(figure), Fraction(self.limit) * Fraction(whole))
        return compare(Fraction(figure), Fraction(self.limit))


def rules_of(expected: Mapping[str, object]) -> tuple[Rule, ...]:
    """The rules of limits by name.

    Raises:
        ValueError: a rule is invalid.
    """
    return tuple(Rule.of(name, limit) for name, limit in expected.items())


def limits_of(rules: Mapping[str, object]) -> dict[str, str]:
    """The same limits, each as one text; those of periods are named as in `settled.changed`.

    Raises:
        ValueError: a rule is invalid.
    """
    flat: dict[str, object] = {}
    for name, limit in rules.items():
        if name in PERIODS and isinstance(limit, Mapping):
            flat |= {f"{name}.{figure}": own for figure, own in limit.items()}
        else:
            flat[name] = limit
    return {rule.name: rule.expected for rule in rules_of(flat)}


def rule_in(text: str) -> tuple[str, str]:
    """The name and the limit in a text such as `changed <= 1%`.

    Raises:
        ValueError: the text is not a rule.
    """
    found = _RULE.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{shown(text)} is not a rule such as changed <= 1%")
    name, limit = found[1], found[2]
    return name, limit.removeprefix("=").strip() if name == _COLUMNS else limit


def rule_text(name: str, limit: str) -> str:
    """The text that `rule_in` reads as this name and this limit."""
    return f"{name} = {limit}" if limit == _SAME else f"{name} {limit}"


def _parts(name: str) -> tuple[str | None, str | None, str]:
    """The period, the column and the figure that a name has."""
    if name in COUNTS:
        return None, None, name
    period, _, rest = name.partition(".")
    column, _, figure = rest.rpartition(".")
    if period in PERIODS and (rest in OF_PERIODS or (column and figure in OF_COLUMNS)):
        return period, column or None, figure
    column, _, figure = name.rpartition(".")
    return None, column or None, figure


def _plain(number: object) -> str:
    return f"{Decimal(str(number)):f}"


def _known() -> str:
    of_columns = [f"COLUMN.{figure}" for figure in OF_COLUMNS]
    of_periods = [f"{period}.{OF_PERIODS[1]}" for period in PERIODS]
    return ", ".join([*COUNTS, _COLUMNS, *of_columns, *of_periods])
