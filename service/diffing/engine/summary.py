"""What a diff found, as JSON: the same from the API and from the command line."""

from pydantic import BaseModel, ConfigDict

from diffing.core.comparison import Comparison


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class InputSummary(_Part):
    """One side of a diff.

    Args:
        name: file name, no folder.
        rows: data rows.
        bytes: size on disk.
        fingerprint: XXH3, 128 bits in hexadecimal, of the file as it is on disk, if asked for.
    """

    name: str
    rows: int
    bytes: int
    fingerprint: str | None = None


class ResultSummary(_Part):
    """The CSV that was written: data rows, size, SHA-256 in hexadecimal."""

    rows: int
    bytes: int
    sha256: str


class ColumnsSummary(_Part):
    """Columns that only one of the files has."""

    only_old: tuple[str, ...]
    only_new: tuple[str, ...]


class SideCounts(_Part):
    """A count for each file."""

    old: int
    new: int


class Summary(Comparison):
    """The counts of a diff, what proves them, and what it cost.

    Args:
        metric: id in the catalogue; None for a comparison given by arguments.
        old, new: the inputs.
        columns: those that only one of the files has.
        added: rows of new whose key is not in old.
        changed: rows of new whose key is in old, but with no equal values.
        removed: rows of old whose key is not in new.
        unchanged: rows of new that have their like in old.
        within_tolerance: those of the unchanged whose text differs.
        emitted: rows in the result, added + changed.
        duplicate_keys: surplus rows: rows less distinct keys.
        not_numbers: cells of value columns that are neither empty nor a number.
        result: what was written.
        seconds: wall time.
        peak_rss_bytes: most memory that the process held.
        engine: name and version of what ran the SQL.
    """

    metric: str | None
    old: InputSummary
    new: InputSummary
    columns: ColumnsSummary
    added: int
    changed: int
    removed: int
    unchanged: int
    within_tolerance: int
    emitted: int
    duplicate_keys: SideCounts
    not_numbers: SideCounts
    result: ResultSummary
    seconds: float
    peak_rss_bytes: int
    engine: str
