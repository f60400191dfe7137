"""The rules of a verdict, such as `changed <= 1%`."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from diffing.core.text import shown

COUNTS = (
    *("added", "changed", "removed", "unchanged", "emitted"),
    *("within_tolerance", "within_tolerance_whole", "duplicate_keys", "not_numbers"),
)
"""The counts of a summary that a rule may name."""

OF_COLUMNS = ("changed",)
"""The figures of a value column, as in COLUMN.changed."""

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
    """A rule: a figure of the summary, and its limit.

    Args:
        name: of the figure: a count, COLUMN.changed, or `columns`.
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
        if name not in COUNTS and _split(name)[1] not in OF_COLUMNS:
            raise ValueError(f"unknown figure {shown(name)}; the figures are {_known()}")
        is_number = isinstance(limit, int | float) and not isinstance(limit, bool)
        text = _plain(limit) if is_number else limit
        found = _LIMIT.fullmatch(text.strip()) if isinstance(text, str) else None
        if not found:
            raise ValueError(
                f"the limit of {shown(name)} must be a number, or a text such as <= 1%"
            )
        sign = (found[1] or "=").replace("==", "=")
        return cls(name, sign, Decimal(found[2]), is_share=bool(found[3]))

    @property
    def column(self) -> str | None:
        """The value column, if the figure is of one."""
        return None if self.name in (*COUNTS, _COLUMNS) else _split(self.name)[0]

    @property
    def expected(self) -> str:
        """The limit as a text that `of` reads."""
        if self.limit is None:
            return _SAME
        return f"{self.sign} {self.limit:f}{'%' if self.is_share else ''}"

    def is_met(self, figure: int, whole: int) -> bool:
        """Whether a figure keeps the limit.

        Args:
            figure: the figure.
            whole: the figure that is 100 %. If it is 0, any figure above 0 exceeds every share.
        """
        if self.limit is None:
            return figure == 0
        compare = _OPERATORS[self.sign]
        if not self.is_share:
            return compare(figure, self.limit)
        # multiplied, because a quotient would be rounded
        return compare(100 * figure, self.limit * whole)


def rules_of(expected: Mapping[str, object]) -> tuple[Rule, ...]:
    """The rules of limits by name.

    Raises:
        ValueError: a rule is invalid.
    """
    return tuple(Rule.of(name, limit) for name, limit in expected.items())


def limits_of(rules: Mapping[str, object]) -> dict[str, str]:
    """The same limits, each as one text.

    Raises:
        ValueError: a rule is invalid.
    """
    return {rule.name: rule.expected for rule in rules_of(rules)}


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


def _split(name: str) -> tuple[str, str]:
    column, _, figure = name.rpartition(".")
    return (column, figure) if column else ("", "")


def _plain(number: object) -> str:
    return f"{Decimal(str(number)):f}"


def _known() -> str:
    of_columns = (f"COLUMN.{figure}" for figure in OF_COLUMNS)
    return ", ".join([*COUNTS, _COLUMNS, *of_columns])
