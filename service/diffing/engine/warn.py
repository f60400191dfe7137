"""The warnings of a diff: its result is right, but the request may be a mistake.

To add a warning, write a function of `Facts` and name it in `_CHECKS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from diffing.core.columns import Header, unused
from diffing.core.comparison import Comparison
from diffing.core.csv_record import line_of
from diffing.core.option_texts import TOLERANCES
from diffing.core.text import listed, option, shown
from diffing.csvfiles.csv_file import CsvFile
from diffing.engine.counts import Counts, Differing
from diffing.engine.summary import DiffWarning

_MOST_REPEATED = 0.01
_MOST_RENAMES = 5
# a smaller part of the rows of old is suspicious, unless old is small
_FEW_ROWS, _FEWEST_ROWS = 0.5, 100


@dataclass(frozen=True)
class Facts:
    """The facts that a warning may need.

    Args:
        asked: the comparison as it was asked for.
        comparison: the same with its columns by name.
        old: the old file; it has 0 bytes if it was missing or empty.
        new: the new file.
        counts: of the whole files.
    """

    asked: Comparison
    comparison: Comparison
    old: CsvFile
    new: CsvFile
    counts: Counts


def warnings_of(facts: Facts) -> tuple[DiffWarning, ...]:
    """All warnings about a diff, the most serious first."""
    return tuple(warning for check in _CHECKS if (warning := check(facts)))


def _missing_old(facts: Facts) -> DiffWarning | None:
    if facts.old.bytes:
        return None
    return _warning(
        "old-missing",
        "Old file missing or empty",
        f"{facts.old.name} is missing or empty, so every row of {facts.new.name} is added.",
    )


def _few_rows(facts: Facts) -> DiffWarning | None:
    old, new = facts.counts.old_rows, facts.counts.new_rows
    if old < _FEWEST_ROWS or new >= old * _FEW_ROWS:
        return None
    return _warning(
        "few-rows",
        "The new file has few rows",
        f"{facts.new.name} has {new:,} rows, and {facts.old.name} has {old:,}. "
        "Check that the export is complete.",
    )


def _decimal_comma(facts: Facts) -> DiffWarning | None:
    example = facts.counts.decimal_comma
    if not example or not facts.new.dialect.has_plain_numbers:
        return None
    return _warning(
        "decimal-comma",
        "Numbers with a decimal comma are texts",
        f"Most changed rows have a value such as {example[:40]!r}, which is compared as a text. "
        f"Give {option('decimal', ',')} if these are numbers.",
    )


def _key_found(facts: Facts) -> DiffWarning | None:
    key = facts.comparison.key
    if facts.asked.key == key:
        return None
    return _warning(
        "key-found",
        "Key found, not given",
        f"The key is {', '.join(map(shown, key))}: the first smallest set of columns that is "
        "unique in both files. Name these columns, so that the next diff has the same key.",
    )


def _ignored_nothing(facts: Facts) -> DiffWarning | None:
    headers = [Header(file.name, file.own_columns) for file in (facts.old, facts.new)]
    nothing = unused(facts.asked.ignore, *headers)
    if not nothing:
        return None
    return _warning(
        "ignored-nothing",
        "No column to ignore",
        f"No column matches {listed(nothing)}, which the diff was to ignore.",
    )


def _renamed(facts: Facts) -> DiffWarning | None:
    renames = facts.counts.renames[:_MOST_RENAMES]
    if not renames:
        return None
    parts = [
        f"{shown(one.old)} and {shown(one.new)} (by their {'fields' if one.by_fields else 'names'})"
        for one in renames
    ]
    options = " ".join(option("rename", line_of([f"{one.old}={one.new}"])) for one in renames)
    return _warning(
        "renamed-column",
        "A column may have another name",
        f"A column of {facts.old.name} alone is like one of {facts.new.name} alone: "
        f"{', '.join(parts)}. If they are the same, compare them with {shown(options, 400)}.",
    )


def _sniffed(facts: Facts) -> DiffWarning | None:
    found = [f"{file.name}: {file.sniffed}" for file in (facts.old, facts.new) if file.sniffed]
    if not found:
        return None
    return _warning(
        "sniffed",
        "Dialect found by a guess",
        f"The files were read as sniff found them. {'; '.join(found)}.",
    )


def _few_keys_in_common(facts: Facts) -> DiffWarning | None:
    counts = facts.counts
    if not counts.has_few_keys_in_common:
        return None
    of_new = counts.new_rows - counts.new_alone
    key = ", ".join(map(shown, facts.comparison.key))
    what = (
        f"{of_new:,} of {counts.new_rows:,} rows of {facts.new.name} have a key of "
        f"{facts.old.name}, by {key}."
    )
    reason = counts.differing and _reason(counts.differing, facts)
    advice = reason or (
        "Check the key columns, and how both files write them. diffing suggest-key names a key."
    )
    if of_new:
        return _warning("few-keys-in-common", "Hardly any key in common", f"{what} {advice}")
    return _warning("no-key-in-common", "No key in common", f"{what} {advice}")


def _reason(differing: Differing, facts: Facts) -> str:
    for column, old, new in zip(
        facts.comparison.key, differing.old_key, differing.new_key, strict=True
    ):
        if old != new:
            return (
                f"The keys seem to differ in {_WORDS[differing.rule]}: {shown(column)} is "
                f"{old[:80]!r} in {facts.old.name} and {new[:80]!r} in {facts.new.name}."
            )
    raise AssertionError("equal keys do not differ")


_WORDS = {
    "case": "case",
    "blanks": "blanks",
    "no-break spaces": "no-break spaces or invisible characters",
    "leading zeros": "leading zeros",
    "numbers": "how a number is written",
    "dates, month first": "how a date is written",
    "dates, day first": "how a date is written",
    "Unicode": "their Unicode form",
}


def _repeated_keys(facts: Facts) -> DiffWarning | None:
    counts = facts.counts
    parts = [
        f"{surplus:,} of {rows:,} rows of {file.name}"
        for file, surplus, rows in (
            (facts.old, counts.old_surplus, counts.old_rows),
            (facts.new, counts.new_surplus, counts.new_rows),
        )
        if surplus > _MOST_REPEATED * rows
    ]
    if not parts or facts.comparison.duplicates != "allow":
        return None
    key = ", ".join(map(shown, facts.comparison.key))
    return _warning(
        "repeated-keys",
        "Rows repeat their key",
        f"{' and '.join(parts)} repeat the key of an earlier row. The key {key} does not identify "
        "a row, so lost and changed rows may be hidden. Add key columns: diffing suggest-key names "
        f"some. Or pair the rows one by one: {option('duplicates', 'count')}.",
    )


def _whole_numbers(facts: Facts) -> DiffWarning | None:
    rows = facts.counts.within_tolerance_whole
    if not rows:
        return None
    of_columns = zip(*facts.comparison.tolerances, strict=True)
    names = [name for name, own in zip(TOLERANCES, of_columns, strict=True) if any(own)]
    cure = f"leave out {' and '.join(map(option, names))}" if names else "give `rel_tol=0`"
    return _warning(
        "whole-numbers",
        "Whole numbers within tolerance",
        f"{rows:,} {'row counts' if rows == 1 else 'rows count'} as unchanged, although a whole "
        "number differs. Ids and times may lie within a tolerance. To compare whole numbers "
        f"exactly, {cure}.",
    )


def _warning(word: str, title: str, detail: str) -> DiffWarning:
    return DiffWarning(type=f"urn:diffing:{word}", title=title, detail=detail)


_CHECKS: tuple[Callable[[Facts], DiffWarning | None], ...] = (
    _missing_old,
    _few_rows,
    _decimal_comma,
    _sniffed,
    _key_found,
    _few_keys_in_common,
    _repeated_keys,
    _whole_numbers,
    _renamed,
    _ignored_nothing,
)
