"""The orders of the command line and the worker: diffs, what is made of them, moves of files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from diffing.core.cluster import Cluster, Join, Staged
from diffing.core.comparison import Comparison
from diffing.core.dialect import PLAIN, FullDialect
from diffing.core.input_file import InputFile
from diffing.core.remote_file import RemoteFile, RemoteFolder
from diffing.core.row_query import RowQuery

Checksums = tuple[str | None, str | None]
"""The SHA-256 of old and new; None for a missing old."""


@dataclass(frozen=True)
class FetchSpec:
    """The order to copy the files of a diff to this machine.

    Args:
        files: the remote files by side, "old" or "new".
        folder: for the copies.
        old_may_be_missing: whether the old one need not exist.
        credentials: variables for the environment of the process.
    """

    word: ClassVar = "fetch"
    faster: ClassVar = "fetch smaller files"

    files: Mapping[str, RemoteFile]
    folder: Path
    old_may_be_missing: bool = False
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def inputs(self) -> list[Path]:
        """The files that it reads on this machine: none."""
        return []


@dataclass(frozen=True)
class BringSpec:
    """The order to copy files of the storage to this machine, under their names.

    Args:
        files: the remote files by the names of their copies.
        folder: for the copies.
        credentials: variables for the environment of the process.
    """

    word: ClassVar = "fetch"
    faster: ClassVar = "fetch smaller files"

    files: Mapping[str, RemoteFile]
    folder: Path
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def inputs(self) -> list[Path]:
        """The files that it reads on this machine: none."""
        return []


@dataclass(frozen=True)
class PublishSpec:
    """The order to copy files of this machine to the storage, under their names.

    Args:
        files: the files, in the order in which they appear there.
        folder: in the storage.
        credentials: variables for the environment of the process.
        instead_of: start of the names of files to remove before; empty for none.
    """

    word: ClassVar = "publication"
    faster: ClassVar = "compare smaller files"

    files: Sequence[Path]
    folder: RemoteFolder
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    instead_of: str = ""

    @property
    def inputs(self) -> list[Path]:
        """The files that it reads."""
        return [*self.files]


@dataclass(frozen=True)
class KeepSpec:
    """The order to keep a file of this machine in the storage.

    Args:
        file: the file.
        sha256: that it must have.
        name: among the kept files.
        folder: for a packed copy.
        storage: the folder of all files that hosts share.
        least_free: bytes of the disk that must stay free.
        credentials: variables for the environment of the process.
    """

    word: ClassVar = "keeping of the new file"
    faster: ClassVar = "compare smaller files"

    file: InputFile
    sha256: str
    name: str
    folder: Path
    storage: RemoteFolder
    least_free: int
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def inputs(self) -> list[Path]:
        """The file that it reads."""
        return [self.file.path]


@dataclass(frozen=True)
class DiffSpec:
    """The order for a diff.

    Args:
        old, new: the files.
        comparison: columns and tolerances.
        metric: id in the catalogue, for the summary; None for a one-off diff.
        fingerprint: take a fingerprint of each input.
        sha256: take the SHA-256 of each input.
        answered: contents of files for which a result exists; with them, the diff ends at once.
        hashes: folder with key hashes of earlier files; those of new are left in the temporary
            folder. None to use none.
        staged: files to exchange with a cluster that joins the rows; None for no cluster.
    """

    word: ClassVar = "diff"
    faster: ClassVar = "compare smaller files"

    old: InputFile
    new: InputFile
    comparison: Comparison
    metric: str | None = None
    fingerprint: bool = False
    sha256: bool = False
    answered: frozenset[Checksums] = frozenset()
    hashes: Path | None = None
    staged: Staged | None = None

    @property
    def inputs(self) -> list[Path]:
        """The files that it reads."""
        return [self.old.path, self.new.path]


@dataclass(frozen=True)
class JoinSpec:
    """The order to have a cluster join the staged rows of a diff.

    Args:
        cluster: the place of the diff on it.
        join: how the rows are compared.
    """

    word: ClassVar = "join on the cluster"
    faster: ClassVar = "give the cluster more cores"

    cluster: Cluster
    join: Join

    @property
    def inputs(self) -> list[Path]:
        """The files that it reads, beside the staged ones: none."""
        return []


@dataclass(frozen=True)
class StopSpec:
    """The order to end what an attempt left on a cluster.

    Args:
        cluster: the place of the diff on it.
    """

    word: ClassVar = "end of a join"
    faster: ClassVar = "start the cluster again"

    cluster: Cluster

    @property
    def inputs(self) -> list[Path]:
        """The files that it reads: none."""
        return []


@dataclass(frozen=True)
class ConversionSpec:
    """The order for a conversion.

    Args:
        source: CSV that a diff wrote: header, LF, quotes only where needed.
        rows: data rows that the source must have.
        dialect: of the source.
    """

    word: ClassVar = "conversion"
    faster: ClassVar = "fetch the result as CSV"

    source: Path
    rows: int
    dialect: FullDialect = PLAIN

    @property
    def inputs(self) -> list[Path]:
        """The file that it reads."""
        return [self.source]


@dataclass(frozen=True)
class AnalysisSpec:
    """The order for an analysis of a diff.

    Args:
        detail: CSV of added and changed rows with their old values, as a diff wrote it.
        removed: CSV of the removed rows.
        summary: of the diff, as JSON values.
        by: places of the key columns by which to group, from 1.
        detail_dialect, removed_dialect: of the two files.
        totals: JSON of the totals of the whole files; it exists if the diff took them.
    """

    word: ClassVar = "analysis"
    faster: ClassVar = "fetch the result as CSV"

    detail: Path
    removed: Path
    summary: dict[str, Any]
    by: tuple[int, ...] = ()
    detail_dialect: FullDialect = PLAIN
    removed_dialect: FullDialect = PLAIN
    totals: Path | None = None

    @property
    def groups(self) -> tuple[int, ...]:
        """Places of the key columns by which sums are grouped: the measure, then `by`."""
        measure = self.summary.get("measure")
        if measure is None:
            return self.by
        place = self.summary["key"].index(measure) + 1
        return (place, *(other for other in self.by if other != place))

    @property
    def taken_totals(self) -> Path | None:
        """The totals; None if the diff took none."""
        summary = self.summary
        return self.totals if summary.get("totals") and summary["additive"] else None

    @property
    def inputs(self) -> list[Path]:
        """The files that it reads."""
        totals = self.taken_totals
        return [self.detail, self.removed, *([totals] if totals else [])]


@dataclass(frozen=True)
class CellsSpec:
    """The order for a list of the cells of a diff that differ.

    Args:
        detail: CSV of added and changed rows with their old values, as a diff wrote it.
        summary: of the diff, as JSON values.
        dialect: of the detail.
    """

    word: ClassVar = "list of cells"
    faster: ClassVar = "fetch the detail as CSV"

    detail: Path
    summary: dict[str, Any]
    dialect: FullDialect = PLAIN

    @property
    def inputs(self) -> list[Path]:
        """The file that it reads."""
        return [self.detail]

    @property
    def cells(self) -> int:
        """The number of cells that differ."""
        return cells_in(self.summary)


@dataclass(frozen=True)
class ChangesSpec:
    """The order for the file from which pages of rows are read.

    Args:
        detail: CSV of added and changed rows with their old values, as a diff wrote it.
        removed: CSV of the removed rows.
        summary: of the diff, as JSON values.
        detail_dialect, removed_dialect: of the two files.
    """

    word: ClassVar = "file of changes"
    faster: ClassVar = "fetch the detail as CSV"

    detail: Path
    removed: Path
    summary: dict[str, Any]
    detail_dialect: FullDialect = PLAIN
    removed_dialect: FullDialect = PLAIN

    @property
    def inputs(self) -> list[Path]:
        """The files that it reads."""
        return [self.detail, self.removed]


@dataclass(frozen=True)
class RowsSpec:
    """The order for a page of rows, or for all of them.

    Args:
        changes: the file of changes.
        detail: CSV of added and changed rows; its header is that of the rows.
        summary: of the diff, as JSON values.
        query: which rows.
        dialect: of the detail.
    """

    word: ClassVar = "list of rows"
    faster: ClassVar = "fetch the detail as CSV"

    changes: Path
    detail: Path
    summary: dict[str, Any]
    query: RowQuery
    dialect: FullDialect = PLAIN

    @property
    def inputs(self) -> list[Path]:
        """The files that it reads."""
        return [self.changes, self.detail]


StorageSpec = BringSpec | PublishSpec | KeepSpec
"""An order that moves files between this machine and the storage that hosts share."""

MadeSpec = AnalysisSpec | CellsSpec | ChangesSpec | RowsSpec
"""An order for what a worker makes of a result."""


def cells_in(summary: Mapping[str, Any]) -> int:
    """The number of cells that differ in changed rows, by the summary of a diff."""
    return sum(summary["columns"]["changed"].values())
