"""Where accepted and pinned files are kept: in the data folder, or in a bucket."""

import math
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from diffing.core.baseline import ACCEPTED, Baseline, content_of, new_kept_name
from diffing.core.errors import (
    BadInput,
    DiskUnavailable,
    InputChanged,
    MissingInput,
    OutOfDisk,
    StorageUnavailable,
    Unreachable,
)
from diffing.core.input_file import InputFile
from diffing.core.remote_file import RemoteFile, RemoteFolder
from diffing.core.settings import Settings
from diffing.files.inputs import Source
from diffing.files.kept import KeptFiles, Used, content_gone
from diffing.files.publish import locked_folder

FOLDER = "kept"
"""The folder of kept files in a bucket."""

# A request for each thousand files; between them, and after one without an answer.
_LISTED_SECONDS, _SILENT_SECONDS = 600.0, 30.0
# A listing may take longer. `/ready` and `/metrics` then have the figures of the one before.
_PATIENCE_SECONDS = 1.0

Take = Callable[[str], str]
"""Records the name of a kept file in the database, and returns it, or that of an equal file."""


class Kept(Protocol):
    """The kept files of a service."""

    def has(self, name: str) -> bool:
        """Whether a file is kept.

        Raises:
            StorageUnavailable: the bucket does not answer.
        """

    def source_of(self, baseline: Baseline | None) -> Source:
        """The file of a baseline; before the first one, a file that does not exist.

        Raises:
            MissingInput: the kept file was lost from this machine.
        """

    def keep(self, file: Source, sha256: str, take: Take) -> str:
        """Keep a file, unless its content is kept already, and return its name.

        Args:
            file: the file, on this machine or in the bucket.
            sha256: that it must have.
            take: called with the name.

        Raises:
            ContentGone: the file is missing, or has another content by now.
            DiskUnavailable: the disk is full, or the folder cannot be written.
            StorageUnavailable: the bucket does not answer.
        """

    @contextmanager
    def staying(self) -> Iterator[None]:
        """A block in which no kept file of a name that the database has is removed."""

    def used(self) -> Used:
        """The space that the files use.

        Raises:
            OSError: the folder cannot be read.
            StorageUnavailable: the bucket does not list them.
        """


class KeptHere:
    """The kept files on the disk of this machine. The methods are those of `Kept`.

    Args:
        files: these.
    """

    def __init__(self, files: KeptFiles) -> None:
        self._files = files
        self.staying, self.used = files.staying, files.used

    def has(self, name: str) -> bool:  # noqa: D102 - see Kept
        return self._files.path_of(name).exists()

    def source_of(self, baseline: Baseline | None) -> Source:  # noqa: D102 - see Kept
        return self._files.file_of(baseline)

    def keep(self, file: Source, sha256: str, take: Take) -> str:  # noqa: D102 - see Kept
        assert isinstance(file, InputFile), "a service without a bucket has it"  # noqa: S101
        return take(self._files.keep(file, sha256))


class KeptInBucket:
    """The kept files in a bucket. The methods are those of `Kept`.

    Args:
        folder: in the bucket.
        settings: the folder for copies.

    Raises:
        BadSetting: a package is not installed.
    """

    def __init__(self, folder: RemoteFolder, settings: Settings) -> None:
        # imported here: few services have a bucket
        from diffing.files.bucket import Bucket

        self._bucket = Bucket(folder, hasty=True)
        self._settings = settings
        self._lock = threading.Lock()
        self._used: Used | None = None
        self._due = -math.inf
        self._listing = threading.Thread()

    def has(self, name: str) -> bool:  # noqa: D102 - see Kept
        return self._bucket.exists(f"{FOLDER}/{name}")

    def source_of(self, baseline: Baseline | None) -> Source:  # noqa: D102 - see Kept
        return source_in(self._bucket.folder, baseline)

    def keep(self, file: Source, sha256: str, take: Take) -> str:  # noqa: D102 - see Kept
        with locked_folder(self._settings.cache_dir / secrets.token_hex(16)) as folder:
            copy = self._copy(file, folder) if isinstance(file, RemoteFile) else file
            packed = pack(copy, sha256, folder, self._settings.least_free)
            name = take(new_kept_name(copy.path.suffix.lower(), sha256))
            self._bucket.put_once(packed, f"{FOLDER}/{name}")
        return name

    @contextmanager
    def staying(self) -> Iterator[None]:  # noqa: D102 - see Kept
        yield  # the sweeper removes no name that the database has

    def used(self) -> Used:  # noqa: D102 - see Kept
        with self._lock:
            listing = self._listing
            if time.monotonic() >= self._due and not listing.is_alive():
                listing = self._listing = threading.Thread(target=self._list, daemon=True)
                listing.start()
        if listing.ident:
            listing.join(_PATIENCE_SECONDS)
        if (used := self._used) is None:
            raise StorageUnavailable("The bucket did not list the kept files.")
        return used

    def _list(self) -> None:
        used, due = None, _SILENT_SECONDS
        with suppress(StorageUnavailable):
            sizes = self._bucket.sizes(FOLDER)
            kept = [size for name, size in sizes.items() if content_of(name)]
            used, due = Used(len(kept), sum(kept)), _LISTED_SECONDS
        self._used, self._due = used, time.monotonic() + due

    def _copy(self, file: RemoteFile, folder: Path) -> InputFile:
        try:
            return self._bucket.fetch(folder).copy(file, "new")
        except (MissingInput, InputChanged):
            raise content_gone(file.name) from None
        except OutOfDisk as error:
            raise DiskUnavailable(error.detail) from None
        except (BadInput, Unreachable) as error:
            raise StorageUnavailable(error.detail) from None


def kept_of(settings: Settings) -> Kept:
    """The kept files of these settings.

    Raises:
        BadSetting: as from `KeptInBucket`.
    """
    if settings.storage:
        return KeptInBucket(settings.storage, settings)
    return KeptHere(KeptFiles(settings.kept_dir, settings.least_free))


def source_in(storage: RemoteFolder, baseline: Baseline | None) -> Source:
    """The file of a baseline in a bucket; before the first one, a file that does not exist."""
    if baseline is None:
        return InputFile(Path(ACCEPTED), ACCEPTED)
    return storage.file(f"{FOLDER}/{baseline.kept}")


def pack(
    file: InputFile,
    sha256: str,
    folder: Path,
    least_free: int,
    on_piece: Callable[[], None] = lambda: None,
) -> Path:
    """A copy of a file, as it is kept in a bucket.

    Args:
        file: the file.
        sha256: that it must have.
        folder: for the copy.
        least_free: bytes of the disk that must stay free.
        on_piece: called now and then; an exception from it ends the work.

    Raises:
        ContentGone, DiskUnavailable: as from `KeptFiles.keep`.
    """
    packed = KeptFiles(folder, least_free)
    return packed.path_of(packed.keep(file, sha256, on_piece))
