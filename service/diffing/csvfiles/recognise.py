"""Recognises what a file is that is not CSV with commas: by its content first, then by its name.

Binary formats are always refused. The other kinds only explain a refusal: a file that has the
wanted columns is compared, whatever it looks like.
"""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

LOOKED_AT = 64 * 1024
"""Bytes at the beginning of a file that are enough to recognise it."""

GZIP = (b"\x1f\x8b",)
"""The first bytes of a file that is compressed with gzip."""
ZSTD = (b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18")
"""The same for zstd. Files of pzstd begin with a skippable frame."""

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


_SAVE = "Save it as CSV UTF-8 with commas."
_CONVERT = "Convert it: iconv -f {code} -t UTF-8 {{file}} > utf8.csv"
_BINARY = (
    _Kind(
        rb"\x1f\x8b",
        "is compressed with gzip, but its name does not end in .gz",
        "Rename it: mv {file} {file}.gz",
    ),
    _Kind(
        rb"\x28\xb5\x2f\xfd|\x50\x2a\x4d\x18",
        "is compressed with zstd, but its name does not end in .zst",
        "Rename it: mv {file} {file}.zst",
    ),
    _Kind(
        rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)",
        "is compressed with bzip2",
        unpack=("bunzip2", ".bz2"),
    ),
    _Kind(rb"\xfd7zXZ\x00", "is compressed with xz", unpack=("unxz", ".xz")),
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
    _Kind(rb"PK\x03\x04|PK\x05\x06", "is a ZIP archive", "Unpack it first: unzip {file}"),
    _Kind(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Excel workbook", _SAVE),
    _Kind(rb"PAR[1E](?![ -~\r\n])", "is Parquet"),
    _Kind(rb"ORC(?![ -~\r\n])", "is ORC"),
    _Kind(rb"Obj\x01", "is Avro"),
    _Kind(rb"ARROW1\x00|FEA1", "is an Arrow or Feather file"),
    _Kind(rb"SQLite format 3\x00", "is an SQLite database"),
    _Kind(rb".{8}DUCK", "is a DuckDB database"),
    _Kind(rb"%PDF-[12]\.", "is a PDF document"),
    _Kind(
        rb"\xff\xfe\x00\x00|\x00\x00\xfe\xff",
        "is UTF-32, not UTF-8",
        _CONVERT.format(code="UTF-32"),
    ),
    _Kind(rb"\xff\xfe|\xfe\xff", "is UTF-16, not UTF-8", _CONVERT.format(code="UTF-16")),
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
    *(".bz2", ".xz", ".lz4", ".zip", ".7z", ".rar", ".tar", ".tgz", ".z"),
    *(".parquet", ".orc", ".avro", ".feather", ".arrow", ".xlsx", ".xls", ".ods"),
    *(".json", ".jsonl", ".ndjson", ".html", ".htm", ".xml", ".pdf", ".sqlite", ".db", ".tsv"),
)

_DELIMITERS = {
    ";": "a semicolon",
    "\t": "a tab",
    "|": "a pipe",
    "~": "a tilde (~)",
    "\x01": "^A (Ctrl-A, 0x01)",
    "\x1f": "the unit separator (0x1F)",
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


def text_kind(start: bytes, file: str) -> str | None:
    """The same for a text that is not CSV; None if it may be."""
    if code := _utf16_in(start):
        what = "is UTF-16 without a byte order mark, not UTF-8"
        return _Kind(b"", what, _CONVERT.format(code=code)).sentence(file)
    if _has_json_lines(start):
        return _Kind(b"", "is JSON lines, an object in each line").sentence(file)
    return _kind_in(_TEXT, start, file)


def reason(start: bytes, wanted: Sequence[str], file: str) -> str | None:
    """The probable reason why the header of a text is unusable, and a remedy.

    Args:
        start: the first bytes of the file.
        wanted: the columns that it must have.
        file: its name in a command.
    """
    lines = _first_lines(start)
    return (
        text_kind(start, file)
        or _instruction_in(lines, file)
        or _other_delimiter(lines, wanted)
        or _lines_before_header(lines, wanted, file)
        or _missing_header(lines, wanted)
        or _kind_by_name(file)
    )


def other_delimiter(header: str) -> str | None:
    """The delimiter in a header of one column, and a remedy; None without one."""
    return next((_delimited(word) for sign, word in _DELIMITERS.items() if sign in header), None)


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
    what = f"is not CSV with commas, and its name ends in {suffix}"
    return f"{what}. Export it as CSV." if suffix else None


def _utf16_in(start: bytes) -> str | None:
    """The code of UTF-16 without a byte order mark: NULs at every other place."""
    even, odd = start[::2].count(0), start[1::2].count(0)
    if odd and not even and re.search(rb"[,\n]\x00", start):
        return "UTF-16LE"
    if even and not odd and re.search(rb"\x00[,\n]", start):
        return "UTF-16BE"
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


def _instruction_in(lines: _Lines, file: str) -> str | None:
    """`sep=;` in the first line."""
    number, line = lines[0]
    found = re.fullmatch(r'"?sep=(.)"?,*', line, re.IGNORECASE)
    if not found:
        return None
    what = f"line {number}, {line!r}, is an instruction to spreadsheets, not the header"
    if found[1] == ",":
        return f"{what}. Remove it: tail -n +{number + 1} {shlex.quote(file)} > plain.csv"
    return f"{what}. Remove it, and export the file again with commas."


def _other_delimiter(lines: _Lines, wanted: Sequence[str]) -> str | None:
    """Another delimiter that the header seems to have."""
    _, header = lines[0]
    if wanted:
        for sign, word in (_DELIMITERS | _SPACE).items():
            if set(wanted) <= set(_fields(header, sign)):
                return _delimited(word)
    return None if "," in header else other_delimiter(header)


def _lines_before_header(lines: _Lines, wanted: Sequence[str], file: str) -> str | None:
    """Lines before the header, such as a title."""
    for number, line in lines[1:] if wanted else ():
        for sign, word in ({",": ""} | _DELIMITERS).items():
            if set(wanted) <= set(_fields(line, sign)):
                what = (
                    f"line {lines[0][0]}, {shown_line(lines[0][1])}, is not the header; "
                    f"line {number} has the columns"
                )
                if word:
                    return f"{what}. Remove the lines above it, and export again with commas."
                command = f"tail -n +{number} {shlex.quote(file)} > plain.csv"
                return f"{what}. Remove the lines above it: {command}"
    return None


def _missing_header(lines: _Lines, wanted: Sequence[str]) -> str | None:
    """A first line that looks like a row."""
    number, line = lines[0]
    names = _fields(line, ",")
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


def _folded(names: Sequence[str]) -> set[str]:
    return {name.strip().casefold() for name in names}


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _delimited(word: str) -> str:
    return f"the fields seem to be separated by {word}, not a comma. Export it again with commas."
