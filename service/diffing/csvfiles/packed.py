"""Reads files that are packed with bzip2, xz or zip, within bounds of memory."""

import bz2
import lzma
import zipfile
from collections.abc import Callable
from io import SEEK_SET, BufferedIOBase, BufferedReader, RawIOBase, UnsupportedOperation
from pathlib import Path
from typing import Any, cast

from diffing.csvfiles.damage import Damaged, Unreadable

_BLOCK = 256 * 1024
_MOST_MEMORY = 128 * 2**20
_ENCRYPTED = 1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)

_Decompressor = bz2.BZ2Decompressor | lzma.LZMADecompressor


def open_bzip2(path: Path) -> BufferedIOBase:
    """Open a file that is packed with bzip2.

    Raises:
        Damaged, EOFError: during reading: the file is damaged or truncated.
    """
    return BufferedReader(_Unpacked(path, bz2.BZ2Decompressor), _BLOCK)


def open_xz(path: Path) -> BufferedIOBase:
    """Open a file that is packed with xz.

    Raises:
        Damaged, EOFError: during reading: the file is damaged or truncated.
        Unreadable: during reading: it needs too much memory.
    """

    def begin() -> _Decompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, _MOST_MEMORY)

    return BufferedReader(_Unpacked(path, begin), _BLOCK)


def open_zip(path: Path) -> BufferedIOBase:
    """Open the only file in a ZIP archive.

    Raises:
        Unreadable: it has several files or none, or one that is encrypted or packed unusually.
        BadZipFile, EOFError, zlib.error: now or during reading: the archive is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        files = [
            info
            for info in archive.infolist()
            if not info.is_dir() and not info.filename.startswith("__MACOSX/")
        ]
        if any(info.filename == "[Content_Types].xml" for info in files):
            raise Unreadable("is an Excel workbook. Save it as CSV UTF-8 with commas.")
        if len(files) != 1:
            raise Unreadable(
                f"the ZIP archive contains {len(files)} files, not one. "
                "Unpack it, and name the file to compare."
            )
        [info] = files
        if info.flag_bits & _ENCRYPTED:
            raise Unreadable("the ZIP archive is encrypted. Unpack it first.")
        if info.compress_type not in _METHODS:
            raise Unreadable("the ZIP archive is packed in an unusual way. Unpack it first.")
        return cast("BufferedIOBase", archive.open(info))


class _Unpacked(RawIOBase):
    """The content of a file of one or several packed streams."""

    def __init__(self, path: Path, begin: Callable[[], _Decompressor]) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._begin = begin
        self._rewind()

    def _rewind(self) -> None:
        self._file.seek(0)
        self._packed = self._file.read(_BLOCK)
        self._stream = self._begin()
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        if offset or whence != SEEK_SET:
            raise UnsupportedOperation("a packed file has no other place to begin")
        self._rewind()
        return 0

    def readinto(self, buffer: Any) -> int:
        while not self._ended():
            try:
                found = self._stream.decompress(self._packed, len(buffer))
            except (OSError, lzma.LZMAError) as error:
                if "Memory usage limit" in str(error):
                    raise Unreadable(_TOO_LARGE) from None
                raise Damaged(str(error)) from None
            self._packed = self._stream.unused_data if self._stream.eof else b""
            if found:
                buffer[: len(found)] = found
                self._position += len(found)
                return len(found)
            if not self._stream.eof and self._stream.needs_input:
                self._packed = self._file.read(_BLOCK)
                if not self._packed:
                    raise EOFError("the end of the packed data is missing")
        return 0

    def _ended(self) -> bool:
        """Whether the last stream has ended. Else the next one begins, if there is one."""
        if not self._stream.eof:
            return False
        # xz pads streams with zeros
        while not (packed := self._packed.lstrip(b"\0")):
            self._packed = self._file.read(_BLOCK)
            if not self._packed:
                return True
        self._packed, self._stream = packed, self._begin()
        return False

    def close(self) -> None:
        self._stream = self._begin()  # frees the memory of the last one
        self._file.close()
        super().close()


_TOO_LARGE = "needs more than 128 MiB of memory to unpack. Compress it with xz -9 at most."
