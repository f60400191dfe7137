"""The files that a diff writes."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from diffing.core.dialect import NAMES, FullDialect
from diffing.files.checksums import sha256
from diffing.files.publish import link_or_copy, published, sync

# the result last: when it exists, the others do
_PUBLISHED = ("detail", "removed", "totals", "result")
# names from `published` and `Outputs.of_attempt`
_OF_ATTEMPT = re.compile(
    r"(\.\d+-\d+-)?(\d{1,19})\.(\d{1,9})(\.detail|\.removed|\.totals|\.cells"
    r"|\.analysis\d{0,4}((?:-\d{1,5})*)|\.changes\d{0,4}|\.rows-[0-9a-f]{24})?"
    r"\.(csv|json|parquet)"
)

ANALYSIS_VERSION = 3
"""The version of the document of an analysis. Its file is not that of a release with another."""

CHANGES_VERSION = 1
"""The version of the file of changes, in the same way."""

ANSWERS_KEPT_SECONDS = 3600
"""The age of answers to questions for rows. They are made anew when they are asked for again."""

MOST_ANSWERS = {".json": 200, ".csv": 3}
"""The most answers of one result: pages, and downloads."""

OutputName = Literal["result", "detail", "removed"]
DIALECTS: dict[OutputName, Literal["old_dialect", "new_dialect"]] = {
    "result": "new_dialect",
    "detail": "new_dialect",
    "removed": "old_dialect",
}
"""The file whose dialect an output has: rows of old keep that of old."""


def dialect_of_output(summary: Mapping[str, Any], output: OutputName) -> FullDialect:
    """The dialect of an output, which has no lines to skip.

    Args:
        summary: of the diff, as JSON values; that of another release may have other fields.
        output: its field in `Outputs`.
    """
    found = summary.get(DIALECTS[output], {})
    names = set(NAMES) - {"skip_lines", "skip_footer"}
    return FullDialect.model_validate({name: found[name] for name in names & set(found)})


def as_plain(dialect: FullDialect) -> FullDialect:
    """The dialect of an output in `Outputs.plain`: plain CSV, with the numbers of the file."""
    return FullDialect(decimal=dialect.decimal, thousands=dialect.thousands)


@dataclass(frozen=True)
class Outputs:
    """The files to write, most of them CSV; None for an unwanted file.

    Args:
        result: the added and changed rows, with the columns of new, in its order.
        detail: the same, with columns for the change and the old values.
        removed: the rows of old whose key is not in new, with the columns of old, in its order.
        only_changed_columns: leave out of `detail` the value columns in which no row changed.
        plain: the files that are CSV with commas in UTF-8, whatever the dialect of their rows.
        totals: JSON of the totals of both whole files, if the comparison takes them.
    """

    result: Path | None = None
    detail: Path | None = None
    removed: Path | None = None
    only_changed_columns: bool = False
    plain: frozenset[OutputName] = frozenset()
    totals: Path | None = None

    @classmethod
    def of_attempt(cls, folder: Path, job_id: int, attempt: int) -> Self:
        """The files of an attempt at a job. No other attempt has the same."""
        return cls(
            result=folder / f"{job_id}.{attempt}.csv",
            detail=folder / f"{job_id}.{attempt}.detail.csv",
            removed=folder / f"{job_id}.{attempt}.removed.csv",
            totals=folder / f"{job_id}.{attempt}.totals.json",
        )

    @staticmethod
    def analysis(folder: Path, job_id: int, attempt: int, by: Sequence[int]) -> Path:
        """The file of an analysis. Its name has the version, and the columns that group it."""
        places = "".join(f"-{place}" for place in by)
        return folder / f"{job_id}.{attempt}.analysis{ANALYSIS_VERSION}{places}.json"

    @staticmethod
    def cells(folder: Path, job_id: int, attempt: int) -> Path:
        """The file of the cells that differ."""
        return folder / f"{job_id}.{attempt}.cells.csv"

    @staticmethod
    def changes(folder: Path, job_id: int, attempt: int) -> Path:
        """The file from which pages of rows are read."""
        return folder / f"{job_id}.{attempt}.changes{CHANGES_VERSION}.parquet"

    @staticmethod
    def rows(folder: Path, job_id: int, attempt: int, digest: str) -> Path:
        """The file with the answer to a question for rows: a page. As CSV, it has all rows."""
        return folder / f"{job_id}.{attempt}.rows-{digest}.json"

    @property
    def paths(self) -> list[Path]:
        """The wanted files."""
        return [getattr(self, name) for name in _PUBLISHED if getattr(self, name)]

    @contextmanager
    def parts(self) -> Iterator[Self]:
        """Temporary files, which replace these when the block succeeds.

        Raises:
            BadArgument, BadSetting, CannotWrite, OutOfDisk, BrokenPipeError: as from `published`.
        """
        names = [name for name in _PUBLISHED if getattr(self, name)]
        with published([getattr(self, name) for name in names]) as parts:
            found = dict(zip(names, parts, strict=True))
            yield replace(
                self,
                result=found.get("result"),
                detail=found.get("detail"),
                removed=found.get("removed"),
                totals=found.get("totals"),
            )

    def take_from(self, source: "Outputs", checksum: str) -> bool:
        """Give these names to the files of another diff; a link, or else a copy.

        Args:
            source: the other files, complete.
            checksum: SHA-256 of its result.

        Returns:
            Whether all were taken. If one was removed meanwhile, or is damaged, none is taken.

        Raises:
            OSError: the files can neither be linked nor copied.
        """
        try:
            for theirs, ours in zip(source.paths, self.paths, strict=True):
                link_or_copy(theirs, ours)
        except FileNotFoundError:
            pass
        else:
            if self.result and sha256(self.result) == checksum:
                sync(self.result.parent)
                return True
        for path in self.paths:
            path.unlink(missing_ok=True)
        return False

    def make(
        self, write: Callable[[Path], object], on_ready: Callable[[Self], None] = lambda _: None
    ) -> None:
        """Make the only wanted file. It appears only when it is complete.

        Args:
            write: writes it to a temporary file, which exists.
            on_ready: called before, with that file.

        Raises:
            BadArgument, BadSetting, CannotWrite, OutOfDisk, BrokenPipeError: as from `published`.
        """
        with self.parts() as parts:
            on_ready(parts)
            (part,) = parts.paths
            write(part)

    @staticmethod
    def attempt_of(name: str) -> tuple[int, int] | None:
        """The job and attempt of a file, finished or not; None for other files."""
        found = _OF_ATTEMPT.fullmatch(name)
        return found and (int(found[2]), int(found[3]))

    @staticmethod
    def analysed_by(name: str) -> tuple[int, ...] | None:
        """The places of the key columns in the name of an analysis; None for other files."""
        found = _OF_ATTEMPT.fullmatch(name)
        if not found or not _kind_in(name).startswith(".analysis"):
            return None
        return tuple(int(place) for place in found[5].split("-") if place)

    @staticmethod
    def has_cells(name: str) -> bool:
        """Whether a file is that of the cells that differ, not another format of it."""
        found = _OF_ATTEMPT.fullmatch(name)
        return bool(found) and name.endswith(".cells.csv")

    @staticmethod
    def has_changes(name: str) -> bool:
        """Whether a file is that of changes."""
        return _kind_in(name).startswith(".changes")

    @staticmethod
    def has_rows(name: str) -> bool:
        """Whether a file answers a question for rows."""
        return _kind_in(name).startswith(".rows-")


def _kind_in(name: str) -> str:
    """The part of a name that says which file of an attempt it is; empty for the result."""
    found = _OF_ATTEMPT.fullmatch(name)
    return (found[4] or "") if found else ""
