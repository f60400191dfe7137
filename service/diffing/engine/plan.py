"""The plan of a join, and the next plan if the files do not fit it."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Literal, Self


class Misfit(Enum):
    """A property of the files that contradicts a plan."""

    SEPARATOR = "a field that contains U+001F"
    REPEATED_KEY = "a key that repeats"
    NO_NUMBER = "a value that is not a number"


@dataclass(frozen=True)
class Plan:
    """The method of the join. Every plan gives the same result.

    Args:
        keys: "hashed" keeps 128 bits of each key in memory, and several values as one text; "exact"
            keeps the whole key, and values one by one. For a cluster, both are bytes.
        old: "once" joins the rows of old, "grouped" first groups them by key.
        values: "numbers" joins numbers in place of texts; all values must be numbers or empty,
            with a tolerance.
        single: whether there is one value column, and no rule of fields.
    """

    keys: Literal["hashed", "exact", "hashed_bytes", "exact_bytes"]
    old: Literal["once", "grouped"]
    values: Literal["numbers", "any"]
    single: bool

    @property
    def old_side(self) -> str:
        """The section of `4_old.sql` for the old side of the join, and the name of its table."""
        return _OLD_SIDES[self.old, self.joined]

    @property
    def counted(self) -> str:
        """The section of `4_old.sql` that marks keys that repeat in new; "grouped" only."""
        return f"counted_in_{self.old_side}"

    @property
    def outcome(self) -> str:
        """The section of `5_classify.sql` for the join."""
        return _OUTCOMES[self.joined]

    @property
    def joined(self) -> Literal["numbers", "text", "texts"]:
        """The values of a row in the join: doubles, one text, or several texts."""
        if self.values == "numbers":
            return "numbers"
        return "text" if self.single else "texts"

    def after(self, misfit: Misfit) -> Self:
        """The plan after this one, given its misfit."""
        return replace(self, **_REMEDIES[misfit])


_OLD_SIDES = {
    ("once", "numbers"): "old_once_numbers",
    ("once", "text"): "old_once_text",
    ("once", "texts"): "old_once_texts",
    ("grouped", "numbers"): "old_grouped_numbers",
    ("grouped", "text"): "old_grouped_text",
    ("grouped", "texts"): "old_grouped_texts",
}
_OUTCOMES = {
    "numbers": "outcome_of_numbers",
    "text": "outcome_of_text",
    "texts": "outcome_of_texts",
}
_REMEDIES: dict[Misfit, dict[str, Any]] = {
    Misfit.SEPARATOR: {"keys": "exact"},
    Misfit.REPEATED_KEY: {"old": "grouped"},
    Misfit.NO_NUMBER: {"values": "any"},
}
