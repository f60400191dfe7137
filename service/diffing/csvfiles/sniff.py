"""Finds the dialect of a file: as given, as the file says, and a guess if asked."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedReader
from typing import Any

from pydantic import ValidationError

from diffing.core.dialect import PLAIN, Dialect, FullDialect
from diffing.core.errors import BadInput
from diffing.core.input_file import PACKED
from diffing.core.text import faults, option
from diffing.csvfiles.encodings import beginning
from diffing.csvfiles.file_kinds import LOOKED_AT, utf16_in
from diffing.csvfiles.header_search import delimiter_in, header_in, instruction_in

_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class FoundDialect:
    """The dialect of a file.

    Args:
        dialect: without None.
        guessed: the fields that were guessed, as options, such as `delimiter ';'`.
    """

    dialect: FullDialect
    guessed: str = ""


def dialect_of(
    file: BufferedReader, name: str, given: Dialect, wanted: Sequence[str]
) -> FoundDialect:
    """Find the dialect of a file.

    Args:
        file: the file, unpacked; it is rewound.
        name: of the file; `.tsv` means tabs.
        given: takes precedence.
        wanted: the columns that the header must have.

    Raises:
        BadInput: the file says a delimiter, or has one, that cannot be beside what is given.
    """
    try:
        return _found(file, name, given, wanted)
    except ValidationError as error:
        raise BadInput(f"{name}: {faults(error)}. Give {option('delimiter')}.") from None


def _found(file: BufferedReader, name: str, given: Dialect, wanted: Sequence[str]) -> FoundDialect:
    file.seek(0)
    start = file.read(LOOKED_AT)
    known = _usual(name) | given.model_dump(exclude={"sniff"})
    guessed: dict[str, Any] = {}
    if given.sniff and given.encoding is None:
        guessed |= _guessed_encoding(file, start)
    file.seek(0)
    encoding = str((known | guessed).get("encoding", PLAIN.encoding))
    text = beginning(start, encoding).encode(errors="replace")
    if given.skip_lines is None and (found := instruction_in(text)):
        number, sign = found
        if not wanted or header_in(text, wanted, PLAIN, ",") != (number, ","):
            known = {"delimiter": sign} | known | {"skip_lines": number}
    if given.sniff:
        guessed |= _guessed_header(text, wanted, known)
    dialect = FullDialect.model_validate(known | guessed)
    options = ", ".join(f"{field} {value!r}" for field, value in guessed.items())
    return FoundDialect(dialect, options)


def _usual(name: str) -> dict[str, Any]:
    plain = name.lower()
    for suffix in PACKED:
        plain = plain.removesuffix(suffix)
    return {"delimiter": "\t"} if plain.endswith(".tsv") else {}


def _guessed_encoding(file: BufferedReader, start: bytes) -> dict[str, Any]:
    if code := utf16_in(start):
        return {"encoding": code}
    if not _is_utf8(file):
        return {"encoding": "cp1252"}
    return {}


def _is_utf8(file: BufferedReader) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while block := file.read(_BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _guessed_header(text: bytes, wanted: Sequence[str], known: dict[str, Any]) -> dict[str, Any]:
    """The delimiter and the lines above the header, as far as they are not known."""
    dialect = FullDialect.model_validate(known)
    signs = dialect.delimiter if "delimiter" in known else ""
    if "skip_lines" in known:
        text = text.split(b"\n", dialect.skip_lines)[-1]
    guessed: dict[str, Any] = {}
    if found := header_in(text, wanted, dialect, signs):
        number, sign = found
        lines = text.decode().split("\n")[: number - 1]
        if any(line.strip() for line in lines) and "skip_lines" not in known:
            guessed["skip_lines"] = number - 1
    else:
        header = text.decode().lstrip("\r\n").split("\n")[0]
        other = delimiter_in(header, dialect) if dialect.delimiter not in header else None
        sign = other or dialect.delimiter
    if sign != dialect.delimiter and not signs:
        guessed["delimiter"] = sign
    return guessed
