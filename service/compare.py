"""Runs the queries of `sql/` in their order on two checked files."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from service.catalogue import Comparison, shown
from service.csvfile import CsvFile
from service.errors import BadInput, DiffFailed, DiffingError
from service.inspection import Inspection
from service.outputs import Outputs
from service.pieces import Pieces
from service.session import CsvRefused, Session, as_pattern


@dataclass(frozen=True)
class Counts:
    """Rows, and values, by what they are; as the columns of `sql/counts.sql`."""

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
    ambiguous: int


class KeysNotHashable(DiffingError):
    """A character that should stand between the columns of a key stands in a file."""


@dataclass(frozen=True)
class Side:
    """One of the two files.

    Args:
        file: has the columns of the comparison.
        pieces: the same, in pieces.
    """

    file: CsvFile
    pieces: Pieces


def compare(
    session: Session,
    old: Side,
    new: Side,
    inspection: Inspection,
    comparison: Comparison,
    outputs: Outputs,
    on_stage: Callable[[str], None],
    exact_keys: bool = False,
) -> Counts:
    """Compare two files and write the outputs.

    Args:
        session: may read both files and write the outputs.
        old: the old file.
        new: the new file.
        inspection: of both files.
        comparison: the columns and tolerances.
        outputs: files to write.
        on_stage: called with a word when the next stage begins.
        exact_keys: keep keys themselves, not 128 bits for each.

    Raises:
        CsvRefused: DuckDB does not read a file, not all of it, or may read it wrong.
        KeysNotHashable: `exact_keys` is needed.
        BadInput: keys repeat, and the comparison does not allow it.
        OutOfMemory, OutOfDisk, DiffFailed: the machine was not up to it.
        Interrupted: the session was interrupted.
    """
    bound = parameters(old, new, comparison, outputs)
    session.run("keys_exact" if exact_keys else "keys_hashed")
    if not comparison.compares_decimals:
        session.run("numbers_with_tolerance")
    session.run("pieces_four" if new.pieces.cuts else "pieces_one")
    on_stage("reading old")
    session.run("old_rows", bound)
    found = session.run("old_counts")
    session.run("old_keys_once" if found["rows"] == found["keys"] else "old_keys_repeated")
    on_stage("comparing")
    session.run("classify", bound)
    counts = _counts(session, bound)
    _require_all_rows(inspection, old.file, counts.old_rows)
    _require_all_rows(inspection, new.file, counts.new_rows)
    joined_keys = not exact_keys and len(comparison.key) > 1
    if joined_keys and any(inspection.contents(side.file).has_separator for side in (old, new)):
        raise KeysNotHashable("A file has U+001F in it.")
    if comparison.duplicates == "error" and (counts.old_surplus or counts.new_surplus):
        raise _repeated(session, bound, old.file, new.file, counts)
    if counts.ambiguous:
        session.run("duplicates", bound)
        counts = _counts(session, bound)
    if counts.new_rows != counts.added + counts.changed + counts.unchanged:
        raise DiffFailed("The rows of new do not add up; this is a fault of the service.")
    on_stage("writing")
    _write(session, bound, outputs, counts)
    return counts


def parameters(old: Side, new: Side, comparison: Comparison, outputs: Outputs) -> dict[str, Any]:
    """What the queries of `sql/` name, for two files and a comparison."""
    old_roles, new_roles = _roles(old.file, comparison), _roles(new.file, comparison)
    extra = extra_columns(new.file.columns, comparison.value)
    return {
        "old": old.pieces.names[0],
        "new": list(new.pieces.names),
        "salt": secrets.token_urlsafe(6),
        "old_columns": dict.fromkeys(old_roles, "VARCHAR"),
        "new_columns": dict.fromkeys(new_roles, "VARCHAR"),
        "old_roles": _in_order(old_roles),
        "new_roles": _in_order(new_roles),
        "old_rewritten": old.file.rewritten,
        "new_rewritten": new.file.rewritten,
        "key": [f"k{i}" for i in range(len(comparison.key))],
        "single": len(comparison.value) == 1,
        "uniform": len(comparison.value) > 1
        and len(set(comparison.tolerances)) == 1
        and not comparison.compares_decimals,
        "value": [f"v{i}" for i in range(len(comparison.value))],
        "rel_tols": [rel_tol for rel_tol, _ in comparison.tolerances],
        "abs_tols": [abs_tol for _, abs_tol in comparison.tolerances],
        "with_detail": outputs.detail is not None,
        "with_removed": outputs.removed is not None,
        # an empty name comes out empty, as any field does
        "old_header": {role: name or None for role, name in old_roles.items()},
        "new_header": {role: name or None for role, name in new_roles.items()},
        "change_header": extra[0],
        "before_header": {f"o{i}": name for i, name in enumerate(extra[1:])},
    }


def extra_columns(columns: Sequence[str], value: Sequence[str]) -> list[str]:
    """Names for the columns that detail adds: the change, and each value before it.

    Args:
        columns: the columns there are; a name that is taken gets one more underscore in front.
        value: the value columns.
    """
    taken, names = set(columns), []
    for wanted in ["_change", *(f"_old_{column}" for column in value)]:
        name = wanted
        while name in taken:
            name = f"_{name}"
        taken.add(name)
        names.append(name)
    return names


def _roles(file: CsvFile, comparison: Comparison) -> dict[str, str]:
    """A file's columns by what they are: names from outside never reach the SQL."""
    roles = {name: f"k{i}" for i, name in enumerate(comparison.key)}
    roles |= {name: f"v{i}" for i, name in enumerate(comparison.value)}
    return {roles.get(name, f"x{i}"): name for i, name in enumerate(file.columns)}


def _in_order(roles: dict[str, str]) -> dict[str, str]:
    """The roles in the order of the comparison, whatever that of the file: k0, k1 … v0, v1 … x0."""
    return dict.fromkeys(sorted(roles, key=lambda role: (role[0], int(role[1:]))), "VARCHAR")


def _counts(session: Session, bound: dict[str, Any]) -> Counts:
    return Counts(**session.run("counts", bound))


def _require_all_rows(inspection: Inspection, file: CsvFile, rows: int) -> None:
    """Compare DuckDB's number of rows with that counted in the bytes, without it."""
    counted = inspection.contents(file).rows
    if counted is None:
        raise CsvRefused(f"{file.name}: DuckDB may read it wrong.")
    if counted != rows:
        raise CsvRefused(
            f"{file.name}: it has {counted:,} rows, but DuckDB read {rows:,}; "
            "this is a fault of the service."
        )


def _repeated(
    session: Session, bound: dict[str, Any], old: CsvFile, new: CsvFile, counts: Counts
) -> BadInput:
    """The error that says which keys stand in several rows."""
    faults = []
    for side, file, surplus in (
        ("old", old, counts.old_surplus),
        ("new", new, counts.new_surplus),
    ):
        if surplus:
            found = session.run(
                "repeated_keys",
                {
                    "file": as_pattern(file.path),
                    "file_columns": bound[f"{side}_columns"],
                    "roles": bound[f"{side}_roles"],
                    "rewritten": file.rewritten,
                    "key": bound["key"],
                },
            )
            names = bound[f"{side}_header"]
            examples = "; ".join(_example(e["key"], e["copies"], names) for e in found["examples"])
            rows = "row repeats" if surplus == 1 else "rows repeat"
            faults.append(
                f"{file.name}: {surplus:,} {rows} the key of an earlier row, for example {examples}"
            )
    return BadInput(f'{". ".join(faults)}. duplicates = "error" refuses that.')


def _example(key: dict[str, str], copies: int, names: dict[str, str | None]) -> str:
    columns = ", ".join(
        f"{shown(names[role] or '')}={repr(field[:80]) if field else 'NULL'}"
        for role, field in key.items()
    )
    return f"{columns} ({copies:,} rows)"


def _write(session: Session, bound: dict[str, Any], outputs: Outputs, counts: Counts) -> None:
    emitted = counts.added + counts.changed
    for name, path, header, rows in (
        ("result", outputs.result, bound["new_header"], emitted),
        ("detail", outputs.detail, bound["new_header"], emitted),
        ("removed", outputs.removed, bound["old_header"], counts.removed),
    ):
        if path:
            written = session.run(name, {**bound, "header": header, "output": str(path)})
            if written["Count"] != rows + 1:
                raise DiffFailed(
                    f"The rows of {name} do not add up; this is a fault of the service."
                )
