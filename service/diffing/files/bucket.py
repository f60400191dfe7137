"""The objects of a bucket that many hosts share. Each appears whole or not at all."""

import errno
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from diffing.core.errors import (
    BadSetting,
    MissingInput,
    StorageUnavailable,
)
from diffing.core.remote_file import RemoteFolder
from diffing.files.bucket_errors import advice_for, is_denied, reason_of
from diffing.files.fetch import Fetch
from diffing.files.remote_content import (
    BLOCK,
    RemoteContent,
    append,
    in_our_words,
    package_for,
    store_of,
    version_of,
)

_PIECE, _MOST_PIECES = 16 * 1024 * 1024, 9_000
# in the words of s3fs, gcsfs and adlfs
_TIMES = ("LastModified", "updated", "last_modified")
# stores in which a write may depend on the absence of the object
_CONDITIONAL = ("s3", "gs")
# A request of an API, with its repetitions after errors, waits for no longer.
_HASTY_SECONDS = 8
_HASTE: dict[str, Any] = {
    "config_kwargs": {
        "connect_timeout": 3,
        "read_timeout": _HASTY_SECONDS,
        "retries": {"max_attempts": 0},
    }
}


class Bucket:
    """The objects in a folder of a bucket, for many threads of one process.

    Args:
        folder: in the bucket.
        hasty: whether a store that is silent for some seconds is an error.

    Raises:
        BadSetting: a package is not installed.
    """

    def __init__(self, folder: RemoteFolder, *, hasty: bool = False) -> None:
        self.folder = folder
        try:
            self._files = _store_of(folder.scheme, hasty=hasty)
        except ImportError:
            raise BadSetting(
                "DIFFING_STORAGE_URL: the package for such URLs is missing. "
                f"Run pip install {package_for(folder.scheme)}."
            ) from None

    def connect(self) -> None:
        """Read the credentials of the environment, which may lack them later."""
        with in_our_words(_explained):
            if hasattr(self._files, "connect"):
                self._files.connect()

    def is_reachable(self) -> bool:
        """Whether the bucket exists, and answers.

        Raises:
            StorageUnavailable: it does not answer.
        """
        with in_our_words(_explained):
            return bool(self._files.exists(self.folder.bucket))

    def exists(self, name: str) -> bool:
        """Whether an object exists.

        Raises:
            StorageUnavailable: the store does not answer, or refuses the request.
        """
        with in_our_words(_explained):
            return bool(self._files.exists(self._url(name)))

    def copy(self, name: str, path: Path, reserve: Callable[[int], None]) -> None:
        """Copy an object to a new file, in one version.

        Args:
            name: of the object.
            path: of the file.
            reserve: called with its size, before the first byte.

        Raises:
            MissingInput: the object is missing.
            InputChanged: it changed meanwhile.
            StorageUnavailable: as from `exists`.
            OutOfDisk, DiffFailed: the file cannot be written.
        """
        file = self.folder.file(name)
        content = RemoteContent(file, self._files)
        with in_our_words(_explained):
            try:
                before = content.facts()
            except FileNotFoundError:
                raise MissingInput(f"{file.name}: no such file in the storage.") from None
            reserve(before["size"])
            with (
                content.one_version(version_of(before)),
                content.opened() as source,
                path.open("xb") as into,
            ):
                while block := source.read(BLOCK):
                    append(into, block)
        arrived = path.stat().st_size
        if arrived != before["size"]:
            raise StorageUnavailable(
                f"{arrived:,} of {before['size']:,} bytes came from the storage. Try again."
            )

    def put(self, path: Path, name: str) -> None:
        """Copy a file into the bucket.

        Raises:
            StorageUnavailable: as from `exists`.
            OSError: the file cannot be read.
        """
        with self._arriving(path, name) as write:
            write()

    def put_once(self, path: Path, name: str) -> None:
        """Copy a file into the bucket, unless the object exists, which others may read just now.

        Raises:
            StorageUnavailable, OSError: as from `put`.
        """
        if not self.exists(name):
            with self._arriving(path, name) as write:
                self._once(name, write)

    def read(self, name: str) -> bytes | None:
        """A small object; None if it does not exist.

        Raises:
            StorageUnavailable: as from `exists`.
        """
        with in_our_words(_explained):
            try:
                return bytes(self._files.cat_file(self._url(name)))
            except FileNotFoundError:
                return None

    def create(self, name: str, content: bytes) -> None:
        """Write a small object, unless it exists.

        Raises:
            StorageUnavailable: as from `exists`.
        """
        with in_our_words(_explained):
            self._once(name, partial(self._files.pipe_file, self._url(name), content))

    @contextmanager
    def _arriving(self, path: Path, name: str) -> Iterator[Callable[..., object]]:
        """A block with a function that writes a file to the bucket, where it must be whole then."""
        size = path.stat().st_size
        pieces = {"chunksize": max(_PIECE, size // _MOST_PIECES), "max_concurrency": 2}
        options = pieces if self.folder.scheme == "s3" else {}
        with in_our_words(_explained):
            yield partial(self._files.put_file, str(path), self._url(name), **options)
            there = self._files.info(self._url(name))["size"]
        if there != size:
            raise StorageUnavailable(
                f"{there:,} of {size:,} bytes arrived in the storage. Did a file change?"
            )

    def _once(self, name: str, write: Callable[..., object]) -> None:
        """Write on the condition that the object does not exist, where the store knows that."""
        if self.folder.scheme not in _CONDITIONAL:
            write()
            return
        try:
            write(mode="create")
        except OSError as error:
            # another one was faster: each store says so in its own way
            if self._files.exists(self._url(name)):
                return
            if error.errno != errno.ENOSYS:
                raise
            write()

    def fetch(self, folder: Path) -> Fetch:
        """A copier of files of this store to a folder, which exists."""
        return Fetch(folder, math.inf, {self.folder.scheme: self._files})

    def sizes(self, folder: str) -> dict[str, int]:
        """The objects in a folder, with their bytes. Argument and errors are those of `names`."""
        return {name: facts["size"] for name, facts in self._found(folder).items()}

    def names(self, folder: str, prefix: str = "") -> dict[str, datetime]:
        """The objects in a folder, with the times of their last changes.

        Args:
            folder: in the bucket.
            prefix: with which their names begin.

        Raises:
            StorageUnavailable: as from `exists`.
        """
        return {name: _time_of(facts) for name, facts in self._found(folder, prefix).items()}

    def _found(self, folder: str, prefix: str = "") -> dict[str, dict[str, Any]]:
        top = self._files._strip_protocol(self._url(folder))
        with in_our_words(_explained):
            found = self._files.find(top, prefix=prefix, detail=True)
        return {
            name.removeprefix(f"{top}/"): facts
            for name, facts in found.items()
            if facts.get("type") != "directory" and name != top
        }

    def remove(self, names: Sequence[str]) -> None:
        """Remove objects; some may be gone.

        Raises:
            StorageUnavailable: as from `exists`.
        """
        if not names:
            return
        with in_our_words(_explained):
            try:
                self._files.rm([self._url(name) for name in names])
            except FileNotFoundError:  # another one removed them
                return

    def _url(self, name: str) -> str:
        return f"{self.folder.url}/{name}"


def _store_of(scheme: str, *, hasty: bool) -> Any:
    files = store_of(scheme, **(_HASTE if hasty else {}))
    if hasty:  # no other stores than those of Amazon and Google look at it
        files.seconds = _HASTY_SECONDS
    return files


def _time_of(facts: dict[str, Any]) -> datetime:
    for name in _TIMES:
        found = facts.get(name)
        if isinstance(found, str):
            found = datetime.fromisoformat(found)
        if isinstance(found, datetime):
            return found
    return datetime.now(UTC)  # so it is young, and stays


def _explained(error: Exception) -> StorageUnavailable:
    if is_denied(error):
        return StorageUnavailable(f"The storage denies access. {advice_for(error, '')}")
    if isinstance(error, FileNotFoundError):
        return StorageUnavailable("The bucket does not exist. Check DIFFING_STORAGE_URL.")
    advice = advice_for(error, "Try again in a few seconds.")
    return StorageUnavailable(
        f"The storage does not answer as it should: {reason_of(error)}. {advice}"
    )
