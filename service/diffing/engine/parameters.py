"""The order for a comparison, and the parameters of `sql/` that state it."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diffing.core.columns import matching
from diffing.core.comparison import Comparison
from diffing.core.csv_record import line_of
from diffing.core.names import free_names
from diffing.csvfiles.csv_file import CsvFile
from diffing.csvfiles.split import CUTTING, MOST_PIECES, PIECES, Cutting, Pieces
from diffing.files.results import Outputs

_ORDER = ("key", "value", "rest")

# the views that read the files, and the sections of `1_read.sql` that make them
_IN_ONE_PIECE = {"old_rows": "old_in_one_piece", "new_rows": "new_in_one_piece"}
_IN_FOUR_PIECES = {"old_rows": "old_in_four_pieces", "new_rows": "new_in_four_pieces"}
_IN_SIXTEEN_PIECES = {"old_rows": "old_in_sixteen_pieces", "new_rows": "new_in_sixteen_pieces"}
_REORDERED = {"old_rows": "old_reordered", "new_rows": "new_reordered"}


@dataclass(frozen=True)
class Side:
    """One of the two files.

    Args:
        file: has the columns of the comparison.
        pieces: the same, in pieces.
        cuts: where else in the file a record must begin, in bytes.
    """

    file: CsvFile
    pieces: Pieces
    cuts: Sequence[int] = ()


def sides_of(files: tuple[CsvFile, CsvFile], most: int, cutting: Cutting) -> tuple[Side, Side]:
    """Both files in pieces.

    Args:
        files: old and new.
        most: pieces of a file.
        cutting: the sizes of pieces.
    """
    old, new = files
    both = Pieces(old, "old", most, cutting), Pieces(new, "new", most, cutting)
    if any(len(pieces.names) > PIECES for pieces in both):
        for pieces in both:
            pieces.pad(MOST_PIECES - len(pieces.names))
    return Side(old, both[0]), Side(new, both[1])


@dataclass(frozen=True)
class Work:
    """The order for a comparison.

    Args:
        old: the old file.
        new: the new file.
        comparison: the columns and tolerances.
        outputs: files to write.
        exact_keys: keep whole keys in memory.
        sorted_rows: rows of the result that are sorted at once, at least.
    """

    old: Side
    new: Side
    comparison: Comparison
    outputs: Outputs
    exact_keys: bool = False
    sorted_rows: int = CUTTING.sorted

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both files."""
        return self.old, self.new

    @property
    def alone(self) -> tuple[dict[str, str], dict[str, str]]:
        """The columns that old alone has, and those of new, with their roles; none ignored."""
        old, new = (
            dict(zip(side.file.own_columns, roles(side.file, self.comparison), strict=False))
            for side in self.sides
        )
        old_alone, new_alone = old.keys() - new.keys(), new.keys() - old.keys()
        for name in matching(self.comparison.ignore, old_alone | new_alone):
            old_alone.discard(name)
            new_alone.discard(name)
        return (
            {name: role for name, role in old.items() if name in old_alone},
            {name: role for name, role in new.items() if name in new_alone},
        )

    @property
    def is_cut(self) -> bool:
        """Whether a file is in several pieces."""
        return any(side.pieces.cuts for side in self.sides)

    @property
    def is_cut_small(self) -> bool:
        """Whether a file is in more than four pieces."""
        return any(len(side.pieces.names) > PIECES for side in self.sides)

    @property
    def is_reordered(self) -> bool:
        """Whether a file does not have the columns in the order of the comparison."""
        for wanted in (self.comparison.key, self.comparison.value):
            columns = set(wanted)
            for side in self.sides:
                if tuple(name for name in side.file.columns if name in columns) != tuple(wanted):
                    return True
        return False


def parameters(work: Work) -> dict[str, Any]:
    """The parameters of `sql/` that do not depend on the plan."""
    comparison, outputs = work.comparison, work.outputs
    old_roles, new_roles = (roles(side.file, comparison) for side in work.sides)
    extra = extra_columns(work.new.file.columns, comparison.value)
    return {
        **side_parameters("old", work.old.file, work.old.pieces.names, comparison),
        **side_parameters("new", work.new.file, work.new.pieces.names, comparison),
        **_views(work),
        "salt": secrets.token_urlsafe(6),
        "keys": "exact" if work.exact_keys else "hashed",
        "single": len(comparison.value) == 1 and not comparison.has_rules,
        "rel_tols": [rel_tol for rel_tol, _ in comparison.tolerances],
        "abs_tols": [abs_tol for _, abs_tol in comparison.tolerances],
        "alike": len(set(comparison.tolerances)) == 1,
        **rules(comparison),
        "exact_from": _exact_from(comparison),
        "wholes_close": _wholes_close(comparison),
        "counts": comparison.duplicates == "count",
        "with_detail": outputs.detail is not None,
        "with_removed": outputs.removed is not None,
        "old_header": old_roles,
        "new_header": new_roles,
        "extra_header": {"kind": extra[0], "changed": extra[1]}
        | {f"old_value_{i}": name for i, name in enumerate(extra[2:])},
        "names": [line_of([name]) for name in comparison.value],
        "blanks": {f"old_value_{i}": "" for i in range(len(comparison.value))},
    }


def rules(comparison: Comparison) -> dict[str, Any]:
    """The rules of a comparison as 2_key.sql takes them."""
    return {
        "trim": comparison.trim,
        "nocase": comparison.nocase,
        "empty": list(comparison.empty),
        "of_kinds": bool(comparison.text or comparison.time),
        "kinds": list(comparison.kinds),
        "time_tols": list(comparison.time_tols),
    }


def _exact_from(comparison: Comparison) -> float:
    """The least whole number that is compared by its text: others do not differ from it by 1e-9."""
    unset = any(rel_tol is None for rel_tol, _ in comparison.tolerances)
    return 1e9 if unset else float(2**53)


def _wholes_close(comparison: Comparison) -> bool:
    """Whether different whole numbers may be within tolerance."""
    return any(
        abs_tol >= 1 or (rel_tol is not None and rel_tol * 2.0**53 >= 1)
        for rel_tol, abs_tol in comparison.tolerances
    )


def extra_columns(columns: Sequence[str], value: Sequence[str]) -> list[str]:
    """Names for the columns that detail adds: the change, what changed, and each old value.

    Args:
        columns: the existing columns. A name among them gets an additional leading underscore.
        value: the value columns.
    """
    return free_names(columns, ["_change", "_changed", *(f"_old_{column}" for column in value)])


def reading_sections(work: Work) -> list[str]:
    """The sections of `1_read.sql` that read the files."""
    pieces = "four_pieces" if work.is_cut else "one_piece"
    if work.is_cut_small:
        pieces = "sixteen_pieces"
    return [pieces, *(["reordered"] if work.is_reordered else [])]


def _views(work: Work) -> dict[str, str]:
    """The names of the views of `1_read.sql` that the queries read."""
    views = _IN_FOUR_PIECES if work.is_cut else _IN_ONE_PIECE
    if work.is_cut_small:
        views = _IN_SIXTEEN_PIECES
    if not work.is_reordered:
        return views
    return _REORDERED | {"old_read": views["old_rows"], "new_read": views["new_rows"]}


def side_parameters(
    name: str, file: CsvFile, pieces: Sequence[str], comparison: Comparison
) -> dict[str, Any]:
    """A file as 1_read.sql takes it.

    Args:
        name: "old" or "new".
        file: has the columns of the comparison.
        pieces: names of four or sixteen pieces of it.
        comparison: the columns.
    """
    of_file = roles(file, comparison)
    side = {
        "files": list(pieces),
        "columns": dict.fromkeys(of_file, "VARCHAR"),
        "rewritten": file.rewritten,
    }
    return {name: side, f"{name}_roles": _in_order(of_file)}


def _in_order(roles: dict[str, str]) -> dict[str, str]:
    """The roles, in the order of the comparison."""

    def place(role: str) -> tuple[int, int]:
        kind, number = role.split("_")
        return _ORDER.index(kind), int(number)

    return dict.fromkeys(sorted(roles, key=place), "VARCHAR")


def roles(file: CsvFile, comparison: Comparison) -> dict[str, str]:
    """The names in a file by role. Names from outside never reach the SQL."""
    known = {name: f"key_{i}" for i, name in enumerate(comparison.key)}
    known |= {name: f"value_{i}" for i, name in enumerate(comparison.value)}
    return {
        known.get(column, f"rest_{i}"): name
        for i, (column, name) in enumerate(zip(file.columns, file.names, strict=True))
    }
