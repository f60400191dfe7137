"""Where an API finds results and leaves uploads: in the data folder, or in a bucket.

Files of the bucket have the same names as those of the data folder.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, ClassVar, Protocol

from diffing.core.errors import (
    DISK_FULL,
    DatabaseUnavailable,
    DiskUnavailable,
    InputChanged,
    MissingInput,
    OutOfDisk,
    StorageUnavailable,
)
from diffing.core.remote_file import RemoteFolder
from diffing.core.settings import Settings
from diffing.files import uploads
from diffing.files.cache import Bounds, Cache
from diffing.files.uploads import SIDES, Upload


class Storage(Protocol):
    """The files that APIs and workers share.

    Attributes:
        is_remote: whether they are in a bucket, which may be silent.
    """

    is_remote: ClassVar[bool]

    def expect(self, job_id: int, created_at: datetime) -> None:
        """Forget results of a lost job with the same id, if a backup of the database was restored.

        Args:
            job_id: of a job whose results may be asked for.
            created_at: of that job.
        """

    def exists(self, path: Path) -> bool:
        """Whether a result exists.

        Args:
            path: that it has in the data folder.

        Raises:
            StorageUnavailable: the bucket does not answer.
            DiskUnavailable: the data folder is missing.
        """

    def open(self, path: Path) -> BinaryIO:
        """Open a result, which stays readable after its removal.

        Args:
            path: that it has in the data folder.

        Raises:
            FileNotFoundError: it was removed.
            StorageUnavailable: the bucket does not answer.
            DiskUnavailable: the disk has no room for it, or the data folder is missing.
        """

    @contextmanager
    def keeping(self, upload: Upload) -> Iterator[None]:
        """A block that records a job. If it succeeds, the files of the upload belong to that job.

        Raises:
            DiskUnavailable: the files were removed.
            StorageUnavailable: the bucket does not answer.
        """

    def remove_copies(self, folder: Path) -> None:
        """Remove the copies of uploads that an ended process left, and that are in a bucket.

        Args:
            folder: of uploads on this machine.
        """

    def require_ours(self, service: str) -> None:
        """Check that the storage belongs to a service.

        Args:
            service: id of the service.

        Raises:
            BadSetting: it belongs to another one.
            StorageUnavailable: it does not answer.
        """

    def look(self) -> str:
        """The state of the storage, for an operator.

        Raises:
            StorageUnavailable: it does not answer.
        """


class DataFolder:
    """The files on the disk of this machine. The methods are those of a `Storage`."""

    is_remote: ClassVar = False

    def expect(self, job_id: int, created_at: datetime) -> None:  # noqa: D102 - see Storage
        pass

    def exists(self, path: Path) -> bool:  # noqa: D102 - see Storage
        if not path.exists():
            _require_folder(path)
            return False
        return True

    def open(self, path: Path) -> BinaryIO:  # noqa: D102 - see Storage
        try:
            return path.open("rb")
        except FileNotFoundError:
            _require_folder(path)
            raise

    @contextmanager
    def keeping(self, upload: Upload) -> Iterator[None]:  # noqa: D102 - see Storage
        with upload.kept():
            yield

    def remove_copies(self, folder: Path) -> None:  # noqa: D102 - see Storage
        pass

    def require_ours(self, service: str) -> None:  # noqa: D102 - see Storage
        pass

    def look(self) -> str:  # noqa: D102 - see Storage
        return "In the data folder."


def _require_folder(path: Path) -> None:
    """Check that a missing file was removed, and not its whole folder, as by an unmounted disk.

    Raises:
        DiskUnavailable: the folder is missing, too.
    """
    if not path.parent.is_dir():
        raise DiskUnavailable(
            "The folder of results is missing. Mount the disk of the data folder."
        )


class SharedFolder:
    """The files in a bucket, and a cache of results. The methods are those of a `Storage`.

    Args:
        folder: in the bucket.
        settings: the data folder, and the bounds of the cache.

    Raises:
        BadSetting: a package is not installed.
        DiskUnavailable: the folder of the cache cannot be used.
    """

    is_remote: ClassVar = True

    def __init__(self, folder: RemoteFolder, settings: Settings) -> None:
        # imported here: few services have a bucket
        from diffing.files.bucket import Bucket

        self._bucket = Bucket(folder, hasty=True)
        bounds = Bounds(settings.cache_limit, settings.retention, settings.least_free)
        self._cache = Cache(settings.cache_dir, bounds, self._fetch)

    def expect(self, job_id: int, created_at: datetime) -> None:  # noqa: D102 - see Storage
        self._cache.expect(f"{job_id}.", created_at.isoformat())

    def exists(self, path: Path) -> bool:  # noqa: D102 - see Storage
        return self._cache.has(path.name) or self._bucket.exists(_result(path.name))

    def open(self, path: Path) -> BinaryIO:  # noqa: D102 - see Storage
        try:
            return self._cache.open(path.name)
        except MissingInput:
            raise FileNotFoundError(path.name) from None

    @contextmanager
    def keeping(self, upload: Upload) -> Iterator[None]:  # noqa: D102 - see Storage
        names = [uploads.key_of(upload.name, side) for side in SIDES]
        with upload.staying():
            try:
                for path, name in zip(upload.paths, names, strict=True):
                    self._bucket.put(path, name)
                yield
            # the job may be recorded, or the bucket does not answer: the sweeper looks later
            except (DatabaseUnavailable, StorageUnavailable):
                raise
            except Exception:
                with suppress(StorageUnavailable):
                    self._bucket.remove(names)
                raise

    def remove_copies(self, folder: Path) -> None:  # noqa: D102 - see Storage
        with suppress(StorageUnavailable):  # they cost disk space until the next start
            uploads.remove_copies(folder, self._has)

    def require_ours(self, service: str) -> None:  # noqa: D102 - see Storage
        # imported here: few services have a bucket
        from diffing.files import ownership

        ownership.require_ours(self._bucket, service)

    def _has(self, upload: str) -> bool:
        return all(self._bucket.exists(uploads.key_of(upload, side)) for side in SIDES)

    def look(self) -> str:  # noqa: D102 - see Storage
        if not self._bucket.is_reachable():
            raise StorageUnavailable("The bucket cannot be reached. Check it and the credentials.")
        return "The bucket is reachable."

    def _fetch(self, name: str, path: Path, reserve: Callable[[int], None]) -> None:
        try:
            self._bucket.copy(_result(name), path, reserve)
        except InputChanged:
            raise StorageUnavailable(
                "A result was written again while it was fetched. Try again."
            ) from None
        except OutOfDisk:
            raise DiskUnavailable(DISK_FULL) from None


def storage_of(settings: Settings) -> Storage:
    """The storage of these settings.

    Raises:
        BadSetting, DiskUnavailable: as from `SharedFolder`.
    """
    return SharedFolder(settings.storage, settings) if settings.storage else DataFolder()


def _result(name: str) -> str:
    return f"results/{name}"
