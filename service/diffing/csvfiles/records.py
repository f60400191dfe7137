"""Reads a CSV file record by record, slowly and exactly."""

import csv
import re
from collections.abc import Iterator
from io import BufferedReader

from diffing.core.errors import BadInput
from diffing.csvfiles.file_kinds import CTRL_Z, CTRL_Z_AT_THE_END
from diffing.csvfiles.header_search import shown_line, word_of_delimiter

LONGEST_RECORD = 16_000_000
"""Most bytes of a record. 1_read.sql sets the same bound for DuckDB (`max_line_size`)."""


BOM = b"\xef\xbb\xbf"

# For the whole process. The default of 128 KiB is too little for fields of 10 MB.
csv.field_size_limit(LONGEST_RECORD)


_BLANK_LINES = re.compile(rb"(?>(?:\r?\n)+)")


class Records:
    """Reads a CSV file record by record, exactly as RFC 4180 defines it, without blank lines.

    Records end in LF or CR LF. Their text is decoded as Latin-1, one character per byte. That is
    fast and small, and the characters that matter to CSV are the same in UTF-8.

    Args:
        file: the file, opened at its beginning.
        name: of the file, for errors.

    Attributes:
        line: line in the file, from 1, at which the latest record begins.
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

    def next_line(self) -> str | None:
        """The line after the latest record, for an error; None at the end of the file."""
        line = self._file.readline(LONGEST_RECORD)
        return line.decode("latin-1") if line else None

    def __iter__(self) -> Iterator[list[str]]:
        """The fields of each record.

        Raises:
            BadInput: a quote is not closed, text follows a closing quote, a CR is not part of CR
                LF, or a record is too long. The text names the line.
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
            # csv accepts any number of CR as a line end
            if self._lines[-1].endswith(("\r", "\r\r\n")):
                raise self._fault("a carriage return without a line feed")
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
        """Skip them all at once: the file may have millions, which csv would read one by one."""
        while blank := _BLANK_LINES.match(self._file.peek(1)):
            self._skipped += self._file.read(blank.end()).count(b"\n")

    def _fault(self, otherwise: str) -> BadInput:
        """The error for the latest record; `otherwise` is the text for an unknown fault."""
        text = self.raw
        place, what = first_fault(text) or (0, f"{otherwise}. Export it again.")
        line = self.line + text.count("\n", 0, place)
        begun = f" (the record begins in line {self.line})" if line > self.line else ""
        return BadInput(f"{self._name}, line {line}{begun}: {what}")


def first_fault(record: str, delimiter: str = ",", quote: str = '"') -> tuple[int, str] | None:
    """The place of the first wrong quote or line end in a record, and a remedy."""
    sign, mark = re.escape(delimiter), re.escape(quote or "\0")
    quoted_field = re.compile(rf"{mark}[^{mark}]*+(?>(?:{mark}{mark}[^{mark}]*+)*){mark}")
    unquoted_field = re.compile(rf"[^{sign}\r\n]*+")
    place = 0
    while True:
        quoted = bool(quote) and record.startswith(quote, place)
        field = (quoted_field if quoted else unquoted_field).match(record, place)
        if field is None:
            return place, (
                "the quote that opens here is not closed. "
                "Close it, or double each quote that is part of a field."
            )
        end = field.end()
        if record.startswith(delimiter, end):
            place = end + 1
        elif end == len(record) or record.startswith(("\n", "\r\n"), end):
            return None
        elif record.startswith("\r\r\n", end):
            return end, r"the line ends in CR CR LF. Make it CR LF with sed 's/\r*$/\r/'."
        elif record.startswith("\r", end):
            return end, (
                "a carriage return (CR) without a line feed, outside quotes. "
                "End lines with LF or CR LF, or quote the field."
            )
        else:
            return end, (
                f"{record[end : end + 20].splitlines()[0]!r} follows a closing quote. "
                "Double each quote that is part of a field."
            )


def miscounted(
    record: str, line: int, counts: tuple[int, int], following: str | None, delimiter: str = ","
) -> str:
    """The error for a record with another number of fields than the header.

    Args:
        record: its text, without its line end.
        line: where it begins.
        counts: the number of its fields, and that of the header.
        following: the line after it; None at the end of the file.
        delimiter: between its fields.
    """
    if record.strip(" ") == CTRL_Z.decode():
        return CTRL_Z_AT_THE_END
    found, expected = counts
    fault = f"expected {_count(expected, 'field')} as in the header, found {found}"
    if found > expected:
        return f"{fault}. Quote fields that contain {word_of_delimiter(delimiter)}."
    if following is None:
        return (
            f"{fault}: {shown_line(record)}. It is the last line. Export the file again if it is "
            "cut off, or remove the line."
        )
    number = line + record.count("\n") + 1
    return (
        f"{fault}: {shown_line(record)}. Line {number} follows: {shown_line(following)}. "
        "Quote fields that contain a line end."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
