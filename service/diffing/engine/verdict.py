"""The verdict on a diff: whether it found what was expected."""

from diffing.core.expectations import Rule, rules_of
from diffing.engine.summary import RuleResult, SideCounts, Summary, Verdict


def verdict_on(found: Summary) -> Verdict | None:
    """The verdict on a diff by its rules; None without rules."""
    results = [_result(rule, found) for rule in rules_of(found.expect)]
    if not results:
        return None
    return Verdict(
        passed=all(result.met for result in results),
        rules=tuple(sorted(results, key=lambda result: result.met)),
    )


def _result(rule: Rule, found: Summary) -> RuleResult:
    figure, whole = _figure(rule, found), _whole(rule, found)
    return RuleResult(
        rule=rule.name,
        expected=rule.expected,
        figure=figure,
        share=100 * figure / whole if rule.is_share and whole else None,
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
