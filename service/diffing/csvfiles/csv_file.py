"""CSV files from outside: checked, unpacked, and rewritten where SQL might read them wrong."""

import csv
import difflib
import errno
import math
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BufferedReader, StringIO
from pathlib import Path

from diffing.core.errors import BadInput, OutOfDisk, remedy
from diffing.csvfiles.archives import GZIP, ZSTD, Room, kept_if_whole, opened, plain_copy
from diffing.csvfiles.input_file import InputFile
from diffing.csvfiles.scan import LONGEST_RECORD, Contents, Records, count_rows

MOST_COLUMNS = 4_000
"""Columns that a file may have; the time that DuckDB takes grows with their square, and more."""

_OTHER_DELIMITERS = {";": "semicolon", "\t": "tab", "|": "pipe"}

# by how their files begin
_OTHER_FORMATS = {
    GZIP: "is compressed with gzip, but its name does not end in .gz. Rename it",
    ZSTD: "is compressed with zstd, but its name does not end in .zst. Rename it",
    (b"PK\x03\x04",): "is a ZIP archive or an Excel workbook. Export it as CSV",
    (b"\xff\xfe", b"\xfe\xff"): "is UTF-16, not UTF-8. Export it again as UTF-8",
}


@dataclass(frozen=True)
class CsvFile:
    """A CSV file that SQL may read.

    Args:
        name: what the user calls it.
        path: a plain CSV: the file itself, or a copy of it.
        bytes: size of the original on disk.
        columns: the header's names, in file order.
        rows: records below the header, counted without DuckDB; None until it is known, see
            `contents_of`.
        rewritten: `path` is a copy made by `rewrite`, with a blank line in place of the header:
            known to be whole, so DuckDB should read it with `parallel = false`. It reads records
            of several lines right only then.
    """

    name: str
    path: Path
    bytes: int
    columns: tuple[str, ...]
    rows: int | None = None
    rewritten: bool = False


def open_csv(original: InputFile, scratch: Path, most: float = math.inf) -> CsvFile:
    """Check a CSV file, `.csv`, `.csv.gz` or `.csv.zst`, where DuckDB cannot be relied on.

    Args:
        original: the file.
        scratch: an existing folder for copies.
        most: bytes that an archive may become.

    Returns:
        A file that DuckDB reads right or refuses, or one that `contents_of` tells: see `rewrite`.

    Raises:
        BadInput: there is no such file, it cannot be unpacked, is empty, too large, or has no
            usable header.
        OutOfDisk: a copy found no room.
    """
    path, name = original.path, original.name
    with _os_errors_translated(name):
        size = _size_of(path, name)
        if not size:
            raise _empty(name)
        # before it is unpacked: what has no header needs not fill the disk
        with opened(path, name) as start:
            _refuse_other_formats(start, name)
            columns, in_first_line = _read_header(start, name)
        plain = plain_copy(path, name, scratch, most)
    file = CsvFile(name, plain, size, columns)
    if not in_first_line or any("\ufffd" in column for column in columns):
        contents_of(file)  # which says where the file is not UTF-8
    _refuse_repeated(columns, name)
    return file if in_first_line else rewrite(file, scratch)


def contents_of(
    file: CsvFile, cuts: Sequence[int] = (), on_chunk: Callable[[], None] = lambda: None
) -> Contents:
    """Look over all bytes of a file.

    Args:
        file: the file.
        cuts: offsets, ascending, at which a record must begin; else `rows` is None.
        on_chunk: called again and again; what it raises ends the look.

    Returns:
        What stands in it; `rows` is None where DuckDB may read the file wrong: see `rewrite`.

    Raises:
        BadInput: the file is not UTF-8.
    """
    with _os_errors_translated(file.name):
        found = count_rows(file.path, file.name, cuts, on_chunk)
    # a rewritten file has no header, and is right
    return found if file.rows is None else replace(found, rows=file.rows)


def rewrite(file: CsvFile, scratch: Path) -> CsvFile:
    """Read a file again, slowly and exactly, and copy it in a form that DuckDB surely reads right.

    Args:
        file: a file, from `open_csv`, that DuckDB refused or may read wrong.
        scratch: an existing folder for the copy.

    Returns:
        The same rows in a copy that has no header, ends lines in LF and quotes by one rule.

    Raises:
        BadInput: the file is no CSV; saying where.
        OutOfDisk: the copy found no room.
    """
    if file.rewritten:
        return file
    try:
        with _os_errors_translated(file.name), kept_if_whole(scratch) as copy:
            rows = _copy_rows(file, copy, Room(scratch, file.name))
    except BadInput:
        if len(file.columns) == 1:
            _refuse_other_delimiter(file.columns[0], file.name)
        raise
    return replace(file, path=copy, rows=rows, rewritten=True)


def require_columns(file: CsvFile, wanted: Sequence[str]) -> None:
    """Check that a file has the columns that a comparison needs.

    Raises:
        BadInput: naming those missing, those there are, and the closest name.
    """
    missing = [name for name in wanted if name not in file.columns]
    if not missing:
        return
    if len(file.columns) == 1:
        _refuse_other_delimiter(file.columns[0], file.name)
    folded = {column.casefold(): column for column in file.columns}
    close = difflib.get_close_matches(missing[0].casefold(), folded, n=1)
    hint = f" Did you mean {folded[close[0]]!r}?" if close else ""
    raise BadInput(
        f"{file.name}: no column {_listed(missing)}.{hint} It has {_listed(file.columns)}."
    )


def line_of(fields: Iterable[str]) -> str:
    """A record of CSV, quoted as DuckDB quotes it, without a line end."""
    line = StringIO()
    # quoted is what stands in the line end, too
    csv.writer(line, lineterminator="\r\n").writerow(fields)
    return line.getvalue().removesuffix("\r\n")


def _copy_rows(file: CsvFile, copy: Path, room: Room) -> int:
    """Write all records but the header to `copy`, and return how many they are."""
    rows, expected, unchecked = 0, len(file.columns), 0
    with (
        file.path.open("rb") as original,
        copy.open("w", encoding="latin-1", newline="") as target,
    ):
        quoting = csv.writer(target, quoting=csv.QUOTE_ALL, lineterminator="\n")
        records = Records(original, file.name)
        below_header = iter(records)
        next(below_header)
        # a blank line: where a file begins, DuckDB looks for a byte order mark, and it takes the
        # first line end for that of all lines, though it may stand inside quotes
        target.write("\n")
        for fields in below_header:
            if len(fields) != expected:
                raise BadInput(
                    f"{file.name}, line {records.line}: expected {_count(expected, 'field')} "
                    f"as in the header, found {len(fields)}. Quote fields that hold a comma."
                )
            raw = records.raw
            if '"' in raw:
                written = quoting.writerow(fields)
            else:
                written = target.write(raw.rstrip("\r\n") + "\n")
            if written > LONGEST_RECORD:
                raise BadInput(
                    f"{file.name}, line {records.line}: "
                    f"the record is longer than {LONGEST_RECORD:,} bytes."
                )
            unchecked += written
            if unchecked > LONGEST_RECORD:
                room.require(unchecked)
                unchecked = 0
            rows += 1
    return rows


def _read_header(file: BufferedReader, name: str) -> tuple[tuple[str, ...], bool]:
    """The header's names, and whether it takes the first line and no other."""
    file.seek(0)
    records = Records(file, name)
    try:
        header = next(iter(records), None)
    except BadInput:
        if "," not in records.raw:
            _refuse_other_delimiter(records.raw, name)
        raise
    if header is None:
        raise _empty(name)
    if len(header) > MOST_COLUMNS:
        raise BadInput(
            f"{name}: the header names {len(header):,} columns; "
            f"no more than {MOST_COLUMNS:,} can be compared. Export fewer."
        )
    columns = tuple(column.encode("latin-1").decode(errors="replace") for column in header)
    return columns, records.line == 1 and "\n" not in records.raw.rstrip("\r\n")


def _empty(name: str) -> BadInput:
    return BadInput(f"{name}: the file is empty. Its first line must name the columns.")


def _refuse_repeated(columns: Sequence[str], name: str) -> None:
    repeated = [column for column, count in Counter(columns).items() if count > 1]
    if repeated:
        raise BadInput(
            f"{name}: the header names {_listed(repeated)} more than once. "
            "Give each column a name of its own."
        )


def _size_of(path: Path, name: str) -> int:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: NUL in its name
        raise BadInput(f"{name}: there is no such file.") from None
    if stat.S_ISDIR(status.st_mode):
        raise BadInput(f"{name}: is a folder. Name a CSV file.")
    if not stat.S_ISREG(status.st_mode):
        raise BadInput(f"{name}: is not a regular file. Copy the data into one.")
    return status.st_size


def _refuse_other_formats(file: BufferedReader, name: str) -> None:
    start = file.read(4)
    for beginnings, what in _OTHER_FORMATS.items():
        if start.startswith(beginnings):
            raise BadInput(f"{name}: {what}.")


def _refuse_other_delimiter(header: str, name: str) -> None:
    for character, word in _OTHER_DELIMITERS.items():
        if character in header:
            raise BadInput(
                f"{name}: the fields seem to be separated by a {word}; "
                "a comma is needed. Export it again."
            )


@contextmanager
def _os_errors_translated(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfDisk("The disk is full. Free some space and start the job again.") from error
        raise BadInput(f"{name}: cannot be read: {error.strerror}.{remedy(error)}") from error


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listed(names: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(repr(name[:80]) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
