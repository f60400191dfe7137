"""Sums up a finished diff."""

from dataclasses import dataclass
from pathlib import PurePath

from diffing.core.dialect import SIDES
from diffing.core.errors import DiffFailed
from diffing.core.input_file import InputFile
from diffing.core.spec import DiffSpec
from diffing.csvfiles.csv_file import CsvFile
from diffing.engine.counts import Counts
from diffing.engine.summary import ColumnsSummary, InputSummary, ResultSummary, SideCounts, Summary
from diffing.engine.warn import Facts, warnings_of
from diffing.files.checksums import fingerprint, sha256
from diffing.files.results import Outputs
from diffing.sandbox.process import status_of


@dataclass(frozen=True)
class Finished:
    """A finished diff.

    Args:
        facts: its files and counts.
        metric: its name; None without one.
        inputs: the summaries of old and new.
        result: the summary of the result.
    """

    facts: Facts
    metric: str | None
    inputs: tuple[InputSummary, InputSummary]
    result: ResultSummary

    def summary(self, seconds: float, engine: str) -> Summary:
        """The summary, without a verdict.

        Args:
            seconds: that the diff took.
            engine: its name and version.

        Raises:
            DiffFailed: the system does not report the peak memory.
        """
        facts, counts = self.facts, self.facts.counts
        return Summary(
            **facts.comparison.model_dump(exclude=set(SIDES)),
            old_dialect=facts.old.dialect,
            new_dialect=facts.new.dialect,
            metric=self.metric,
            old=self.inputs[0],
            new=self.inputs[1],
            columns=_columns(facts),
            added=counts.added,
            changed=counts.changed,
            removed=counts.removed,
            unchanged=counts.unchanged,
            within_tolerance=counts.within_tolerance,
            within_tolerance_whole=counts.within_tolerance_whole,
            emitted=counts.added + counts.changed,
            duplicate_keys=SideCounts(old=counts.old_surplus, new=counts.new_surplus),
            not_numbers=SideCounts(old=counts.old_not_numbers, new=counts.new_not_numbers),
            warnings=warnings_of(facts),
            result=self.result,
            seconds=round(seconds, 3),
            peak_rss_bytes=peak_rss(),
            engine=engine,
        )


def input_summaries(
    spec: DiffSpec, facts: Facts, hashes: tuple[str | None, str | None]
) -> tuple[InputSummary, InputSummary]:
    """The summaries of old and new.

    Args:
        spec: the order. The files must still be there.
        facts: of the diff.
        hashes: the SHA-256 of both, if requested.
    """
    counts, (of_old, of_new) = facts.counts, hashes
    return (
        _input(spec, facts.old, spec.old, counts.old_rows, of_old),
        _input(spec, facts.new, spec.new, counts.new_rows, of_new),
    )


def _input(
    spec: DiffSpec, file: CsvFile, given: InputFile, rows: int, sha: str | None
) -> InputSummary:
    wants_fingerprint = spec.fingerprint and given.path.exists()
    return InputSummary(
        name=PurePath(given.name).name,
        rows=rows,
        bytes=file.bytes,
        fingerprint=fingerprint(given.path) if wants_fingerprint else None,
        sha256=sha,
    )


def _columns(facts: Facts) -> ColumnsSummary:
    old, new = facts.old, facts.new
    changed = zip(facts.comparison.value, facts.counts.changed_columns, strict=True)
    return ColumnsSummary(
        only_old=tuple(name for name in old.own_columns if name not in new.own_columns),
        only_new=tuple(name for name in new.own_columns if name not in old.own_columns),
        changed=dict(changed),
    )


def result_summary(parts: Outputs, counts: Counts) -> ResultSummary:
    """The rows, the size and the SHA-256 of the result, or else of the detail.

    Args:
        parts: the written files.
        counts: of the diff.
    """
    path = parts.result or parts.detail
    assert path, "the diff has checked it"  # noqa: S101
    return ResultSummary(
        rows=counts.added + counts.changed, bytes=path.stat().st_size, sha256=sha256(path)
    )


def peak_rss() -> int:
    """The peak memory of this process, in bytes.

    Raises:
        DiffFailed: the system does not report it.
    """
    kilobytes = status_of("VmHWM")
    if kilobytes is None:
        raise DiffFailed("The system does not report the peak memory of a process.")
    return kilobytes * 1024
