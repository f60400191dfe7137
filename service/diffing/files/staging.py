"""The staged files of one diff, where a cluster sees them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diffing.core.cluster import Cluster
from diffing.core.errors import BadSetting, DiffingError, Unreachable
from diffing.files.credentials import give_credentials
from diffing.files.remote_content import in_our_words


class Staging:
    """The staged files of a diff: in a folder that the cluster sees, or in a bucket, as copies.

    Args:
        cluster: the place of the diff on it.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def make(self) -> None:
        """Make the folder on this machine.

        Raises:
            BadSetting: it cannot be made.
        """
        try:
            self._cluster.staged.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadSetting(
                f"DIFFING_STAGING_URL: cannot create a folder there: {error.strerror}. "
                "Name a folder that this machine and the cluster share."
            ) from None

    @contextmanager
    def seen_by_the_cluster(self) -> Iterator[tuple[str, str]]:
        """The staged rows of old and new, as the cluster reads them, during the block.

        Raises:
            BadSetting: the package for the bucket is not installed.
            Unreachable: the bucket cannot be written.
        """
        staged = self._cluster.staged
        if self._cluster.is_shared:
            yield f"file://{staged.old}", f"file://{staged.new}"
            return
        places = self._remote(staged.old.name), self._remote(staged.new.name)
        try:
            with in_our_words(_explained):
                files = self._files()
                for path, place in zip((staged.old, staged.new), places, strict=True):
                    files.put_file(str(path), place)
            yield places
        finally:
            self._remove_copies()

    def remove(self) -> None:
        """Remove all of the diff's staged files, wherever they are.

        Raises:
            Unreachable: the bucket cannot be written.
        """
        if not self._cluster.is_shared:
            self._remove_copies()
        self.remove_here()

    def remove_here(self) -> None:
        """Remove the staged files on this machine."""
        shutil.rmtree(self._cluster.staged.folder, ignore_errors=True)

    def _remove_copies(self) -> None:
        with in_our_words(_explained):
            files = self._files()
            for path in self._cluster.staged.paths:
                if files.exists(place := self._remote(path.name)):
                    files.rm_file(place)

    def _remote(self, name: str) -> str:
        return f"{self._cluster.staging}/{name}"

    def _files(self) -> Any:
        import fsspec  # the packages of stores are loaded only for a bucket

        give_credentials(self._cluster.credentials)
        files, _ = fsspec.url_to_fs(
            self._cluster.staging, skip_instance_cache=True, use_listings_cache=False
        )
        return files


def _explained(error: Exception) -> DiffingError:
    if isinstance(error, ImportError):
        return BadSetting(
            "DIFFING_STAGING_URL: the package for such URLs is missing. "
            "Run pip install 'diffing[s3]', or name a folder that the cluster shares."
        )
    return Unreachable(
        f"The staging place cannot be used: {type(error).__name__}. "
        "Check DIFFING_STAGING_URL, the credentials in the environment, and the network."
    )
