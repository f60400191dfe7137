"""What a diff found, as JSON: the same from the API and from the command line."""

from pydantic import BaseModel, ConfigDict


class InputSummary(BaseModel):
    """One side of a diff: file name (no folder), data rows, bytes on disk."""

    model_config = ConfigDict(frozen=True)

    name: str
    rows: int
    bytes: int


class Summary(BaseModel):
    """The counts of a diff, and what it cost.

    Args:
        metric: id in the catalogue; None for a comparison given by arguments.
        key, value, rel_tol, abs_tol: the comparison.
        old, new: the inputs.
        added: rows of new whose key is not in old.
        changed: rows of new whose key is in old, but with no equal values.
        removed: rows of old whose key is not in new.
        unchanged: rows of new that have their like in old.
        within_tolerance: those of the unchanged whose text differs.
        emitted: rows in the result, added + changed.
        seconds: wall time.
        peak_rss_bytes: most memory that the process held.
        engine: name and version of what ran the SQL.
    """

    model_config = ConfigDict(frozen=True)

    metric: str | None
    key: tuple[str, ...]
    value: tuple[str, ...]
    rel_tol: float
    abs_tol: float
    old: InputSummary
    new: InputSummary
    added: int
    changed: int
    removed: int
    unchanged: int
    within_tolerance: int
    emitted: int
    seconds: float
    peak_rss_bytes: int
    engine: str
