"""The summary of a diff, the same from the API and from the command line."""

from datetime import date

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
        sha256: of the file on disk, in hexadecimal; None on the command line, or without a file.
    """

    name: str
    rows: int
    bytes: int
    fingerprint: str | None = None
    sha256: str | None = None


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


class PeriodCounts(_Part):
    """The rows of some periods, by kind."""

    old_rows: int
    new_rows: int
    added: int
    changed: int
    removed: int
    unchanged: int


class PeriodsSummary(_Part):
    """The rows by the state of their period.

    Args:
        today: the day on which the periods have their state; None if new has no period.
        newest_of_old: first day of the newest period of old; later ones are new.
        settled: periods that ended long enough before that day.
        open: other periods that old may have.
        new: periods that are later than all of old.
        none: rows whose text is not a period.
    """

    today: date | None
    newest_of_old: date | None
    settled: PeriodCounts
    open: PeriodCounts
    new: PeriodCounts
    none: PeriodCounts


class RuleResult(_Part):
    """A rule of `expect`, and what the diff found.

    Args:
        rule: the name of the figure.
        expected: its limit.
        figure: what the diff found; None if it is infinite.
        share: the same in percent, if the limit is; None without rows, or if it is infinite.
        met: whether the figure keeps the limit.
    """

    rule: str
    expected: str
    figure: int | float | None
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
        periods: rows by the state of their period; None without periods.
        verdict: on the rules of `expect`; None without rules.
        result: the written CSV.
        seconds: wall time.
        peak_rss_bytes: peak memory of the process, without its helpers.
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
    periods: PeriodsSummary | None = None
    verdict: Verdict | None = None
    result: ResultSummary
    seconds: float
    peak_rss_bytes: int
    engine: str

    @property
    def has_differences(self) -> bool:
        """Whether a row was added, changed or removed."""
        return self.added + self.changed + self.removed > 0
