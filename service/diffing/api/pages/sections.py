"""The sections of a job's page: the document of its analysis, in the order of reading."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any

from diffing.api.pages.charts import KINDS, Calendar, Span, Tick, stacked, steps
from diffing.api.pages.rendering import shown_share, shown_text
from diffing.core.noise import noise_in

# how many of each are shown; the document has more
MOST_STEPS, MOST_VALUES, MOST_MOVERS, MOST_KEYS = 12, 10, 15, 8
# parts of pictures in time, beyond which they have no titles, so that a page stays small
_MOST_TITLES = 600
_MOST_GROUPED_COLUMNS = 6
# names of a series or group, up to which each has a column of its own
_BESIDE = 4
# columns that a sentence names
_NAMED = 4

Texts = Sequence[str | None]


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
    """

    column: str
    texts: Texts
    others: int
    moves: dict[str, float | None]
    net: float | None
    closes: bool | None
    spans: list[Span]


@dataclass(frozen=True)
class Bridge:
    """From old to new.

    Args:
        lines: for each value column, the groups with most rows.
        more: number of lines that are not shown.
        open: number of all lines that do not close.
        left_out: values that are in no amount.
    """

    lines: list[Step]
    more: int
    open: int
    left_out: int


@dataclass(frozen=True)
class TimeLine:
    """The rows of a group in time.

    Args:
        texts: of the group; None for all groups that are not named.
        spans: its rows.
        label: of the first of them, for those who do not see the picture.
        counts: rows by kind.
        undated: rows without a date.
    """

    texts: Texts | None
    spans: list[Span]
    label: str
    counts: dict[str, int]
    undated: int


@dataclass(frozen=True)
class When:
    """The rows in time, by group."""

    column: str
    unit: str
    lines: list[TimeLine]
    ticks: list[Tick]
    undated: int


@dataclass(frozen=True)
class Point:
    """A tolerance, and the rows that would still be changed.

    Args:
        tolerance: as a text.
        rows: still changed.
        height, before: of these, and of those at the tolerance before, in percent of all.
    """

    tolerance: str
    rows: int
    height: float
    before: float


@dataclass(frozen=True)
class HowMuch:
    """The rows that other tolerances would leave.

    Args:
        points: of the curve.
        noise: the point that separates noise from changes; None without noise.
        noisy: number of rows of noise.
        far: the largest tolerance that would leave all rows changed; None if no other does.
    """

    points: list[Point]
    noise: Point | None
    noisy: int
    far: str | None


@dataclass(frozen=True)
class Value:
    """A value of a key column.

    Args:
        text: None for an empty field.
        others: number of values that it counts together; 0 for a single one.
        counts: rows by kind.
        share: of added, changed and removed rows.
        spans: the same as a bar.
    """

    text: str | None
    others: int
    counts: dict[str, int]
    share: float
    spans: list[Span]


@dataclass(frozen=True)
class Where:
    """The rows by the values of a key column.

    Args:
        column: its name.
        values: the first ones, and the others together; empty if each has one row.
        number: of all values.
        few: number of values that have most rows; 0 if no few have.
        share: of the rows, that these have.
    """

    column: str
    values: list[Value]
    number: int
    few: int
    share: float


@dataclass(frozen=True)
class Moved:
    """A series that moved, as in the document, with its names and a bar."""

    found: Mapping[str, Any]
    texts: Texts
    spans: list[Span]


@dataclass(frozen=True)
class Sections:
    """All sections.

    Args:
        document: of the analysis.
        findings: sentences about patterns.
        kinds: of rows, those that there are.
        by: names of the columns of groups.
        bridge, when, how_much, where, moved: the sections.
        series: names of the columns of series.
    """

    document: Mapping[str, Any]
    findings: list[str]
    kinds: list[str]
    by: list[str]
    bridge: Bridge
    when: When | None
    how_much: HowMuch | None
    where: list[Where]
    moved: list[Moved]
    series: list[str]


def sections_of(document: Mapping[str, Any]) -> Sections:
    """The sections.

    Args:
        document: of an analysis.
    """
    movers = document["movers"][:MOST_MOVERS]
    where = _where(document)
    return Sections(
        document=document,
        findings=_findings(document, where),
        kinds=[kind for kind in KINDS if document["rows"][kind]],
        by=_heads(document["by"]),
        bridge=_bridge(document),
        when=_when(document["calendar"]),
        how_much=_how_much(document),
        where=where,
        moved=_moved(movers),
        series=_heads(list(movers[0]["series"])) if movers else [],
    )


_PATTERNS = {
    "from_zero": "Came from 0",
    "to_zero": "Went to 0",
    "filled": "Came from an empty field",
    "emptied": "Went to an empty field",
    "turned": "Turned the sign",
    "rounding": "Only another rounding, so one number is the other with fewer decimals",
    "factor": "Multiplied by one factor",
    "difference": "Moved by one number",
}


def _findings(document: Mapping[str, Any], where: Sequence[Where]) -> list[str]:
    """Sentences about what many changes have in common."""
    said = [
        f"{one.few:,} of {one.number:,} values of {shown_text(one.column)} have "
        f"{shown_share(one.share, 1)} of the added, changed and removed rows."
        for one in where
        if one.few
    ]
    turned = [column for column in document["columns"] if column["turned"]]
    if signs := [f"{one['turned']:,} of {shown_text(one['column'])}" for one in turned]:
        said.append(_sentence("turned", signs))
    usual: dict[str, list[str]] = {}
    for found in document["patterns"]:  # the most cells first
        if 2 * found["cells"] >= found["of"] and found["pattern"] != "turned":
            usual.setdefault(found["pattern"], []).append(_usual(found))
    said += [_sentence(pattern, of_columns) for pattern, of_columns in usual.items()]
    return said


def _usual(found: Mapping[str, Any]) -> str:
    """A pattern that half of the changes of a column have."""
    cells, whole = found["cells"], found["of"]
    count = f"all {whole:,}" if cells == whole else f"{cells:,} of {whole:,}"
    number = "" if found["number"] is None else f" ({found['number']:g})"
    return f"{count} changes of {shown_text(found['column'])}{number}"


def _sentence(pattern: str, found: Sequence[str]) -> str:
    more = len(found) - _NAMED
    rest = f", and {more} more columns" if more > 1 else ""
    return f"{_PATTERNS[pattern]}: {', '.join(found[: _NAMED if rest else None])}{rest}."


def _heads(names: Sequence[str]) -> list[str]:
    return list(names) if len(names) <= _BESIDE else [" / ".join(names)]


def _texts(named: Mapping[str, str | None]) -> Texts:
    """The texts of a group or series, below the heads of their columns."""
    if len(named) <= _BESIDE:
        return list(named.values())
    return [" / ".join(text or "(empty)" for text in named.values())]


def _bridge(document: Mapping[str, Any]) -> Bridge:
    # a column of texts alone has no amounts
    texts = {c["column"] for c in document["columns"] if c["text"] and c["text"] == c["cells"]}
    steps_of = [_step(entry) for entry in document["bridge"] if entry["column"] not in texts]
    lines = [line for line in steps_of if any(move != 0 for move in line.moves.values())]
    shown = []
    most = MOST_STEPS if len({line.column for line in lines}) == 1 else MOST_STEPS // 2
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
        left_out=sum(entry["left_out"] for entry in document["bridge"]),
    )


def _step(entry: Mapping[str, Any]) -> Step:
    moves = {
        kind: amount if (amount := entry[kind]["amount"]) is None else sign * amount + 0.0
        for kind, sign in (("added", 1), ("removed", -1), ("up", 1), ("down", -1), ("other", 1))
    }
    known = {kind: move for kind, move in moves.items() if move is not None}
    closes = None
    if len(known) == len(moves) and entry["net"] is not None:
        size = max(map(abs, known.values()))
        closes = math.isclose(
            math.fsum(known.values()), entry["net"], rel_tol=1e-9, abs_tol=1e-9 * size
        )
    group = entry["group"]
    return Step(
        column=entry["column"],
        texts=_texts(group) if group else [],
        others=0 if group is not None else entry["groups"],
        moves=moves,
        net=entry["net"],
        closes=closes,
        spans=steps(known) if closes else [],
    )


def _when(entries: Sequence[Mapping[str, Any]]) -> When | None:
    dated = [entry for entry in entries if entry["start"] is not None]
    if not dated:
        return None
    calendar = Calendar(dated[0]["unit"], [entry["start"] for entry in dated])
    lines = []
    for _, found in groupby(entries, key=lambda entry: entry["group"]):
        of_group = list(found)
        group = of_group[0]["group"]
        counts = {kind: sum(entry[kind] for entry in of_group) for kind in KINDS}
        with_date = [entry for entry in of_group if entry["start"] is not None]
        undated = sum(counts.values()) - sum(entry[k] for entry in with_date for k in KINDS)
        texts = None if group is None else _texts(group)
        spans = calendar.line(with_date)
        label = spans[0].title + ", and further periods" * (len(spans) > 1) if spans else "none"
        lines.append(TimeLine(texts, spans, label, counts, undated))
    if sum(len(line.spans) for line in lines) > _MOST_TITLES:
        lines = [
            replace(line, spans=[replace(span, title="") for span in line.spans]) for line in lines
        ]
    return When(
        column=dated[0]["column"],
        unit=dated[0]["unit"],
        lines=lines,
        ticks=calendar.ticks(),
        undated=sum(line.undated for line in lines),
    )


def _how_much(document: Mapping[str, Any]) -> HowMuch | None:
    curve, changed = document["curve"], document["rows"]["changed"]
    if not changed:
        return None
    before = [changed, *(point["rows"] for point in curve)]
    points = [
        Point(
            _tolerance(point["rel_tol"]),
            point["rows"],
            100 * point["rows"] / changed,
            100 * rows / changed,
        )
        for point, rows in zip(curve, before, strict=False)
    ]
    noise = noise_in(curve, changed)
    whole = [point.tolerance for point in points if point.rows == changed]
    return HowMuch(
        points=points,
        noise=next((p for p in points if noise and p.tolerance == _tolerance(noise[0])), None),
        noisy=noise[1] if noise else 0,
        far=whole[-1] if len(whole) > 1 else None,
    )


def _tolerance(tolerance: float) -> str:
    """A tolerance as people write it, such as 1e-7."""
    text = f"{tolerance:g}" if tolerance >= 0.01 else f"{tolerance:.15e}"
    return re.sub(r"\.?0*e-0*", "e-", text)


def _where(document: Mapping[str, Any]) -> list[Where]:
    found = groupby(document["slices"], key=lambda one: one["column"])
    return [_values(column, list(slices)) for column, slices in islice(found, MOST_KEYS)]


def _values(column: str, slices: Sequence[Mapping[str, Any]]) -> Where:
    named = [one for one in slices if one["values"] == 1]
    number = sum(one["values"] for one in slices)
    if all(_rows(one) <= 1 for one in named):
        return Where(column, [], number, 0, 0)
    few, share = _few(named, number)
    longest = max(map(_rows, named))
    values = [_value(one["value"], 0, [one], longest) for one in named[:MOST_VALUES]]
    others = [one for one in slices if one not in named[:MOST_VALUES]]
    if others:
        rest = sum(one["values"] for one in others)
        values.append(_value(None, rest, others, 0))
    return Where(column, values, number, few, share)


def _rows(one: Mapping[str, Any]) -> int:
    return sum(int(one[kind]) for kind in KINDS)


def _few(named: Sequence[Mapping[str, Any]], number: int) -> tuple[int, float]:
    """The least number of values that have nine tenths of the rows, if they are few."""
    share = 0.0
    for few, one in enumerate(sorted(named, key=_rows, reverse=True), start=1):
        share += one["share"]
        if few > number / 3:
            break
        if share >= 0.9:
            return few, share
    return 0, 0


def _value(
    text: str | None, others: int, slices: Sequence[Mapping[str, Any]], longest: int
) -> Value:
    counts = {kind: sum(int(one[kind]) for one in slices) for kind in KINDS}
    share = math.fsum(one["share"] for one in slices)
    return Value(text, others, counts, share, stacked(counts, longest))


def _moved(movers: Sequence[Mapping[str, Any]]) -> list[Moved]:
    """The series, with bars to the right and left of the middle."""
    most: dict[str, float] = {}
    for mover in movers:
        most[mover["column"]] = max(most.get(mover["column"], 0), abs(mover["net"] or 0))
    moved = []
    for mover in movers:
        net, longest = mover["net"] or 0, most[mover["column"]]
        width = 50 * abs(net) / longest if longest and math.isfinite(longest) else 0
        span = Span("up" if net > 0 else "down", 50 if net > 0 else 50 - width, width)
        moved.append(Moved(mover, _texts(mover["series"]), [span] if width else []))
    return moved
