"""The verdict on a diff: whether it found what was expected."""

import math

from diffing.core.expectations import Rule, rules_of
from diffing.engine.analysis.moves import ColumnMoves, Moves, PartMoves
from diffing.engine.summary import (
    PeriodCounts,
    PeriodsSummary,
    RuleResult,
    SideCounts,
    Summary,
    Verdict,
)


def with_verdict(found: Summary, moves: Moves | None) -> Summary:
    """The summary, with the verdict by its rules, and the rows by period.

    Args:
        found: the summary of a diff.
        moves: of the same diff; None if no rule needs them, and no period is set.
    """
    results = [_result(rule, found, moves) for rule in rules_of(found.expect)]
    verdict = Verdict(
        passed=all(result.met for result in results),
        rules=tuple(sorted(results, key=lambda result: result.met)),
    )
    return found.model_copy(
        update={"verdict": verdict if results else None, "periods": _periods(moves)}
    )


def _periods(moves: Moves | None) -> PeriodsSummary | None:
    if not moves or not moves.calendar:
        return None
    return PeriodsSummary(
        today=moves.calendar.today,
        newest_of_old=moves.calendar.newest_of_old,
        settled=_counts(moves.parts.get("settled")),
        open=_counts(moves.parts.get("open")),
        new=_counts(moves.parts.get("new")),
        none=_counts(moves.parts.get("none")),
    )


def _counts(part: PartMoves | None) -> PeriodCounts:
    part = part or PartMoves()
    return PeriodCounts(
        old_rows=part.old_rows,
        new_rows=part.new_rows,
        added=part.added,
        changed=part.changed,
        removed=part.removed,
        unchanged=part.new_rows - part.added - part.changed,
    )


def _result(rule: Rule, found: Summary, moves: Moves | None) -> RuleResult:
    if rule.period or rule.is_of_values:
        assert moves, "the rule needs them"  # noqa: S101
        part = _part(rule, moves)
        figure, whole = _figure_of_part(rule, part), _whole_of_part(rule, part)
    else:
        figure, whole = _figure(rule, found), _whole(rule, found)
    finite = math.isfinite(figure)
    has_share = rule.is_share and whole and finite and math.isfinite(whole)
    return RuleResult(
        rule=rule.name,
        expected=rule.expected,
        figure=figure if finite else None,
        share=100 * figure / whole if has_share else None,
        met=rule.is_met(figure, whole),
    )


def _figure(rule: Rule, found: Summary) -> int:
    if rule.column is not None:
        return found.columns.changed[rule.column]
    if rule.limit is None:
        return len(found.columns.only_old) + len(found.columns.only_new)
    figure = getattr(found, rule.name)
    return figure.old + figure.new if isinstance(figure, SideCounts) else int(figure)


def _whole(rule: Rule, found: Summary) -> int:
    """The figure that is 100 %: the rows of the file in which a rule counts, or the cells."""
    both = found.old.rows + found.new.rows
    wholes = {
        "removed": found.old.rows,
        "duplicate_keys": both,
        "not_numbers": both * len(found.numbers),
    }
    return wholes.get(rule.name, found.new.rows)


def _part(rule: Rule, moves: Moves) -> PartMoves:
    """The rows of which a rule tells."""
    if rule.period is None:
        return moves.whole
    return next((part for state, part in moves.parts.items() if state == rule.period), PartMoves())


def _figure_of_part(rule: Rule, part: PartMoves) -> float:
    if rule.column is None:
        counts: dict[str, int] = _counts(part).model_dump()
        return counts.get(rule.figure, counts["added"] + counts["changed"])  # emitted
    column = part.columns.get(rule.column, ColumnMoves())
    if rule.figure == "largest":
        return column.largest if rule.is_share else column.farthest
    return column.cells if rule.figure == "changed" else column.moved


def _whole_of_part(rule: Rule, part: PartMoves) -> float:
    """The figure that is 100 %, within the periods of a rule."""
    if rule.column is not None and rule.is_of_values:
        moved = rule.figure == "moved"
        return part.columns.get(rule.column, ColumnMoves()).sum_of_old if moved else 1
    return part.old_rows if rule.figure == "removed" else part.new_rows
