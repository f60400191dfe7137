"""A fast scan of all bytes of a CSV file.

The scan counts the rows of a file that DuckDB reads correctly, and detects other files. DuckDB
2.0.0 misreads three things without an error: blanks next to quotes, bytes that are not UTF-8 in
unused columns, and the first record after the header or the border of a buffer. There it drops a CR
before the record. If the record is broken, it drops all rows up to the end of the file.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Self

from diffing.csvfiles.encodings import wrong_byte
from diffing.csvfiles.records import LONGEST_RECORD

SEPARATOR = b"\x1f"
"""The separator between the columns of a key that the queries join into one text."""


@dataclass(frozen=True)
class Portions:
    """The bytes of a file per step.

    Args:
        read: bytes per read.
        scanned: bytes per chunk, or one line. A chunk stays in the processor's cache while it is
            scanned several times.
        many: bytes of a file that is worth to load numpy.
    """

    read: int = 1024 * 1024
    scanned: int = 256 * 1024
    many: int = 32_000_000

    @classmethod
    def now(cls) -> Self:
        """The best ones: if numpy is loaded, any file is worth it."""
        return cls(many=0) if "numpy" in sys.modules else cls()


PORTIONS = Portions()

# In text without the content of quotes: a quote that neither begins nor ends a quoted field.
_MISPLACED_QUOTE = re.compile(rb'"(?:(?<=[^,\n"]")|(?=[^,\r\n"]))')

_LONE_CR = re.compile(rb"\r(?!\n)")


@dataclass(frozen=True)
class Contents:
    """The contents of a file.

    Args:
        rows: records below the header; None if DuckDB may misread the file.
        has_separator: whether it contains U+001F.
        folded: the chunks in which a line end may be inside a field. All other lines are records.
    """

    rows: int | None
    has_separator: bool
    folded: tuple[Chunk, ...] = ()


@dataclass(frozen=True)
class Chunk:
    """Whole lines of a file.

    Args:
        start: where they begin, in bytes.
        end: where the next chunk begins.
        inside: whether they begin inside quotes.
    """

    start: int
    end: int
    inside: bool


def count_rows(
    path: Path,
    name: str,
    on_chunk: Callable[[], None] = lambda: None,
    portions: Portions = PORTIONS,
) -> Contents:
    """Count the rows of a file that DuckDB reads correctly or refuses.

    Args:
        path: an uncompressed CSV file with a header.
        name: of the file, for errors.
        on_chunk: called for each chunk; an exception from it ends the count.
        portions: bytes per step.

    Raises:
        BadInput: the file is not UTF-8.
    """
    rows: int | None = -1  # the header is a record, but not a row
    inside, has_separator = False, False
    folded = []
    count = _count_by_line if path.stat().st_size >= portions.many else _count_records
    for offset, chunk in _whole_lines(path, portions):
        on_chunk()
        if not chunk:
            return Contents(None, has_separator)
        if not chunk.isascii():
            _refuse_other_encodings(chunk, offset, path, name)
        has_separator = has_separator or SEPARATOR in chunk
        if rows is not None:
            before, (ended, inside, lines) = inside, count(chunk, inside)
            rows = None if ended is None else rows + ended
            if not lines:
                folded.append(Chunk(offset, offset + len(chunk), before))
    return Contents(None if inside else rows, has_separator, tuple(folded))


def record_ends(path: Path, chunk: Chunk) -> list[int]:
    """The offsets in the file at which the records of a chunk end; its quotes must be valid."""
    with path.open("rb", buffering=0) as file:
        text = os.pread(file.fileno(), chunk.end - chunk.start, chunk.start)
    ends, place, inside = [], chunk.start, chunk.inside
    for part in text.split(b'"'):
        if not inside:
            end = part.find(b"\n") + 1
            while end:
                ends.append(place + end)
                end = part.find(b"\n", end) + 1
        place += len(part) + 1
        inside = not inside
    return ends


def _whole_lines(path: Path, portions: Portions) -> Iterator[tuple[int, bytes]]:
    """A file in chunks of whole lines, which splits no character and no CR LF.

    Args:
        path: the file.
        portions: bytes per step; a chunk may be longer, up to the end of its line.

    Yields:
        The offset and bytes of each chunk. If a line is too long, the last chunk is empty.
    """
    offset, rest, size = 0, b"", portions.scanned
    with path.open("rb", buffering=0) as file:
        while block := file.read(portions.read):
            block = rest + block
            start = 0
            while end := block.find(b"\n", start + size) + 1:
                yield offset + start, block[start:end]
                start = end
            offset, rest = offset + start, block[start:]
            if len(rest) > LONGEST_RECORD:
                yield offset, b""
                return
    if rest:
        yield offset, rest


def _has_lone_cr(chunk: bytes, inside: bool) -> bool:
    """Whether lines contain a CR outside quotes that is not part of CR LF."""
    if not _LONE_CR.search(chunk):
        return False
    return any(map(_LONE_CR.search, chunk.split(b'"')[1 if inside else 0 :: 2]))


def _count_by_line(chunk: bytes, inside: bool) -> tuple[int | None, bool, bool]:
    """The same as `_count_records`, faster in most chunks."""
    # numpy takes long to import
    from diffing.csvfiles.records_by_line import count_records

    records = None if inside else count_records(chunk)
    return _count_records(chunk, inside) if records is None else (records, False, True)


def _count_records(chunk: bytes, inside: bool) -> tuple[int | None, bool, bool]:
    """The number of records that end in a chunk of lines, and whether it ends inside quotes.

    Args:
        chunk: the lines.
        inside: whether they begin inside quotes.

    Returns:
        The number, None if a quote or a CR is misplaced; whether it ends inside quotes; and whether
        each line is surely a record.
    """
    if b"\r" in chunk and _has_lone_cr(chunk, inside):
        return None, inside, False
    # a continued field counts as if it began here
    text = b'"' + chunk if inside else chunk
    outside, ends_inside = _without_quoted(text) if b'"' in text else (text, False)
    if _MISPLACED_QUOTE.search(outside):
        return None, ends_inside, False
    records = _count_lines(outside) - ends_inside
    lines = chunk.endswith(b"\n") and chunk.count(b"\n") == records
    return records, ends_inside, lines and not (inside or ends_inside)


def _without_quoted(text: bytes) -> tuple[bytes, bool]:
    """A text with one quote in place of each quoted part, and whether it ends inside quotes."""
    pieces = text.split(b'"')
    outside = pieces[::2]
    ends_inside = len(pieces) % 2 == 0
    if ends_inside:
        outside.append(b"")
    return b'"'.join(outside), ends_inside


def _count_lines(text: bytes) -> int:
    """The number of lines that are not blank. To count line ends, less pairs of them, is slower."""
    lines = BytesIO(text).readlines()
    blank = lines.count(b"\n")
    if b"\r" in text:
        blank += lines.count(b"\r\n")
    return len(lines) - blank


def _refuse_other_encodings(chunk: bytes, offset: int, path: Path, name: str) -> None:
    try:
        chunk.decode()
    except UnicodeDecodeError as error:
        line, place = _place_of(path, offset + error.start)
        byte = chunk[error.start]
        raise wrong_byte(f"{name}, line {line}", place, byte, "utf-8") from None


def _place_of(path: Path, offset: int) -> tuple[int, int]:
    """The line and the byte in the line, both from 1, of an offset from 0."""
    line, start, done = 1, 0, 0
    with path.open("rb") as file:
        while done < offset:
            chunk = file.read(min(PORTIONS.scanned, offset - done))
            line += chunk.count(b"\n")
            if (newline := chunk.rfind(b"\n")) >= 0:
                start = done + newline + 1
            done += len(chunk)
    return line, offset - start + 1
