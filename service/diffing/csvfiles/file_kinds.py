"""Recognises what a file is that is not CSV: by its content first, then by its name."""

from __future__ import annotations

import codecs
import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from diffing.core.text import option

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
        suffix: with which the name of such a file must end to be compared; empty for other kinds.
    """

    beginning: bytes
    what: str
    remedy: str = "Export it as CSV."
    unpack: tuple[str, str] | None = None
    suffix: str = ""

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


def _misnamed(beginning: bytes, what: str, suffix: str) -> _Kind:
    """A kind of file that is compared if its name has the suffix."""
    remedy = f"Rename it: mv {{file}} {{file}}{suffix}"
    what = f"{what}, but its name does not end in {suffix}"
    return _Kind(beginning, what, remedy, suffix=suffix)


_SAVE = "Save it as CSV UTF-8 with commas."
_BINARY = (
    _misnamed(_one_of(GZIP), "is compressed with gzip", ".gz"),
    _misnamed(_one_of(ZSTD), "is compressed with zstd", ".zst"),
    _misnamed(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", "is compressed with bzip2", ".bz2"),
    _misnamed(_one_of(XZ), "is compressed with xz", ".xz"),
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
    _misnamed(_one_of(ZIP), "is a ZIP archive", ".zip"),
    _Kind(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Excel workbook", _SAVE),
    _misnamed(rb"PAR1(?![ -~\r\n])", "is Parquet", ".parquet"),
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

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)")


def binary_kind(start: bytes, file: str) -> str | None:
    """The kind of a file that is not text, and a remedy; None for text.

    Args:
        start: its first bytes.
        file: its name in a command.
    """
    kind = _kind_in(_BINARY, start)
    return kind.sentence(file) if kind else None


def misnamed(what: str, file: str, suffix: str) -> str:
    """The fault of a file that its name promises to be of a kind, and a remedy.

    Args:
        what: the kind.
        file: its name in a command.
        suffix: of its name.
    """
    bare = file[: -len(suffix)] if file.lower().endswith(suffix.lower()) else file
    target = bare if "." in bare else f"{bare}.csv"
    move = shlex.join(["mv", file, target])
    return f"is not {what}, but its name ends in {suffix}. Rename it: {move}"


def suffix_of(start: bytes) -> str:
    """The suffix that belongs to a packed file, or to Parquet; empty for other files.

    Args:
        start: the first bytes of the file.
    """
    kind = _kind_in(_BINARY, start)
    return kind.suffix if kind else ""


def text_kind(start: bytes, file: str) -> str | None:
    """The same for a text that is not CSV; None if it may be."""
    if code := utf16_in(start):
        mark = "" if code == "utf-16" else " without a byte order mark"
        return f"is UTF-16{mark}, not UTF-8. Give {option('encoding', code)}."
    if _has_json_lines(start):
        return _Kind(b"", "is JSON lines, an object in each line").sentence(file)
    kind = _kind_in(_TEXT, start)
    return kind.sentence(file) if kind else None


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


def _kind_in(kinds: Sequence[_Kind], start: bytes) -> _Kind | None:
    return next((kind for kind in kinds if re.match(kind.beginning, start, re.DOTALL)), None)


def kind_by_name(file: str) -> str | None:
    """The kind of a file whose content says nothing, and a remedy; None for other names."""
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
