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
from io import BufferedIOBase
from pathlib import Path

from service.errors import BadInput

# With one of these such a file begins. What pzstd writes begins with a frame to be skipped.
GZIP = (b"\x1f\x8b",)
ZSTD = (b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18")

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


def unpacked(path: Path, name: str, scratch: Path) -> Path:
    """A plain copy of a file that its suffix calls compressed; else the file itself.

    Args:
        path: the file.
        name: what errors call it.
        scratch: an existing folder for the copy.

    Raises:
        BadInput: it is cut off, damaged, or not what its suffix says.
    """
    packing = _PACKINGS.get(path.suffix.lower())
    if packing is None:
        return path
    unpacking, errors = packing.reader()
    try:
        with kept_if_whole(scratch) as copy, unpacking(path) as packed, copy.open("wb") as plain:
            shutil.copyfileobj(packed, plain, 1024 * 1024)
    except errors as error:
        raise BadInput(f"{name}: {_fault(path, packing, error)}.") from error
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
