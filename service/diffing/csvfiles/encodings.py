"""Decodes text exactly, and reports the line and byte of a fault."""

import codecs
from collections.abc import Iterator
from io import BufferedReader

from diffing.core.errors import BadInput
from diffing.core.text import option
from diffing.csvfiles.records import LONGEST_RECORD

_BLOCK = 128 * 1024
_BOMS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-8-sig": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}
_WORDS = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}


def decoded(file: BufferedReader, name: str, encoding: str) -> Iterator[str]:
    """The text of a file in chunks of whole lines, without its byte order mark.

    Args:
        file: the file, opened at its beginning.
        name: of the file, for errors.
        encoding: one of ENCODINGS.

    Yields:
        Each chunk; only the last one may lack its line end.

    Raises:
        BadInput: bytes are not valid in the encoding, or a line is too long. The text names the
            line.
    """
    block = file.read(_BLOCK)
    if encoding == "utf-16":
        encoding = _byte_order(block, name)
    codec = "utf-8" if encoding == "utf-8-sig" else encoding
    block = block.removeprefix(_BOMS.get(encoding, b""))
    decoder = codecs.getincrementaldecoder(codec)()
    rest, line = "", 1
    while True:
        try:
            text = rest + decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise _undecodable(error, rest, line, (name, codec)) from None
        end = text.rfind("\n") + 1
        if end:
            yield text[:end]
            line += text.count("\n", 0, end)
        rest = text[end:]
        if len(rest) > LONGEST_RECORD:
            raise BadInput(
                f"{name}, line {line}: the record is longer than {LONGEST_RECORD:,} bytes."
            )
        if not block:
            break
        block = file.read(_BLOCK)
    if rest:
        yield rest


def beginning(start: bytes, encoding: str) -> str:
    """The text of the first bytes of a file, for a guess; with U+FFFD for faults."""
    return start.decode(encoding, errors="replace").removeprefix("\ufeff")


def _byte_order(start: bytes, name: str) -> str:
    for encoding in ("utf-16-le", "utf-16-be"):
        if start.startswith(_BOMS[encoding]):
            return encoding
    raise BadInput(
        f"{name}: UTF-16 without a byte order mark. "
        f"Give {option('encoding', 'utf-16-le')} or utf-16-be."
    )


def _undecodable(
    error: UnicodeDecodeError, rest: str, line: int, labels: tuple[str, str]
) -> BadInput:
    name, codec = labels
    before = rest + error.object[: error.start].decode(codec)
    line += before.count("\n")
    place = len(before[before.rfind("\n") + 1 :].encode(codec)) + 1
    return wrong_byte(f"{name}, line {line}", place, error.object[error.start], codec)


def wrong_byte(where: str, place: int, byte: int, encoding: str) -> BadInput:
    """The error for a byte that is not valid in an encoding.

    Args:
        where: the file and the line.
        place: of the byte in its line, from 1.
        byte: the byte.
        encoding: of the file.
    """
    remedy = f"Give the {option('encoding')} of the file, or export it again as UTF-8."
    if encoding in ("utf-8", "utf-8-sig"):
        remedy = f"Export it again as UTF-8, or give {option('encoding', 'cp1252')} or latin-1."
    return BadInput(
        f"{where}: byte {place} of the line (0x{byte:02X}) is not "
        f"{_WORDS.get(encoding, encoding)}. {remedy}"
    )
