"""Runs the queries of `sql/analysis/` on the outputs of a diff."""

import csv
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from diffing.core.comparison import Comparison
from diffing.core.errors import DiffFailed
from diffing.core.periods import Calendar
from diffing.core.spec import AnalysisSpec
from diffing.engine.analysis.plain import plain
from diffing.engine.analysis.reading import (
    comparison_in,
    detail_of,
    reading_result,
    removed_of,
    rules_of,
)
from diffing.engine.analysis.totals import Totals
from diffing.engine.connection import Session, as_pattern
from diffing.sandbox.limits import Limits

# How many of each a document names. The others are counted together.
MOST_COLUMNS, MOST_GROUPS, MOST_TEXTS, MOST_SERIES = 50, 100, 50, 50
_MOST_IN_CALENDAR = 20
PARTS_OF_TIME = 40
"""Parts of the time for which it is found how far a series moved."""

# rows of a sample
_SAMPLE = 20_000
# the part of the texts of a key column that are dates, if the column has times
_DATES = 0.99


@dataclass(frozen=True)
class Findings:
    """The answers of the queries.

    Args:
        rows: the rows by kind.
        columns: what happened to each value column that changed.
        chosen: the value columns that are named, by place from 1.
        middles, patterns: by value column.
        tolerances: the tolerances of the curve.
        places: rows by the number of tolerances that leave them changed.
        groups: number of all groups.
        bridge, slices, calendar: answers of these queries.
        time: place of the key column with dates; 0 for none.
        in_calendar: places of the key columns by which the calendar is grouped.
        series: places of the key columns that name a series.
        movers: the series that moved most.
        sizes: cells by the size of their change.
        totals: of the whole files; None if the diff took none.
    """

    rows: dict[str, int]
    columns: list[dict[str, Any]]
    chosen: list[int]
    middles: dict[int, float]
    patterns: list[dict[str, Any]]
    tolerances: list[float]
    places: dict[int, int]
    groups: int
    bridge: dict[str, Any]
    slices: list[dict[str, Any]]
    calendar: dict[str, Any] | None
    time: int
    in_calendar: list[int]
    series: list[int]
    movers: list[dict[str, Any]]
    sizes: list[dict[str, Any]]
    totals: Totals | None = None


class Finder:
    """Finds what an analysis reports.

    Args:
        spec: the order.
        scratch: an existing, private folder.
        limits: memory and disk. One thread runs the queries, so sums are the same each time.
        interrupted: prevents further statements when set.
        in_memory: bytes of the outputs, up to which their cells are kept in memory.
    """

    def __init__(
        self,
        spec: AnalysisSpec,
        scratch: Path,
        limits: Limits,
        interrupted: threading.Event,
        in_memory: int,
    ) -> None:
        self._spec = spec
        self._in_memory = in_memory
        self._comparison = comparison_in(spec.summary)
        self._file = scratch / "cells.parquet"
        self._scratch = scratch
        copies = [scratch / f"plain-{name}.csv" for name in ("detail", "removed")]
        readable = [*spec.inputs, *copies]
        files = [self._file, *map(as_pattern, readable), *readable]
        self.session = Session(replace(limits, threads=1), scratch, files, [], interrupted)

    def run(self) -> Findings:
        """Run all queries.

        Raises:
            DiffFailed: the outputs do not have the rows of the summary, or the machine failed.
            ResultGone: an output was removed.
        """
        comparison, by = self._comparison, list(self._spec.groups)
        tolerances = _curve(comparison)
        self._read_cells(tolerances)
        totals = self._totals()
        found = self._find("columns")
        rows, columns = found["rows"], found["columns"]
        self._add_up(rows)
        chosen = _chosen(columns, len(comparison.value))
        time = self._time()
        in_calendar = [place for place in by if place != time]
        series = [place for place in range(1, len(comparison.key) + 1) if place != time]
        groups = self._find("groups", by=by, most=MOST_GROUPS)["groups"]
        bridge = self._find("bridge", by=by, chosen=chosen, **self._periods())
        calendar = self._calendar(time, in_calendar, by) if time else None
        single = len(comparison.value) == 1
        self._find("alike", chosen=chosen, stride=self._stride)
        return Findings(
            rows=rows,
            columns=columns,
            chosen=chosen,
            middles={m["nth"]: m["middle"] for m in self._find("middles")["middles"]},
            patterns=self._find("patterns", chosen=chosen)["patterns"],
            tolerances=tolerances,
            places={p["left_by"]: p["rows"] for p in self._find("curve", single=single)["places"]},
            groups=groups,
            bridge=bridge,
            slices=self._find("slices", most=MOST_TEXTS)["slices"],
            calendar=calendar,
            time=time,
            in_calendar=in_calendar,
            series=series,
            movers=self._find(
                "movers",
                chosen=chosen,
                by=in_calendar,
                series=series,
                time=time,
                most=MOST_SERIES,
                parts=PARTS_OF_TIME,
            )["movers"],
            sizes=self._find("sizes", chosen=chosen, curve=tolerances)["sizes"],
            totals=totals,
        )

    def _read_cells(self, tolerances: Sequence[float]) -> None:
        csv.field_size_limit(sys.maxsize)
        with reading_result(self._spec.inputs):
            spec = plain(self._spec, self._comparison, self._scratch)
            size = sum(path.stat().st_size for path in (spec.detail, spec.removed))
            in_memory = size <= self._in_memory
            self.session.run(
                "cells_in_memory" if in_memory else "cells_in_file",
                {
                    "detail": detail_of(spec.detail, self._comparison),
                    "removed": removed_of(spec.removed, self._comparison),
                    **rules_of(self._comparison),
                    "curve": tolerances,
                    "file": str(self._file),
                },
            )
            source = "cells_kept" if in_memory else "cells_written"
            self.session.run("all_cells", {"source": source})

    def _periods(self) -> dict[str, Any]:
        """The parameters that say which periods are settled, open or new."""
        calendar = Calendar.in_summary(self._spec.summary)
        period = self._comparison.period
        return {
            "place": self._comparison.key.index(period) + 1 if calendar and period else 0,
            "newest_of_old": calendar and calendar.newest_of_old,
            "settled_until": calendar and calendar.settled_until,
        }

    def _totals(self) -> Totals | None:
        if not (file := self._spec.taken_totals):
            return None
        with reading_result([file]):
            return Totals.read(file)

    def _find(self, section: str, **parameters: Any) -> dict[str, Any]:
        return self.session.run(section, parameters)

    def _add_up(self, rows: Mapping[str, int]) -> None:
        summary = self._spec.summary
        if any(rows[kind] != summary[kind] for kind in ("added", "changed", "removed")):
            raise DiffFailed(
                "The rows of the analysis do not add up; this is a fault of the service."
            )

    @property
    def _stride(self) -> int:
        summary = self._spec.summary
        rows: int = summary["added"] + summary["changed"] + summary["removed"]
        return max(1, rows // _SAMPLE)

    def _time(self) -> int:
        """The place of the first key column with dates; 0 for none."""
        for column in self._find("times", stride=self._stride)["times"]:
            if column["texts"] and column["dates"] >= _DATES * column["texts"]:
                return int(column["nth"])
        return 0

    def _calendar(self, time: int, by: Sequence[int], grouped: Sequence[int]) -> dict[str, Any]:
        if by != grouped:
            self._find("groups", by=by, most=_MOST_IN_CALENDAR)
        return self._find("calendar", by=by, time=time, places=_MOST_IN_CALENDAR)


def _curve(comparison: Comparison) -> list[float]:
    """Relative tolerances, 1e-12 to 1, that are not below all of the diff."""
    least = min(comparison.rel_tols)
    powers = [float(f"1e-{power}") for power in range(12, -1, -1)]
    return [power for power in powers if power >= least] or [least]


def _chosen(columns: Sequence[Mapping[str, Any]], number: int) -> list[int]:
    """The places of the value columns that changed most; others fill up the list."""
    cells = {column["nth"]: column["cells"] for column in columns}
    ranked = sorted(range(1, number + 1), key=lambda nth: (-cells.get(nth, 0), nth))
    return sorted(ranked[:MOST_COLUMNS])
