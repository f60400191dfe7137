"""The places in the charts of the pages."""

import math

import pytest

from diffing.api.pages.charts import CalendarChart, stacked, steps
from diffing.api.pages.sections.bridge import bridge_of
from diffing.api.pages.sections.where import where_of


def entry(start: str, changed: int = 0, added: int = 0, removed: int = 0) -> dict[str, object]:
    return {"start": start, "changed": changed, "added": added, "removed": removed}


def test_counts_are_beside_each_other() -> None:
    spans = stacked({"changed": 10, "added": 0, "removed": 30}, 80)

    assert [("changed", 0, 12.5), ("removed", 12.5, 37.5)] == [
        (span.kind, span.start, span.width) for span in spans
    ]


def test_each_step_begins_where_the_one_before_it_ended() -> None:
    spans = steps({"added": 6.0, "removed": -8.0, "up": 0.0, "down": -2.0})

    assert [("added", 40, 60), ("removed", 20, 80), ("down", 0, 20)] == [
        (span.kind, span.start, span.width) for span in spans
    ]


def test_a_small_step_is_seen_within_the_chart() -> None:
    spans = steps({"added": 1e9, "up": 1.0})

    assert 0.4 == spans[1].width
    assert all(span.start >= 0 and span.start + span.width <= 100 + 1e-9 for span in spans)


@pytest.mark.parametrize(("net", "closes"), [(1.7e308, True), (1.6e308, False)])
def test_moves_whose_sum_is_on_the_way_beyond_all_doubles_are_added_up(
    net: float, closes: bool
) -> None:
    moves = {"added": 1.7e308, "removed": 0.0, "up": 1.7e308, "down": 1.7e308, "other": 0.0}
    entry = {kind: {"rows": 1, "amount": amount} for kind, amount in moves.items()}
    whole = {"column": "v", "group": None, "groups": 1, "net": net, "left_out": 0}
    column = {"column": "v", "text": 0, "cells": 4}

    [line] = bridge_of({"columns": [column], "by": []}, [{**whole, **entry}]).lines

    assert closes is line.closes
    assert [] == line.spans


@pytest.mark.parametrize("move", [0.0, math.inf])
def test_without_a_length_there_are_no_steps(move: float) -> None:
    assert [] == steps({"added": move, "removed": 0.0})


@pytest.mark.parametrize(
    ("unit", "starts"),
    [
        ("day", ["2026-01-01", "2026-01-02", "2026-01-04"]),
        ("week", ["2025-12-22", "2025-12-29", "2026-01-12"]),
        ("month", ["2025-12-01", "2026-01-01", "2026-03-01"]),
        ("quarter", ["2025-10-01", "2026-01-01", "2026-07-01"]),
        ("year", ["2023-01-01", "2024-01-01", "2026-01-01"]),
        ("decade", ["1890-01-01", "1900-01-01", "1920-01-01"]),
    ],
)
def test_a_calendar_has_the_periods_without_rows(unit: str, starts: list[str]) -> None:
    calendar = CalendarChart(unit, starts)

    spans = calendar.line([entry(start, changed=place + 1) for place, start in enumerate(starts)])

    assert [(0, 25), (25, 25), (75, 25)] == [(span.start, span.width) for span in spans]


def test_equal_neighbours_are_one_span() -> None:
    days = [f"2026-01-0{day}" for day in range(1, 6)]
    calendar = CalendarChart("day", days)
    rows = [entry(day, changed=10) for day in days[:3]]

    spans = calendar.line([*rows, entry(days[3], added=10), entry(days[4], added=1, changed=1)])

    assert [("changed", 0, 60, 1), ("added", 60, 20, 1), ("changed", 80, 20, 0.2)] == [
        (span.kind, span.start, span.width, span.level) for span in spans
    ]
    assert "2026-01-01 to 2026-01-03: 30 changed" == spans[0].title
    assert "day of 2026-01-05: 1 changed, 1 added" == spans[2].title


def test_a_calendar_has_few_labels() -> None:
    ticks = CalendarChart("decade", ["1750-01-01", "2010-01-01"]).ticks()

    assert ["1750", "1800", "1850", "1900", "1950", "2000"] == [tick.text for tick in ticks]


@pytest.mark.parametrize(
    ("rows", "few"),
    [
        ([*[100] * 23, *[1] * 10, *[0] * 28], (23, 2300 / 2310)),
        ([*[100] * 3, *[7] * 4, *[0] * 3], (3, 300 / 328)),
        ([100] * 10, (0, 0)),
        ([50, 50, 1], (0, 0)),
    ],
)
def test_a_few_values_are_named_that_have_nearly_all_rows_or_most(
    rows: list[int], few: tuple[int, float]
) -> None:
    slices = [
        {"column": "stat", "value": str(number), "values": 1, "share": count / sum(rows)}
        | {"added": 10 * number, "changed": count, "removed": 0}
        for number, count in enumerate(rows)
    ]
    (where,) = where_of({"slices": slices})

    assert few == pytest.approx((where.few, where.share))
