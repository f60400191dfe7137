"""Finds the fields of many records at once, with numpy.

It takes only what is surely well-formed, and what DuckDB would read in the same way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffing.csvfiles.stretches import Irreducible

Numbers = NDArray[np.int64]
Bytes = NDArray[np.uint8]

# half of what DuckDB takes for a record
_LONGEST = 2_000_000
_COMMA, _QUOTE, _RETURN, _LINE_END = b',"\r\n'


def _having(characters: bytes) -> NDArray[np.bool_]:
    """A table of all bytes: True for these."""
    table = np.zeros(256, np.bool_)
    table[list(characters)] = True
    return table


# what may stand before a quote that opens, and after one that closes; a doubled quote does both
_BEFORE, _AFTER = _having(b',"\n'), _having(b',"\r\n')


def are_around_fields(given: Bytes, quotes: Numbers) -> bool:
    """Whether all quotes are around a field or doubled.

    Args:
        given: bytes that end in a line end.
        quotes: the offsets of all quotes.
    """
    opening, closing = quotes[0::2], quotes[1::2]
    return len(opening) == len(closing) and bool(
        # before the first byte is the last one, a line end
        _BEFORE[given[opening - 1]].all() and _AFTER[given[closing + 1]].all()
    )


class PartOfRecord(Irreducible):
    """A part of a file ends inside a record."""


@dataclass(frozen=True)
class Layout:
    """The properties of all records of a file.

    Args:
        body: where they begin, in bytes.
        columns: the number of fields.
        line_end: LF or CR LF.
        read: the columns whose text is read, by their number.
    """

    body: int
    columns: int
    line_end: bytes
    read: Sequence[int]


class _Quoted:
    """The quotes of some records.

    Args:
        given: bytes of whole records.
        found: the offsets of commas, line ends and quotes.

    Attributes:
        places: the offsets of commas and line ends outside quotes.
        quotes: those of quotes.

    Raises:
        Irreducible: a quote is neither around a field nor doubled.
    """

    def __init__(self, given: Bytes, found: Numbers) -> None:
        outside = given[found] != _QUOTE
        numbers = np.flatnonzero(~outside)
        self.quotes = found[numbers]
        if not are_around_fields(given, self.quotes):
            raise Irreducible
        opening, closing = self.quotes[0::2], self.quotes[1::2]
        # how many of `found` are before each pair of quotes, without quotes and what they enclose
        self._fields = numbers[0::2] - np.arange(0, len(numbers), 2)
        enclosed = numbers[1::2] - numbers[0::2] - 1
        if enclosed.any():
            before = np.cumsum(enclosed)
            self._fields[1:] -= before[:-1]
            firsts = numbers[0::2] + 1 - before + enclosed
            outside[np.repeat(firsts, enclosed) + np.arange(before[-1])] = False
        self.places = found[outside]
        self._doubled = opening[1:] == closing[:-1] + 1

    def is_in(self, layout: Layout) -> bool:
        """Whether a column that is read has quotes."""
        has_quotes = np.zeros(layout.columns, np.bool_)
        has_quotes[self._fields % layout.columns] = True
        return bool(has_quotes[list(layout.read)].any())

    @property
    def places_without_quotes(self) -> Numbers:
        """The offsets of commas and line ends in text from which the quotes are removed."""
        pairs = np.bincount(self._fields, minlength=len(self.places))
        places: Numbers = self.places - 2 * np.cumsum(pairs)
        return places

    @property
    def doubled(self) -> Numbers:
        """The fields that contain a quote, by their number."""
        fields = self._fields[1:][self._doubled]
        once: Numbers = fields[np.r_[True, fields[1:] != fields[:-1]][: len(fields)]]
        return once


class Block:
    """Records of a file, and the places of their fields.

    Args:
        text: their bytes, up to the last line end.
        layout: of the file.

    Attributes:
        text: the bytes, and PADDING zeros. Quotes are removed if a column has some that is read.
        rows: the number of records.
        record_ends: offsets in the given bytes, after the line end of each record.
        folded: whether a line end is inside a field.
        with_quotes: the fields that contain a quote, by their number in the block; empty if no
            column has quotes that is read.

    Raises:
        Irreducible: the text is not surely well-formed.
    """

    PADDING = 8

    def __init__(self, text: bytes, layout: Layout) -> None:
        self._columns = columns = layout.columns
        if b"\0" in text:
            raise Irreducible
        if not text.isascii():
            try:
                text.decode()
            except UnicodeDecodeError:
                raise Irreducible from None
        given = np.frombuffer(text, np.uint8)
        line_ends = given == _LINE_END
        hits = given == _COMMA
        hits |= line_ends
        if b'"' in text:
            hits |= given == _QUOTE
            quoted = _Quoted(given, np.flatnonzero(hits))
            places, quotes = quoted.places, quoted.quotes
            removed = quoted.is_in(layout)
            self.with_quotes = quoted.doubled if removed else places[:0]
            self._ends = quoted.places_without_quotes if removed else places
        else:
            places = self._ends = np.flatnonzero(hits)
            quotes = self.with_quotes = places[:0]
            removed = False
        self.text = (text.replace(b'"', b"") if removed else text) + bytes(self.PADDING)
        self.rows, rest = divmod(len(places), columns)
        last = places[columns - 1 :: columns]
        if rest or not line_ends[last].all():
            raise Irreducible
        self.folded = int(np.count_nonzero(line_ends)) != self.rows
        if self.folded and np.count_nonzero(line_ends[places]) != self.rows:
            raise Irreducible
        self.record_ends = last + 1
        self._line_end = len(layout.line_end)
        _require_line_ends(text, given, last, quotes, layout)

    def span(self, first: int, last: int) -> tuple[Numbers, Numbers]:
        """Columns of all records.

        Args:
            first: the number of the first column, from 0.
            last: the number of the last one.

        Returns:
            The offsets in `text` of the bytes of these columns, and the number of bytes.
        """
        columns, ends = self._columns, self._ends
        if first:
            starts = ends[first - 1 :: columns] + 1
        else:
            starts = np.zeros(self.rows, np.int64)
            np.add(ends[columns - 1 : -1 : columns], 1, out=starts[1:])
        lengths = ends[last::columns] - starts
        if last == columns - 1 and self._line_end > 1:
            lengths -= self._line_end - 1
        return starts, lengths


def _require_line_ends(
    text: bytes, given: Bytes, last: Numbers, quotes: Numbers, layout: Layout
) -> None:
    """Refuse any CR outside quotes that is not part of a line end, and other line ends."""
    expected = len(last) if layout.line_end == b"\r\n" else 0
    returns = int(np.count_nonzero(given == _RETURN)) if b"\r" in text else 0
    if returns and returns != expected:
        places = np.flatnonzero(given == _RETURN)
        returns = int(np.count_nonzero(np.searchsorted(quotes, places) % 2 == 0))
    if returns != expected or (expected and not (given[last - 1] == _RETURN).all()):
        raise Irreducible


def blocks(
    descriptor: int, part: tuple[int, int], layout: Layout, size: int
) -> Iterator[tuple[int, Block]]:
    """Read a part of a file.

    Args:
        descriptor: of the file.
        part: where the first record begins, and where the last one ends.
        layout: of the file.
        size: bytes of a block, or one record.

    Yields:
        The offset and the records of each block.

    Raises:
        Irreducible: the text is not surely well-formed.
        PartOfRecord: the part ends inside a record.
    """
    place, stop = part
    wanted = size
    while place < stop:
        text = os.pread(descriptor, min(size, stop - place), place)
        if place + len(text) == stop and not text.endswith(b"\n"):
            text += layout.line_end  # the last line of the file lacks it
        if end := _last_border(text):
            yield place, Block(text[:end], layout)
            place += end
            size = wanted
        elif len(text) < size:
            raise PartOfRecord
        elif size > _LONGEST:
            raise Irreducible
        else:
            size *= 2


def _last_border(text: bytes) -> int:
    """The end of the last record in a text that begins with one."""
    end = text.rfind(b"\n") + 1
    inside = int(np.count_nonzero(np.frombuffer(text, np.uint8, end) == _QUOTE)) % 2
    while inside:
        before = text.rfind(b"\n", 0, text.rfind(b'"', 0, end)) + 1
        inside ^= text.count(b'"', before, end) % 2
        end = before
    return end
