"""Files in buckets, read in one version; errors of all remote files in our words."""

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
from diffing.files import web_errors
from diffing.files.bucket_errors import advice_for, is_denied, reason_of

# A request of each block pins the version. Larger blocks take more memory, and gain little time.
BLOCK = 16 * 1024 * 1024
# The marks of a version, in the words of s3fs, gcsfs and HTTP.
_MARKS = (
    *("ETag", "VersionId", "LastModified", "size"),
    *("etag", "generation", "updated"),
    *("Last-Modified", "Content-MD5", "Digest"),
)
_MODULES = {"s3": "s3fs", "gs": "gcsfs", "abfs": "adlfs"}
_PACKAGES, _PACKAGE = {"gs": "'diffing[gs]'", "abfs": "adlfs"}, "'diffing[s3]'"

Version = tuple[str | None, ...]
"""The marks by which a store tells versions of a file apart."""


def store_of(scheme: str, **options: Any) -> Any:
    """The file system of fsspec for the files of a scheme.

    Args:
        scheme: one of the STORES.
        options: of s3fs; others take none.

    Raises:
        ImportError: the package for its scheme is not installed.
    """
    import fsspec  # the packages of stores are loaded only for a URL

    alone: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    if scheme == "s3":
        from diffing.files.bounded_s3 import BoundedS3

        return BoundedS3(**alone, **options)
    if scheme == "gs":
        from diffing.files.bounded_gs import BoundedGs

        return BoundedGs(**alone)
    return fsspec.filesystem(scheme, **alone)


class RemoteContent:
    """One remote file, by fsspec.

    Args:
        file: the remote file.
        store: from `store_of`.
    """

    def __init__(self, file: RemoteFile, store: Any) -> None:
        self.name, self._url = file.name, file.url
        self._files: Any = store

    def facts(self) -> dict[str, Any]:
        """The size, and the marks of the version."""
        return dict(self._files.info(self._url))

    def opened(self) -> Any:
        """The content. A bucket sends it in blocks of one version."""
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
        except FileNotFoundError:
            return True

    def _changed(self) -> InputChanged:
        return InputChanged(
            f"{self.name} changed while it was fetched. "
            "Start the job again when the file is complete."
        )


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
    if file.is_on_the_web:
        return web_errors.explained(file.name, error)
    if isinstance(error, FileNotFoundError):
        if file.label is not None:
            return MissingInput(f"{file.name}: no such file in the storage. Put it there.")
        return MissingInput(f"{file.name}: {web_errors.NO_FILE}")
    if is_denied(error):
        return BadInput(f"{file.name}: access denied. {advice_for(error, '')}")
    advice = advice_for(error, "Check the URL and the network, and try again.")
    return Unreachable(f"{file.name}: cannot be fetched: {reason_of(error)}. {advice}")
