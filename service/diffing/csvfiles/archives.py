"""Unpacks compressed files; DuckDB would, but not notice where one is cut off or damaged."""

import gzip
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import cast

from diffing.core.errors import BadInput, OutOfDisk

# With one of these such a file begins. What pzstd writes begins with a frame to be skipped.
GZIP = (b"\x1f\x8b",)
ZSTD = (b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18")

_BLOCK = 1024 * 1024

_Opener = Callable[[Path], BufferedIOBase]
_Errors = tuple[type[Exception], ...]


@dataclass(frozen=True)
class _Packing:
    """A way to compress a file.

    Args:
        word: its name.
        beginnings: with one of these a file begins that is compressed so.
        reader: gives what opens such a file, and the errors that tell of a broken one.
    """

    word: str
    beginnings: tuple[bytes, ...]
    reader: Callable[[], tuple[_Opener, _Errors]]


def _gzip_reader() -> tuple[_Opener, _Errors]:
    return gzip.open, (EOFError, gzip.BadGzipFile, zlib.error)


def _zstd_reader() -> tuple[_Opener, _Errors]:
    # loaded only for those who have such files
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.open, (EOFError, zstd.ZstdError)


_PACKINGS = {
    ".gz": _Packing("gzip", GZIP, _gzip_reader),
    ".zst": _Packing("zstd", ZSTD, _zstd_reader),
}


class Room:
    """Sees to it that copies leave a tenth of what is free on the disk when it is made.

    Args:
        folder: where the copies stand.
        name: of the file that is copied, for errors.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._left = shutil.disk_usage(folder).free // 10

    def require(self, size: int) -> None:
        """Check that so many bytes may be written.

        Raises:
            OutOfDisk: there is no room for them.
        """
        if shutil.disk_usage(self._folder).free - size < self._left:
            raise OutOfDisk(
                f"{self._name}: a plain copy of it would fill the disk. "
                "Free some space and start the job again."
            )


@contextmanager
def opened(path: Path, name: str) -> Iterator[BufferedReader]:
    """The content of a file, unpacked where its suffix calls it compressed.

    Args:
        path: the file.
        name: what errors call it.

    Raises:
        BadInput: while it is read: it is cut off, damaged, or not what its suffix says.
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
    except errors as error:
        raise BadInput(f"{name}: {_fault(path, packing, error)}.") from error


def plain_copy(path: Path, name: str, scratch: Path, most: float) -> Path:
    """A plain copy of a file that its suffix calls compressed; else the file itself.

    Args:
        path: the file.
        name: what errors call it.
        scratch: an existing folder for the copy.
        most: bytes that it may have when unpacked.

    Raises:
        BadInput: it is cut off, damaged, not what its suffix says, or too large.
        OutOfDisk: there is no room for it.
    """
    if path.suffix.lower() not in _PACKINGS:
        return path
    room, size = Room(scratch, name), 0
    with opened(path, name) as packed, kept_if_whole(scratch) as copy, copy.open("wb") as plain:
        while block := packed.read(_BLOCK):
            size += len(block)
            if size > most:
                raise BadInput(
                    f"{name}: holds more than {most:,} bytes of CSV. "
                    "Compare a part of it, or raise DIFFING_MAX_UNPACKED_BYTES."
                )
            room.require(len(block))
            plain.write(block)
    return copy


@contextmanager
def kept_if_whole(scratch: Path) -> Iterator[Path]:
    """A new file for a copy; it goes away if the block fails, a full disk needs the room."""
    handle, name = tempfile.mkstemp(suffix=".csv", dir=scratch)
    os.close(handle)
    copy = Path(name)
    with ExitStack() as failed:
        failed.callback(copy.unlink)
        yield copy
        failed.pop_all()


def _fault(path: Path, packing: _Packing, error: Exception) -> str:
    word = packing.word
    if isinstance(error, EOFError):
        return f"the {word} file ends too early. Export or copy it again"
    with path.open("rb") as file:
        if not file.read(4).startswith(packing.beginnings):
            return f"is not compressed with {word}, but its name ends in {path.suffix}. Rename it"
    if "too much memory" in str(error):
        return "takes more than 128 MiB to unpack. Compress it with zstd --long=27 at most"
    return f"the {word} file is damaged. Export or copy it again"
