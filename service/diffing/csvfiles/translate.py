"""Translates the text of a CSV file from one dialect to another, exactly."""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from types import SimpleNamespace
from typing import Any

from diffing.core.dialect import FullDialect
from diffing.core.errors import BadInput
from diffing.csvfiles.encodings import decoded
from diffing.csvfiles.file_kinds import CTRL_Z, CTRL_Z_AT_THE_END
from diffing.csvfiles.records import LONGEST_RECORD, first_fault, miscounted

# Longer chunks have long lines, which the slow way checks.
_MOST_AT_ONCE = 1_000_000


class Translation:
    """Reads a file of one dialect as text of another, with LF line ends and no blank lines.

    Args:
        file: the file, unpacked, opened at its beginning.
        name: of the file, for errors.
        source: its dialect, without None.
        target: the dialect of the text.

    Attributes:
        columns: the names in the header; None without a header.
        line: where the header begins, from 1.
        target: as given.
        alter: changes the fields of each record below the header; None changes nothing.

    Raises:
        BadInput: the header cannot be read. The text names the line.
    """

    def __init__(
        self, file: BufferedReader, name: str, source: FullDialect, target: FullDialect
    ) -> None:
        self._name, self._source, self.target = name, source, target
        lines = _without_surroundings(decoded(file, name, source.encoding), source, name)
        self._lines = _Lines(lines, source.skip_lines)
        self._field_with_signs = _field_with(source.delimiter, _signs(target))
        self.alter: Callable[[list[str]], list[str]] | None = None
        self.columns: list[str] | None = None
        self.columns = self._first_record()
        self.line = self._lines.began

    @property
    def header(self) -> str:
        """The header in the other dialect, without its line end."""
        return self.line_of(self.columns or [])

    @property
    def place(self) -> str:
        """The file and the line where the current record begins, for errors."""
        return f"{self._name}, line {self._lines.began}"

    def line_of(self, fields: list[str]) -> str:
        """A record in the other dialect, without its line end."""
        return self._written([fields]).removesuffix("\n")

    def chunks(self) -> Iterator[str]:
        """The records below the header.

        Raises:
            BadInput: a record is not valid, or cannot be written in the other dialect. The text
                names the line.
        """
        while True:
            if rows := list(self._records()):
                yield self._written(rows)
            chunk = self._lines.take_chunk()
            if chunk is None:
                return
            text = None if self.alter else self._at_once(chunk)
            if text is None:
                self._lines.give_back(chunk)
            elif text:
                yield text

    def _first_record(self) -> list[str] | None:
        while True:
            for fields in self._records():
                return fields
            if (chunk := self._lines.take_chunk()) is None:
                return None
            self._lines.give_back(chunk)

    def _at_once(self, text: str) -> str | None:
        """The text of whole lines without quotes; None if each record needs a look."""
        source, target = self._source, self.target
        delimiter, quote = source.delimiter, target.quote
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        signs = [sign for sign in ("\r", source.quote) if sign]
        if len(text) > _MOST_AT_ONCE or any(sign in text for sign in signs):
            return None
        lines = [line for line in text.split("\n") if line]
        most = len(self.columns or ()) - 1
        if any(line.count(delimiter) != most for line in lines):
            return None
        text = "\n".join([*lines, ""])
        others = [sign for sign in _signs(target) if sign != delimiter and sign in text]
        if others:
            if quote in ("", delimiter):
                return None
            text = text.replace(quote, quote + quote)
            text = self._field_with_signs.sub(rf"{_escaped(quote)}\g<0>{_escaped(quote)}", text)
        return text.replace(delimiter, target.delimiter)

    def _records(self) -> Iterator[list[str]]:
        """The fields of each record that begins in the current chunk."""
        lines = self._lines
        reader = csv.reader(lines, **_format(self._source))
        while lines.left:
            lines.begin()
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise self._fault(str(error)) from None
            # csv accepts any number of CR as a line end
            if lines.last.endswith(("\r", "\r\r\n")):
                raise self._fault("a carriage return without a line feed")
            if fields:
                self._check(fields)
                yield self.alter(fields) if self.alter else fields

    def _check(self, fields: list[str]) -> None:
        expected = len(self.columns or fields)
        if len(fields) == expected:
            return
        raw, line = self._lines.raw.rstrip("\r\n"), self._lines.began
        counts, following = (len(fields), expected), self._lines.peek()
        what = miscounted(raw, line, counts, following, self._source.delimiter)
        raise BadInput(f"{self.place}: {what}")

    def _written(self, rows: list[list[str]]) -> str:
        written: list[str] = []
        # csv quotes a field with a CR only if the line end has one
        form = _format(self.target) | {"lineterminator": "\r\n"}
        writer = csv.writer(SimpleNamespace(write=written.append), **form)
        try:
            writer.writerows(rows)
        except csv.Error:
            raise BadInput(
                f"{self._name}: a field contains the delimiter or a line end, and "
                "the dialect has no quote for it. Set quote for the new file."
            ) from None
        longest = max(map(len, written), default=0)
        if longest > LONGEST_RECORD:
            raise BadInput(f"{self.place}: the record is longer than {LONGEST_RECORD:,} bytes.")
        return "".join([f"{line[:-2]}\n" for line in written])

    def _fault(self, otherwise: str) -> BadInput:
        """The error for the latest record; `otherwise` is the text for an unknown fault."""
        raw, began = self._lines.raw, self._lines.began
        fault = first_fault(raw, self._source.delimiter, self._source.quote or "")
        place, what = fault or (0, f"{otherwise}. Export it again.")
        line = began + raw.count("\n", 0, place)
        begun = f" (the record begins in line {began})" if line > began else ""
        return BadInput(f"{self._name}, line {line}{begun}: {what}")


@dataclass
class _Lines:
    """Lines of a file: a chunk at a time, or one by one.

    Args:
        chunks: of whole lines.
        number: of the latest line.
    """

    chunks: Iterator[str]
    number: int = 0
    began: int = 1
    _lines: list[str] = field(default_factory=list)
    _taken: list[str] = field(default_factory=list)
    _next: int = 0

    def __post_init__(self) -> None:
        if (first := next(self.chunks, None)) is not None:
            self.give_back(first, lines=0)

    @property
    def left(self) -> int:
        """The lines of the current chunk that are left."""
        return len(self._lines) - self._next

    @property
    def raw(self) -> str:
        """The text of the current record."""
        return "".join(self._taken)

    @property
    def last(self) -> str:
        """The last line of the current record."""
        return self._taken[-1]

    def begin(self) -> None:
        """Begin a record."""
        self._taken.clear()
        self.began = self.number + 1

    def take_chunk(self) -> str | None:
        """The next chunk as a whole, once no line is left; None at the end."""
        chunk = next(self.chunks, None)
        if chunk is not None:
            self.number += _count(chunk)
        return chunk

    def give_back(self, chunk: str, lines: int | None = None) -> None:
        """Make the lines of a chunk the next ones."""
        self.number -= _count(chunk) if lines is None else lines
        self._lines = [f"{line}\n" for line in chunk.split("\n")]
        last = self._lines.pop().removesuffix("\n")
        if last:
            self._lines.append(last)
        self._next = 0

    def peek(self) -> str | None:
        """The line after the current record, if it is in the chunk or the next one."""
        if not self.left and (chunk := next(self.chunks, None)) is not None:
            self.give_back(chunk, lines=0)
        return self._lines[self._next].rstrip("\r\n") if self.left else None

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if not self.left:
            chunk = next(self.chunks)
            self.give_back(chunk, lines=0)
        line = self._lines[self._next]
        self._next += 1
        self.number += 1
        self._taken.append(line)
        return line


def _count(chunk: str) -> int:
    return chunk.count("\n") + (not chunk.endswith("\n"))


def _format(dialect: FullDialect) -> dict[str, Any]:
    """A dialect for the csv module."""
    form: dict[str, Any] = {"delimiter": dialect.delimiter, "strict": True}
    if dialect.quote:
        return form | {"quotechar": dialect.quote}
    return form | {"quotechar": None, "quoting": csv.QUOTE_NONE}


def _signs(dialect: FullDialect) -> list[str]:
    return [sign for sign in (dialect.delimiter, dialect.quote) if sign]


def _field_with(delimiter: str, signs: list[str]) -> re.Pattern[str]:
    """Matches an unquoted field that contains one of these signs."""
    end, wanted = re.escape(delimiter), "".join(re.escape(s) for s in signs if s != delimiter)
    if not wanted:
        return re.compile(r"(?!)")
    return re.compile(rf"(?<![^{end}\n])[^{end}\n{wanted}]*+[{wanted}][^{end}\n]*+")


def _escaped(text: str) -> str:
    """A text for the replacement of a regular expression."""
    return text.replace("\\", r"\\")


def _without_surroundings(chunks: Iterator[str], dialect: FullDialect, name: str) -> Iterator[str]:
    """The lines without those above the header and those at the end."""
    found = _without_first(chunks, dialect.skip_lines, name)
    return _ended(_without_last(found, dialect.skip_footer), name)


def _without_first(chunks: Iterator[str], lines: int, name: str) -> Iterator[str]:
    left = lines
    for chunk in chunks:
        text = chunk
        if left:
            *skipped, text = chunk.split("\n", left)
            left -= len(skipped)
        if text and not left:
            yield text
    if left:
        raise BadInput(
            f"{name}: the file has fewer than {lines + 1} lines, so skip_lines {lines} "
            "leaves no header."
        )


def _without_last(chunks: Iterator[str], lines: int) -> Iterator[str]:
    if not lines:
        yield from chunks
        return
    held = ""
    for chunk in chunks:
        held += chunk
        if place := _before_last(held, lines):
            yield held[:place]
            held = held[place:]


def _before_last(text: str, lines: int) -> int:
    """The offset of the last lines that are not blank; 0 if there are not more of them."""
    place = len(text)
    for _ in range(lines):
        end = len(text[:place].rstrip("\r\n"))
        if not end:
            return 0
        place = text.rfind("\n", 0, end) + 1
    return place


def _ended(chunks: Iterator[str], name: str) -> Iterator[str]:
    """The same chunks, without Ctrl-Z at the end."""
    last = ""
    for chunk in chunks:
        last = chunk[-1:]
        yield chunk
    if last == CTRL_Z.decode():
        raise BadInput(f"{name}: {CTRL_Z_AT_THE_END}")
