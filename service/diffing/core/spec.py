"""The order for a diff, which the command line and the worker give to the engine."""

from dataclasses import dataclass

from diffing.core.comparison import Comparison
from diffing.core.input_file import InputFile


@dataclass(frozen=True)
class DiffSpec:
    """The order for a diff.

    Args:
        old, new: the files.
        comparison: columns and tolerances.
        metric: id in the catalogue, for the summary; None for a one-off diff.
        fingerprint: take a fingerprint of each input.
    """

    old: InputFile
    new: InputFile
    comparison: Comparison
    metric: str | None = None
    fingerprint: bool = False
