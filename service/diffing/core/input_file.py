"""A file to compare: its path, and its name for the user."""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

PACKED = (".gz", ".zst", ".bz2", ".xz", ".zip")
"""The suffixes of packed files."""

PACKED_ENDINGS = "|".join(map(re.escape, PACKED))
"""A regular expression of them."""

PARQUET = ".parquet"
"""The suffix of Parquet files."""

ENDINGS = rf"(?:\.(?:csv|tsv|txt)(?:{PACKED_ENDINGS})?|\.zip|{re.escape(PARQUET)})"
"""A regular expression of the ends of names that a file of the service may have."""


@dataclass(frozen=True)
class InputFile:
    """A file to compare.

    Args:
        path: of the file.
        name: for the user, in one line of text.
        sha256: of the original, if it is known; the file itself may be a packed copy.
        is_fetched: whether the file came from elsewhere, so that it may not be that original.
    """

    path: Path
    name: str
    sha256: str | None = None
    is_fetched: bool = False

    @classmethod
    def given(cls, path: Path) -> Self:
        """A file whose name is its path, as the user gave it."""
        return cls(path.absolute(), os.fsencode(path).decode(errors="replace"))

    def __post_init__(self) -> None:
        printable = "".join(c if c.isprintable() else "\ufffd" for c in self.name)
        object.__setattr__(self, "name", printable)


def named_apart(old: InputFile, new: InputFile) -> tuple[InputFile, InputFile]:
    """Both files, with different names."""
    if old.name != new.name:
        return old, new
    return replace(old, name=f"{old.name} (old)"), replace(new, name=f"{new.name} (new)")


def own_name(name: str) -> str:
    """The name of a file, without what `named_apart` adds."""
    return name.removesuffix(" (old)").removesuffix(" (new)")
