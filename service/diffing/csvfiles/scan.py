"""What stands in the bytes of a CSV file: one fast look over all of them.

The fast look counts the rows of a file that DuckDB surely reads right, and tells the others. Three
things it reads wrong without an error (2.0.0): blanks beside quotes, bytes that are not UTF-8 in
columns nobody asked for, and a broken record that comes first after one of its buffers' borders:
there it drops all rows up to the end of the file.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from diffing.core.errors import BadInput
from diffing.csvfiles.records import LONGEST_RECORD

SEPARATOR = b"\x1f"
"""Stands between the columns of a key where the queries make one text of them."""


@dataclass(frozen=True)
class Portions:
    """How much of a file is taken at once.

    Args:
        read: bytes that are read.
        scanned: bytes that are looked over, or a line; so few that they stay in the processor's
            cache while they are looked over several times.
    """

    read: int = 1024 * 1024
    scanned: int = 32 * 1024


PORTIONS = Portions()

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
    portions: Portions = PORTIONS,
) -> Contents:
    """Count the rows of a file that DuckDB reads right or refuses.

    Args:
        path: a plain CSV file with a header.
        name: what errors call it.
        cuts: offsets, ascending, at which a record must begin.
        on_chunk: called again and again; what it raises ends the count.
        portions: how much is taken at once.

    Raises:
        BadInput: the file is not UTF-8.
    """
    rows: int | None = -1  # the header is a record, but no row
    inside, has_separator, last = False, False, b""
    for offset, chunk in _whole_lines(path, cuts, portions):
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


def _whole_lines(
    path: Path, cuts: Sequence[int], portions: Portions
) -> Iterator[tuple[int, bytes]]:
    """A file in chunks of whole lines: no character and no pair of characters is cut in two.

    Args:
        path: the file.
        cuts: offsets, ascending, of lines at which a chunk should begin.
        portions: how large a chunk is at least.

    Yields:
        Offset and bytes of each; an empty chunk at last if a line is too long.
    """
    offset, rest, size = 0, b"", portions.scanned
    ends = [*cuts, sys.maxsize]
    with path.open("rb", buffering=0) as file:
        while block := file.read(portions.read):
            block = rest + block
            start = 0
            while (end := block.find(b"\n", start + size) + 1) or offset + len(block) >= ends[0]:
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
            chunk = file.read(min(PORTIONS.scanned, offset - done))
            line += chunk.count(b"\n")
            if (newline := chunk.rfind(b"\n")) >= 0:
                start = done + newline + 1
            done += len(chunk)
    return line, offset - start + 1
