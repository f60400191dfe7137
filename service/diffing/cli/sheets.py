"""The heads and rows of the sheets of a report: counts, verdict, bridge, columns, movers, cells."""

import csv
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from diffing.api.pages.sections.bridge import with_amounts
from diffing.api.pages.sections.document import sections_of
from diffing.core.figures import CELLS, COUNTS, PARTS
from diffing.core.periods import STATES

Cell = str | float | None
Row = Sequence[Cell]
Json = Mapping[str, Any]

DIGITS = 15
"""The digits of a whole number that Excel stores."""
_SIDES = ("old", "new")
FIGURES = ("figure", "value")
RULES = ("rule", "expected", "found", "share in %", "met")
_OF_COLUMN = {
    "column": "column",
    **CELLS,
    "text": "text",
    "rounded": "rounded",
    "middle": "middle change",
    "largest": "largest change",
    "net": "net",
}
COLUMNS = tuple(_OF_COLUMN.values())
_OF_MOVER = ("cells", "first", "last", "largest", "net", "gross", "times_usual")


def counts(summary: Json, document: Json) -> list[Row]:
    """The figures of the summary, and sentences about them.

    Args:
        summary: of the diff.
        document: of its analysis.
    """
    return [*_files(summary), *_rows(summary), *_periods(summary), *_said(summary, document)]


def _files(summary: Json) -> Iterator[Row]:
    yield "metric", summary["metric"] or "one-off"
    for side in _SIDES:
        yield f"{side} file", summary[side]["name"]
    for name in summary["key"]:
        yield "key column", name
    yield "value columns", len(summary["value"])
    yield "relative tolerance", "default" if summary["rel_tol"] is None else summary["rel_tol"]
    yield "absolute tolerance", summary["abs_tol"]
    yield "SHA-256 of the result", summary["result"]["sha256"]


def _rows(summary: Json) -> Iterator[Row]:
    for side in _SIDES:
        yield f"rows of {side}", summary[side]["rows"]
    for name in COUNTS:
        yield name.replace("_", " "), summary[name]
    for name in ("duplicate_keys", "not_numbers"):
        for side in _SIDES:
            yield f"{name.replace('_', ' ')} of {side}", summary[name][side]


def _periods(summary: Json) -> Iterator[Row]:
    for state in STATES if summary["periods"] else ():
        for name, rows in summary["periods"][state].items():
            yield f"{state} periods: {name.replace('_', ' ')}", rows


def _said(summary: Json, document: Json) -> Iterator[Row]:
    for warning in summary["warnings"]:
        yield "warning", f"{warning['title']}: {warning['detail']}"
    differs = summary["emitted"] or summary["removed"]
    for finding in sections_of(document).findings if differs else ():
        yield "pattern", finding
    for note in [*document["notes"], *_limits(document)]:
        yield "note", note


def _limits(document: Json) -> Iterator[str]:
    """Sentences about what the document counts together or leaves out."""
    left_out, movers = document["left_out"], len(document["movers"])
    if left_out["columns"]:
        yield f"The last {left_out['columns']:,} columns have only the number of their cells."
    if left_out["groups"]:
        yield f"The bridge counts {left_out['groups']:,} groups together."
    if movers:
        yield f"The {movers:,} series that moved most are in movers, and all values in cells."


def rules(verdict: Json) -> list[Row]:
    """The rules of a verdict, and what the diff found.

    Args:
        verdict: of the summary.
    """
    return [
        [
            rule["rule"],
            rule["expected"],
            "infinite" if rule["figure"] is None else rule["figure"],
            rule["share"],
            "yes" if rule["met"] else "no",
        ]
        for rule in verdict["rules"]
    ]


def bridge(document: Json) -> tuple[Sequence[str], list[Row]]:
    """The heads and rows of the bridge.

    Args:
        document: of the analysis.
    """
    by = document["by"]
    steps = with_amounts(document, document["bridge"])
    has_totals = any(step["totals"] for step in steps)
    moves = [head for move in PARTS for head in (f"{move}, rows", move)]
    totals = ["old total", "new total", "residual"] if has_totals else []
    return ["column", *by, "groups", *moves, "net", *totals], [_step(step, by) for step in steps]


def _step(step: Json, by: Sequence[str]) -> Row:
    group, totals = step["group"], step["totals"]
    return [
        step["column"],
        *(dict.fromkeys(by) if group is None else group).values(),
        step["groups"],
        *(step[move][figure] for move in PARTS for figure in ("rows", "amount")),
        step["net"],
        *([totals[side]["amount"] for side in _SIDES] if totals else []),
        *([totals["residual"]] if totals else []),
    ]


def columns(summary: Json, document: Json) -> list[Row]:
    """The columns of the analysis, then the others, of which only the cells are counted.

    Args:
        summary: of the diff.
        document: of its analysis.
    """
    analysed = [[column[name] for name in _OF_COLUMN] for column in document["columns"]]
    known = {column["column"] for column in document["columns"]}
    changed = summary["columns"]["changed"].items()
    return [*analysed, *([name, cells] for name, cells in changed if name not in known)]


def movers(document: Json) -> tuple[Sequence[str], list[Row]]:
    """The heads and rows of the series that moved most.

    Args:
        document: of the analysis.
    """
    found = document["movers"]
    series = found[0]["series"] if found else ()
    heads = ["column", *series, "cells", "from", "to", "largest", "net", "gross", "times usual"]
    return heads, [
        [one["column"], *one["series"].values(), *(one[name] for name in _OF_MOVER)]
        for one in found
    ]


def cells(file: Iterable[str]) -> tuple[Sequence[str], Iterator[Row]]:
    """The heads and rows of all values that differ.

    Args:
        file: their CSV.
    """
    csv.field_size_limit(sys.maxsize)
    lines = csv.reader(file)
    return next(lines), map(_cell, lines)


def _cell(line: Sequence[str]) -> Row:
    """A line, whose last two fields are numbers; the others are as in the files."""
    *texts, difference, relative = line
    return [*texts, _number(difference), _number(relative)]


def _number(text: str) -> Cell:
    digits = text.removeprefix("-")
    if not text or (digits.isdigit() and len(digits) > DIGITS):
        return text
    number = float(text)
    return number if math.isfinite(number) else text
