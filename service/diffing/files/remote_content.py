"""Files in buckets and on web servers, read in one version, with errors in our words."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, BinaryIO

from diffing.core.errors import (
    BadInput,
    BadSetting,
    DiffingError,
    InputChanged,
    MissingInput,
    OutOfDisk,
    Unreachable,
    of_os,
)
from diffing.core.remote_file import RemoteFile, RemoteFolder

# A request of each block pins the version. Larger blocks take more memory, and gain little time.
BLOCK = 16 * 1024 * 1024
_BUFFER = 1024 * 1024
# A web server may be silent for so long, as may a bucket, to which s3fs sends each request again.
_SILENT_SECONDS = 120
# The marks of a version, in the words of s3fs, gcsfs and HTTP.
_MARKS = (
    *("ETag", "VersionId", "LastModified", "size"),
    *("etag", "generation", "updated"),
    *("Last-Modified", "Content-MD5", "Digest"),
)
_MODULES = {"s3": "s3fs", "gs": "gcsfs", "abfs": "adlfs"}
_PACKAGES, _PACKAGE = {"gs": "'diffing[gs]'", "abfs": "adlfs"}, "'diffing[s3]'"
_ENCODED = re.compile(r"[!#-;=?-Z\[\]_a-z~]+")
_GONE, _DENIED = (404, 410), (401, 403)
CHECK_CREDENTIALS = (
    "Check the credentials in the environment, such as AWS_PROFILE or AWS_ACCESS_KEY_ID, and what "
    "they permit."
)

Version = tuple[str | None, ...]
"""The marks by which a store tells versions of a file apart."""


def store_of(file: RemoteFile) -> Any:
    """The file system of fsspec that has a file, and if it is not on the web, those of its scheme.

    Raises:
        ImportError: the package for its scheme is not installed.
    """
    import fsspec  # the packages of stores are loaded only for a URL

    options = _of_web(file.url) if file.is_on_the_web else {"use_listings_cache": False}
    return fsspec.filesystem(file.scheme, skip_instance_cache=True, **options)


class RemoteContent:
    """One remote file, by fsspec.

    Args:
        file: the remote file.
        store: from `store_of`; None for one of its own.

    Raises:
        ImportError: the package for its scheme is not installed.
    """

    def __init__(self, file: RemoteFile, store: Any = None) -> None:
        self.name, self._url = file.name, file.url
        self._is_web = file.is_on_the_web
        self._files: Any = store or store_of(file)

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
        return self._files.open(self._url, "rb", block_size=BLOCK, cache_type="none")

    @contextmanager
    def one_version(self, before: Version) -> Iterator[None]:
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

    def _has_changed(self, before: Version) -> bool:
        try:
            return version_of(self.facts()) != before
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


def version_of(facts: dict[str, Any]) -> Version:
    """The marks of the version among the facts of a file."""
    return tuple(str(facts[mark]) if facts.get(mark) is not None else None for mark in _MARKS)


def append(into: BinaryIO, block: bytes) -> None:
    """Write a block of a copy, and notice a full disk at once.

    Raises:
        OutOfDisk, DiffFailed: it cannot be written.
    """
    try:
        into.write(block)
        into.flush()
    except OSError as error:
        raise of_os(error) from error


def modules_for(folder: RemoteFolder | None) -> list[str]:
    """The modules that load slowly and that the files of a folder need; None needs none."""
    return [_MODULES[folder.scheme]] if folder else []


def package_for(scheme: str) -> str:
    """The package to install for the URLs of a scheme."""
    return _PACKAGES.get(scheme, _PACKAGE)


@contextmanager
def in_our_words(explain: Callable[[Exception], DiffingError]) -> Iterator[None]:
    """A block whose errors are in our words: those of a library may contain credentials.

    Args:
        explain: gives our error for one of a library.
    """
    try:
        yield
    except DiffingError:
        raise
    except Exception as error:  # noqa: BLE001 - each library has its own kinds
        raise explain(error) from None


def errors_explained(file: RemoteFile) -> AbstractContextManager[None]:
    """A block that fetches a file, with errors in our words."""
    return in_our_words(partial(_explained, file))


def _explained(file: RemoteFile, error: Exception) -> DiffingError:
    if isinstance(error, ImportError):
        return BadSetting(
            f"{file.name}: the package for such URLs is missing. "
            f"Run pip install {package_for(file.scheme)}, "
            "or download the file first, and name the copy."
        )
    status, kind = getattr(error, "status", None), type(error).__name__
    if _is_missing(error) and file.label is not None:
        return MissingInput(f"{file.name}: no such file in the storage. Put it there.")
    if _is_missing(error):
        return MissingInput(f"{file.name}: no such file. Check the URL, and put the file there.")
    reason = f"HTTP status {status}" if status else kind
    if status in _DENIED:
        return BadInput(f"{file.name}: access denied: {reason}. Check the URL; it may be too old.")
    if is_denied(error):
        return BadInput(f"{file.name}: access denied. {CHECK_CREDENTIALS}")
    return Unreachable(
        f"{file.name}: cannot be fetched: {reason}. Check the URL and the network, and try again."
    )


def is_denied(error: Exception) -> bool:
    """Whether a store denies access, or the environment has no credentials for it."""
    return isinstance(error, PermissionError) or "Credential" in type(error).__name__


def _is_missing(error: Exception) -> bool:
    return isinstance(error, FileNotFoundError) or getattr(error, "status", None) in _GONE
