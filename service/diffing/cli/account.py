"""The account of an analysis: the document as plain text, for people at a terminal."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from diffing.core.figures import CELLS, PARTS
from diffing.core.row_query import KINDS
from diffing.core.text import shown

_COLUMNS, _STEPS, _SLICES_OF_KEY, _MOVERS, _PATTERNS, _TIMES = 8, 12, 3, 5, 5, 6
_WIDTH = 40
_EMPTY = "(empty)"

Row = Sequence[str]


def account_of(document: Mapping[str, Any]) -> str:
    """The text: what happened, then a few short tables.

    Args:
        document: of the analysis.
    """
    tables = (_columns, _patterns, _bridge, _periods, _slices, _calendar, _curve, _movers)
    parts = [_first_words(document), *(table(document) for table in tables)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _first_words(document: Mapping[str, Any]) -> str:
    rows = document["rows"]
    sentence = (
        f"Of {rows['new_rows']:,} new rows: {rows['added']:,} added, {rows['changed']:,} changed, "
        f"{rows['unchanged']:,} unchanged. "
        f"Of {rows['old_rows']:,} old rows: {rows['removed']:,} removed."
    )
    return "\n".join([sentence, *document["notes"]])


def _columns(document: Mapping[str, Any]) -> str:
    counts = {name: words for name, words in CELLS.items() if name != "turned"}
    rows = [
        [
            _text(column["column"]),
            *(f"{column[name]:,}" for name in counts),
            _relative(column["middle"]),
            _relative(column["largest"]),
            _amount(column["net"]),
        ]
        for column in document["columns"]
    ]
    heads = ["column", *counts.values(), "middle", "largest", "net"]
    return _table("Columns", heads, rows, _COLUMNS)


def _bridge(document: Mapping[str, Any]) -> str:
    has_totals = any(step["totals"] for step in document["bridge"])
    rows = [
        [
            _text(step["column"]),
            *_group(step["group"], document["by"], step["groups"]),
            *(_amount(step[part]["amount"]) for part in PARTS),
            _amount(step["net"]),
            *(_totals(step["totals"]) if has_totals else []),
        ]
        for step in document["bridge"]
        if any(step[part]["amount"] != 0 for part in PARTS)
    ]
    totals = ["old total", "new total", "residual"] if has_totals else []
    heads = ["column", *map(_text, document["by"]), *PARTS, "net", *totals]
    return _table("From old to new: added - removed + up - down + other", heads, rows, _STEPS)


def _totals(totals: Mapping[str, Any] | None) -> Row:
    if not totals:
        return ["", "", ""]
    sides = [_amount(totals[side]["amount"]) for side in ("old", "new")]
    return [*sides, _amount(totals["residual"])]


def _patterns(document: Mapping[str, Any]) -> str:
    rows = [
        [
            _text(one["column"]),
            one["pattern"].replace("_", " "),
            "" if one["number"] is None else f"{one['number']:g}",
            f"{one['cells']:,}",
            f"{one['of']:,}",
        ]
        for one in document["patterns"]
    ]
    heads = ["column", "pattern", "number", "cells", "of"]
    return _table("Patterns of many changes", heads, rows, _PATTERNS)


def _periods(document: Mapping[str, Any]) -> str:
    states = document["periods"] or {}
    names = ("old_rows", "new_rows", *KINDS)
    rows = [
        [state, *(f"{of_state['rows'][name]:,}" for name in names)]
        for state, of_state in states.items()
    ]
    heads = ["periods", *(name.replace("_", " ") for name in names)]
    return _table("Settled, open and new periods", heads, rows)


def _calendar(document: Mapping[str, Any]) -> str:
    """The times with most rows, in their order."""
    times: dict[str | None, Counter[str]] = {}
    for one in document["calendar"]:
        times.setdefault(one["start"], Counter()).update({kind: one[kind] for kind in KINDS})
    if not times:
        return ""
    most = sorted(times, key=lambda start: -times[start].total())[:_TIMES]
    rows = [
        [start or "(no date)", *(f"{times[start][kind]:,}" for kind in KINDS)]
        for start in sorted(most, key=lambda start: (start is None, start))
    ]
    column, unit = (document["calendar"][0][name] for name in ("column", "unit"))
    title = f"When: {_text(column)} by {unit}, where most rows are"
    table = _table(title, ["from", *KINDS], rows)
    left = len(times) - len(rows)
    return f"{table}\n  and {left:,} more" if left else table


def _slices(document: Mapping[str, Any]) -> str:
    rows = [
        [
            _text(one["column"]),
            _text(one["value"]) if one["values"] == 1 else f"{one['values']:,} others",
            *(f"{one[kind]:,}" for kind in KINDS),
            f"{one['share']:.1%}",
        ]
        for _, of_key in groupby(document["slices"], key=lambda one: one["column"])
        for one in list(of_key)[:_SLICES_OF_KEY]
    ]
    return _table("Where, the most surprising first", ["key", "value", *KINDS, "share"], rows)


def _curve(document: Mapping[str, Any]) -> str:
    points = document["curve"]
    if not document["rows"]["changed"]:
        return ""
    # equal neighbours say nothing
    steps = [next(same) for _, same in groupby(points, key=lambda point: point["rows"])]
    rows = [[f"{point['rel_tol']:g}", f"{point['rows']:,}"] for point in steps]
    return _table("Rows still changed with another tolerance", ["rel-tol", "rows"], rows)


def _movers(document: Mapping[str, Any]) -> str:
    movers = document["movers"]
    keys = list(movers[0]["series"]) if movers else []
    rows = [
        [
            _text(mover["column"]),
            *map(_text, mover["series"].values()),
            f"{mover['cells']:,}",
            _amount(mover["net"]),
            _relative(mover["times_usual"]),
        ]
        for mover in movers
    ]
    heads = ["column", *map(_text, keys), "cells", "net", "times usual"]
    return _table("Series that moved most", heads, rows, _MOVERS)


def _group(group: Mapping[str, str | None] | None, by: Sequence[str], groups: int) -> Iterable[str]:
    if group is None:
        return [f"{groups:,} others", *([""] * (len(by) - 1))]
    return map(_text, group.values())


def _table(title: str, heads: Row, rows: Sequence[Row], most: int | None = None) -> str:
    """Aligned columns under a title; empty without rows. Only texts are to the left."""
    if not rows:
        return ""
    listed = [heads, *rows[:most]]
    widths = [max(map(len, column)) for column in zip(*listed, strict=True)]
    sides = [_side(column) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            side(field, width) for field, width, side in zip(row, widths, sides, strict=True)
        ).rstrip()
        for row in listed
    ]
    if left := len(rows) - len(listed) + 1:
        lines.append(f"and {left:,} more")
    return "\n".join([title, *(f"  {line}" for line in lines)])


def _side(column: Row) -> Callable[[str, int], str]:
    numbers = all(not field or field[0] in "0123456789-" for field in column)
    return str.rjust if numbers else str.ljust


def _text(text: str | None) -> str:
    said = shown(text) if text else _EMPTY
    return said if len(said) <= _WIDTH else f"{said[: _WIDTH - 1]}…"


def _amount(amount: float | None) -> str:
    if amount is None:
        return ""
    size = abs(amount)
    if size >= 1e15 or 0 < size < 1e-3:
        return f"{amount:.3g}"
    return f"{amount:,.2f}" if size >= 100 else f"{amount:.4g}"


def _relative(change: float | None) -> str:
    return "" if change is None else f"{change:.3g}"
