"""A file that DuckDB can read, but not write: it gets a name, not the path."""

import os
from datetime import UTC, datetime
from io import BufferedReader, FileIO, UnsupportedOperation
from typing import Any

from fsspec.spec import AbstractFileSystem


class OneFile(AbstractFileSystem):  # type: ignore[misc]  # fsspec ships no types
    """A file system of one file, named such as `source://file`.

    Args:
        descriptor: of the file, open to read; it stays open.
        protocol: the part of the name before `://`.
    """

    cachable = False

    def __init__(self, descriptor: int, protocol: str) -> None:
        super().__init__()
        self.protocol = protocol
        self._descriptor = descriptor
        self.name = f"{protocol}://file"

    @property
    def all_names(self) -> tuple[str, ...]:
        """The only name."""
        return (self.name,)

    def open(self, path: str, mode: str = "rb", **_: Any) -> BufferedReader:
        """Open the file to read."""
        if mode != "rb" or path != self.name:
            raise UnsupportedOperation("this file is read-only")
        return BufferedReader(_Own(self._descriptor))

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Name, size and type, as fsspec defines them."""
        return {"name": path, "size": os.fstat(self._descriptor).st_size, "type": "file"}

    def glob(self, path: str, **_: Any) -> list[str]:
        """The file of that name: names are not patterns here."""
        return [path] if self.exists(path) else []

    def exists(self, path: str, **_: Any) -> bool:
        """Whether the file has that name."""
        return path == self.name

    def modified(self, path: str) -> datetime:  # noqa: ARG002  # fsspec's signature
        """The time of the last change of the file."""
        return datetime.fromtimestamp(os.fstat(self._descriptor).st_mtime, UTC)


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
