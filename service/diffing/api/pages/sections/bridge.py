"""From old to new: how much each value column and group moved."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Any

from diffing.api.pages.charts import Span, steps
from diffing.api.pages.sections.names import Texts, texts_of
from diffing.core.figures import PARTS, SIGNS

# how many lines of a column are shown; the document has more
_MOST_STEPS, _OF_PERIODS, _MOST_GROUPED_COLUMNS = 12, 8, 6
_CLOSE = 1e-9


@dataclass(frozen=True)
class Step:
    """A line from old to new.

    Args:
        column: the value column.
        texts: of the group; empty without groups.
        others: number of groups that it counts together; 0 for a single one.
        moves: signed amounts by kind; None if an amount is unknown.
        net: their sum.
        closes: whether the moves add up to it; None if an amount is unknown.
        spans: the moves after each other.
        totals: of the whole files, as in the document; None if they were not taken.
    """

    column: str
    texts: Texts
    others: int
    moves: dict[str, float | None]
    net: float | None
    closes: bool | None
    spans: list[Span]
    totals: Mapping[str, Any] | None


@dataclass(frozen=True)
class Bridge:
    """From old to new.

    Args:
        lines: for each value column, the groups with most rows.
        more: number of lines that are not shown.
        open: number of all lines that do not close.
        unknown: number of all lines of one group whose net is unknown.
        left_out: values that are in no amount.
        has_totals: whether lines have the totals of whole files.
        apart: number of all lines that do not lead from total to total.
    """

    lines: list[Step]
    more: int
    open: int
    unknown: int
    left_out: int
    has_totals: bool
    apart: int


@dataclass(frozen=True)
class PeriodBridge:
    """The bridge of the periods in a state, with their counts of rows."""

    state: str
    rows: Mapping[str, int]
    bridge: Bridge


def periods_of(document: Mapping[str, Any]) -> list[PeriodBridge]:
    """The bridges of settled, open and new periods that moved; empty without periods."""
    found = [
        PeriodBridge(state, of_state["rows"], bridge_of(document, of_state["bridge"], _OF_PERIODS))
        for state, of_state in (document["periods"] or {}).items()
    ]
    return [one for one in found if one.bridge.lines]


def with_amounts(
    document: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The entries of a bridge, but for columns of texts alone.

    Args:
        document: of the analysis.
        entries: of the bridge.
    """
    texts = {c["column"] for c in document["columns"] if c["text"] and c["text"] == c["cells"]}
    # numbers may have been added or removed, or become texts
    numbers = {one["column"] for one in entries if any(one[kind]["amount"] for kind in PARTS)}
    return [entry for entry in entries if entry["column"] not in texts - numbers]


def bridge_of(
    document: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], most: int = _MOST_STEPS
) -> Bridge:
    """A bridge of a document.

    Args:
        document: of the analysis.
        entries: of the bridge.
        most: lines of a column that are shown; half of them if there are several columns.
    """
    steps_of = [_step(entry) for entry in with_amounts(document, entries)]
    lines = [line for line in steps_of if any(move != 0 for move in line.moves.values())]
    shown = []
    most = most if len({line.column for line in lines}) == 1 else most // 2
    columns = [c["column"] for c in document["columns"]]  # those that changed most first
    lines.sort(key=lambda line: columns.index(line.column) if line.column in columns else math.inf)
    for number, (_, of_column) in enumerate(groupby(lines, key=lambda line: line.column)):
        if number < _MOST_GROUPED_COLUMNS or not document["by"]:
            # groups may have other units, so the order is that of their rows
            shown += list(of_column)[:most]
    return Bridge(
        lines=shown,
        more=len(lines) - len(shown),
        open=sum(line.closes is False for line in lines),
        unknown=sum(line.closes is None and not line.others for line in lines),
        left_out=sum(entry["left_out"] for entry in entries),
        has_totals=any(line.totals for line in shown),
        apart=sum(not line.totals["closes"] for line in lines if line.totals),
    )


def _step(entry: Mapping[str, Any]) -> Step:
    moves = {
        kind: amount if (amount := entry[kind]["amount"]) is None else sign * amount + 0.0
        for kind, sign in SIGNS.items()
    }
    known = {kind: move for kind, move in moves.items() if move is not None}
    closes = None
    if len(known) == len(moves) and entry["net"] is not None:
        # exact, because a sum of large doubles may be none on the way
        apart = abs(sum(map(Fraction, known.values())) - Fraction(entry["net"]))
        closes = apart <= max(map(abs, (*known.values(), entry["net"]))) * _CLOSE
    group = entry["group"]
    return Step(
        column=entry["column"],
        texts=texts_of(group) if group else [],
        others=0 if group is not None else entry["groups"],
        moves=moves,
        net=entry["net"],
        closes=closes,
        spans=steps(known) if closes else [],
        totals=entry.get("totals"),
    )
