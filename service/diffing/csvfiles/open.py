"""Opens a CSV file from outside: unpacks it, and checks it where DuckDB is unreliable."""

import math
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BufferedReader, BytesIO
from itertools import chain
from pathlib import Path
from typing import cast

from diffing.core.csv_record import line_of
from diffing.core.dialect import PLAIN, Dialect, FullDialect
from diffing.core.errors import BadInput
from diffing.core.input_file import PARQUET, InputFile, own_name
from diffing.core.text import like, listed
from diffing.csvfiles.archives import Copies, is_packed, plain_copy, unpacked
from diffing.csvfiles.csv_file import CsvFile, contents_of, reading
from diffing.csvfiles.encodings import beginning
from diffing.csvfiles.file_kinds import (
    CTRL_Z,
    CTRL_Z_AT_THE_END,
    LOOKED_AT,
    address,
    binary_kind,
    suffix_of,
)
from diffing.csvfiles.header_search import reason
from diffing.csvfiles.records import BOM, Records
from diffing.csvfiles.rewrite import rewrite
from diffing.csvfiles.sniff import dialect_of
from diffing.csvfiles.translate import Translation

MOST_COLUMNS = 4_000
"""Most columns of a file. The time that DuckDB needs grows with their square, and faster."""

_USUAL = Dialect()
# enough for each header whose names have 250 bytes
_LONGEST_HEADER = 1024 * 1024


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
    original: InputFile,
    scratch: Path,
    wanted: Sequence[str] = (),
    most: float = math.inf,
    dialect: Dialect = _USUAL,
) -> CsvFile:
    """Unpack and translate a CSV file, and check it where DuckDB is unreliable.

    Args:
        original: the file.
        scratch: an existing folder for copies.
        wanted: the columns that a comparison needs.
        most: bytes of a copy at most.
        dialect: of the file, as far as it is given.

    Returns:
        A file that DuckDB reads correctly or refuses, or that `contents_of` detects: see `rewrite`.

    Raises:
        BadInput: the file is missing, empty, damaged or too large, is not CSV, or lacks a column.
            The text says what it seems to be.
        OutOfDisk: too little space is free for a copy.
    """
    path, name = original.path, original.name
    with reading(name):
        size = size_of(path, name)
        # before unpacking: a file without a header must not fill the disk
        with unpacked(path, name) as file:
            start = file.read(LOOKED_AT)
            _require_text(start, original)
            found = dialect_of(file, own_name(name), dialect, wanted)
            if not found.dialect.is_read_as_it_is:
                translated = _translated(file, name, found.dialect, wanted, Copies(scratch, most))
                return replace(translated, bytes=size, sniffed=found.guessed)
            with _explained(start, wanted, name):
                header = _read_header(file, name)
        if header is None:
            raise _empty(name)
        plain = plain_copy(path, name, scratch, most)
        _refuse_ctrl_z(plain, name)
    plain_file = CsvFile(
        name, plain, size, header.columns, dialect=found.dialect, sniffed=found.guessed
    )
    with _explained(start, wanted, name):
        if not header.is_line or any("\ufffd" in column for column in header.columns):
            contents_of(plain_file)  # to report the place that is not UTF-8
        require_columns(header.columns, wanted, name, f"Line {header.line}")
        _refuse_repeated(header, name)
    return plain_file if header.is_line else rewrite(plain_file, scratch)


def _translated(
    file: BufferedReader, name: str, dialect: FullDialect, wanted: Sequence[str], copies: Copies
) -> CsvFile:
    """A file of another dialect as a copy that DuckDB can read. All its faults are reported."""
    text = _translation(file, name, dialect, wanted)
    copy = copies.write(name, chain([f"{text.header}\n"], text.chunks()))
    found = CsvFile(name, copy, 0, tuple(text.columns or ()), dialect=dialect)
    return found if "\n" not in text.header else rewrite(found, copies.scratch)


def _translation(
    file: BufferedReader, name: str, dialect: FullDialect, wanted: Sequence[str]
) -> Translation:
    """The text of a file of another dialect, whose header is checked."""
    start = _text_below(file, dialect)
    with _explained(start, wanted, name, dialect):
        file.seek(0)
        text = Translation(file, name, dialect, PLAIN)
        if text.columns is None:
            raise _empty(name)
        header = _checked(text.columns, text.line, name)
        require_columns(header.columns, wanted, name, f"Line {header.line}")
        _refuse_repeated(header, name)
    return text


def _text_below(file: BufferedReader, dialect: FullDialect) -> bytes:
    """The beginning of a text as UTF-8, from its header on."""
    file.seek(0)
    text = beginning(file.read(LOOKED_AT), dialect.encoding)
    return text.split("\n", dialect.skip_lines)[-1].encode(errors="replace")


def columns_of(original: InputFile, dialect: Dialect = _USUAL) -> tuple[str, ...]:
    """The names in the header of a file; none if it cannot be read, which `open_csv` reports."""
    name = original.name
    try:
        with unpacked(original.path, name) as file:
            found = dialect_of(file, own_name(name), dialect, ()).dialect
            file.seek(0)
            if not found.is_read_as_it_is:
                return tuple(Translation(file, name, found, PLAIN).columns or ())
            header = _read_header(file, name)
    except (BadInput, OSError, ValueError):
        return ()
    return header.columns if header else ()


def header_of(
    original: InputFile,
    wanted: Sequence[str],
    dialect: Dialect,
    *,
    may_be_empty: bool = False,
) -> tuple[str, ...] | None:
    """The columns of a file, after the checks of `open_csv` that need only its first bytes.

    Args:
        original: the file.
        wanted: the columns that a comparison needs.
        dialect: of the file, as far as it is given.
        may_be_empty: whether it may have no header.

    Returns:
        The names; None if they take more than these bytes, are not UTF-8, or may be missing, and
        for Parquet and dialects to be sniffed.

    Raises:
        BadInput: as from `open_csv`, with the same text.
    """
    path, name = original.path, original.name
    if may_be_empty and is_missing_or_empty(original):
        return None
    with reading(name):
        size_of(path, name)
        if dialect.sniff or path.suffix.lower() == PARQUET:
            return None
        with unpacked(path, name) as file:
            start = file.read(_LONGEST_HEADER)
            _require_text(start[:LOOKED_AT], original)
            found = dialect_of(file, own_name(name), dialect, wanted).dialect
            if not found.is_read_as_it_is:
                return tuple(_translation(file, name, found, wanted).columns or ())
    if not start.removeprefix(BOM).strip(b"\r\n"):
        if len(start) == _LONGEST_HEADER:
            return None
        raise _empty(name)
    with _explained(start[:LOOKED_AT], wanted, name):
        header = _header_in(start, name)
        if header is None or any("\ufffd" in column for column in header.columns):
            return None
        require_columns(header.columns, wanted, name, f"Line {header.line}")
        _refuse_repeated(header, name)
    return header.columns


def _header_in(start: bytes, name: str) -> _Header | None:
    """The header in the first bytes of a file; None if it may be longer."""
    file = cast("BufferedReader", BufferedReader(BytesIO(start)))
    may_go_on = len(start) == _LONGEST_HEADER
    try:
        header = _read_header(file, name)
    except BadInput:
        if may_go_on and not file.peek(1):
            return None
        raise
    return None if may_go_on and not file.peek(1) else header


def is_missing_or_empty(original: InputFile) -> bool:
    """Whether a file does not exist, or has no header. Addresses and folders are neither."""
    path, name = original.path, original.name
    if not path.exists():
        return address(own_name(name)) is None
    if not path.is_file() or not path.stat().st_size:
        return path.is_file()
    try:
        with reading(name), unpacked(path, name) as file:
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
    found = open_csv(InputFile(path, path.name), scratch)
    return replace(found, name=name, bytes=0, dialect=like.dialect, originals=like.originals)


@contextmanager
def _explained(
    start: bytes, wanted: Sequence[str], name: str, dialect: FullDialect = PLAIN
) -> Iterator[None]:
    """A block that checks a header. A known reason for a fault replaces its error."""
    try:
        yield
    except BadInput:
        if why := reason(start, wanted, own_name(name), dialect):
            raise BadInput(f"{name}: {why}") from None
        raise


def _read_header(file: BufferedReader, name: str) -> _Header | None:
    file.seek(0)
    records = Records(file, name)
    header = next(iter(records), None)
    if header is None:
        return None
    columns = [column.encode("latin-1").decode(errors="replace") for column in header]
    is_line = records.line == 1 and "\n" not in records.raw.rstrip("\r\n")
    return _checked(columns, records.line, name, is_line)


def _checked(columns: Sequence[str], line: int, name: str, is_line: bool = True) -> _Header:
    if len(columns) > MOST_COLUMNS:
        raise BadInput(
            f"{name}: the header names {len(columns):,} columns; "
            f"at most {MOST_COLUMNS:,} can be compared. Export fewer."
        )
    return _Header(tuple(columns), line, is_line)


def require_columns(
    columns: Sequence[str], wanted: Sequence[str], name: str, place: str = "It"
) -> None:
    """Check that a file has the wanted columns.

    Args:
        columns: of the file.
        wanted: the columns.
        name: of the file.
        place: where the names are.

    Raises:
        BadInput: a column is missing.
    """
    missing = [column for column in wanted if column not in columns]
    if missing:
        meant = like(missing[0], columns)
        hint = "" if meant is None else f" Did you mean {meant!r}?"
        raise BadInput(
            f"{name}: no column {listed(missing)}.{hint} "
            f"{place} names the columns {listed(columns)}."
        )


def _refuse_repeated(header: _Header, name: str) -> None:
    repeated = [column for column, count in Counter(header.columns).items() if count > 1]
    if repeated:
        raise BadInput(
            f"{name}: the header in line {header.line} names {listed(repeated)} more than once. "
            "Give each column another name."
        )


def _require_text(start: bytes, file: InputFile) -> None:
    """Refuse a file whose content, unpacked, is not text."""
    if is_packed(file.path) and (suffix := suffix_of(start)):
        raise BadInput(
            f"{file.name}: it contains a {suffix} file. Unpack it once, and give the {suffix} file."
        )
    if kind := binary_kind(start, own_name(file.name)):
        raise BadInput(f"{file.name}: {kind}")


def _empty(name: str) -> BadInput:
    return BadInput(f"{name}: the file is empty. Its first line must name the columns.")


def _refuse_ctrl_z(plain: Path, name: str) -> None:
    with plain.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) == CTRL_Z:
            raise BadInput(f"{name}: {CTRL_Z_AT_THE_END}")


def size_of(path: Path, name: str) -> int:
    """The size of a regular file that is not empty.

    Raises:
        BadInput: the path is none. The text says what it is.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: NUL in its name
        raise BadInput(address(own_name(name)) or f"{name}: no such file.") from None
    if stat.S_ISDIR(status.st_mode):
        raise BadInput(f"{name}: is a folder. Name a CSV file.")
    if not stat.S_ISREG(status.st_mode):
        raise BadInput(f"{name}: is not a regular file. Copy the data into one.")
    if not status.st_size:
        raise _empty(name)
    return status.st_size
