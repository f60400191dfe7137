"""The rows of both files, accounted for, and the columns that differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MOST_COLUMNS = 30


@dataclass(frozen=True)
class RowSpan:
    """A part of a bar.

    Args:
        kind: of its rows, as in the summary.
        rows: their number.
        start, width: in percent of the longer file.
    """

    kind: str
    rows: int
    start: float
    width: float


@dataclass(frozen=True)
class Accounts:
    """The rows of old and new by kind. Shared kinds start at the same place.

    Args:
        old: removed rows, changed and unchanged.
        new: changed rows, unchanged and added.
        repeated: whether keys repeat, so that the rows of old do not add up.
    """

    old: list[RowSpan]
    new: list[RowSpan]
    repeated: bool


@dataclass(frozen=True)
class ChangedColumn:
    """A value column, and the number of changed rows in which it differs."""

    name: str
    rows: int


@dataclass(frozen=True)
class ChangedColumns:
    """The value columns, those that changed most first.

    Args:
        shown: the first ones.
        rest: number of other columns that differ.
        same: number of columns that do not differ.
    """

    shown: list[ChangedColumn]
    rest: int
    same: int


def changed_columns_of(summary: Mapping[str, Any]) -> ChangedColumns | None:
    """The columns that differ; None if there is a single value column, or nothing changed.

    Args:
        summary: of the diff.
    """
    counts = summary["columns"].get("changed", {})
    if len(summary["value"]) == 1 or not counts or not summary["changed"]:
        return None
    changed = [ChangedColumn(name, rows) for name, rows in counts.items() if rows]
    changed.sort(key=lambda column: -column.rows)
    return ChangedColumns(
        changed[:_MOST_COLUMNS],
        max(len(changed) - _MOST_COLUMNS, 0),
        len(summary["value"]) - len(changed),
    )


def accounts_of(summary: Mapping[str, Any]) -> Accounts:
    """The rows of a diff.

    Args:
        summary: of the diff.
    """
    removed, added = summary["removed"], summary["added"]
    shared_of_old = summary["old"]["rows"] - removed
    changed, unchanged = summary["changed"], summary["unchanged"]
    counted = summary.get("duplicates") == "count"  # rows of old add up, too
    repeats = any(summary["duplicate_keys"].values()) or shared_of_old != changed + unchanged
    repeated = repeats and not counted
    old_kinds = [("removed", removed)]
    if repeated:
        old_kinds.append(("kept", shared_of_old))
    else:
        old_kinds += [("changed", changed), ("unchanged", unchanged)]
    new_kinds = [("changed", changed), ("unchanged", unchanged), ("added", added)]
    whole = max(removed + max(shared_of_old, changed + unchanged + added), 1)
    return Accounts(
        old=_parts(old_kinds, 0, whole), new=_parts(new_kinds, removed, whole), repeated=repeated
    )


def _parts(kinds: list[tuple[str, int]], start: int, whole: int) -> list[RowSpan]:
    parts = []
    for kind, rows in kinds:
        if rows:
            parts.append(RowSpan(kind, rows, 100 * start / whole, 100 * rows / whole))
        start += rows
    return parts
