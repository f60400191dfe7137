"""Uploaded files. Each upload has its own folder, which is removed with its job."""

import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from diffing.core.errors import DISK_FULL, DiskUnavailable, is_disk_full
from diffing.csvfiles.file_kinds import LOOKED_AT, suffix_of
from diffing.files.checksums import sha256
from diffing.files.publish import at_rest, new_locked_folder, sync

SIDES = ("old", "new")
_NAME = re.compile(r"[0-9a-f]{32}")


class Upload:
    """The files of one upload while they arrive. Closing removes them, unless they are kept.

    The server chooses all names: a random name for the folder, and `old.csv` and `new.csv` in it.
    Packed files and Parquet get another suffix, according to their first bytes. The folder is
    locked while this is open; the kernel unlocks it if the process dies. `close` waits for a
    writing thread.

    Args:
        folder: of all uploads.

    Attributes:
        name: of its folder.
        names: the sender's names of the files, for messages only.

    Raises:
        DiskUnavailable: the disk is full, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, BinaryIO] = {}
        self._paths: dict[str, Path] = {}
        self.names = {side: f"{side}.csv" for side in SIDES}
        self._kept = self._closed = False
        self._one_at_a_time = threading.RLock()
        with _disk_errors_reported():
            self._folder, self._lock = new_locked_folder(folder)
        self.name = self._folder.name

    def write(self, side: str, data: bytes | memoryview) -> None:
        """Append to one of the SIDES. Empty data creates an empty file.

        Raises:
            DiskUnavailable: the disk is full, or the file cannot be written.
        """
        with self._open():
            if side not in self._files:
                self._paths[side] = self._folder / f"{side}.csv"
                self._files[side] = self._paths[side].open("xb")
            self._files[side].write(data)

    def finish(self) -> tuple[str, str]:
        """Sync both files to the disk, and return the names of old and new.

        Raises:
            DiskUnavailable: the disk is full, or a file cannot be written.
        """
        with self._open():
            for side in SIDES:
                with self._files[side] as file:
                    file.flush()
                    os.fsync(file.fileno())
                path = self._paths[side]
                self._paths[side] = path.rename(f"{path}{_suffix_of(path)}")
            for folder in (self._folder, self._folder.parent):
                sync(folder)
        return self._paths["old"].name, self._paths["new"].name

    @property
    def paths(self) -> tuple[Path, Path]:
        """The old and the new file, after `finish`."""
        return self._paths["old"], self._paths["new"]

    def digests(self) -> list[str]:
        """The SHA-256 of each of the SIDES, after `finish`."""
        with self._open():
            return [sha256(self._paths[side]) for side in SIDES]

    @contextmanager
    def staying(self) -> Iterator[None]:
        """A block during which the files stay.

        Raises:
            DiskUnavailable: the files were removed.
        """
        with self._open():
            yield

    @contextmanager
    def kept(self) -> Iterator[None]:
        """A block that records a job. If it succeeds, the files belong to that job.

        Raises:
            DiskUnavailable: the files were removed.
        """
        with self._open():
            yield
            self._kept = True

    def close(self) -> None:
        """End the upload, and remove its files unless they are kept."""
        with self._one_at_a_time, ExitStack() as stack:
            if self._closed:
                return
            self._closed = True
            stack.callback(os.close, self._lock)
            if not self._kept:
                stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
            for file in self._files.values():
                with suppress(OSError):  # the rest of a removed file may not fit on a full disk
                    file.close()

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._one_at_a_time, _disk_errors_reported():
            if self._closed:
                raise DiskUnavailable("The upload was aborted. Try again.")
            yield


def file_of(folder: Path, name: str, side: str) -> Path:
    """The path of a file of a kept upload, even if it is missing."""
    found = (folder / name).glob(f"{side}.csv*")
    return next(iter(found), folder / name / f"{side}.csv")


def key_of(name: str, side: str) -> str:
    """The name of a file of an upload in a storage that hosts share."""
    return f"uploads/{name}/{side}"


def names_in(folder: Path) -> set[str]:
    """The names of all uploads in a folder, finished or not."""
    return {path.name for path in folder.iterdir() if _NAME.fullmatch(path.name)}


def remove(folder: Path, name: str) -> None:
    """Remove the upload of a job that ended."""
    shutil.rmtree(folder / name, ignore_errors=True)


def remove_orphans(folder: Path, of_jobs: Callable[[Iterable[str]], set[str]]) -> None:
    """Remove the uploads in a folder that belong to no job, and that no process writes.

    Args:
        folder: of uploads.
        of_jobs: gives those of some uploads that belong to jobs.
    """
    names = names_in(folder)
    # a writer may have recorded a job before its upload was locked
    _remove_at_rest(folder, names - of_jobs(names), lambda name: not of_jobs([name]))


def remove_copies(folder: Path, is_shared: Callable[[str], bool]) -> None:
    """Remove the uploads in a folder that no process writes, and that are elsewhere, too.

    Args:
        folder: of uploads.
        is_shared: whether both files of an upload are elsewhere.
    """
    _remove_at_rest(folder, names_in(folder), is_shared)


def _remove_at_rest(folder: Path, names: set[str], is_unneeded: Callable[[str], bool]) -> None:
    for name in names:
        with at_rest(folder / name) as is_at_rest:
            if is_at_rest and is_unneeded(name):
                remove(folder, name)


def _suffix_of(path: Path) -> str:
    with path.open("rb") as file:
        return suffix_of(file.read(LOOKED_AT))


@contextmanager
def _disk_errors_reported() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise DiskUnavailable(DISK_FULL) from error
        raise DiskUnavailable(
            f"The folder of uploads cannot be used: {error.strerror}. "
            "Check its permissions and the disk."
        ) from error
