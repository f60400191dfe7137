"""Writes the outputs of a comparison, by `8_write.sql`."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diffing.core.csv_record import line_of
from diffing.core.errors import DISK_FULL, DiffFailed, OutOfDisk, is_disk_full
from diffing.engine.connection import Session
from diffing.engine.counts import Counts
from diffing.engine.parameters import Work

_ANY_ROLE = "^(key|value|rest|old_value)_[0-9]+$|^kind$|^changed$"
# The sort of a row takes some 300 bytes, so the result is sorted in parts. Each scans all rows.
_MOST_PARTS = 16
# DuckDB takes no suffix, which is the last line end, without a prefix.
_PREFIX_OF_PART = "-"
_ALL_ROWS = (-1, (1 << 63) - 1)


def write_outputs(session: Session, work: Work, bound: dict[str, Any], counts: Counts) -> None:
    """Write the result, the detail and the removed rows, as far as they are wanted.

    Args:
        session: has the table `outcome`.
        work: the order.
        bound: its parameters.
        counts: the rows of each kind.

    Raises:
        OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
        Interrupted: the session was interrupted.
    """
    outputs = work.outputs
    emitted = counts.added + counts.changed
    if outputs.removed or outputs.detail:
        session.run("old_kept", bound)
    detail = bound["new_header"] | bound["extra_header"]
    if leaves_out := outputs.only_changed_columns and 0 in counts.changed_columns:
        detail = _of_changed_columns(detail, counts.changed_columns)
    parts = _parts(session, emitted, work.sorted_rows) if outputs.result else []
    for name, path, header, rows, of_rows in (
        ("result", outputs.result, bound["new_header"], emitted, parts),
        ("detail", outputs.detail, detail, emitted, [_ALL_ROWS]),
        ("removed", outputs.removed, bound["old_header"], counts.removed, [_ALL_ROWS]),
    ):
        if path:
            # DuckDB writes line ends between rows, but not after the prefix
            prefix = line_of(header.values()) + ("\n" if rows else "")
            output = {
                "rows": f"{name}_rows",
                "wanted": f"^({'|'.join(header)})$" if leaves_out else _ANY_ROLE,
                "prefix": prefix,
                "header": header,
            }
            session.run(name, bound)
            written = _written(session, work, bound | output, path, of_rows)
            if written != rows:
                raise DiffFailed(
                    f"The rows of {name} do not add up; this is a fault of the service."
                )


def _parts(session: Session, rows: int, least: int) -> list[tuple[int, int]]:
    """Ranges of row numbers with about as many rows, after the first and up to the last."""
    parts = min(rows // least + 1, _MOST_PARTS)
    shares = [number / parts for number in range(1, parts)]
    ends = session.run("ends_of_parts", {"shares": shares})["ends"] if shares else []
    return list(zip([_ALL_ROWS[0], *ends], [*ends, _ALL_ROWS[1]], strict=True))


def _written(
    session: Session,
    work: Work,
    bound: dict[str, Any],
    path: Path,
    parts: Sequence[tuple[int, int]],
) -> int:
    """Write an output in parts.

    Returns:
        The rows written.
    """
    write = "write_reordered" if work.is_reordered else "write"
    rows, target = 0, path
    for after, last in parts:
        of_part = {"after": after, "last": last, "output": str(target)}
        rows += session.run(write, bound | of_part)["Count"]
        if target != path:
            _append(target, path)
        target, bound = session.part, bound | {"prefix": _PREFIX_OF_PART}
    return rows


def _append(part: Path, output: Path) -> None:
    """Move the text of a part to the end of an output."""
    try:
        with part.open("rb") as source, output.open("ab") as target:
            source.seek(len(_PREFIX_OF_PART))
            shutil.copyfileobj(source, target, 1 << 20)
        part.unlink()
    except OSError as error:
        if is_disk_full(error):
            raise OutOfDisk(DISK_FULL) from error
        raise


def _of_changed_columns(header: dict[str, str], counted: Sequence[int]) -> dict[str, str]:
    """The roles of detail without the value columns in which no row changed."""
    left_out = {
        f"{prefix}value_{place}"
        for place, rows in enumerate(counted)
        for prefix in ("", "old_")
        if not rows
    }
    return {role: name for role, name in header.items() if role not in left_out}
