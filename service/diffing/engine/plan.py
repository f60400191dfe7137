"""How the rows of two files are matched: the plan, and the next one where it does not fit."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Literal, Self


class Misfit(Enum):
    """What the files have that a plan is not made for."""

    SEPARATOR = "a field with U+001F in it"
    REPEATED_KEY = "a key that stands in several rows of old"
    NO_NUMBER = "a value that is no number"


@dataclass(frozen=True)
class Plan:
    """How rows are matched; whatever the plan, the same comes out.

    Args:
        keys: "hashed" holds 128 bits of each key in memory, "exact" the key itself.
        old: "once" joins old as it is, "grouped" brings it to one row a key first.
        values: "numbers" holds numbers in the place of values, all of which are numbers or empty,
            with a tolerance.
    """

    keys: Literal["hashed", "exact"]
    old: Literal["once", "grouped"]
    values: Literal["numbers", "any"]

    @property
    def old_side(self) -> str:
        """The section of `4_old.sql` that makes the old side of the join, which has its name."""
        return _OLD_SIDES[self.old, self.values]

    @property
    def outcome(self) -> str:
        """The section of `5_classify.sql` that joins."""
        return _OUTCOMES[self.values]

    def after(self, misfit: Misfit) -> Self:
        """The plan to follow when this one met with a misfit."""
        return replace(self, **_REMEDIES[misfit])


_OLD_SIDES = {
    ("once", "numbers"): "old_once_numbers",
    ("once", "any"): "old_once",
    ("grouped", "numbers"): "old_grouped_numbers",
    ("grouped", "any"): "old_grouped",
}
_OUTCOMES = {"numbers": "outcome_of_numbers", "any": "outcome_of_any"}
_REMEDIES: dict[Misfit, dict[str, Any]] = {
    Misfit.SEPARATOR: {"keys": "exact"},
    Misfit.REPEATED_KEY: {"old": "grouped"},
    Misfit.NO_NUMBER: {"values": "any"},
}
