"""Work that is wanted: what the command line and the worker hand to the engine."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

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

    word: ClassVar = "diff"

    old: InputFile
    new: InputFile
    comparison: Comparison
    metric: str | None = None
    fingerprint: bool = False

    @property
    def inputs(self) -> list[Path]:
        """The files that it reads."""
        return [self.old.path, self.new.path]


@dataclass(frozen=True)
class ConversionSpec:
    """A conversion that is wanted.

    Args:
        source: CSV that a diff wrote: header, LF, UTF-8, quotes only where they must be.
        rows: data rows that it must have.
    """

    word: ClassVar = "conversion"

    source: Path
    rows: int

    @property
    def inputs(self) -> list[Path]:
        """The file that it reads."""
        return [self.source]
