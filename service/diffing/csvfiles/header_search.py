"""Finds the header of a text, and explains why it is not the expected one.

It only explains a refusal: a file that has the wanted columns is compared, whatever it looks like.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from diffing.core.dialect import PLAIN, FullDialect
from diffing.core.text import option
from diffing.csvfiles.file_kinds import kind_by_name, text_kind

_DELIMITERS = {
    ";": "a semicolon",
    "\t": "a tab",
    "|": "a pipe",
    "~": "a tilde (~)",
    "\x01": "^A (Ctrl-A, 0x01)",
    "\x1f": "the unit separator (0x1F)",
    ",": "a comma",
}
_SPACE = {" ": "a space"}

_NUMBER_OR_DATE = re.compile(r"\s*(?:[+-]?[\d.,]*\d[\d.,]*(?:[eE][+-]?\d+)?|[\d:/ TZ-]+)\s*")
_LINES = 20
_SHOWN = 60

_Lines = Sequence[tuple[int, str]]


def reason(start: bytes, wanted: Sequence[str], file: str, dialect: FullDialect) -> str | None:
    """The probable reason why the header of a text is unusable, and a remedy.

    Args:
        start: the first bytes of the text as UTF-8, from its header on.
        wanted: the columns that it must have.
        file: its name in a command.
        dialect: in which it was read.
    """
    lines = _first_lines(start)
    return (
        text_kind(start, file)
        or _elsewhere(start, lines, wanted, dialect)
        or _missing_header(lines, wanted, dialect)
        or kind_by_name(file)
    )


def header_in(
    start: bytes, wanted: Sequence[str], dialect: FullDialect, signs: str = ""
) -> tuple[int, str] | None:
    """The number of the line that has all wanted columns, from 1, and its delimiter.

    Args:
        start: the first bytes of the text as UTF-8.
        wanted: the columns.
        dialect: in which it is read.
        signs: possible delimiters; empty for all that are known.
    """
    lines = _first_lines(start)
    for number, line in lines if wanted else ():
        is_first = number == lines[0][0]
        space = _SPACE if is_first and not _has_blanks(line, wanted, dialect) else {}
        for sign in signs or {dialect.delimiter: "", **_DELIMITERS, **space}:
            if set(wanted) <= set(_fields(line, sign, dialect.quote)):
                return number, sign
    return None


def instruction_in(start: bytes) -> tuple[int, str] | None:
    """The number of the line `sep=;`, which must be the first one, and its delimiter.

    Args:
        start: the first bytes of the text as UTF-8.
    """
    number, line = _first_lines(start)[0]
    found = re.fullmatch(r'"?sep=(.)"?[,;\t|]*', line, re.IGNORECASE)
    return (number, found[1]) if found else None


def other_delimiter(header: str, dialect: FullDialect = PLAIN) -> str | None:
    """The delimiter in a header of one column, and a remedy; None without one."""
    sign = delimiter_in(header, dialect)
    return sign and _delimited(sign, dialect)


def delimiter_in(header: str, dialect: FullDialect) -> str | None:
    """The delimiter in a header of one column; None without one."""
    signs = (sign for sign in _DELIMITERS if sign != dialect.delimiter)
    return next((sign for sign in signs if sign in header), None)


def word_of_delimiter(delimiter: str) -> str:
    """A delimiter in words."""
    return (_DELIMITERS | _SPACE).get(delimiter, f"{delimiter!r}")


def _first_lines(start: bytes) -> list[tuple[int, str]]:
    """The numbers and texts of the first lines that are not blank."""
    text = start.decode("utf-8-sig", errors="replace")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    return [(number, line) for number, line in enumerate(lines, 1) if line][:_LINES] or [(1, "")]


def _elsewhere(
    start: bytes, lines: _Lines, wanted: Sequence[str], dialect: FullDialect
) -> str | None:
    """Another delimiter that the header seems to have, or lines before it, such as a title."""
    first, header = lines[0]
    number, sign = header_in(start, wanted, dialect) or (first, dialect.delimiter)
    # a number or an empty name is a value of a row, not a name
    if number > first and not all(_is_value(name) for name in wanted):
        remedy = option("skip_lines", dialect.skip_lines + number - 1)
        if sign != dialect.delimiter:
            remedy += f" and {option('delimiter', sign)}"
        return (
            f"line {first}, {shown_line(header)}, is not the header; "
            f"line {number} has the columns. Give {remedy}."
        )
    if number == first and sign != dialect.delimiter:
        return _delimited(sign, dialect)
    return None if dialect.delimiter in header else other_delimiter(header, dialect)


def _missing_header(lines: _Lines, wanted: Sequence[str], dialect: FullDialect) -> str | None:
    """A first line that looks like a row."""
    number, line = lines[0]
    names = _fields(line, dialect.delimiter, dialect.quote)
    if len(names) < len(wanted) or _folded(names) & _folded(wanted):
        return None
    like_a_row = sum(
        names.count(name) > 1 or _NUMBER_OR_DATE.fullmatch(name) is not None for name in names
    )
    if not wanted or like_a_row * 2 < len(names):
        return None
    return (
        f"the header seems to be missing: line {number} is {shown_line(line)}. "
        "Add a line above it that names the columns."
    )


def shown_line(line: str) -> str:
    """A line of a file, for a message."""
    return repr(line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…")


def _is_value(name: str) -> bool:
    return not name.strip() or _NUMBER_OR_DATE.fullmatch(name) is not None


def _has_blanks(line: str, wanted: Sequence[str], dialect: FullDialect) -> bool:
    """Whether a line has all wanted columns, if blanks around their names are left out."""
    return any(
        set(wanted) <= {name.strip() for name in _fields(line, sign, dialect.quote)}
        for sign in _DELIMITERS
    )


def _folded(names: Sequence[str]) -> set[str]:
    return {name.strip().casefold() for name in names}


def _fields(line: str, delimiter: str, quote: str) -> list[str]:
    if not quote:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, quotechar=quote), [])
    except (csv.Error, ValueError, TypeError):
        return []


def _delimited(sign: str, dialect: FullDialect) -> str:
    return (
        f"the fields seem to be separated by {word_of_delimiter(sign)}, "
        f"not {word_of_delimiter(dialect.delimiter)}. "
        f"Give {option('delimiter', sign)}, or {option('sniff', 'true')} to apply what is found."
    )
