"""Finds the files of a metric in the folder of inputs."""

from pathlib import Path

from diffing.core.catalogue import Metric
from diffing.core.errors import MissingInput
from diffing.core.text import shown

_PACKED = (".gz", ".zst")


def find_inputs(metric: Metric, folder: Path) -> tuple[Path, Path]:
    """The paths of a metric's old and new file.

    Raises:
        MissingInput: as from `find_input`.
    """
    of_metric = f"The metric {metric.id} has"
    return find_input(metric.old, folder, of_metric), find_input(metric.new, folder, of_metric)


def find_input(name: str, folder: Path, there_is: str = "There is") -> Path:
    """The path of an input file, which may stand compressed where it is named plain.

    It may be a link to another file of the folder, which may itself be a link to anywhere.

    Args:
        name: of the file.
        folder: that of the inputs.
        there_is: how an error begins.

    Raises:
        MissingInput: naming the file that is not there, leads out of the folder, or those of which
            it could be either.
    """
    path = _find(name, folder, there_is)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise MissingInput(
            f"{there_is} no input file {path.name}, but a link of that name "
            "that leads out of the data folder's input/: put the file itself there."
        )
    return path


def _find(name: str, folder: Path, there_is: str) -> Path:
    if (folder / name).is_file():
        return folder / name
    packed = [path for suffix in _PACKED if (path := folder / f"{name}{suffix}").is_file()]
    if not packed:
        raise MissingInput(
            f"{there_is} no input file {shown(name)}: put it into the data folder's input/."
        )
    if len(packed) > 1:
        raise MissingInput(
            f"{there_is} no input file {shown(name)}, but both "
            f"{' and '.join(path.name for path in packed)}: remove one of them."
        )
    return packed[0]
