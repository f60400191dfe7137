"""Fetches files from buckets and web servers, each in one version or not at all."""

from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any, BinaryIO

from diffing.core.errors import (
    BadInput,
    MissingInput,
    OutOfDisk,
    Unreachable,
)
from diffing.core.input_file import PACKED, InputFile
from diffing.core.progress import Progress
from diffing.core.remote_file import RemoteFile
from diffing.csvfiles.archives import Room, kept_if_whole
from diffing.csvfiles.file_kinds import LOOKED_AT, suffix_of
from diffing.files.remote_content import (
    BLOCK,
    RemoteContent,
    append,
    errors_explained,
    store_of,
    version_of,
)
from diffing.files.web_content import WebContent


class Fetch:
    """Copies remote files to a folder.

    Args:
        folder: for the copies, which exists.
        most: bytes of all copies at most.
        stores: file systems of fsspec by scheme; those of other schemes are made.

    Attributes:
        bytes: of all copies so far.
    """

    def __init__(
        self, folder: Path, most: float, stores: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self._folder = folder
        self._most = most
        self._stores: dict[str, Any] = {**stores}
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
            on_progress: called at the start, and with each block.
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
            found = self._unpacked_or_packed(file) if file.may_be_packed else file
            part = self._part(found, on_progress)
        except MissingInput:
            if may_be_missing:
                return InputFile(copy, PurePath(file.name).name)
            raise
        with part.open("rb") as content:
            start = content.read(LOOKED_AT)
        return InputFile(part.rename(f"{copy}{suffix_of(start)}"), found.name)

    def copy_as(self, name: str, file: RemoteFile) -> Path:
        """Copy a file, and give the copy a name.

        Args:
            name: of the copy.
            file: the remote one.

        Raises:
            MissingInput, InputChanged, BadInput, BadSetting, Unreachable, OutOfDisk: as from
                `copy`.
        """
        return self._part(file, lambda _: None).rename(self._folder / name)

    def _part(self, file: RemoteFile, on_progress: Callable[[Progress], object]) -> Path:
        """A whole copy, which has no name yet."""
        with (
            kept_if_whole(self._folder) as part,
            part.open("wb") as into,
            errors_explained(file),
        ):
            self._copy(self._content(file), into, on_progress)
        return part

    def _copy(
        self, store: RemoteContent, into: BinaryIO, on_progress: Callable[[Progress], object]
    ) -> None:
        before = store.facts()
        if before.get("type") == "directory":
            raise BadInput(f"{store.name}: is a folder. Name a file in it.")
        total = before.get("size")
        room = _Room(self._folder, store.name, self._most - self.bytes)
        room.require(total or 0)
        size = 0
        on_progress(Progress("fetching", 0, total))
        with store.one_version(version_of(before)), store.opened() as source:
            while block := source.read(BLOCK):
                size += len(block)
                room.require(size, len(block))
                append(into, block)
                if size // BLOCK > (size - len(block)) // BLOCK:
                    on_progress(Progress("fetching", size, total))
        if total not in (None, size):
            raise Unreachable(
                f"{store.name}: {size:,} of its {total:,} bytes arrived. Try again, "
                "and check the network."
            )
        self.bytes += size

    def _unpacked_or_packed(self, file: RemoteFile) -> RemoteFile:
        """The file with a name, or the only one that has the suffix of a packed file, too.

        Raises:
            MissingInput: none of them exists, or several packed ones do.
        """
        if self._exists(file):
            return file
        packed = [one for suffix in PACKED if self._exists(one := file.with_suffix(suffix))]
        if len(packed) > 1:
            raise MissingInput(
                f"{file.name} does not exist, but {' and '.join(one.name for one in packed)} do. "
                "Remove one of them."
            )
        return packed[0] if packed else file

    def _exists(self, file: RemoteFile) -> bool:
        with errors_explained(file):
            try:
                self._content(file).facts()
            except FileNotFoundError:
                return False
        return True

    def _content(self, file: RemoteFile) -> RemoteContent:
        if file.is_on_the_web:
            return WebContent(file)
        # to make one takes as long as to copy a small file
        store = self._stores.get(file.scheme) or store_of(file.scheme)
        self._stores[file.scheme] = store
        return RemoteContent(file, store)


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
