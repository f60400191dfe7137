"""The files that a diff writes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from diffing.files.publish import published

# the result last: whoever sees it may count on the rest
_PUBLISHED = ("detail", "removed", "result")
# as `published` and `Outputs.of_attempt` name them
_OF_ATTEMPT = re.compile(
    r"(\.\d+-\d+-)?(\d{1,19})\.(\d{1,9})(\.detail|\.removed)?\.(csv|json|parquet)"
)


@dataclass(frozen=True)
class Outputs:
    """The CSV files to write; None for one that nobody asked for.

    Args:
        result: the added and changed rows, columns of new, in its order.
        detail: the same with columns that say what they were before.
        removed: the rows of old whose key is gone, columns of old, in its order.
    """

    result: Path | None = None
    detail: Path | None = None
    removed: Path | None = None

    @classmethod
    def of_attempt(cls, folder: Path, job_id: int, attempt: int) -> Self:
        """Where an attempt at a job writes: two attempts cannot touch each other's files."""
        return cls(
            result=folder / f"{job_id}.{attempt}.csv",
            detail=folder / f"{job_id}.{attempt}.detail.csv",
            removed=folder / f"{job_id}.{attempt}.removed.csv",
        )

    @property
    def paths(self) -> list[Path]:
        """The files asked for."""
        return [getattr(self, name) for name in _PUBLISHED if getattr(self, name)]

    @contextmanager
    def parts(self) -> Iterator[Self]:
        """Names beside these to write to; they take the place of these when all went well.

        Raises:
            BadArgument, BadSetting, CannotWrite, OutOfDisk, BrokenPipeError: as from `published`.
        """
        names = [name for name in _PUBLISHED if getattr(self, name)]
        with published([getattr(self, name) for name in names]) as parts:
            yield type(self)(**dict(zip(names, parts, strict=True)))

    @staticmethod
    def attempt_of(name: str) -> tuple[int, int] | None:
        """The job and attempt that a file belongs to, finished or not; None for other files."""
        found = _OF_ATTEMPT.fullmatch(name)
        return found and (int(found[2]), int(found[3]))
