"""The input files of a diff: what they are called, and that they stay what they are."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from service.errors import InputChanged, Interrupted

_Version = tuple[int, int, int, int] | None


@dataclass(frozen=True)
class InputFile:
    """A file to compare.

    Args:
        path: where it is.
        name: what its user calls it, in one line of text.
    """

    path: Path
    name: str

    @classmethod
    def given(cls, path: Path) -> Self:
        """A file that goes by its path, as it was given."""
        return cls(path.absolute(), os.fsencode(path).decode(errors="replace"))

    def __post_init__(self) -> None:
        printable = "".join(c if c.isprintable() else "\ufffd" for c in self.name)
        object.__setattr__(self, "name", printable)


def told_apart(old: InputFile, new: InputFile) -> tuple[InputFile, InputFile]:
    """Both files, with names that say which is which."""
    if old.name != new.name:
        return old, new
    return replace(old, name=f"{old.name} (old)"), replace(new, name=f"{new.name} (new)")


@contextmanager
def unchanged(*files: InputFile) -> Iterator[None]:
    """A block that fails when one of the files is not, at its end, what it was at its start.

    Raises:
        InputChanged: naming the file; also in place of what the block raised because of it.
    """
    before = [_version(file.path) for file in files]
    try:
        yield
    except Interrupted:
        raise
    except Exception as error:
        _compare(files, before, error)
        raise
    _compare(files, before, None)


def _compare(files: tuple[InputFile, ...], before: list[_Version], error: Exception | None) -> None:
    for file, version in zip(files, before, strict=True):
        if _version(file.path) != version:
            raise InputChanged(
                f"{file.name} changed while it was compared. "
                "Start the job again when the file is complete."
            ) from error


def _version(path: Path) -> _Version:
    """What tells one version of a file from another; None where there is no file."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # for the diff to complain about
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
