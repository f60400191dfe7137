"""Opens a CSV file from outside: unpacks it, and checks it where DuckDB is unreliable."""

import difflib
import math
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path

from diffing.core.csv_record import line_of
from diffing.core.errors import BadInput
from diffing.core.input_file import InputFile, own_name
from diffing.csvfiles.archives import opened, plain_copy
from diffing.csvfiles.csv_file import CsvFile, contents_of, reading
from diffing.csvfiles.recognise import (
    CTRL_Z,
    CTRL_Z_AT_THE_END,
    LOOKED_AT,
    address,
    binary_kind,
    reason,
)
from diffing.csvfiles.records import BOM, Records
from diffing.csvfiles.rewrite import rewrite

MOST_COLUMNS = 4_000
"""Most columns of a file. The time that DuckDB needs grows with their square, and faster."""


@dataclass(frozen=True)
class _Header:
    """The header of a file.

    Args:
        columns: the names.
        line: where it begins.
        is_line: whether it is the first line alone.
    """

    columns: tuple[str, ...]
    line: int
    is_line: bool


def open_csv(
    original: InputFile, scratch: Path, wanted: Sequence[str] = (), most: float = math.inf
) -> CsvFile:
    """Unpack a CSV file, `.csv`, `.csv.gz` or `.csv.zst`, and check it where DuckDB is unreliable.

    Args:
        original: the file.
        scratch: an existing folder for copies.
        wanted: the columns that a comparison needs.
        most: bytes of an unpacked file at most.

    Returns:
        A file that DuckDB reads correctly or refuses, or that `contents_of` detects: see `rewrite`.

    Raises:
        BadInput: the file is missing, empty, damaged or too large, is not CSV, or lacks a column.
            The text says what it seems to be.
        OutOfDisk: too little space is free for a copy.
    """
    path, name = original.path, original.name
    with reading(name):
        size = _size_of(path, name)
        if not size:
            raise _empty(name)
        # before unpacking: a file without a header must not fill the disk
        with opened(path, name) as file:
            start = file.read(LOOKED_AT)
            if kind := binary_kind(start, own_name(name)):
                raise BadInput(f"{name}: {kind}")
            with _explained(start, wanted, name):
                header = _read_header(file, name)
        if header is None:
            raise _empty(name)
        plain = plain_copy(path, name, scratch, most)
        _refuse_ctrl_z(plain, name)
    found = CsvFile(name, plain, size, header.columns)
    with _explained(start, wanted, name):
        if not header.is_line or any("\ufffd" in column for column in header.columns):
            contents_of(found)  # to report the place that is not UTF-8
        _require_columns(header, wanted, name)
        _refuse_repeated(header, name)
    return found if header.is_line else rewrite(found, scratch)


def columns_of(original: InputFile) -> tuple[str, ...]:
    """The names in the header of a file; none if it cannot be read, which `open_csv` reports."""
    try:
        with opened(original.path, original.name) as file:
            header = _read_header(file, original.name)
    except (BadInput, OSError, ValueError):
        return ()
    return header.columns if header else ()


def is_missing_or_empty(original: InputFile) -> bool:
    """Whether a file does not exist, or has no header. Addresses and folders are neither."""
    path, name = original.path, original.name
    if not path.exists():
        return address(own_name(name)) is None
    if not path.is_file() or not path.stat().st_size:
        return path.is_file()
    try:
        with reading(name), opened(path, name) as file:
            return next(iter(Records(file, name)), None) is None
    except BadInput:  # `open_csv` reports it
        return False


def without_rows(like: CsvFile, name: str, scratch: Path) -> CsvFile:
    """A new file with the header of another file, and no rows.

    Args:
        like: the other file.
        name: for the user.
        scratch: an existing folder.

    Raises:
        OutOfDisk: too little space is free.
    """
    path = scratch / "without-rows.csv"
    with reading(name):
        path.write_bytes(BOM + line_of(like.columns).encode() + b"\n")
    return replace(open_csv(InputFile(path, name), scratch), bytes=0)


@contextmanager
def _explained(start: bytes, wanted: Sequence[str], name: str) -> Iterator[None]:
    """A block that checks a header. A known reason for a fault replaces its error."""
    try:
        yield
    except BadInput:
        if why := reason(start, wanted, own_name(name)):
            raise BadInput(f"{name}: {why}") from None
        raise


def _read_header(file: BufferedReader, name: str) -> _Header | None:
    file.seek(0)
    records = Records(file, name)
    header = next(iter(records), None)
    if header is None:
        return None
    if len(header) > MOST_COLUMNS:
        raise BadInput(
            f"{name}: the header names {len(header):,} columns; "
            f"at most {MOST_COLUMNS:,} can be compared. Export fewer."
        )
    columns = tuple(column.encode("latin-1").decode(errors="replace") for column in header)
    is_line = records.line == 1 and "\n" not in records.raw.rstrip("\r\n")
    return _Header(columns, records.line, is_line)


def _require_columns(header: _Header, wanted: Sequence[str], name: str) -> None:
    missing = [column for column in wanted if column not in header.columns]
    if missing:
        folded = {column.casefold(): column for column in header.columns}
        close = difflib.get_close_matches(missing[0].casefold(), folded, n=1)
        hint = f" Did you mean {folded[close[0]]!r}?" if close else ""
        raise BadInput(
            f"{name}: no column {_listed(missing)}.{hint} "
            f"Line {header.line} names the columns {_listed(header.columns)}."
        )


def _refuse_repeated(header: _Header, name: str) -> None:
    repeated = [column for column, count in Counter(header.columns).items() if count > 1]
    if repeated:
        raise BadInput(
            f"{name}: the header in line {header.line} names {_listed(repeated)} more than once. "
            "Give each column another name."
        )


def _empty(name: str) -> BadInput:
    return BadInput(f"{name}: the file is empty. Its first line must name the columns.")


def _refuse_ctrl_z(plain: Path, name: str) -> None:
    with plain.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) == CTRL_Z:
            raise BadInput(f"{name}: {CTRL_Z_AT_THE_END}")


def _size_of(path: Path, name: str) -> int:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: NUL in its name
        raise BadInput(address(own_name(name)) or f"{name}: no such file.") from None
    if stat.S_ISDIR(status.st_mode):
        raise BadInput(f"{name}: is a folder. Name a CSV file.")
    if not stat.S_ISREG(status.st_mode):
        raise BadInput(f"{name}: is not a regular file. Copy the data into one.")
    return status.st_size


def _listed(names: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(repr(name[:80]) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
