"""Runs the queries of `sql/` in their order on two checked files."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from diffing.core.comparison import Comparison
from diffing.core.errors import BadInput, DiffFailed, DiffingError
from diffing.core.text import shown
from diffing.csvfiles.csv_file import CsvFile, line_of
from diffing.csvfiles.split import Pieces
from diffing.csvfiles.verify import Inspection
from diffing.engine.connection import CsvRefused, NotNumbers, Session
from diffing.engine.query_profile import Profile
from diffing.files.results import Outputs

# what a file is taken for that no sample is taken of: the method that follows suits any
_UNSAMPLED = {"repeats": True, "numbers": False}


@dataclass(frozen=True)
class Counts:
    """Rows, and values, by what they are."""

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


@dataclass(frozen=True)
class Method:
    """How rows are matched; what comes out is the same.

    Args:
        exact_keys: keys themselves are kept, not 128 bits for each.
        grouped: old is brought to one row a key first. None for what samples of the files suggest.
        numbers: numbers are kept in the place of values, all of which are numbers or empty, with a
            tolerance. None likewise.
    """

    exact_keys: bool = False
    grouped: bool | None = None
    numbers: bool | None = None


class AnotherMethod(DiffingError):
    """The files cannot be compared by the method that was tried."""

    def __init__(self, detail: str, method: Method) -> None:
        super().__init__(detail)
        self.method = method


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
    method: Method,
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
        method: how rows are matched.

    Raises:
        CsvRefused: DuckDB does not read a file, not all of it, or may read it wrong.
        AnotherMethod: the files need that one.
        BadInput: keys repeat, and the comparison does not allow it.
        OutOfMemory, OutOfDisk, DiffFailed: the machine was not up to it.
        Interrupted: the session was interrupted.
    """
    bound = parameters(old, new, comparison, outputs)
    session.run("keys_exact" if method.exact_keys else "keys_hashed")
    if not comparison.compares_decimals:
        session.run("numbers_with_tolerance")
    cut = any(side.pieces.cuts for side in (old, new))
    pieces = "pieces_four" if cut else "pieces_one"
    for macros in ("numbers", pieces, "piece_rows", "old_rows"):
        session.run(macros)
    method = _settled(session, bound, (old, new), comparison, method)
    on_stage("comparing")
    profile = _classified(session, bound, method)
    rows = {side.file: _rows_read(profile, side, inspection) for side in (old, new)}
    bound |= {
        "new_rows": rows[new.file],
        "old_side": profile.held,
        "within_tolerance": _within_tolerance(profile) if method.numbers else 0,
    }
    found = session.run("counts", bound)
    separators = any(inspection.contents(side.file).has_separator for side in (old, new))
    _require_fit(method, separators and len(comparison.key) > 1, profile, found)
    if found["ambiguous"]:
        session.run("duplicates", bound)
        found |= session.run("counts", bound)
    counts = _counts(found, rows[old.file], rows[new.file])
    if counts.new_surplus and counts.old_not_numbers:
        cells = session.run("old_not_numbers", bound)["cells"]
        counts = replace(counts, old_not_numbers=cells)
    if comparison.duplicates == "error" and (counts.old_surplus or counts.new_surplus):
        raise _repeated(session, bound, old.file, new.file, counts)
    on_stage("writing")
    _write(session, bound, outputs, counts)
    return counts


def parameters(old: Side, new: Side, comparison: Comparison, outputs: Outputs) -> dict[str, Any]:
    """What the queries of `sql/` name, for two files and a comparison."""
    old_roles, new_roles = _roles(old.file, comparison), _roles(new.file, comparison)
    extra = extra_columns(new.file.columns, comparison.value)
    return {
        "old": list(old.pieces.names),
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
        "value": [f"v{i}" for i in range(len(comparison.value))],
        "rel_tols": [rel_tol for rel_tol, _ in comparison.tolerances],
        "abs_tols": [abs_tol for _, abs_tol in comparison.tolerances],
        "alike": len(set(comparison.tolerances)) == 1,
        "with_detail": outputs.detail is not None,
        "with_removed": outputs.removed is not None,
        "old_header": old_roles,
        "new_header": new_roles,
        "extra_header": {"kind": extra[0]} | {f"o{i}": name for i, name in enumerate(extra[1:])},
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


def _settled(
    session: Session,
    bound: dict[str, Any],
    sides: Sequence[Side],
    comparison: Comparison,
    method: Method,
) -> Method:
    """The method, with what is open as samples of the files suggest."""
    if method.grouped is None or method.numbers is None:
        found = [_sampled(session, bound, side) for side in sides]
        method = Method(
            method.exact_keys,
            grouped=any(sample["repeats"] for sample in found),
            numbers=all(sample["numbers"] for sample in found),
        )
    return replace(method, numbers=method.numbers and not comparison.compares_decimals)


def _sampled(session: Session, bound: dict[str, Any], side: Side) -> dict[str, Any]:
    """What a sample of a file says."""
    sample = side.pieces.sample
    try:
        if sample:
            of_side = _as_csv(bound, side.pieces.protocol)
            return session.run("sample", {**bound, **of_side, "file": sample})
    except CsvRefused:
        pass  # it cuts fields of several lines
    return _UNSAMPLED


def _classified(session: Session, bound: dict[str, Any], method: Method) -> Profile:
    """Make `outcome`."""
    if method.numbers:
        session.run("only_numbers")
    session.run("classify")
    kind = "_of_numbers" if method.numbers else ""
    queries = [f"old_grouped{kind}" if method.grouped else "old_once", f"outcome{kind}"]
    try:
        return session.profiled(queries, {**bound, "grouped": method.grouped})
    except NotNumbers as found:
        raise AnotherMethod(str(found), replace(method, numbers=False)) from None


def _within_tolerance(profile: Profile) -> int:
    """The rows that outcome_of_numbers.sql leaves out as within tolerance."""
    if not profile.held:  # and DuckDB leaves a filter out where old is empty
        return 0
    try:
        not_same, kept = profile.filtered
    except ValueError:
        raise DiffFailed(
            "The rows within tolerance do not add up; this is a fault of the service."
        ) from None
    return not_same - kept


def _require_fit(method: Method, separators: bool, profile: Profile, found: dict[str, Any]) -> None:
    """Raise AnotherMethod if the method was not one for these files after all."""
    if separators and not method.exact_keys:
        raise AnotherMethod("A file has U+001F in it.", replace(method, exact_keys=True))
    if profile.joined != found["joined"]:
        if method.grouped:
            raise DiffFailed("The rows of new do not add up; this is a fault of the service.")
        raise AnotherMethod("Keys of old repeat.", replace(method, grouped=True))


def _as_csv(bound: dict[str, Any], side: str) -> dict[str, Any]:
    """What csv.sql takes besides the name of a file: of `old` or `new`."""
    names = {"file_columns": "columns", "roles": "roles", "rewritten": "rewritten"}
    return {name: bound[f"{side}_{what}"] for name, what in names.items()}


def _counts(found: dict[str, Any], old_rows: int, new_rows: int) -> Counts:
    names = {field.name for field in fields(Counts)}
    return Counts(
        old_rows=old_rows,
        new_rows=new_rows,
        old_surplus=old_rows - found["old_keys"],
        **{name: value for name, value in found.items() if name in names},
    )


def _rows_read(profile: Profile, side: Side, inspection: Inspection) -> int:
    """The rows that DuckDB read of a file, once that number was counted in the bytes, too."""
    rows = sum(profile.read[name] for name in side.pieces.names)
    counted = inspection.contents(side.file).rows
    if counted is None:
        raise CsvRefused(f"{side.file.name}: DuckDB may read it wrong.")
    if counted != rows:
        raise CsvRefused(
            f"{side.file.name}: it has {counted:,} rows, but DuckDB read {rows:,}; "
            "this is a fault of the service."
        )
    return rows


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
                {**bound, **_as_csv(bound, side), "files": bound[side]},
            )
            names = bound[f"{side}_header"]
            examples = "; ".join(_example(e["key"], e["copies"], names) for e in found["examples"])
            rows = "row repeats" if surplus == 1 else "rows repeat"
            faults.append(
                f"{file.name}: {surplus:,} {rows} the key of an earlier row, for example {examples}"
            )
    return BadInput(f'{". ".join(faults)}. duplicates = "error" refuses that.')


def _example(key: dict[str, str], copies: int, names: dict[str, str]) -> str:
    columns = ", ".join(
        f"{shown(names[role])}={repr(field[:80]) if field else 'NULL'}"
        for role, field in key.items()
    )
    return f"{columns} ({copies:,} rows)"


def _write(session: Session, bound: dict[str, Any], outputs: Outputs, counts: Counts) -> None:
    emitted = counts.added + counts.changed
    if outputs.removed or outputs.detail:
        session.run("old_kept", bound)
    for name, path, header, rows in (
        ("result", outputs.result, bound["new_header"], emitted),
        ("detail", outputs.detail, bound["new_header"] | bound["extra_header"], emitted),
        ("removed", outputs.removed, bound["old_header"], counts.removed),
    ):
        if path:
            # DuckDB puts line ends between rows, and none after the prefix
            prefix = line_of(header.values()) + ("\n" if rows else "")
            output = {"header": header, "output": str(path), "prefix": prefix}
            written = session.run(name, {**bound, **output})
            if written["Count"] != rows:
                raise DiffFailed(
                    f"The rows of {name} do not add up; this is a fault of the service."
                )
