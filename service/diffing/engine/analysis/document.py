"""The document of an analysis: the findings under the names of the columns, as JSON values."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from diffing.core.comparison import Comparison
from diffing.core.periods import STATES
from diffing.engine.analysis.bridge import Bridges
from diffing.engine.analysis.findings import MOST_COLUMNS, MOST_GROUPS, PARTS_OF_TIME, Findings
from diffing.engine.analysis.notes import notes_of
from diffing.engine.analysis.reading import comparison_in
from diffing.engine.analysis.sums import finite
from diffing.engine.analysis.totals import At

_COUNTS = (
    *("added", "changed", "removed", "unchanged"),
    *("within_tolerance", "within_tolerance_whole", "emitted"),
)
# the part of a column's cells, and the number of cells, from which a pattern is one
_OF_CELLS, _CELLS = 0.1, 2

_OF_DIGITS = (
    "Changed values that differ only in digits beyond those of a double: {:,}. They are neither up "
    "nor down, and in no amount."
)


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
        self._bridges = self._found_bridges() if self._comparison.additive else None

    def made(self) -> dict[str, Any]:
        others = max(0, self._found.groups - MOST_GROUPS)
        bridge = self._bridges.whole(others) if self._bridges else []
        curve = self._curve()
        return {
            "by": [self._key(place) for place in self._by],
            "rows": self._rows(),
            "bridge": bridge,
            "periods": self._periods(),
            "columns": self._columns(),
            "curve": curve,
            "rel_tols": self._rel_tols(),
            "sizes": self._sizes(),
            "slices": self._slices(),
            "calendar": self._calendar(),
            "patterns": self._patterns(),
            "movers": self._movers(),
            "left_out": {
                "columns": max(0, len(self._comparison.value) - MOST_COLUMNS),
                "groups": others,
            },
            "notes": [
                *notes_of(self._summary, self._comparison, curve, bridge, self._found.totals),
                *self._note_of_digits(),
            ],
        }

    def _found_bridges(self) -> Bridges:
        by = [self._key(place) for place in self._by]
        return Bridges(self._found.bridge, self._comparison, by, self._summary, self._found.totals)

    def _key(self, place: int) -> str:
        return self._comparison.key[place - 1]

    def _value(self, nth: int) -> str:
        return self._comparison.value[nth - 1]

    def _named(self, places: Sequence[int], texts: Sequence[str | None]) -> dict[str, str | None]:
        return dict(zip(map(self._key, places), texts, strict=True))

    def _rows(self) -> dict[str, int]:
        sides = {f"{side}_rows": self._summary[side]["rows"] for side in ("old", "new")}
        return sides | {name: self._summary[name] for name in _COUNTS if name in self._summary}

    def _periods(self) -> dict[str, Any] | None:
        found = self._summary.get("periods")
        if not found:
            return None
        return {
            state: {
                "rows": found[state],
                "bridge": self._bridges.of_state(state) if self._bridges else [],
            }
            for state in STATES
        }

    def _columns(self) -> list[dict[str, Any]]:
        patterns = {pattern["nth"]: pattern for pattern in self._found.patterns}
        return [
            {
                "column": self._value(column["nth"]),
                **{
                    name: number
                    for name, number in column.items()
                    if name not in ("nth", "largest", "alike")
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
        if self._comparison.measure or not self._bridges:
            return None
        return self._bridges.net(nth)

    def _note_of_digits(self) -> list[str]:
        alike = sum(column["alike"] for column in self._found.columns)
        return [_OF_DIGITS.format(alike)] if alike else []

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

    def _rel_tols(self) -> dict[str, float]:
        rel_tols = self._comparison.rel_tols
        return {"least": min(rel_tols), "most": max(rel_tols)}

    def _sizes(self) -> list[dict[str, Any]]:
        least = round(math.log10(self._found.tolerances[0]))
        return [
            {
                "column": self._value(size["nth"]),
                # smaller changes are in the first bin, however small they are
                "above": _border(least, size["bin"]) if size["bin"] else 0.0,
                "up_to": _border(least, size["bin"] + 1),
                "up": size["up"],
                "down": size["down"],
            }
            for size in self._found.sizes
        ]

    def _slices(self) -> list[dict[str, Any]]:
        rows = sum(self._found.rows.values())
        found = [
            {
                "column": self._key(one["nth"]),
                "value": one["text"],
                "values": one["texts"],
                **_kinds(one),
                "share": sum(_kinds(one).values()) / rows,
                **self._whole_slice(one),
            }
            for one in self._found.slices
        ]
        return [
            one
            for _, of_column in groupby(found, key=itemgetter("column"))
            for one in self._most_surprising_first(list(of_column))
        ]

    def _most_surprising_first(self, slices: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The values of a column in the order of surprise, if their rows in the files are known.

        The surprise is the G of a test against rows that are spread like those of the files.
        Without totals, the query has ordered them against rows that are spread evenly.
        """
        named = [one for one in slices if one["values"] == 1]
        if any(one["new_rows"] is None for one in named):
            return slices
        own = {"added": "new_rows", "changed": "new_rows", "removed": "old_rows"}
        files = {side: self._summary[side.removesuffix("_rows")]["rows"] for side in own.values()}

        def surprise(one: dict[str, Any]) -> float:
            return math.fsum(
                one[kind] * math.log(one[kind] * files[side] / (self._found.rows[kind] * one[side]))
                for kind, side in own.items()
                if one[kind]
            )

        others = [one for one in slices if one["values"] > 1]
        return [*sorted(named, key=surprise, reverse=True), *others]

    def _whole_slice(self, one: Mapping[str, Any]) -> dict[str, int | None]:
        """The rows of a slice in the whole files; None if no totals are grouped by its column."""
        totals = self._found.totals
        grouped = totals.grouped([self._key(one["nth"])]) if totals and one["texts"] == 1 else None
        if not grouped:
            return {"old_rows": None, "new_rows": None}
        old, new = grouped.at(At(None, (one["text"],), 1))
        return {"old_rows": old.rows, "new_rows": new.rows}

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
                    name: finite(mover[name])
                    for name in ("cells", "first", "last", "net", "gross", "largest", "times_usual")
                },
                **sums,
                "course": _course(mover["course"]),
            }
            for mover in self._found.movers
        ]


def _border(least: int, place: int) -> float:
    """The lower border of a bin: the bins begin a power of ten below the first tolerance."""
    power, quarter = divmod(place, 4)
    return float(f"{10 ** (quarter / 4)}e{least - 1 + power}")


def _course(parts: Sequence[Mapping[str, Any]] | None) -> list[float | None] | None:
    """The mean movement in each part of the time; None without dates."""
    if not parts:
        return None
    means = {one["part"]: finite(one["moved"]) for one in parts}
    return [means.get(part) for part in range(PARTS_OF_TIME)]


def _kinds(found: Mapping[str, Any]) -> dict[str, int]:
    return {kind: found[kind] for kind in ("added", "changed", "removed")}
