"""The numbers of rows that a comparison finds, by kind."""

from collections.abc import Sequence
from dataclasses import dataclass

from diffing.engine.renames import Rename

# The part of the rows of a file. With fewer keys in common, the key is doubtful.
_FEW_IN_COMMON = 0.1


@dataclass(frozen=True)
class Differing:
    """A way in which the keys of both files seem to differ.

    Args:
        rule: its name in `differing_keys.sql`.
        old_key, new_key: an example, the fields of two keys.
    """

    rule: str
    old_key: Sequence[str]
    new_key: Sequence[str]


@dataclass(frozen=True)
class Counts:
    """The numbers of rows and values, by kind.

    Args:
        changed_columns: for each value column, the changed rows in which it differs.
        old_alone, new_alone: rows whose key is not in the other file.
        differing: how keys seem to differ; None if unknown, or if many are in common.
        renames: columns that seem to have another name in the other file.
        decimal_comma: a value with a decimal comma, if most changed rows have one.
    """

    old_rows: int
    new_rows: int
    old_surplus: int
    new_surplus: int
    old_not_numbers: int
    new_not_numbers: int
    added: int
    changed: int
    removed: int
    unchanged: int
    within_tolerance: int
    within_tolerance_whole: int
    changed_columns: tuple[int, ...]
    old_alone: int
    new_alone: int
    differing: Differing | None = None
    renames: tuple[Rename, ...] = ()
    decimal_comma: str | None = None

    @property
    def has_few_keys_in_common(self) -> bool:
        """Whether most rows of both files have a key of their own."""
        new_in_common = self.new_rows - self.new_alone
        old_in_common = self.old_rows - self.old_alone
        return (
            min(self.old_rows, self.new_rows) > 0
            and new_in_common < _FEW_IN_COMMON * self.new_rows
            and old_in_common < _FEW_IN_COMMON * self.old_rows
        )
