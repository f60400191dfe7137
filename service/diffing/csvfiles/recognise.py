"""Recognises what a file is that is not CSV with commas: by its content first, then by its name.

Binary formats are always refused. The other kinds only explain a refusal: a file that has the
wanted columns is compared, whatever it looks like.
"""

from __future__ import annotations

import codecs
import csv
import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from diffing.core.dialect import PLAIN, FullDialect

LOOKED_AT = 64 * 1024
"""Bytes at the beginning of a file that are enough to recognise it."""

GZIP = (b"\x1f\x8b",)
"""The first bytes of a file that is compressed with gzip."""
ZSTD = (b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18")
"""The same for zstd. Files of pzstd begin with a skippable frame."""

BZIP2 = (b"BZh",)
"""The same for bzip2."""
XZ = (b"\xfd7zXZ\x00",)
"""The same for xz."""
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
"""The same for ZIP archives. The second one is of an empty archive."""
PARQUET = b"PAR1"
"""The same for Parquet."""

CTRL_Z = b"\x1a"
CTRL_Z_AT_THE_END = (
    r"Ctrl-Z (0x1A) ends the file, as in exports of old systems. Remove it with tr -d '\032'."
)
"""The error for such a file."""


@dataclass(frozen=True)
class _Kind:
    """A kind of file.

    Args:
        beginning: regular expression of its first bytes.
        what: the kind, after the name of the file.
        remedy: with {file}, the name in a command.
        unpack: a program that unpacks such a file, and the suffix that it requires.
    """

    beginning: bytes
    what: str
    remedy: str = "Export it as CSV."
    unpack: tuple[str, str] | None = None

    def sentence(self, file: str) -> str:
        """The kind and a remedy for a file of this name."""
        quoted = shlex.quote(file)
        if not self.unpack:
            return f"{self.what}. {self.remedy.format(file=quoted)}"
        program, suffix = self.unpack
        packed = quoted if file.lower().endswith(suffix) else f"< {quoted} > plain.csv"
        return f"{self.what}. Unpack it first: {program} {packed}"


def _one_of(beginnings: Sequence[bytes]) -> bytes:
    """A regular expression of these first bytes."""
    return b"|".join(map(re.escape, beginnings))


_SAVE = "Save it as CSV UTF-8 with commas."
_BINARY = (
    _Kind(
        _one_of(GZIP),
        "is compressed with gzip, but its name does not end in .gz",
        "Rename it: mv {file} {file}.gz",
    ),
    _Kind(
        _one_of(ZSTD),
        "is compressed with zstd, but its name does not end in .zst",
        "Rename it: mv {file} {file}.zst",
    ),
    _Kind(
        rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)",
        "is compressed with bzip2, but its name does not end in .bz2",
        "Rename it: mv {file} {file}.bz2",
    ),
    _Kind(
        _one_of(XZ),
        "is compressed with xz, but its name does not end in .xz",
        "Rename it: mv {file} {file}.xz",
    ),
    _Kind(rb"LZIP\x01", "is compressed with lzip", unpack=("lzip -d", ".lz")),
    _Kind(rb"\x04\x22\x4d\x18", "is compressed with lz4", unpack=("unlz4", ".lz4")),
    _Kind(rb"\x1f[\x9d\xa0]", "is compressed with compress", unpack=("uncompress", ".z")),
    _Kind(rb"7z\xbc\xaf\x27\x1c", "is a 7z archive", "Unpack it first: 7z x {file}"),
    _Kind(rb"Rar!\x1a\x07", "is a RAR archive", "Unpack it first: unrar x {file}"),
    _Kind(rb".{257}ustar", "is a tar archive", "Unpack it first: tar xf {file}"),
    _Kind(
        rb"PK\x03\x04.{26}(?:\[Content_Types\]\.xml|_rels/|docProps/|xl/)",
        "is an Excel workbook",
        _SAVE,
    ),
    _Kind(
        rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis", "is an OpenDocument spreadsheet", _SAVE
    ),
    _Kind(
        _one_of(ZIP),
        "is a ZIP archive, but its name does not end in .zip",
        "Rename it: mv {file} {file}.zip",
    ),
    _Kind(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Excel workbook", _SAVE),
    _Kind(
        rb"PAR1(?![ -~\r\n])",
        "is Parquet, but its name does not end in .parquet",
        "Rename it: mv {file} {file}.parquet",
    ),
    _Kind(rb"PARE(?![ -~\r\n])", "is encrypted Parquet"),
    _Kind(rb"ORC(?![ -~\r\n])", "is ORC"),
    _Kind(rb"Obj\x01", "is Avro"),
    _Kind(rb"ARROW1\x00|FEA1", "is an Arrow or Feather file"),
    _Kind(rb"SQLite format 3\x00", "is an SQLite database"),
    _Kind(rb".{8}DUCK", "is a DuckDB database"),
    _Kind(rb"%PDF-[12]\.", "is a PDF document"),
    _Kind(
        rb"\xff\xfe\x00\x00|\x00\x00\xfe\xff",
        "is UTF-32, not UTF-8",
        "Convert it: iconv -f UTF-32 -t UTF-8 {file} > utf8.csv",
    ),
    _Kind(
        rb"version https://git-lfs\.github\.com/spec/",
        "is a Git LFS pointer, not the data",
        "Fetch the data: git lfs pull",
    ),
)

_TEXT = (
    _Kind(
        rb"(?is)\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body|title|script)\b",
        "is an HTML page, perhaps an error or a login page",
        "Download the CSV file itself.",
    ),
    _Kind(rb"\s*<(?:\?xml|!DOCTYPE|!--|\w+[\s>])", "is XML"),
    _Kind(rb'\s*(?:\{\s*["}]|\[\s*[\[{\]"])', "is JSON"),
)

# by the end of the name, if the content says nothing
_SUFFIXES = (
    *(".lz4", ".7z", ".rar", ".tar", ".tgz", ".z"),
    *(".orc", ".avro", ".feather", ".arrow", ".xlsx", ".xls", ".ods"),
    *(".json", ".jsonl", ".ndjson", ".html", ".htm", ".xml", ".pdf", ".sqlite", ".db"),
)

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

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)")
_NUMBER_OR_DATE = re.compile(r"\s*(?:[+-]?[\d.,]*\d[\d.,]*(?:[eE][+-]?\d+)?|[\d:/ TZ-]+)\s*")
_LINES = 20

_Lines = Sequence[tuple[int, str]]


def binary_kind(start: bytes, file: str) -> str | None:
    """The kind of a file that is not text, and a remedy; None for text.

    Args:
        start: its first bytes.
        file: its name in a command.
    """
    return _kind_in(_BINARY, start, file)


def suffix_of(start: bytes) -> str:
    """The suffix that belongs to a packed file, or to Parquet; empty for other files.

    Args:
        start: the first bytes of the file.
    """
    sentence = _kind_in(_BINARY, start, "") or ""
    found = re.search(r"its name does not end in (\.\w+)", sentence)
    return found[1] if found else ""


def text_kind(start: bytes, file: str) -> str | None:
    """The same for a text that is not CSV; None if it may be."""
    if code := utf16_in(start):
        mark = "" if code == "utf-16" else " without a byte order mark"
        return f"is UTF-16{mark}, not UTF-8. {give('encoding', code)}."
    if _has_json_lines(start):
        return _Kind(b"", "is JSON lines, an object in each line").sentence(file)
    return _kind_in(_TEXT, start, file)


def reason(
    start: bytes, wanted: Sequence[str], file: str, dialect: FullDialect = PLAIN
) -> str | None:
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
        or _kind_by_name(file)
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
        space = _SPACE if number == lines[0][0] else {}
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


def word_of(delimiter: str) -> str:
    """A delimiter in words."""
    return (_DELIMITERS | _SPACE).get(delimiter, f"{delimiter!r}")


def give(option: str, value: object) -> str:
    """The sentence that names an option."""
    text = {"\t": "tab"}.get(str(value), str(value))
    quoted = text if text[0].isalnum() else f"'{text}'" if text.isprintable() else f"${text!r}"
    return f"Give --{option.replace('_', '-')} {quoted}"


def address(name: str) -> str | None:
    """Why an address such as https://… is not a file, and a remedy; None for other names.

    Args:
        name: as given, or after a path has lost repeated slashes.
    """
    found = _ADDRESS.fullmatch(name)
    if not found:
        return None
    scheme, rest = found.groups()
    if scheme.lower() == "file":
        return f"file:///{rest}: addresses are not taken. Name the path: /{rest}"
    return (
        f"{scheme}://{rest}: addresses such as {scheme}:// are not taken. "
        "Download the file first, and name the copy."
    )


def _kind_in(kinds: Sequence[_Kind], start: bytes, file: str) -> str | None:
    for kind in kinds:
        if re.match(kind.beginning, start, re.DOTALL):
            return kind.sentence(file)
    return None


def _kind_by_name(file: str) -> str | None:
    suffix = next((s for s in _SUFFIXES if file.lower().endswith(s)), None)
    what = f"is not CSV, and its name ends in {suffix}"
    return f"{what}. Export it as CSV." if suffix else None


def utf16_in(start: bytes) -> str | None:
    """The encoding of UTF-16: its byte order mark, or NULs at every other place."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = start[::2].count(0), start[1::2].count(0)
    if odd and not even and re.search(rb"[,;|\t\n]\x00", start):
        return "utf-16-le"
    if even and not odd and re.search(rb"\x00[,;|\t\n]", start):
        return "utf-16-be"
    return None


def _has_json_lines(start: bytes) -> bool:
    lines = start.decode(errors="replace").splitlines()[:2]
    try:
        return len(lines) > 1 and all(isinstance(json.loads(line), dict) for line in lines)
    except (ValueError, RecursionError):
        return False


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
        remedy = give("skip_lines", dialect.skip_lines + number - 1)
        if sign != dialect.delimiter:
            remedy += give("delimiter", sign).replace("Give", " and")
        return (
            f"line {first}, {shown_line(header)}, is not the header; "
            f"line {number} has the columns. {remedy}."
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


def shown_line(line: str, most: int = 60) -> str:
    """A line of a file, for a message."""
    return repr(line if len(line) <= most else f"{line[:most]}…")


def _is_value(name: str) -> bool:
    return not name.strip() or _NUMBER_OR_DATE.fullmatch(name) is not None


def _folded(names: Sequence[str]) -> set[str]:
    return {name.strip().casefold() for name in names}


def _fields(line: str, delimiter: str, quote: str = '"') -> list[str]:
    if not quote:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, quotechar=quote), [])
    except (csv.Error, ValueError, TypeError):
        return []


def _delimited(sign: str, dialect: FullDialect) -> str:
    return (
        f"the fields seem to be separated by {word_of(sign)}, not {word_of(dialect.delimiter)}. "
        f"{give('delimiter', sign)}, or --sniff to apply what is found."
    )
