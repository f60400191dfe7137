"""Sentences about an analysis, for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from diffing.core.comparison import Comparison
from diffing.core.noise import noise_in
from diffing.core.text import listed, shown
from diffing.engine.analysis.totals import Totals


def notes_of(
    summary: Mapping[str, Any],
    comparison: Comparison,
    curve: Sequence[Mapping[str, Any]],
    bridge: Sequence[Mapping[str, Any]],
    totals: Totals | None,
) -> list[str]:
    """Sentences for people: noise, and the limits of the figures.

    Args:
        summary: of the diff, as JSON values.
        comparison: of the diff.
        curve: of the document.
        bridge: of the document.
        totals: of the whole files; None if the diff took none.
    """
    notes = []
    changed = summary["changed"]
    if noise := noise_in(curve, changed):
        tolerance, rows = noise
        notes.append(
            f"{rows:,} of {changed:,} changed rows differ by less than {tolerance:g}, and hardly "
            "any by a little more."
        )
    notes.append("Shares are of added, changed and removed rows only, not of the whole files.")
    if totals:
        notes += _of_totals(summary, comparison, bridge, totals)
    if summary["duplicate_keys"]["old"] and comparison.duplicates != "count":
        notes.append(
            "Keys repeat in old. Old values are those of the first row of a key, and the curve is "
            "an upper bound."
        )
    if not comparison.additive:
        notes.append("Sums of the values mean nothing, so the bridge and net are left out.")
    elif comparison.measure and any(step["group"] is None for step in bridge):
        notes.append(
            f"Groups that are not named mix values of {shown(comparison.measure)}, so they have no "
            "amounts."
        )
    if left_out := sum(step["left_out"] for step in bridge):
        notes.append(f"Infinite or NaN values that are in no amount: {left_out:,}.")
    if summary["within_tolerance"] and comparison.additive:
        notes.append(
            f"Unchanged rows within tolerance: {summary['within_tolerance']:,}. The bridge does "
            "not contain their moves."
        )
    return notes


def _of_totals(
    summary: Mapping[str, Any],
    comparison: Comparison,
    bridge: Sequence[Mapping[str, Any]],
    totals: Totals,
) -> list[str]:
    if totals.are_left_out:
        return ["The totals of the whole files have too many groups, so they are left out."]
    named = [step for step in bridge if step["group"] is not None]
    if any(step["totals"] is None for step in named):
        grouped = f"taken by {listed(totals.by)}" if totals.by else "not grouped"
        return [f"The totals of the whole files are {grouped}, so these groups have none."]
    open_ones = sum(not step["totals"]["closes"] for step in named)
    if not open_ones:
        return []
    repeated = summary["duplicate_keys"]["old"] or summary["duplicate_keys"]["new"]
    reason = (
        "keys repeat, so a row of new may equal several of old"
        if repeated and comparison.duplicates != "count"
        else "numbers within tolerance moved, too"
    )
    return [f"Bridges that leave a residual: {open_ones:,}; {reason}."]
