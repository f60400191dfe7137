"""Files that are kept by their content: each once, packed, and never changed."""

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from diffing.core.baseline import ACCEPTED, Baseline, content_of, is_packed_copy, kept_name
from diffing.core.errors import (
    CannotWrite,
    ContentGone,
    DiskUnavailable,
    MissingInput,
    OutOfDisk,
    is_disk_full,
)
from diffing.core.input_file import InputFile
from diffing.files.publish import at_rest, is_part, published

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, ZstdFile
else:
    from backports.zstd import CompressionParameter, ZstdFile

_BLOCK = 4 * 1024 * 1024
_LOCK = "lock"
# Level 3 takes twice the time for 5 % less. With the checksum, damage is noticed by the reader.
_PACKING: dict[int, int] = {
    CompressionParameter.compression_level: 1,
    CompressionParameter.checksum_flag: 1,
}
_FULL = "Too little disk space is free to keep a file. Free some space, and try again."


@dataclass(frozen=True)
class Used:
    """The number of kept files, and their bytes on the disk."""

    files: int
    bytes: int


class KeptFiles:
    """Keeps files under their SHA-256.

    Text is packed with zstd. Packed files and Parquet stay as they are.

    Args:
        folder: of the kept files.
        least_free: bytes of the disk that must stay free.
    """

    def __init__(self, folder: Path, least_free: int = 0) -> None:
        self._folder = folder
        self._least_free = least_free

    @staticmethod
    def name_of(path: Path, sha256: str) -> str:
        """The name under which a file of this path and SHA-256 is kept."""
        return kept_name(path.suffix.lower(), sha256)

    def path_of(self, name: str) -> Path:
        """The path of a kept file."""
        return self._folder / name

    def file_of(self, baseline: Baseline | None) -> InputFile:
        """The file of a baseline; before the first one, a file that does not exist.

        Raises:
            MissingInput: the kept file was lost.
        """
        if baseline is None:
            return InputFile(self.path_of("none"), ACCEPTED)
        path = self.path_of(baseline.kept)
        if not path.is_file():
            raise MissingInput(
                f"The kept file {baseline.name} of job {baseline.job_id} was lost from the data "
                "folder's kept/. Put it back, or accept another job."
            )
        return InputFile(path, baseline.name, baseline.sha256)

    def keep(
        self, file: InputFile, sha256: str, on_piece: Callable[[], None] = lambda: None
    ) -> str:
        """Keep a file, unless it is kept already, and return its name.

        Args:
            file: the file.
            sha256: that it must have.
            on_piece: called now and then; an exception from it ends the work.

        Raises:
            ContentGone: the file is missing, or has another content by now.
            DiskUnavailable: the disk is full, or the folder cannot be written.
        """
        name = self.name_of(file.path, sha256)
        target = self.path_of(name)
        if target.exists():
            return name
        try:
            source = file.path.open("rb")
        except OSError:
            raise content_gone(file.name) from None
        packed = is_packed_copy(name, file.path.suffix.lower())
        with source, _disk_errors_reported(), published([target]) as (part,):
            with part.open("wb") if packed else _packing(part) as into:
                found = self._copy(source, into, on_piece)
            if found != sha256:
                raise content_gone(file.name)
        return name

    def used(self) -> Used:
        """The disk space that the files use.

        Raises:
            OSError: the folder cannot be read.
        """
        sizes = []
        for entry in os.scandir(self._folder):
            if content_of(entry.name):
                with suppress(FileNotFoundError):  # it was removed just now
                    sizes.append(entry.stat().st_size)
        return Used(len(sizes), sum(sizes))

    def remove_all_but(self, needed: Callable[[], Collection[str]]) -> None:
        """Remove the files that nothing needs, unless a file is being taken into use.

        Args:
            needed: gives the names of the others; called when no more can be taken into use.

        Raises:
            OSError, DiskUnavailable: a file cannot be removed, or the folder not be written.
        """
        with self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB) as is_alone:
            if not is_alone:
                return
            names = needed()
            for path in self._folder.iterdir():
                if is_part(path.name):
                    with at_rest(path) as is_at_rest:
                        if is_at_rest:
                            path.unlink(missing_ok=True)
                elif content_of(path.name) and path.name not in names:
                    path.unlink(missing_ok=True)

    @contextmanager
    def staying(self) -> Iterator[None]:
        """A block in which no kept file is removed, such as one that records its use.

        Raises:
            DiskUnavailable: the folder cannot be written.
        """
        with self._locked(fcntl.LOCK_SH):
            yield

    @contextmanager
    def _locked(self, how: int) -> Iterator[bool]:
        with _disk_errors_reported():
            handle = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, how)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(handle)

    def _copy(self, source: BinaryIO, into: BinaryIO, on_piece: Callable[[], None]) -> str:
        digest = hashlib.sha256()
        while block := source.read(_BLOCK):
            on_piece()
            if shutil.disk_usage(self._folder).free - len(block) < self._least_free:
                raise DiskUnavailable(_FULL)
            digest.update(block)
            into.write(block)
        return digest.hexdigest()


@contextmanager
def _disk_errors_reported() -> Iterator[None]:
    try:
        yield
    except (OSError, CannotWrite) as error:
        if isinstance(error, OSError) and is_disk_full(error):
            raise DiskUnavailable(_FULL) from error
        raise DiskUnavailable(
            "The folder of kept files cannot be used. Check its permissions and the disk."
        ) from error
    except OutOfDisk as error:
        raise DiskUnavailable(_FULL) from error


def _packing(part: Path) -> BinaryIO:
    file: Any = ZstdFile(part, "wb", options=_PACKING)
    return cast("BinaryIO", file)  # it has the methods


def content_gone(name: str) -> ContentGone:
    """The error for a file whose content is not that which a job read."""
    return ContentGone(
        f"The file {name} has changed since the job read it, or was removed, so it cannot be kept. "
        "Start a new job with the file as it is now."
    )
