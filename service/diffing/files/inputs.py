"""Finds the files of a metric: in the folder of inputs, or by their URLs."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from diffing.core.baseline import ACCEPTED
from diffing.core.catalogue import Metric
from diffing.core.errors import MissingInput
from diffing.core.input_file import PACKED, InputFile
from diffing.core.remote_file import RemoteFile, RemoteFolder, is_url
from diffing.core.text import shown

Source = InputFile | RemoteFile
"""A file to compare, on this machine or on another one."""

Folder = Path | RemoteFolder
"""A folder of inputs, on this machine or in a bucket. A bucket is not looked into: a job does."""


@dataclass(frozen=True)
class InputState:
    """A file that a new job would read; without a size, it is missing, or on another machine.

    Args:
        name: of the file, without its folder, or its URL.
        bytes: size on disk.
        modified: time of the last change, in UTC.
        is_remote: whether it is on another machine, where only a job looks.
    """

    name: str
    bytes: int | None = None
    modified: datetime | None = None
    is_remote: bool = False

    @property
    def is_missing(self) -> bool:
        """Whether a job would not find it."""
        return self.bytes is None and not self.is_remote


def state_of_input(name: str, folder: Folder) -> InputState:
    """The state of an input file, which may be compressed even if its name is not.

    Args:
        name: of the file, or its URL.
        folder: of the inputs.
    """
    if is_url(name):
        return InputState(RemoteFile.of(name).name, is_remote=True)
    if isinstance(folder, RemoteFolder):
        return InputState(name, is_remote=True)
    try:
        path = _find_here(name, folder, "", may_be_missing=False).path
        found = path.stat()
    except (MissingInput, FileNotFoundError):
        return InputState(name)
    return InputState(path.name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def find_inputs(
    metric: Metric, folder: Folder, old_may_be_missing: bool = False
) -> tuple[Source, Source]:
    """A metric's old and new file. An accepted file is not looked for.

    Args:
        metric: names the files.
        folder: of the inputs.
        old_may_be_missing: whether the old one need not exist.

    Raises:
        MissingInput: as from `find_input`.
    """
    if metric.old == ACCEPTED:  # the service keeps it
        return InputFile(Path(ACCEPTED), ACCEPTED), new_of(metric, folder)
    return old_of(metric, folder, may_be_missing=old_may_be_missing), new_of(metric, folder)


def old_of(metric: Metric, folder: Folder, *, may_be_missing: bool = False) -> Source:
    """A metric's old file, which is not an accepted one. The arguments are those of `find_input`.

    Raises:
        MissingInput: as from `find_input`.
    """
    if is_url(metric.old):
        return RemoteFile.of(metric.old)
    words = f" of the metric {metric.id}"
    return find_input(metric.old, folder, words, may_be_missing=may_be_missing)


def new_of(metric: Metric, folder: Folder) -> Source:
    """A metric's new file. The arguments are those of `find_input`.

    Raises:
        MissingInput: as from `find_input`.
    """
    if is_url(metric.new):
        return RemoteFile.of(metric.new)
    return find_input(metric.new, folder, f" of the metric {metric.id}")


def find_input(
    name: str, folder: Folder, of_metric: str = "", *, may_be_missing: bool = False
) -> Source:
    """An input file, which may be compressed even if its name is not.

    It may be a link to another file in the folder. The folder may be a link to anywhere.

    Args:
        name: of the file; never a URL, because a request may give it.
        folder: of the inputs.
        of_metric: names the metric in errors.
        may_be_missing: whether the file need not exist.

    Raises:
        MissingInput: the file is missing, leads out of the folder, or could be either of two.
    """
    if isinstance(folder, RemoteFolder):
        return folder.file(name, may_be_packed=True)
    return _find_here(name, folder, of_metric, may_be_missing)


def _find_here(name: str, folder: Path, of_metric: str, may_be_missing: bool) -> InputFile:
    path = _find(name, folder, of_metric, may_be_missing)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise MissingInput(
            f"The input file {path.name}{of_metric} is a link that leads out of the data folder's "
            "input/. Put the file itself there."
        )
    return InputFile(path, path.name)


def _find(name: str, folder: Path, of_metric: str, may_be_missing: bool) -> Path:
    if (folder / name).is_file():
        return folder / name
    packed = [path for suffix in PACKED if (path := folder / f"{name}{suffix}").is_file()]
    if not packed and may_be_missing and not (folder / name).exists():
        return folder / name
    if not packed:
        raise MissingInput(
            f"Missing input file {shown(name)}{of_metric}. Put it into the data folder's input/."
        )
    if len(packed) > 1:
        raise MissingInput(
            f"Missing input file {shown(name)}{of_metric}, but both "
            f"{' and '.join(path.name for path in packed)} exist. Remove one of them."
        )
    return packed[0]
