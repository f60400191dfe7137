"""Uploaded files: each upload has a folder of its own, that lives as long as its job."""

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from diffing.core.errors import DiskUnavailable, is_disk_full
from diffing.csvfiles.archives import GZIP, ZSTD
from diffing.files.publish import sync

SIDES = ("old", "new")
_NAME = re.compile(r"[0-9a-f]{32}")
_SUFFIXES = {GZIP: ".gz", ZSTD: ".zst"}


class Upload:
    """The files of one upload while they come in; they go away unless they are kept.

    All names are the server's: a random one of the folder, and in it `old.csv` and `new.csv`, with
    `.gz` or `.zst` for what begins as such a file does. For as long as this is open the folder is
    locked, which tells that somebody writes it; the kernel unlocks it with the process. It may be
    closed while a thread is at it, which then is waited for.

    Args:
        folder: that of all uploads.

    Attributes:
        name: of its folder.
        names: what the sender calls each of the files; only messages use it.

    Raises:
        DiskUnavailable: there is no room, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, BinaryIO] = {}
        self._paths: dict[str, Path] = {}
        self.names = {side: f"{side}.csv" for side in SIDES}
        self._kept = self._closed = False
        self._one_at_a_time = threading.RLock()
        with _disk_errors_told():
            self._folder, self._lock = _new_folder(folder)
        self.name = self._folder.name

    def write(self, side: str, data: bytes | memoryview) -> None:
        """Append to one of the SIDES; nothing makes an empty file of it.

        Raises:
            DiskUnavailable: there is no room, or the file cannot be written.
        """
        with self._open():
            if side not in self._files:
                self._paths[side] = self._folder / f"{side}.csv"
                self._files[side] = self._paths[side].open("xb")
            self._files[side].write(data)

    def finish(self) -> tuple[str, str]:
        """Have both files on the disk, whatever happens; the names of old and new.

        Raises:
            DiskUnavailable: there is no room, or they cannot be written.
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

    def digests(self) -> list[str]:
        """The SHA-256 of each of the SIDES, once they are finished."""
        found = []
        with self._open():
            for side in SIDES:
                with self._paths[side].open("rb") as file:
                    found.append(hashlib.file_digest(file, "sha256").hexdigest())
        return found

    @contextmanager
    def kept(self) -> Iterator[None]:
        """A block that records a job; if it does, the files are left to that job.

        Raises:
            DiskUnavailable: they are gone.
        """
        with self._open():
            yield
            self._kept = True

    def close(self) -> None:
        """Nobody writes any more; what is not kept is removed."""
        with self._one_at_a_time, ExitStack() as stack:
            if self._closed:
                return
            self._closed = True
            stack.callback(os.close, self._lock)
            if not self._kept:
                stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
            for file in self._files.values():
                with suppress(OSError):  # what is not written yet finds no room, and is not wanted
                    file.close()

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._one_at_a_time, _disk_errors_told():
            if self._closed:
                raise DiskUnavailable("The upload was broken off. Try again.")
            yield


def files_of(folder: Path, name: str) -> tuple[Path, Path]:
    """The old and the new file of an upload that is kept, whether they are there or not."""
    old, new = (
        next(iter((folder / name).glob(f"{side}.csv*")), folder / name / f"{side}.csv")
        for side in SIDES
    )
    return old, new


def names_in(folder: Path) -> set[str]:
    """The names of the uploads that a folder has, finished or not."""
    return {path.name for path in folder.iterdir() if _NAME.fullmatch(path.name)}


def remove(folder: Path, name: str) -> None:
    """Remove the upload of a job that ended."""
    shutil.rmtree(folder / name, ignore_errors=True)


@contextmanager
def at_rest(folder: Path, name: str) -> Iterator[bool]:
    """Whether nobody writes an upload; for the block, nobody begins to either."""
    with ExitStack() as stack:
        try:
            handle = os.open(folder / name, os.O_RDONLY | os.O_DIRECTORY)
            stack.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _new_folder(parent: Path) -> tuple[Path, int]:
    """A new folder, and the handle that locks it."""
    while True:
        folder = parent / secrets.token_hex(16)
        folder.mkdir()
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        # before it was locked it looked like one that was left
        if folder.is_dir():
            return folder, handle
        os.close(handle)


def _suffix_of(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    return next((suffix for begin, suffix in _SUFFIXES.items() if start.startswith(begin)), "")


@contextmanager
def _disk_errors_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise DiskUnavailable("The disk is full. Free some space and try again.") from error
        raise DiskUnavailable(
            f"The folder of uploads cannot be used: {error.strerror}. "
            "Look at its permissions and at the disk."
        ) from error
