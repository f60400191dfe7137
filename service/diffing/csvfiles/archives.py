"""Unpacks compressed files. DuckDB could, but does not notice a truncated or damaged file."""

import gzip
import math
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import cast

from diffing.core.errors import BadInput, OutOfDisk
from diffing.core.input_file import own_name
from diffing.csvfiles.damage import Damaged, Unreadable
from diffing.csvfiles.file_kinds import (
    BZIP2,
    GZIP,
    LOOKED_AT,
    XZ,
    ZIP,
    ZSTD,
    binary_kind,
    misnamed,
    text_kind,
)

_BLOCK = 1024 * 1024

_Opener = Callable[[Path], BufferedIOBase]
_Errors = tuple[type[Exception], ...]


@dataclass(frozen=True)
class _Packing:
    """A compression format.

    Args:
        word: its name.
        beginnings: possible first bytes of such a file.
        reader: returns a function that opens such a file, and the errors that a broken file raises.
    """

    word: str
    beginnings: tuple[bytes, ...]
    reader: Callable[[], tuple[_Opener, _Errors]]


def _gzip_reader() -> tuple[_Opener, _Errors]:
    return gzip.open, (EOFError, gzip.BadGzipFile, zlib.error)


def _zstd_reader() -> tuple[_Opener, _Errors]:
    # loaded only if a file needs it
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.open, (EOFError, zstd.ZstdError)


def _bzip2_reader() -> tuple[_Opener, _Errors]:
    from diffing.csvfiles.packed import open_bzip2

    return open_bzip2, (EOFError, Damaged)


def _xz_reader() -> tuple[_Opener, _Errors]:
    from diffing.csvfiles.packed import open_xz

    return open_xz, (EOFError, Damaged)


def _zip_reader() -> tuple[_Opener, _Errors]:
    import zipfile

    from diffing.csvfiles.packed import open_zip

    return open_zip, (EOFError, zipfile.BadZipFile, zlib.error)


_PACKINGS = {
    ".gz": _Packing("gzip", GZIP, _gzip_reader),
    ".zst": _Packing("zstd", ZSTD, _zstd_reader),
    ".bz2": _Packing("bzip2", BZIP2, _bzip2_reader),
    ".xz": _Packing("xz", XZ, _xz_reader),
    ".zip": _Packing("zip", ZIP, _zip_reader),
}


def is_packed(path: Path) -> bool:
    """Whether a file is packed, by its name."""
    return path.suffix.lower() in _PACKINGS


class Room:
    """Keeps a tenth of the free disk space free of copies.

    Args:
        folder: of the copies.
        name: of the copied file, for errors.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._left = shutil.disk_usage(folder).free // 10

    def require(self, size: int) -> None:
        """Check that a copy may grow by so many bytes.

        Raises:
            OutOfDisk: too little space is free.
        """
        if shutil.disk_usage(self._folder).free - size < self._left:
            raise OutOfDisk(
                f"{self._name}: a copy would fill the disk. Free some space and start again."
            )


@contextmanager
def unpacked(path: Path, name: str) -> Iterator[BufferedReader]:
    """The content of a file, unpacked according to its suffix.

    Args:
        path: the file.
        name: of the file, for errors.

    Raises:
        BadInput: during reading: the file is truncated or damaged, or its suffix is wrong.
    """
    packing = _PACKINGS.get(path.suffix.lower())
    if packing is None:
        with path.open("rb") as file:
            yield file
        return
    unpacking, errors = packing.reader()
    try:
        with unpacking(path) as unpacked:
            yield cast("BufferedReader", unpacked)
    except Unreadable as error:
        raise BadInput(f"{name}: {error}") from None
    except errors as error:
        raise BadInput(f"{name}: {_fault(path, name, packing, error)}") from error


@dataclass
class Growth:
    """Bounds a copy while it grows.

    Args:
        name: of the copied file, for errors.
        room: of the folder of copies.
        most: bytes of the copy at most.

    Attributes:
        size: bytes so far.
        fault: the error that was raised.
    """

    name: str
    room: Room
    most: float
    size: int = 0
    fault: BadInput | OutOfDisk | None = None

    def add(self, size: int) -> None:
        """Check that a copy may grow by so many bytes.

        Raises:
            BadInput: the content is too large.
            OutOfDisk: too little space is free.
        """
        self.size += size
        try:
            if self.size > self.most:
                raise BadInput(
                    f"{self.name}: contains more than {self.most:,} bytes of CSV. "
                    "Compare a part of it, or raise DIFFING_MAX_UNPACKED_BYTES."
                )
            self.room.require(size)
        except (BadInput, OutOfDisk) as error:
            self.fault = error
            raise


@dataclass(frozen=True)
class Copies:
    """Copies of files for SQL to read.

    Args:
        scratch: an existing folder for them.
        most: bytes of a copy at most.
    """

    scratch: Path
    most: float = math.inf

    def growth(self, name: str) -> Growth:
        """The bounds of a copy of the file of this name."""
        return Growth(name, Room(self.scratch, name), self.most)

    def write(self, name: str, chunks: Iterable[str | bytes]) -> Path:
        """Write a copy.

        Args:
            name: of the copied file, for errors.
            chunks: the content.

        Raises:
            BadInput: the content is too large.
            OutOfDisk: too little space is free.
        """
        growth = self.growth(name)
        with kept_if_whole(self.scratch) as copy, copy.open("wb") as plain:
            for chunk in chunks:
                block = chunk.encode() if isinstance(chunk, str) else chunk
                growth.add(len(block))
                plain.write(block)
        return copy


def plain_copy(path: Path, name: str, scratch: Path, most: float) -> Path:
    """An uncompressed copy of a file with the suffix of a compressed one; else the file itself.

    Args:
        path: the file.
        name: of the file, for errors.
        scratch: an existing folder for the copy.
        most: bytes of the copy at most.

    Raises:
        BadInput: the file is truncated, damaged or too large, or its suffix is wrong.
        OutOfDisk: too little space is free.
    """
    if not is_packed(path):
        return path
    with unpacked(path, name) as packed:
        return Copies(scratch, most).write(name, iter(partial(packed.read, _BLOCK), b""))


@contextmanager
def kept_if_whole(scratch: Path) -> Iterator[Path]:
    """A new file for a copy. If the block fails, the file is removed, to free its space."""
    handle, name = tempfile.mkstemp(suffix=".csv", dir=scratch)
    os.close(handle)
    copy = Path(name)
    with ExitStack() as failed:
        failed.callback(copy.unlink)
        yield copy
        failed.pop_all()


def _fault(path: Path, name: str, packing: _Packing, error: Exception) -> str:
    word = packing.word
    if isinstance(error, EOFError):
        return f"the {word} file ends too early. Export or copy it again."
    with path.open("rb") as file:
        start = file.read(LOOKED_AT)
    if not start.startswith(packing.beginnings):
        own = own_name(name)
        otherwise = misnamed(f"compressed with {word}", own, path.suffix)
        return binary_kind(start, own) or text_kind(start, own) or otherwise
    if "too much memory" in str(error):
        return (
            "needs more than 128 MiB of memory to unpack. Compress it with zstd --long=27 at most."
        )
    return f"the {word} file is damaged. Export or copy it again."
