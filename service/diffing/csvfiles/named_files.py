"""Files that DuckDB reads or writes by names, not by paths."""

import os
import threading
from datetime import UTC, datetime
from io import BufferedReader, FileIO, UnsupportedOperation
from pathlib import Path
from typing import Any

from fsspec.spec import AbstractFileSystem

from diffing.csvfiles.archives import Growth


class NamedFiles(AbstractFileSystem):  # type: ignore[misc]  # fsspec ships no types
    """A file system of a single file on the disk, or of pieces of it.

    Args:
        protocol: the part of the names before `://`.

    Attributes:
        all_names: the names. DuckDB can open no other.
    """

    cachable = False
    all_names: tuple[str, ...]

    def __init__(self, protocol: str) -> None:
        super().__init__()
        self.protocol = protocol

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Name, size and type, as fsspec defines them."""
        return {"name": path, "size": self._size(path), "type": "file"}

    def glob(self, path: str, **_: Any) -> list[str]:
        """The file of that name: names are not patterns here."""
        return [path] if self.exists(path) else []

    def exists(self, path: str, **_: Any) -> bool:
        """Whether a file has that name."""
        return path in self.all_names

    def modified(self, path: str) -> datetime:  # noqa: ARG002  # fsspec's signature
        """The time of the last change of the file."""
        return datetime.fromtimestamp(self._status().st_mtime, UTC)

    def _size(self, path: str) -> int:  # noqa: ARG002  # pieces have other sizes
        return self._status().st_size

    def _status(self) -> os.stat_result:
        """The status of the file on the disk."""
        raise NotImplementedError


class _OneFile(NamedFiles):
    """A file system of a single file.

    Attributes:
        name: of the file.
    """

    def __init__(self, protocol: str) -> None:
        super().__init__(protocol)
        self.name = f"{protocol}://file"
        self.all_names = (self.name,)


class SourceFile(_OneFile):
    """A file to read, named such as `source://file`.

    Args:
        descriptor: of the file, open to read; it stays open.
        protocol: the part of the name before `://`.
        at_places: whether threads read it at the same time, each at a place of its own. Else it is
            read from its start, by one thread after another.
    """

    def __init__(self, descriptor: int, protocol: str, *, at_places: bool = False) -> None:
        super().__init__(protocol)
        self._descriptor = descriptor
        self._at_places = at_places

    def open(self, path: str, mode: str = "rb", **_: Any) -> "BufferedReader | _AtPlaces":
        """Open the file to read."""
        if mode != "rb" or path != self.name:
            raise UnsupportedOperation("this file is read-only")
        if self._at_places:
            return _AtPlaces(self._descriptor)
        return BufferedReader(_Own(self._descriptor))

    def _status(self) -> os.stat_result:
        return os.fstat(self._descriptor)


class TargetFile(_OneFile):
    """A file to write within bounds, named such as `copy://file`.

    Args:
        path: of the file.
        protocol: the part of the name before `://`.
        growth: bounds its size.
    """

    def __init__(self, path: Path, protocol: str, growth: Growth) -> None:
        super().__init__(protocol)
        self._path = path
        self.growth = growth

    def open(self, path: str, mode: str = "wb", **_: Any) -> "_Bounded":
        """Open the file to write."""
        if mode != "wb" or path != self.name:
            raise UnsupportedOperation("this file is write-only")
        return _Bounded(self._path, self.growth)

    def _status(self) -> os.stat_result:
        return self._path.stat()


class _Own(FileIO):
    """An open file with a position of its own."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, closefd=False)
        self._position = 0

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        size = os.fstat(self.fileno()).st_size
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: size}[whence]
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        count = os.preadv(self.fileno(), [buffer], self._position)
        self._position += count
        return count


class _AtPlaces(FileIO):
    """An open file with a position for each thread.

    DuckDB gives one to all threads. Each moves to a place, then reads there (2.0.0). With a single
    position, a thread would sometimes read at the place of another.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, closefd=False)
        self._of_thread = threading.local()

    def tell(self) -> int:
        position: int = getattr(self._of_thread, "position", 0)
        return position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        size = os.fstat(self.fileno()).st_size
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: size}[whence]
        self._of_thread.position = base + offset
        return base + offset

    def read(self, size: int | None = -1, /) -> bytes:
        """As many bytes as are asked for, unless the file ends before."""
        rest = max(os.fstat(self.fileno()).st_size - self.tell(), 0)
        data = bytearray(rest if size is None or size < 0 else min(size, rest))
        filled = 0
        while filled < len(data):
            count = self.readinto(memoryview(data)[filled:])
            if not count:
                break
            filled += count
        return bytes(data[:filled])

    def readinto(self, buffer: Any) -> int:
        count = os.preadv(self.fileno(), [buffer], self.tell())
        self._of_thread.position = self.tell() + count
        return count


class _Bounded(FileIO):
    """A file to write that may not grow beyond a bound."""

    def __init__(self, path: Path, growth: Growth) -> None:
        super().__init__(os.fspath(path), "wb")
        self._growth = growth

    def write(self, data: Any) -> int:
        rest = memoryview(data)
        self._growth.add(len(rest))
        while rest:
            rest = rest[super().write(rest) :]
        return len(data)
