"""The files that a diff writes: under their names only when all of them are whole."""

import errno
import fcntl
import os
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from service.errors import BadArgument, of_os

# as `_part_of` and `Outputs.of_attempt` name them
_OF_ATTEMPT = re.compile(
    r"(\.\d+-\d+-)?(\d{1,19})\.(\d{1,9})(\.detail|\.removed)?\.(csv|json|parquet)"
)


@dataclass(frozen=True)
class Outputs:
    """The CSV files to write; None for one that nobody asked for.

    Args:
        result: the added and changed rows, columns of new, in its order.
        detail: the same with columns that say what they were before.
        removed: the rows of old whose key is gone, columns of old, in its order.
    """

    result: Path | None = None
    detail: Path | None = None
    removed: Path | None = None

    @classmethod
    def of_attempt(cls, folder: Path, job_id: int, attempt: int) -> Self:
        """Where an attempt at a job writes: two attempts cannot touch each other's files."""
        return cls(
            result=folder / f"{job_id}.{attempt}.csv",
            detail=folder / f"{job_id}.{attempt}.detail.csv",
            removed=folder / f"{job_id}.{attempt}.removed.csv",
        )

    @property
    def paths(self) -> list[Path]:
        """The files asked for; the result last, so that whoever sees it may count on the rest."""
        return [path for path in (self.detail, self.removed, self.result) if path]

    @contextmanager
    def parts(self) -> Iterator[Self]:
        """Names beside these to write to; they take the place of these when all went well.

        Raises:
            BadArgument: one cannot be written.
            OutOfDisk: there is no room for them.
        """
        if len({path.absolute() for path in self.paths}) < len(self.paths):
            raise BadArgument("Two outputs have the same name. Give each file a name of its own.")
        parts = {
            field.name: path and _part_of(path.absolute())
            for field in fields(self)
            for path in [getattr(self, field.name)]
        }
        unfinished = type(self)(**parts)
        with ExitStack() as stack:
            for part, path in zip(unfinished.paths, self.paths, strict=True):
                _make_empty(part, path)
                stack.callback(part.unlink, missing_ok=True)
                stack.enter_context(_held(part))
            yield unfinished
            for part in unfinished.paths:
                sync(part)
            for part, path in zip(unfinished.paths, self.paths, strict=True):
                part.replace(path)
            # else a power cut could take the names back
            for folder in {path.absolute().parent for path in self.paths}:
                sync(folder)

    @staticmethod
    def attempt_of(name: str) -> tuple[int, int] | None:
        """The job and attempt that a file belongs to, finished or not; None for other files."""
        found = _OF_ATTEMPT.fullmatch(name)
        return found and (int(found[2]), int(found[3]))

    @staticmethod
    def is_part(name: str) -> bool:
        """Whether it is the name of a file that is being written."""
        return name.startswith(".")

    @staticmethod
    def is_being_written(part: Path) -> bool:
        """Whether the process that writes a part lives; it may be one of another container."""
        try:
            with part.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    @staticmethod
    def remove_parts(path: Path, writer: int) -> None:
        """Remove what a process that was killed left of a file; the writer is its process id."""
        for part in path.parent.glob(f".{writer}-*-{path.name}"):
            part.unlink(missing_ok=True)


def _part_of(path: Path) -> Path:
    return path.with_name(f".{os.getpid()}-{threading.get_ident()}-{path.name}")


@contextmanager
def _held(part: Path) -> Iterator[None]:
    """Hold a lock on a part, which ends with this process at the latest."""
    with part.open("rb") as file:
        # only the sweeper asks, in the service's own folder: others may have no locks
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make_empty(part: Path, path: Path) -> None:
    if path.is_dir():
        raise BadArgument(f"Cannot write {path.name}: it is a folder.")
    try:
        part.touch()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise of_os(error) from error
        raise BadArgument(f"Cannot write {path.name}: {error.strerror}.") from None


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk, whatever happens."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
