"""Opens a CSV file from outside: unpacks it, and checks it where DuckDB is unreliable."""

import difflib
import math
import stat
from collections import Counter
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path

from diffing.core.errors import BadInput
from diffing.core.input_file import InputFile
from diffing.csvfiles.archives import GZIP, ZSTD, opened, plain_copy
from diffing.csvfiles.csv_file import CsvFile, contents_of, reading, refuse_other_delimiter
from diffing.csvfiles.records import Records
from diffing.csvfiles.rewrite import rewrite

MOST_COLUMNS = 4_000
"""Most columns of a file. The time that DuckDB needs grows with their square, and faster."""


# by their first bytes
_OTHER_FORMATS = {
    GZIP: "is compressed with gzip, but its name does not end in .gz. Rename it",
    ZSTD: "is compressed with zstd, but its name does not end in .zst. Rename it",
    (b"PK\x03\x04",): "is a ZIP archive or an Excel workbook. Export it as CSV",
    (b"\xff\xfe", b"\xfe\xff"): "is UTF-16, not UTF-8. Export it again as UTF-8",
}


def open_csv(original: InputFile, scratch: Path, most: float = math.inf) -> CsvFile:
    """Unpack a CSV file, `.csv`, `.csv.gz` or `.csv.zst`, and check it where DuckDB is unreliable.

    Args:
        original: the file.
        scratch: an existing folder for copies.
        most: bytes of an unpacked file at most.

    Returns:
        A file that DuckDB reads correctly or refuses, or that `contents_of` detects: see `rewrite`.

    Raises:
        BadInput: the file is missing, empty, damaged or too large, or has no usable header.
        OutOfDisk: too little space is free for a copy.
    """
    path, name = original.path, original.name
    with reading(name):
        size = _size_of(path, name)
        if not size:
            raise _empty(name)
        # before unpacking: a file without a header must not fill the disk
        with opened(path, name) as start:
            _refuse_other_formats(start, name)
            columns, in_first_line = _read_header(start, name)
        plain = plain_copy(path, name, scratch, most)
    file = CsvFile(name, plain, size, columns)
    if not in_first_line or any("\ufffd" in column for column in columns):
        contents_of(file)  # to report the place that is not UTF-8
    _refuse_repeated(columns, name)
    return file if in_first_line else rewrite(file, scratch)


def require_columns(file: CsvFile, wanted: Sequence[str]) -> None:
    """Check that a file has the columns that a comparison needs.

    Raises:
        BadInput: the text names the missing columns, all columns, and the closest name.
    """
    missing = [name for name in wanted if name not in file.columns]
    if not missing:
        return
    if len(file.columns) == 1:
        refuse_other_delimiter(file.columns[0], file.name)
    folded = {column.casefold(): column for column in file.columns}
    close = difflib.get_close_matches(missing[0].casefold(), folded, n=1)
    hint = f" Did you mean {folded[close[0]]!r}?" if close else ""
    raise BadInput(
        f"{file.name}: no column {_listed(missing)}.{hint} It has {_listed(file.columns)}."
    )


def _read_header(file: BufferedReader, name: str) -> tuple[tuple[str, ...], bool]:
    """The names in the header, and whether it is the first line alone."""
    file.seek(0)
    records = Records(file, name)
    try:
        header = next(iter(records), None)
    except BadInput:
        if "," not in records.raw:
            refuse_other_delimiter(records.raw, name)
        raise
    if header is None:
        raise _empty(name)
    if len(header) > MOST_COLUMNS:
        raise BadInput(
            f"{name}: the header names {len(header):,} columns; "
            f"at most {MOST_COLUMNS:,} can be compared. Export fewer."
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
            "Give each column another name."
        )


def _size_of(path: Path, name: str) -> int:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: NUL in its name
        raise BadInput(f"{name}: no such file.") from None
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


def _listed(names: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(repr(name[:80]) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
