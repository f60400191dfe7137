"""The summary of a diff, the same from the API and from the command line."""

from pydantic import BaseModel, ConfigDict

from diffing.core.comparison import Comparison


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class InputSummary(_Part):
    """One side of a diff.

    Args:
        name: of the file, without its folder.
        rows: data rows.
        bytes: size on disk.
        fingerprint: XXH3, 128 bits in hexadecimal, of the file on disk; None if not requested.
    """

    name: str
    rows: int
    bytes: int
    fingerprint: str | None = None


class ResultSummary(_Part):
    """The written CSV: data rows, size, SHA-256 in hexadecimal."""

    rows: int
    bytes: int
    sha256: str


class ColumnsSummary(_Part):
    """Columns in only one of the files, and changed rows by the value column that differs."""

    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    changed: dict[str, int]


class SideCounts(_Part):
    """A count for each file."""

    old: int
    new: int


class DiffWarning(_Part):
    """A warning: the result is right, but the request may be a mistake.

    Args:
        type: a URI that identifies the kind.
        title: the kind in words.
        detail: the fault and a remedy.
    """

    type: str
    title: str
    detail: str


class RuleResult(_Part):
    """A rule of `expect`, and what the diff found.

    Args:
        rule: the name of the figure.
        expected: its limit.
        figure: what the diff found.
        share: the same in percent, if the limit is; None without rows.
        met: whether the figure keeps the limit.
    """

    rule: str
    expected: str
    figure: int
    share: float | None
    met: bool


class Verdict(_Part):
    """Whether all rules are met, and each of them, those not met first."""

    passed: bool
    rules: tuple[RuleResult, ...]


class Summary(Comparison):
    """The counts of a diff, their proof, and its cost.

    Args:
        metric: id in the catalogue; None for a comparison given by arguments.
        old, new: the inputs.
        columns: in only one of the files; and for each value column, the changed rows in which it
            differs.
        added: rows of new whose key is not in old, or whose key repeats more often than in old, if
            duplicates are counted.
        changed: rows of new whose key is in old, but without equal values.
        removed: rows of old whose key is not in new, or repeats less often.
        unchanged: rows of new with equal values in old.
        within_tolerance: unchanged rows whose text differs.
        within_tolerance_whole: those of them in which a whole number differs.
        emitted: rows in the result, added + changed.
        duplicate_keys: rows minus distinct keys.
        not_numbers: cells of value columns that are neither empty nor a number.
        warnings: the most serious first.
        verdict: on the rules of `expect`; None without rules.
        result: the written CSV.
        seconds: wall time.
        peak_rss_bytes: peak memory of the process.
        engine: name and version of the SQL engine.
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
    within_tolerance_whole: int
    emitted: int
    duplicate_keys: SideCounts
    not_numbers: SideCounts
    warnings: tuple[DiffWarning, ...]
    verdict: Verdict | None = None
    result: ResultSummary
    seconds: float
    peak_rss_bytes: int
    engine: str

    @property
    def has_differences(self) -> bool:
        """Whether a row was added, changed or removed."""
        return self.added + self.changed + self.removed > 0
