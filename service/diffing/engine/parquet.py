"""Opens a Parquet file from outside: a copy as CSV takes its place."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from io import FileIO, UnsupportedOperation
from pathlib import Path
from typing import Any

from fsspec.spec import AbstractFileSystem

from diffing.core.csv_record import line_of
from diffing.core.errors import BadInput, DiffFailed, DiffingError
from diffing.core.input_file import PARQUET, InputFile, own_name
from diffing.core.text import shown
from diffing.csvfiles.archives import Copies, Growth, kept_if_whole
from diffing.csvfiles.csv_file import CsvFile, reading
from diffing.csvfiles.file_kinds import misnamed
from diffing.csvfiles.one_file import OneFile
from diffing.csvfiles.open import open_csv, require_columns, size_of
from diffing.engine.connection import CsvRefused, NotNumbers, Session

_MAGIC = b"PAR1"

Connect = Callable[[Sequence[AbstractFileSystem]], Session]


def is_parquet(path: Path) -> bool:
    """Whether the name of a file says that it is Parquet."""
    return path.suffix.lower() == PARQUET


def open_parquet(
    original: InputFile, copies: Copies, wanted: Sequence[str], connect: Connect
) -> CsvFile:
    """Copy a Parquet file as CSV. `sql/convert/from_parquet.sql` defines the texts.

    Args:
        original: the file.
        copies: where the copy goes, and how large it may be.
        wanted: the columns that a comparison needs.
        connect: opens a session that reads and writes these file systems, in order.

    Raises:
        BadInput: the file is missing, damaged or too large, lacks a column, or has a column without
            text.
        OutOfDisk: too little space is free for the copy.
    """
    name = original.name
    with ExitStack() as stack:
        stack.enter_context(reading(name))
        size = size_of(original.path, name)
        file = stack.enter_context(original.path.open("rb"))
        if file.read(len(_MAGIC)) != _MAGIC:
            raise BadInput(f"{name}: {misnamed('Parquet', own_name(name), PARQUET)}")
        source = OneFile(file.fileno(), "source", at_places=True)
        copy = stack.enter_context(kept_if_whole(copies.scratch))
        target = _Copy(copy, copies.growth(name))
        session = stack.enter_context(connect([source, target]))
        _write(session, source, target, (name, wanted))
    found = open_csv(InputFile(copy, name), copies.scratch, wanted)
    return replace(found, bytes=size)


def _write(
    session: Session, source: OneFile, target: "_Copy", labels: tuple[str, Sequence[str]]
) -> None:
    name, wanted = labels
    try:
        found = session.run("parquet_source", {"file": source.name})
        names = found["names"] or []
        if found["refused"]:
            first = found["refused"][0]
            raise BadInput(
                f"{name}: the column {shown(first['name'])} is {shown(first['type'])}, which has "
                "no text to compare. Export the file without it."
            )
        require_columns(names, wanted, name)
        bound = {"file": source.name, "output": target.name, "prefix": f"{line_of(names)}\n"}
        session.run("parquet_as_csv", bound)
    except DiffingError as error:
        if target.growth.fault:
            raise target.growth.fault from None
        if type(error) in (CsvRefused, DiffFailed, NotNumbers):
            raise BadInput(
                f"{name}: the Parquet file is damaged, encrypted, or of an unknown kind. "
                "Export it again, or as CSV."
            ) from error.__cause__
        raise


class _Copy(AbstractFileSystem):  # type: ignore[misc]  # fsspec ships no types
    """A file system of one file that DuckDB writes, within bounds."""

    cachable = False
    protocol = "copy"
    name = "copy://file"
    all_names = (name,)

    def __init__(self, path: Path, growth: Growth) -> None:
        super().__init__()
        self._path = path
        self.growth = growth

    def open(self, path: str, mode: str = "wb", **_: Any) -> "_Bounded":
        """Open the file to write."""
        if mode != "wb" or path != self.name:
            raise UnsupportedOperation("this file is write-only")
        return _Bounded(self._path, self.growth)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Name, size and type, as fsspec defines them."""
        return {"name": path, "size": self._path.stat().st_size, "type": "file"}

    def glob(self, path: str, **_: Any) -> list[str]:
        """The file of that name."""
        return [path] if self.exists(path) else []

    def exists(self, path: str, **_: Any) -> bool:
        """Whether the file has that name."""
        return path == self.name

    def modified(self, path: str) -> datetime:  # noqa: ARG002  # fsspec's signature
        """The time of the last change of the file."""
        return datetime.fromtimestamp(self._path.stat().st_mtime, UTC)


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
