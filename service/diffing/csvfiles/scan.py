"""What stands in the bytes of a CSV file: one fast look over all of them, one exact reader.

The fast look counts the rows of a file that DuckDB surely reads right, and tells the others. Three
things it reads wrong without an error (2.0.0): blanks beside quotes, bytes that are not UTF-8 in
columns nobody asked for, and a broken record that comes first after one of its buffers' borders:
there it drops all rows up to the end of the file.
"""

import csv
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path

from diffing.core.errors import BadInput

LONGEST_RECORD = 16_000_000
"""Bytes that a record may take; csv.sql allows DuckDB as many (`max_line_size`)."""

SEPARATOR = b"\x1f"
"""Stands between the columns of a key where the queries make one text of them."""

BOM = b"\xef\xbb\xbf"

# This holds for the whole process, and is 128 KiB unless set: too little for fields of 10 MB.
csv.field_size_limit(LONGEST_RECORD)

# Small enough to stay in the processor's cache while it is looked over several times.
_CHUNK = 32 * 1024
_BLOCK = 1024 * 1024

# A record whose fields are all quoted; or else the whole rest of the text. After a quote inside a
# quoted field, both `"` and `,"` lead on into a quoted field: taking them in one loop makes files
# that quote everything twice as fast.
# Atomic groups, not (...)*+: that matches wrong before Python 3.11.5 (gh-106052).
_QUOTED_RECORD = re.compile(rb'"[^"]*+(?>(?:",?+"[^"]*+)*)"\r?\n|(.++)', re.DOTALL)

# Text in which every quoted field begins after a comma or line end, ends before one and in its
# line, and no quote stands anywhere else. The ranges mean [^"\n], which is half as fast.
_INSIDE = rb'"[\x00-\x09\x0b-\x21\x23-\xff]*+'
_QUOTED_IN_LINES = re.compile(
    rb'(?>(?:[^"]*+(?<![^,\n])' + _INSIDE + rb'(?>(?:"[,\n]?+' + _INSIDE + rb')*)"(?![^,\r\n]))*)'
    rb'[^"]*+\Z'
)

# In text without what stands inside quotes: a quote where no quoted field may begin or end.
_MISPLACED_QUOTE = re.compile(rb'"(?:(?<=[^,\n"]")|(?=[^,\r\n"]))')

_BLANK_LINES = re.compile(rb"(?>(?:\r?\n)+)")

_QUOTED_FIELD = re.compile(r'"[^"]*+(?>(?:""[^"]*+)*)"')
_UNQUOTED_FIELD = re.compile(r"[^,\r\n]*+")


@dataclass(frozen=True)
class Contents:
    """What stands in a file.

    Args:
        rows: records below the header; None if DuckDB may read the file wrong.
        has_separator: U+001F stands in it.
    """

    rows: int | None
    has_separator: bool


def count_rows(
    path: Path,
    name: str,
    cuts: Sequence[int] = (),
    on_chunk: Callable[[], None] = lambda: None,
) -> Contents:
    """Count the rows of a file that DuckDB reads right or refuses.

    Args:
        path: a plain CSV file with a header.
        name: what errors call it.
        cuts: offsets, ascending, at which a record must begin.
        on_chunk: called again and again; what it raises ends the count.

    Raises:
        BadInput: the file is not UTF-8.
    """
    rows: int | None = -1  # the header is a record, but no row
    inside, has_separator, last = False, False, b""
    for offset, chunk in _whole_lines(path, cuts):
        on_chunk()
        if not chunk:
            return Contents(None, has_separator)
        if not chunk.isascii():
            _refuse_other_encodings(chunk, offset, path, name)
        has_separator = has_separator or SEPARATOR in chunk
        if offset in cuts and (inside or last != b"\n"):
            rows = None
        if rows is not None:
            ended, inside = _count_records(chunk, inside)
            rows = None if ended is None else rows + ended
        last = chunk[-1:]
    return Contents(None if inside or last == b"\r" else rows, has_separator)


def _whole_lines(path: Path, cuts: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """A file in chunks of whole lines: no character and no pair of characters is cut in two.

    Args:
        path: the file.
        cuts: offsets, ascending, of lines at which a chunk should begin.

    Yields:
        Offset and bytes of each; an empty chunk at last if a line is too long.
    """
    offset, rest = 0, b""
    ends = [*cuts, sys.maxsize]
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            block = rest + block
            start = 0
            while (end := block.find(b"\n", start + _CHUNK) + 1) or offset + len(block) >= ends[0]:
                end = min(end or len(block), ends[0] - offset)
                if offset + end == ends[0]:
                    ends.pop(0)
                yield offset + start, block[start:end]
                start = end
            offset, rest = offset + start, block[start:]
            if len(rest) > LONGEST_RECORD:
                yield offset, b""
                return
    if rest:
        yield offset, rest


def _count_records(chunk: bytes, inside: bool) -> tuple[int | None, bool]:
    """How many records end in a chunk of whole lines, and whether it ends inside quotes.

    Args:
        chunk: the lines.
        inside: they begin inside quotes.

    Returns:
        None for the number if a quote stands where none belongs.
    """
    # a field that goes on counts as if it began here
    text = b'"' + chunk if inside else chunk
    records = 0
    if text.startswith(b'"'):
        *quoted, text = _QUOTED_RECORD.findall(text)
        records = len(quoted) if text else len(quoted) + 1
    if b'"' not in text or _QUOTED_IN_LINES.match(text):
        return records + _count_lines(text), False
    outside, ends_inside = _without_quoted(text)
    if _MISPLACED_QUOTE.search(outside):
        return None, ends_inside
    return records + _count_lines(outside) - ends_inside, ends_inside


def _without_quoted(text: bytes) -> tuple[bytes, bool]:
    """A text with but one quote for each quoted part, and whether it ends inside one."""
    pieces = text.split(b'"')
    outside = pieces[::2]
    ends_inside = len(pieces) % 2 == 0
    if ends_inside:
        outside.append(b"")
    return b'"'.join(outside), ends_inside


def _count_lines(text: bytes) -> int:
    """How many lines are not blank; to count line ends and then look for two of them is slower."""
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
        raise BadInput(
            f"{name}, line {line}: byte {place} of the line (0x{chunk[error.start]:02X}) is not "
            "UTF-8. Export it again as UTF-8."
        ) from None


def _place_of(path: Path, offset: int) -> tuple[int, int]:
    """The line, and the byte in it, both from 1, of an offset from 0."""
    line, start, done = 1, 0, 0
    with path.open("rb") as file:
        while done < offset:
            chunk = file.read(min(_CHUNK, offset - done))
            line += chunk.count(b"\n")
            if (newline := chunk.rfind(b"\n")) >= 0:
                start = done + newline + 1
            done += len(chunk)
    return line, offset - start + 1


class Records:
    """Reads a CSV file record by record, exactly as RFC 4180 has it; blank lines are skipped.

    Records end in LF or CR LF. Their text is decoded as Latin-1, one character a byte: it is
    fast, takes one byte in memory, and the parts that matter to CSV are the same as in UTF-8.

    Args:
        file: the file, opened at its beginning.
        name: what errors call it.

    Attributes:
        line: line in the file, from 1, where the latest record begins.
    """

    def __init__(self, file: BufferedReader, name: str) -> None:
        self._file = file
        self._name = name
        self._lines: list[str] = []
        self._skipped = 0
        self.line = 1
        if file.read(len(BOM)) != BOM:
            file.seek(0)

    @property
    def raw(self) -> str:
        """All characters of the latest record, with the line end."""
        return "".join(self._lines)

    def __iter__(self) -> Iterator[list[str]]:
        """Give the fields of each record.

        Raises:
            BadInput: a quote is not closed, text follows a closing quote, a CR stands alone, or
                a record is too long; saying in which line.
        """
        reader = csv.reader(self._read_lines(), strict=True)
        while True:
            self._lines.clear()
            self.line = reader.line_num + self._skipped + 1
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise self._fault(str(error)) from None
            # csv takes any number of CR for a line end
            if self._lines[-1].endswith(("\r", "\r\r\n")):
                raise self._fault("a carriage return stands alone")
            if fields:
                yield fields

    def _read_lines(self) -> Iterator[str]:
        length = 0
        while line := self._file.readline(LONGEST_RECORD + 1):
            if line in (b"\n", b"\r\n") and not self._lines:
                self._skip_blank_lines()
            length = len(line) + (length if self._lines else 0)
            self._lines.append(line.decode("latin-1"))
            if length > LONGEST_RECORD:
                raise self._fault(f"the record is longer than {LONGEST_RECORD:,} bytes")
            yield self._lines[-1]

    def _skip_blank_lines(self) -> None:
        """There may be millions, which csv would take one by one."""
        while blank := _BLANK_LINES.match(self._file.peek(1)):
            self._skipped += self._file.read(blank.end()).count(b"\n")

    def _fault(self, otherwise: str) -> BadInput:
        """Find what is wrong in the latest record; `otherwise` if it is none of the known."""
        text = self.raw
        place, what = _first_fault(text) or (0, f"{otherwise}. Export it again.")
        line = self.line + text.count("\n", 0, place)
        begun = f" (the record begins in line {self.line})" if line > self.line else ""
        return BadInput(f"{self._name}, line {line}{begun}: {what}")


def _first_fault(record: str) -> tuple[int, str] | None:
    """Where a record breaks the rules of quotes and line ends, and what is to be done."""
    place = 0
    while True:
        quoted = record.startswith('"', place)
        field = (_QUOTED_FIELD if quoted else _UNQUOTED_FIELD).match(record, place)
        if field is None:
            return place, (
                "the quote that opens here is not closed. "
                "Close it, or double each quote that is part of a field."
            )
        end = field.end()
        if record.startswith(",", end):
            place = end + 1
        elif end == len(record) or record.startswith(("\n", "\r\n"), end):
            return None
        elif record.startswith("\r", end):
            return end, (
                "a carriage return (CR) stands alone outside quotes. "
                "End lines with LF or CR LF, or quote the field."
            )
        else:
            return end, (
                f"{record[end : end + 20].splitlines()[0]!r} follows a closing quote. "
                "Double each quote that is part of a field."
            )
