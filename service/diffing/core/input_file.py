"""A file to compare: where it is, and what its user calls it."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class InputFile:
    """A file to compare.

    Args:
        path: where it is.
        name: what its user calls it, in one line of text.
    """

    path: Path
    name: str

    @classmethod
    def given(cls, path: Path) -> Self:
        """A file that goes by its path, as it was given."""
        return cls(path.absolute(), os.fsencode(path).decode(errors="replace"))

    def __post_init__(self) -> None:
        printable = "".join(c if c.isprintable() else "\ufffd" for c in self.name)
        object.__setattr__(self, "name", printable)


def told_apart(old: InputFile, new: InputFile) -> tuple[InputFile, InputFile]:
    """Both files, with names that say which is which."""
    if old.name != new.name:
        return old, new
    return replace(old, name=f"{old.name} (old)"), replace(new, name=f"{new.name} (new)")
