"""Keeps a diff to one version of its input files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diffing.core.errors import InputChanged, Interrupted
from diffing.core.input_file import InputFile

_Version = tuple[int, int, int, int] | None


class Versions:
    """The versions of files at one time.

    Args:
        files: the files.
    """

    def __init__(self, *files: InputFile) -> None:
        self._before = [(file, _version(file.path)) for file in files]

    def changed(self) -> str | None:
        """The name of the first file that has changed since; None if none has."""
        for file, version in self._before:
            if _version(file.path) != version:
                return file.name
        return None

    def require_same(self) -> None:
        """Check that no file has changed since.

        Raises:
            InputChanged: the text names the file.
        """
        if name := self.changed():
            raise InputChanged(f"{name} changed since it was compared. Compare it again.")


@contextmanager
def unchanged(*files: InputFile) -> Iterator[None]:
    """A block that fails if one of the files changes during it.

    Raises:
        InputChanged: the text names the file. It replaces any other error of the block.
    """
    versions = Versions(*files)
    try:
        yield
    except Interrupted:
        raise
    except Exception as error:
        _require_unchanged(versions, error)
        raise
    _require_unchanged(versions, None)


def _require_unchanged(versions: Versions, error: Exception | None) -> None:
    if name := versions.changed():
        raise InputChanged(
            f"{name} changed while it was compared. Start the job again when the file is complete."
        ) from error


def _version(path: Path) -> _Version:
    """A value that differs between versions of a file; None without a file."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # the diff reports it
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
