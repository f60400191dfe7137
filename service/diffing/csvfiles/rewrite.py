"""Rewrites a CSV file that DuckDB may misread."""

import csv
from dataclasses import replace
from pathlib import Path

from diffing.core.errors import BadInput
from diffing.csvfiles.archives import Room, kept_if_whole
from diffing.csvfiles.csv_file import CsvFile, reading
from diffing.csvfiles.header_search import other_delimiter
from diffing.csvfiles.records import LONGEST_RECORD, Records, miscounted


def rewrite(file: CsvFile, scratch: Path) -> CsvFile:
    """Read a file again, slowly and exactly, and write a copy that DuckDB reads correctly.

    Args:
        file: a file, from `open_csv`, that DuckDB refused or may misread.
        scratch: an existing folder for the copy.

    Returns:
        The same rows in a copy without a header, with LF line ends and uniform quotes.

    Raises:
        BadInput: the file is not valid CSV. The text names the line.
        OutOfDisk: too little space is free for the copy.
    """
    if file.rewritten:
        return file
    try:
        with reading(file.name), kept_if_whole(scratch) as copy:
            rows = _copy_rows(file, copy, Room(scratch, file.name))
    except BadInput:
        if len(file.columns) == 1 and (delimiter := other_delimiter(file.columns[0])):
            raise BadInput(f"{file.name}: {delimiter}") from None
        raise
    return replace(file, path=copy, rows=rows, rewritten=True)


def _copy_rows(file: CsvFile, copy: Path, room: Room) -> int:
    """Write all records below the header to `copy`, and return their number."""
    rows, expected, unchecked = 0, len(file.columns), 0
    with (
        file.path.open("rb") as original,
        copy.open("w", encoding="latin-1", newline="") as target,
    ):
        quoting = csv.writer(target, quoting=csv.QUOTE_ALL, lineterminator="\n")
        records = Records(original, file.name)
        below_header = iter(records)
        next(below_header)
        # A blank line in place of the header. DuckDB looks for a byte order mark at the beginning,
        # and assumes that all lines end like the first, even if that end is inside quotes.
        target.write("\n")
        for fields in below_header:
            if len(fields) != expected:
                raise BadInput(
                    f"{file.name}, line {records.line}: {_miscounted(records, fields, expected)}"
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


def _miscounted(records: Records, fields: list[str], expected: int) -> str:
    """The error for a record with another number of fields than the header."""
    following = records.next_line() if len(fields) < expected else None
    return miscounted(
        _as_text(records.raw),
        records.line,
        (len(fields), expected),
        None if following is None else _as_text(following),
    )


def _as_text(raw: str) -> str:
    return raw.rstrip("\r\n").encode("latin-1").decode(errors="replace")
