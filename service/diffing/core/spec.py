"""A diff that is wanted: what the command line and the worker hand to the engine."""

from dataclasses import dataclass

from diffing.core.comparison import Comparison
from diffing.core.input_file import InputFile


@dataclass(frozen=True)
class DiffSpec:
    """A diff that is wanted.

    Args:
        old, new: the files.
        comparison: what is compared.
        metric: id in the catalogue, which the summary names; None for a one-off diff.
        fingerprint: take a fingerprint of each input.
    """

    old: InputFile
    new: InputFile
    comparison: Comparison
    metric: str | None = None
    fingerprint: bool = False
