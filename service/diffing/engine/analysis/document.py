"""The document of an analysis: the findings under the names of the columns, as JSON values."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from diffing.core.comparison import Comparison
from diffing.engine.analysis.findings import MOST_COLUMNS, MOST_GROUPS, Findings
from diffing.engine.analysis.notes import notes_of
from diffing.engine.analysis.reading import comparison_in
from diffing.engine.analysis.sums import Sum, sums_in

_PARTS = ("added", "removed", "up", "down", "other")
_COUNTS = (
    *("added", "changed", "removed", "unchanged"),
    *("within_tolerance", "within_tolerance_whole", "emitted"),
)
# the part of a column's cells, and the number of cells, from which a pattern is one
_OF_CELLS, _CELLS = 0.1, 2


def document_of(
    findings: Findings, summary: Mapping[str, Any], by: Sequence[int]
) -> dict[str, Any]:
    """The document.

    Args:
        findings: answers of the queries.
        summary: of the diff, as JSON values.
        by: places of the key columns by which the bridge is grouped.
    """
    return _Document(findings, summary, by).made()


class _Document:
    def __init__(self, findings: Findings, summary: Mapping[str, Any], by: Sequence[int]) -> None:
        self._found = findings
        self._summary = summary
        self._by = by
        self._comparison: Comparison = comparison_in(summary)

    def made(self) -> dict[str, Any]:
        bridge = self._bridge()
        curve = self._curve()
        return {
            "by": [self._key(place) for place in self._by],
            "rows": self._rows(),
            "bridge": bridge,
            "columns": self._columns(),
            "curve": curve,
            "slices": self._slices(),
            "calendar": self._calendar(),
            "patterns": self._patterns(),
            "movers": self._movers(),
            "left_out": {
                "columns": max(0, len(self._comparison.value) - MOST_COLUMNS),
                "groups": max(0, self._found.groups - MOST_GROUPS),
            },
            "notes": notes_of(self._summary, self._comparison, curve, bridge),
        }

    def _key(self, place: int) -> str:
        return self._comparison.key[place - 1]

    def _value(self, nth: int) -> str:
        return self._comparison.value[nth - 1]

    def _named(self, places: Sequence[int], texts: Sequence[str | None]) -> dict[str, str | None]:
        return dict(zip(map(self._key, places), texts, strict=True))

    def _rows(self) -> dict[str, int]:
        sides = {f"{side}_rows": self._summary[side]["rows"] for side in ("old", "new")}
        return sides | {name: self._summary[name] for name in _COUNTS if name in self._summary}

    def _bridge(self) -> list[dict[str, Any]]:
        if not self._comparison.additive:
            return []
        found = self._found.bridge
        parts: dict[tuple[int, int], list[dict[str, Any]]] = {}
        for part in found["parts"]:
            parts.setdefault((part["nth"], part["place"]), []).append(part)
        # the rest is the last one
        ordered = sorted(parts, key=lambda at: (at[0], at[1] == 0, at[1]))
        entries = []
        for nth, place in ordered:
            texts = found["groups"][place - 1] if place else None
            entries.append(
                {
                    "column": self._value(nth),
                    "group": None if texts is None else self._named(self._by, texts),
                    "groups": 1 if place else self._found.groups - len(found["groups"]),
                    **(_steps if place or not self._comparison.measure else _counts)(
                        parts[nth, place]
                    ),
                }
            )
        return entries

    def _columns(self) -> list[dict[str, Any]]:
        patterns = {pattern["nth"]: pattern for pattern in self._found.patterns}
        return [
            {
                "column": self._value(column["nth"]),
                **{
                    name: number
                    for name, number in column.items()
                    if name not in ("nth", "largest")
                },
                "rounded": patterns.get(column["nth"], {"rounded": 0})["rounded"],
                "middle": self._found.middles.get(column["nth"]),
                "largest": column["largest"],
                "net": self._net(column["nth"]),
            }
            for column in sorted(self._found.columns, key=lambda c: (-c["cells"], c["nth"]))
            if column["nth"] in self._found.chosen
        ]

    def _net(self, nth: int) -> float | None:
        if self._comparison.measure or not self._comparison.additive:
            return None
        net = Sum()
        for part in self._found.bridge["parts"]:
            if part["nth"] == nth and part["part"] in ("up", "down"):
                old, new = sums_in(part)
                net += new - old
        return net.number

    def _curve(self) -> list[dict[str, Any]]:
        return [
            {
                "rel_tol": tolerance,
                "rows": sum(
                    rows for left_by, rows in self._found.places.items() if left_by > place
                ),
            }
            for place, tolerance in enumerate(self._found.tolerances)
        ]

    def _slices(self) -> list[dict[str, Any]]:
        rows = sum(self._found.rows.values())
        return [
            {
                "column": self._key(one["nth"]),
                "value": one["text"],
                "values": one["texts"],
                **_kinds(one),
                "share": sum(_kinds(one).values()) / rows,
            }
            for one in self._found.slices
        ]

    def _calendar(self) -> list[dict[str, Any]]:
        found = self._found.calendar
        if not found:
            return []
        return [
            {
                "column": self._key(self._found.time),
                "unit": found["unit"],
                "start": one["start"],
                "group": self._named(self._found.in_calendar, found["groups"][one["place"] - 1])
                if one["place"]
                else None,
                **_kinds(one),
            }
            for one in found["calendar"]
        ]

    def _patterns(self) -> list[dict[str, Any]]:
        found = []
        numbers = {pattern["nth"]: pattern for pattern in self._found.patterns}
        for column in self._found.columns:
            nth, cells = column["nth"], column["cells"]
            if nth not in self._found.chosen:
                continue
            of_numbers = numbers.get(nth, {})
            counts = {
                "factor": of_numbers.get("factor_cells", 0),
                "difference": of_numbers.get("difference_cells", 0),
                "rounding": of_numbers.get("rounded", 0),
                **{
                    name: column[name]
                    for name in ("from_zero", "to_zero", "filled", "emptied", "turned")
                },
            }
            found += [
                {
                    "column": self._value(nth),
                    "pattern": name,
                    "number": of_numbers.get(name),
                    "cells": count,
                    "of": cells,
                }
                for name, count in counts.items()
                if count >= max(_CELLS, _OF_CELLS * cells)
            ]
        return sorted(found, key=lambda one: -one["cells"])

    def _movers(self) -> list[dict[str, Any]]:
        sums = {} if self._comparison.additive else {"net": None, "gross": None}
        return [
            {
                "column": self._value(mover["nth"]),
                "series": self._named(self._found.series, mover["texts"]),
                **{
                    name: _finite(mover[name])
                    for name in ("cells", "first", "last", "net", "gross", "largest", "times_usual")
                },
                **sums,
            }
            for mover in self._found.movers
        ]


def _finite(figure: Any) -> Any:
    """The figure, but None for a number that JSON does not have."""
    return None if isinstance(figure, float) and not math.isfinite(figure) else figure


def _kinds(found: Mapping[str, Any]) -> dict[str, int]:
    return {kind: found[kind] for kind in ("added", "changed", "removed")}


def _steps(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The steps from old to new: added - removed + up - down + other is net."""
    steps: dict[str, Any] = {}
    net = Sum()
    ordered = sorted(parts, key=lambda part: _PARTS.index(part["part"]))
    found = {name: list(group) for name, group in groupby(ordered, key=lambda part: part["part"])}
    for name in _PARTS:
        moved, rows = Sum(), 0
        for part in found.get(name, []):
            old, new = sums_in(dict(part))
            moved += new - old
            rows += part["cells"]
        net += moved
        # what went is told without its sign
        amount = Sum() - moved if name in ("removed", "down") else moved
        steps[name] = {"rows": rows, "amount": amount.number}
    return steps | {
        "net": net.number,
        "left_out": sum(int(part["left_out"]) for part in parts),
    }


def _counts(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The steps of values that cannot be added up: only their rows."""
    steps = _steps(parts)
    return steps | {name: steps[name] | {"amount": None} for name in _PARTS} | {"net": None}
