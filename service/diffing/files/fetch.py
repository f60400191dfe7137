"""Fetches files from buckets and web servers, each in one version or not at all."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from diffing.core.errors import (
    BadInput,
    BadSetting,
    DiffingError,
    InputChanged,
    MissingInput,
    OutOfDisk,
    Unreachable,
    is_disk_full,
    of_os,
)
from diffing.core.input_file import InputFile
from diffing.core.progress import Progress
from diffing.core.remote_file import RemoteFile
from diffing.csvfiles.archives import Room, kept_if_whole
from diffing.csvfiles.recognise import LOOKED_AT, suffix_of

# A request of each block pins the version. Larger blocks take more memory, and gain little time.
_BLOCK = 16 * 1024 * 1024
_BUFFER = 1024 * 1024
# A web server may be silent for so long, as may a bucket, to which s3fs sends each request again.
_SILENT_SECONDS = 120
# The marks of a version, in the words of s3fs, gcsfs and HTTP.
_MARKS = (
    *("ETag", "VersionId", "LastModified", "size"),
    *("etag", "generation", "updated"),
    *("Last-Modified", "Content-MD5", "Digest"),
)
_PACKAGES, _PACKAGE = {"gs": "gcsfs"}, "'diffing[s3]'"
_ENCODED = re.compile(r"[!#-;=?-Z\[\]_a-z~]+")
_GONE, _DENIED = (404, 410), (401, 403)

# The variables of boto, of Google's libraries and of fsspec, which may be credentials.
_VARIABLES = ("AWS_", "BOTO_", "GOOGLE_", "GCS_", "FSSPEC_")

_Version = tuple[str | None, ...]


def take_credentials() -> dict[str, str]:
    """Take the variables of stores out of the environment, so that no child inherits them.

    Returns:
        The variables, for `give_credentials`.
    """
    return {name: os.environ.pop(name) for name in [*os.environ] if name.startswith(_VARIABLES)}


def give_credentials(variables: Mapping[str, str]) -> None:
    """Put the variables of stores into the environment of this process."""
    if variables:
        from fsspec.config import conf, set_conf_env

        os.environ.update(variables)
        set_conf_env(conf)


class Fetch:
    """Copies remote files to a folder.

    Args:
        folder: for the copies, which exists.
        most: bytes of all copies at most.

    Attributes:
        bytes: of all copies so far.
    """

    def __init__(self, folder: Path, most: float) -> None:
        self._folder = folder
        self._most = most
        self.bytes = 0

    def copy(
        self,
        file: RemoteFile,
        side: str,
        on_progress: Callable[[Progress], object] = lambda _: None,
        *,
        may_be_missing: bool = False,
    ) -> InputFile:
        """Copy a file. Its first bytes decide the suffix of the copy, as for an upload.

        Args:
            file: the remote one.
            side: "old" or "new", the name of the copy.
            on_progress: called with each block.
            may_be_missing: whether it need not exist.

        Returns:
            The copy; without a file, one that does not exist.

        Raises:
            MissingInput: the file does not exist.
            InputChanged: it changed while it was copied.
            BadInput: it cannot be read with the credentials, or is a folder.
            BadSetting: a package is not installed.
            Unreachable: the store does not answer, or fails.
            OutOfDisk: the copy would take too much disk space.
        """
        copy = self._folder / f"{side}.csv"
        try:
            with (
                kept_if_whole(self._folder) as part,
                part.open("wb") as into,
                _errors_explained(file),
            ):
                self._copy(_Store(file), into, on_progress)
        except MissingInput:
            if may_be_missing:
                return InputFile(copy, PurePath(file.name).name)
            raise
        with part.open("rb") as content:
            start = content.read(LOOKED_AT)
        return InputFile(part.rename(f"{copy}{suffix_of(start)}"), file.name)

    def _copy(
        self, store: "_Store", into: BinaryIO, on_progress: Callable[[Progress], object]
    ) -> None:
        before = store.facts()
        if before.get("type") == "directory":
            raise BadInput(f"{store.name}: is a folder. Name a file in it.")
        total = before.get("size")
        room = _Room(self._folder, store.name, self._most - self.bytes)
        room.require(total or 0)
        size = 0
        with store.one_version(_version(before)), store.opened() as source:
            while block := source.read(_BLOCK):
                size += len(block)
                room.require(size, len(block))
                _append(into, block)
                if size // _BLOCK > (size - len(block)) // _BLOCK:
                    on_progress(Progress("fetching", size, total))
        if total not in (None, size):
            raise Unreachable(
                f"{store.name}: {size:,} of its {total:,} bytes arrived. Try again, "
                "and check the network."
            )
        self.bytes += size


class _Room:
    """Bounds a copy: it leaves a tenth of the free disk space, and `DIFFING_TEMP_LIMIT`."""

    def __init__(self, folder: Path, name: str, most: float) -> None:
        self._room, self._name, self._most = Room(folder, name), name, most

    def require(self, size: int, more: int | None = None) -> None:
        """Check that a copy may have this size, of which `more` bytes are not on the disk yet.

        Raises:
            OutOfDisk: it may not.
        """
        if size > self._most:
            raise OutOfDisk(
                f"{self._name}: its copy needs more disk space than DIFFING_TEMP_LIMIT. Raise it."
            )
        self._room.require(size if more is None else more)


class _Store:
    """One remote file, by fsspec.

    Args:
        file: the remote file.

    Raises:
        ImportError: the package for its scheme is not installed.
    """

    def __init__(self, file: RemoteFile) -> None:
        import fsspec  # the packages of stores are loaded only for a URL

        self.name, self._url = file.name, file.url
        self._is_web = file.is_on_the_web
        options = _of_web(file.url) if self._is_web else {"use_listings_cache": False}
        self._files: Any = fsspec.filesystem(file.scheme, skip_instance_cache=True, **options)

    def facts(self) -> dict[str, Any]:
        """The size, and the marks of the version."""
        try:
            return dict(self._files.info(self._url))
        except FileNotFoundError as error:
            # fsspec calls each fault of a web server a missing file
            if self._is_web and error.__cause__:
                raise error.__cause__ from None
            raise

    def opened(self) -> Any:
        """The content. A web server sends it in one answer, a bucket in blocks of one version."""
        if self._is_web:
            return self._files.open(self._url, "rb", block_size=0)
        return self._files.open(self._url, "rb", block_size=_BLOCK, cache_type="none")

    @contextmanager
    def one_version(self, before: _Version) -> Iterator[None]:
        """A block in which the file must not change.

        Raises:
            InputChanged: it did. This replaces any other error of the block.
        """
        try:
            yield
        except OutOfDisk:
            raise
        except Exception as error:
            # a silent store would be silent about its version, too
            if "Timeout" not in type(error).__name__ and self._has_changed(before):
                raise self._changed() from None
            raise
        if self._has_changed(before):
            raise self._changed()

    def _has_changed(self, before: _Version) -> bool:
        try:
            return _version(self.facts()) != before
        except Exception as error:
            if _is_missing(error):
                return True
            raise

    def _changed(self) -> InputChanged:
        return InputChanged(
            f"{self.name} changed while it was fetched. "
            "Start the job again when the file is complete."
        )


def _of_web(url: str) -> dict[str, Any]:
    import aiohttp

    # else a download ends after five minutes, proxies do not count, and a size may be that of gzip
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=_SILENT_SECONDS)
    return {
        "client_kwargs": {"timeout": timeout, "trust_env": True, "read_bufsize": _BUFFER},
        "headers": {"Accept-Encoding": "identity"},
        # a signature may not be that of the same URL with other escapes
        "encoded": bool(_ENCODED.fullmatch(url)),
    }


def _version(facts: dict[str, Any]) -> _Version:
    return tuple(str(facts[mark]) if facts.get(mark) is not None else None for mark in _MARKS)


def _append(into: BinaryIO, block: bytes) -> None:
    try:
        into.write(block)
        into.flush()
    except OSError as error:
        raise _of_disk(error) from error


def _of_disk(error: OSError) -> DiffingError:
    if is_disk_full(error):
        return OutOfDisk("The disk is full. Free some space and start the job again.")
    return of_os(error)


@contextmanager
def _errors_explained(file: RemoteFile) -> Iterator[None]:
    """A block whose errors are in our words: those of a library may contain credentials."""
    try:
        yield
    except DiffingError:
        raise
    except ImportError:
        raise BadSetting(
            f"{file.name}: the package for such URLs is missing. "
            f"Run pip install {_PACKAGES.get(file.scheme, _PACKAGE)}, "
            "or download the file first, and name the copy."
        ) from None
    except Exception as error:  # noqa: BLE001 - each library has its own kinds
        raise _explained(file, error) from None


def _explained(file: RemoteFile, error: Exception) -> DiffingError:
    status, kind = getattr(error, "status", None), type(error).__name__
    if _is_missing(error):
        return MissingInput(f"{file.name}: no such file. Check the URL, and put the file there.")
    reason = f"HTTP status {status}" if status else kind
    if status in _DENIED:
        return BadInput(f"{file.name}: access denied: {reason}. Check the URL; it may be too old.")
    if isinstance(error, PermissionError) or "Credential" in kind:
        return BadInput(
            f"{file.name}: access denied. Check the credentials in the environment, "
            "such as AWS_PROFILE or AWS_ACCESS_KEY_ID, and what they permit."
        )
    return Unreachable(
        f"{file.name}: cannot be fetched: {reason}. Check the URL and the network, and try again."
    )


def _is_missing(error: Exception) -> bool:
    return isinstance(error, FileNotFoundError) or getattr(error, "status", None) in _GONE
