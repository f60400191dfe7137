"""Finds the files of a metric in the folder of inputs."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from diffing.core.baseline import ACCEPTED
from diffing.core.catalogue import Metric
from diffing.core.errors import MissingInput
from diffing.core.input_file import PACKED
from diffing.core.text import shown


@dataclass(frozen=True)
class InputState:
    """A file that a new job would read; without a size, it is missing.

    Args:
        name: of the file, without its folder.
        bytes: size on disk.
        modified: time of the last change, in UTC.
    """

    name: str
    bytes: int | None = None
    modified: datetime | None = None


def state_of_input(name: str, folder: Path) -> InputState:
    """The state of an input file, which may be compressed even if its name is not.

    Args:
        name: of the file.
        folder: of the inputs.
    """
    try:
        path = find_input(name, folder)
        found = path.stat()
    except (MissingInput, FileNotFoundError):
        return InputState(name)
    return InputState(path.name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def find_inputs(
    metric: Metric, folder: Path, old_may_be_missing: bool = False
) -> tuple[Path, Path]:
    """The paths of a metric's old and new file. That of an accepted file is not one.

    Args:
        metric: names the files.
        folder: of the inputs.
        old_may_be_missing: whether the old one need not exist.

    Raises:
        MissingInput: as from `find_input`.
    """
    of_metric = f" of the metric {metric.id}"
    if metric.old == ACCEPTED:  # the service keeps it
        return folder / ACCEPTED, find_input(metric.new, folder, of_metric)
    old = find_input(metric.old, folder, of_metric, may_be_missing=old_may_be_missing)
    return old, find_input(metric.new, folder, of_metric)


def find_input(
    name: str, folder: Path, of_metric: str = "", *, may_be_missing: bool = False
) -> Path:
    """The path of an input file, which may be compressed even if its name is not.

    It may be a link to another file in the folder. The folder may be a link to anywhere.

    Args:
        name: of the file.
        folder: of the inputs.
        of_metric: names the metric in errors.
        may_be_missing: whether the file need not exist.

    Raises:
        MissingInput: the file is missing, leads out of the folder, or could be either of two.
    """
    path = _find(name, folder, of_metric, may_be_missing)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise MissingInput(
            f"The input file {path.name}{of_metric} is a link that leads out of the data folder's "
            "input/. Put the file itself there."
        )
    return path


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
