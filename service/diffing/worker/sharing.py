"""The files of an attempt, on this machine and in the storage that hosts share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from diffing.core.errors import MissingInput, ResultGone
from diffing.core.remote_file import RemoteFolder
from diffing.core.settings import Settings
from diffing.core.spec import BringSpec, PublishSpec, StorageSpec
from diffing.files.credentials import take_credentials
from diffing.worker.supervisor import ChildFailed

Move = Callable[[StorageSpec], dict[str, Any]]
"""Runs an order in a child process of the attempt."""


class Sharing:
    """Knows where results are: in the data folder, or in a bucket that hosts share.

    Args:
        settings: the folders.

    Attributes:
        credentials: of buckets, for the child processes that need them.
    """

    def __init__(self, settings: Settings) -> None:
        self._results_dir = settings.results_dir
        self._shared = settings.storage.folder("results") if settings.storage else None
        self.credentials: dict[str, str] = {}

    def take_credentials(self) -> None:
        """Take the credentials out of the environment of this process."""
        self.credentials = take_credentials()

    def results(self, scratch: Path, move: Move) -> "AttemptResults":
        """The results of an attempt.

        Args:
            scratch: folder of the attempt.
            move: runs an order for it.
        """
        if self._shared is None:
            return AttemptResults(self._results_dir)
        return SharedAttemptResults(scratch, self._shared, self.credentials, move)

    def folder(self, scratch: Path) -> Path:
        """The folder in which an attempt writes its results."""
        return self.results(scratch, lambda _: {}).folder


class AttemptResults:
    """The results of an attempt in the data folder, which is all that hosts share.

    Args:
        folder: in which the attempt writes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def bring(self, paths: Sequence[Path]) -> None:
        """Get results of any attempt to this machine.

        Args:
            paths: of the results; their folder is that of the attempt.

        Raises:
            ResultGone: one of them was removed.
            DiffingError: they cannot be fetched.
        """

    def has(self, name: str) -> bool:
        """Whether a result is published. In a bucket, it is not looked for.

        Args:
            name: of the result.
        """
        return (self.folder / name).exists()

    def publish(self, paths: Sequence[Path], instead_of: str = "") -> None:
        """Give results to all hosts, each whole.

        Args:
            paths: of the results, in the order in which they appear; some may be missing.
            instead_of: start of the names of other results, which a bucket still has from an
                earlier database with the same ids. They are removed before.

        Raises:
            DiffingError: they cannot be published.
        """


class SharedAttemptResults(AttemptResults):
    """The results of an attempt in its scratch folder, until they are in the storage.

    Args:
        scratch: folder of the attempt.
        shared: folder of the results in the storage.
        credentials: of the storage.
        move: runs an order for the attempt.
    """

    def __init__(
        self, scratch: Path, shared: RemoteFolder, credentials: dict[str, str], move: Move
    ) -> None:
        super().__init__(scratch / "results")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._shared, self._credentials, self._move = shared, credentials, move

    def bring(self, paths: Sequence[Path]) -> None:  # noqa: D102 - see AttemptResults
        files = {path.name: self._shared.file(path.name) for path in paths}
        try:
            self._move(BringSpec(files, self.folder, self._credentials))
        except ChildFailed as error:
            if error.failure.type == f"urn:diffing:{MissingInput.slug()}":
                raise ResultGone("The result was removed. Start a new job.") from None
            raise

    def has(self, name: str) -> bool:  # noqa: ARG002, D102 - see AttemptResults
        return False

    def publish(  # noqa: D102 - see AttemptResults
        self, paths: Sequence[Path], instead_of: str = ""
    ) -> None:
        there = [path for path in paths if path.exists()]
        self._move(PublishSpec(there, self._shared, self._credentials, instead_of))
