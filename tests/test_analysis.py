"""The analysis of a diff says what plain Python says, and what another diff would say."""

import json
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from diffing.core.comparison import Comparison
from diffing.core.errors import BadArgument
from diffing.core.grouping import places_of
from diffing.core.noise import noise_in
from diffing.core.spec import AnalysisSpec
from diffing.engine.analysis.analyse import IN_MEMORY, Analysis, as_json
from diffing.engine.diff import Diff
from diffing.engine.summary import Summary
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits
from tests import analysis_reference as plain
from tests import reference
from tests.conftest import AS_LARGE, examples, one_in, spec_of

KINDS = ("added", "changed", "removed")


@dataclass(frozen=True)
class Pair:
    """Two CSV texts, and how to compare them."""

    old: str
    new: str
    key: tuple[str, ...] = ("id",)
    value: tuple[str, ...] = ("value",)
    rel_tol: float | None = None
    abs_tol: float = 0.0
    measure: str | None = None
    additive: bool = True

    @property
    def tolerances(self) -> list[tuple[float | None, float]]:
        return [(self.rel_tol, self.abs_tol) for _ in self.value]

    @property
    def answer(self) -> reference.Answer:
        return reference.diff(
            self.old, self.new, [*self.key], [*self.value], self.rel_tol, self.abs_tol
        )


def diffed(pair: Pair, folder: Path) -> dict[str, Any]:
    """The summary of the diff of a pair. Its detail and removed rows are in the folder."""
    old, new = folder / "old.csv", folder / "new.csv"
    old.write_text(pair.old, encoding="utf-8", newline="")
    new.write_text(pair.new, encoding="utf-8", newline="")
    comparison = Comparison.of(
        key=pair.key,
        value=pair.value,
        rel_tol=pair.rel_tol,
        abs_tol=pair.abs_tol,
        measure=pair.measure,
        additive=pair.additive,
    )
    outputs = Outputs(detail=folder / "detail.csv", removed=folder / "removed.csv")
    limits = Limits(2, "1GB", folder)
    summary: Summary = Diff(spec_of(old, new, comparison), limits, AS_LARGE).run(outputs)
    return summary.model_dump(mode="json")


def analysed(
    pair: Pair, by: tuple[str, ...], folder: Path, in_memory: int = IN_MEMORY
) -> dict[str, Any]:
    """The analysis of a pair, through the diff that writes what it reads."""
    return analysis_of(diffed(pair, folder), by, folder, in_memory)


def analysis_of(
    summary: dict[str, Any], by: tuple[str, ...], folder: Path, in_memory: int = IN_MEMORY
) -> dict[str, Any]:
    """The analysis of the diff that a folder has."""
    places = places_of(by, summary["key"])
    spec = AnalysisSpec(folder / "detail.csv", folder / "removed.csv", summary, places)
    limits = Limits(2, "1GB", folder)
    document: dict[str, Any] = json.loads(as_json(Analysis(spec, limits, in_memory).run()))
    return document


Analysed = Callable[..., dict[str, Any]]


@pytest.fixture
def analyse(tmp_path: Path) -> Analysed:
    """A function that analyses a pair, by columns."""
    return lambda pair, *by: analysed(pair, by, tmp_path)


def bridge_in(document: dict[str, Any]) -> dict[tuple[str, plain.Group], dict[str, Any]]:
    return {
        (step["column"], tuple(step["group"].values())): {
            name: step[name] for name in (*plain.PARTS, "net", "left_out")
        }
        for step in document["bridge"]
    }


def assert_agrees(pair: Pair, by: tuple[str, ...], document: dict[str, Any]) -> None:
    answer = pair.answer
    cells = plain.cells_of(answer, [*pair.value], [*by], pair.tolerances)

    assert plain.bridge_of(cells) == bridge_in(document)
    for column in document["columns"]:
        sizes = [size for size in document["sizes"] if size["column"] == column["column"]]
        for direction in ("up", "down"):
            assert column[direction] == sum(size[direction] for size in sizes)
    columns = {
        column.pop("column"): {n: v for n, v in column.items() if n != "rounded"}
        for column in document["columns"]
    }
    assert plain.columns_of(cells) == columns
    slices = {
        (one["column"], one["value"]): {kind: one[kind] for kind in KINDS}
        for one in document["slices"]
    }
    assert plain.slices_of(answer, [*pair.key]) == slices
    assert_adds_up(pair, document)


def assert_adds_up(pair: Pair, document: dict[str, Any]) -> None:
    """Every figure adds up to the counts of the diff."""
    answer = pair.answer
    rows = {kind: getattr(answer, kind) for kind in KINDS}
    assert rows == {kind: document["rows"][kind] for kind in KINDS}
    for column in pair.value:
        steps = [step for step in document["bridge"] if step["column"] == column]
        for kind in ("added", "removed"):
            assert rows[kind] == sum(step[kind]["rows"] for step in steps)
    for column in pair.key:
        parts = [one for one in document["slices"] if one["column"] == column]
        assert rows == {kind: sum(one[kind] for one in parts) for kind in KINDS}
        assert not parts or math.isclose(1, sum(one["share"] for one in parts))
    if document["calendar"]:
        assert rows == {k: sum(one[k] for one in document["calendar"]) for k in KINDS}


def assert_curve_is_that_of_other_diffs(pair: Pair, document: dict[str, Any]) -> None:
    for point in document["curve"]:
        rel_tol = max(point["rel_tol"], pair.rel_tol or 0)
        other = reference.diff(
            pair.old, pair.new, [*pair.key], [*pair.value], rel_tol, pair.abs_tol
        )
        assert other.changed == point["rows"], point


# --- the bridge ---


def test_the_bridge_leads_from_old_to_new(analyse: Analysed) -> None:
    pair = Pair(
        "id,stat,value\n1,a,10\n2,a,20\n3,b,5\n4,b,7\n5,,1\n",
        "id,stat,value\n1,a,13\n2,a,16\n3,b,\n5,,2\n6,a,100\n",
        ("id", "stat"),
    )

    document = analyse(pair, "stat")

    assert_agrees(pair, ("stat",), document)
    by_stat = {step["group"]["stat"]: step for step in document["bridge"]}
    assert {
        "column": "value",
        "group": {"stat": "a"},
        "groups": 1,
        "added": {"rows": 1, "amount": 100.0},
        "removed": {"rows": 0, "amount": 0.0},
        "up": {"rows": 1, "amount": 3.0},
        "down": {"rows": 1, "amount": 4.0},
        "other": {"rows": 0, "amount": 0.0},
        "net": 99.0,
        "left_out": 0,
        "totals": None,
    } == by_stat["a"]
    assert (-12.0, {"rows": 1, "amount": -5.0}) == (by_stat["b"]["net"], by_stat["b"]["other"])
    assert {"rows": 1, "amount": 1.0} == by_stat[None]["up"]


def test_without_groups_there_is_one_total(analyse: Analysed) -> None:
    pair = Pair("id,value\n1,1\n2,2\n", "id,value\n1,3\n3,4\n")

    [step] = analyse(pair)["bridge"]

    assert ({}, 1, 4.0) == (step["group"], step["groups"], step["net"])


def test_a_sum_loses_no_digit_whatever_the_order(analyse: Analysed) -> None:
    values = ["1e16", "1", "-1e16", "0.1", "1e-300", "5e-324", "1.7e308", "-1.7e308", "1e-308"]
    rows = "".join(f"{i},{value}\n" for i, value in enumerate(values * 50))
    pair = Pair("id,value\n", f"id,value\n{rows}")

    [step] = analyse(pair)["bridge"]

    assert math.fsum(map(float, values * 50)) == step["added"]["amount"] == step["net"]


def test_infinite_values_are_in_no_amount_and_counted(analyse: Analysed) -> None:
    pair = Pair("id,value\n1,1\n2,nan\n3,4\n", "id,value\n1,inf\n2,2\n3,5\n")

    document = analyse(pair)

    [step] = document["bridge"]
    assert (2, {"rows": 2, "amount": 1.0}, 2.0) == (step["left_out"], step["other"], step["net"])
    assert "Infinite or NaN values that are in no amount: 2." in document["notes"]


def test_changes_of_digits_that_no_double_has_are_counted(analyse: Analysed) -> None:
    pair = Pair("id,value\n1,9007199254740992\n2,5\n", "id,value\n1,9007199254740993\n2,6\n")

    document = analyse(pair)

    [column] = document["columns"]
    assert (2, 1, 0) == (column["cells"], column["up"], column["down"])
    assert document["notes"][-1].startswith(
        "Changed values that differ only in digits beyond those of a double: 1."
    )


def test_groups_beyond_a_hundred_are_one(analyse: Analysed) -> None:
    rows = "".join(f"{i % 130},{i},1\n" for i in range(1000))
    pair = Pair("g,id,value\n", f"g,id,value\n{rows}", ("g", "id"))

    document = analyse(pair, "g")

    *named, rest = document["bridge"]
    assert (100, 1000) == (len(named), sum(step["added"]["rows"] for step in document["bridge"]))
    assert (None, 30) == (rest["group"], rest["groups"])
    assert 30 == document["left_out"]["groups"]


# --- what cannot be added up ---


MEASURED = Pair(
    "day,stat,seg,value\n2024-01-01,usd,a,10\n2024-01-01,pct,a,0.5\n2024-01-01,usd,,7\n",
    "day,stat,seg,value\n2024-01-01,usd,a,13\n2024-01-02,pct,a,0.25\n2024-01-01,usd,,2\n",
    ("day", "stat", "seg"),
    measure="stat",
)


@pytest.mark.parametrize("by", [(), ("seg",), ("stat", "seg"), ("seg", "stat")])
def test_values_of_different_measures_are_never_added_up(
    analyse: Analysed, by: tuple[str, ...]
) -> None:
    document = analyse(MEASURED, *by)

    grouped = ("stat", *(name for name in by if name != "stat"))
    assert [*grouped] == document["by"]
    assert {grouped} == {tuple(step["group"]) for step in document["bridge"]}
    assert grouped == tuple(document["calendar"][0]["group"])
    assert [None] == [column.pop("net") for column in document["columns"]]
    cells = plain.cells_of(MEASURED.answer, ["value"], [*grouped], MEASURED.tolerances)
    assert plain.bridge_of(cells) == bridge_in(document)


def test_groups_that_are_not_named_have_no_amounts_of_several_measures(analyse: Analysed) -> None:
    rows = "".join(f"{i},{i % 130},1\n" for i in range(1000))
    pair = Pair("id,stat,value\n", f"id,stat,value\n{rows}", ("id", "stat"), measure="stat")

    document = analyse(pair)

    *named, rest = document["bridge"]
    assert (100, {8.0, 7.0}) == (len(named), {step["net"] for step in named})
    assert (None, None, 1000 - sum(step["added"]["rows"] for step in named)) == (
        rest["net"],
        rest["added"]["amount"],
        rest["added"]["rows"],
    )
    assert "mix values of stat, so they have no amounts." in " ".join(document["notes"])


def test_values_that_are_not_additive_have_no_sum(analyse: Analysed) -> None:
    additive = analyse(replace(MEASURED, measure=None), "stat")

    document = analyse(replace(MEASURED, measure=None, additive=False), "stat")

    assert ([], [None]) == (document["bridge"], [c["net"] for c in document["columns"]])
    assert {(None, None)} == {(mover["net"], mover["gross"]) for mover in document["movers"]}
    assert (
        "Sums of the values mean nothing, so the bridge and net are left out." in document["notes"]
    )
    assert additive["curve"] == document["curve"]
    assert additive["slices"] == document["slices"]


# --- columns, curve ---


def test_columns_say_what_happened_to_their_cells(analyse: Analysed) -> None:
    pair = Pair(
        "id,a,b,c\n1,0,x,1\n2,5,,2\n3,-1,z,3\n4,8,q,4\n",
        "id,a,b,c\n1,7,y,1\n2,0,3,2\n3,1,,3\n4,8,q,4.0\n",
        value=("a", "b", "c"),
        rel_tol=1e-9,
    )

    document = analyse(pair)

    assert_agrees(pair, (), json.loads(json.dumps(document)))
    assert ["a", "b"] == [column["column"] for column in document["columns"]]
    a, b = document["columns"]
    assert (1, 1, 1, 2, 1) == tuple(a[n] for n in ("from_zero", "to_zero", "turned", "up", "down"))
    assert (3, 1, 1, 2, None) == tuple(
        b[n] for n in ("cells", "filled", "emptied", "text", "middle")
    )


def test_a_difference_beyond_all_doubles_has_a_relative_change(analyse: Analysed) -> None:
    pair = Pair("id,value\n1,1.7e308\n2,1\n", "id,value\n1,-1.7e308\n2,3\n")

    document = analyse(pair)

    assert_agrees(pair, (), json.loads(json.dumps(document)))
    assert 2 == document["columns"][0]["largest"]
    assert_curve_is_that_of_other_diffs(pair, document)


def test_whole_numbers_of_one_double_are_neither_up_nor_down(analyse: Analysed) -> None:
    pair = Pair("id,value\n1,9007199254740993\n", "id,value\n1,9007199254740992\n")

    document = analyse(pair)

    assert_agrees(pair, (), json.loads(json.dumps(document)))
    (column,) = document["columns"]

    assert 1 == column["cells"]
    assert (0, 0) == (column["up"], column["down"])
    assert None is column["middle"] is column["largest"]


def test_a_sign_turns_only_between_numbers(analyse: Analysed) -> None:
    pair = Pair("id,value\n1,-1\n2,nan\n3,-2\n4,0\n", "id,value\n1,nan\n2,-1\n3,inf\n4,-5\n")

    document = analyse(pair)

    assert_agrees(pair, (), json.loads(json.dumps(document)))
    assert 1 == document["columns"][0]["turned"]


@pytest.mark.parametrize("rel_tol", one_in(2, [None, 0.0, 1e-9, 1e-4]))
def test_the_curve_predicts_another_diff_to_the_row(
    analyse: Analysed, rel_tol: float | None
) -> None:
    near = [1 + sign * 10.0**-power for power in range(17) for sign in (1, -1)]
    numbers = [scale * number for scale in (1, -3.3e-5, 7e200) for number in near]
    olds = "".join(
        f"{i},{scale}\n" for i, scale in enumerate(s for s in (1, -3.3e-5, 7e200) for _ in near)
    )
    news = "".join(f"{i},{number!r}\n" for i, number in enumerate(numbers))
    pair = Pair(f"id,value\n{olds}", f"id,value\n{news}", rel_tol=rel_tol)

    document = analyse(pair)

    assert_curve_is_that_of_other_diffs(pair, document)
    assert 3 < len({point["rows"] for point in document["curve"]})
    for point in document["curve"]:  # a border of the sizes is a tolerance
        beyond = [size for size in document["sizes"] if size["above"] >= point["rel_tol"]]
        assert point["rows"] == sum(size["up"] + size["down"] for size in beyond), point


@pytest.mark.slow
def test_the_curve_is_exact_where_a_quotient_is_rounded_across_a_tolerance(
    analyse: Analysed,
) -> None:
    def is_close(old: float, new: float, rel_tol: float) -> bool:
        return math.isclose(old, new, rel_tol=rel_tol, abs_tol=0)

    draw = random.Random(7)
    found: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    while min(map(len, found.values())) < 20:
        old, tolerance = draw.uniform(1, 2), 10.0 ** -draw.randint(1, 8)
        new = old * (1 - tolerance)
        quotient = abs(new - old) / max(old, new)
        if is_close(old, new, tolerance) != (quotient <= tolerance):
            found[is_close(old, new, tolerance)].append((old, new))
    pairs = [pair for kind in found.values() for pair in kind[:20]]
    old_text, new_text = (
        "id,value\n" + "".join(f"{i},{pair[side]!r}\n" for i, pair in enumerate(pairs))
        for side in (0, 1)
    )
    pair = Pair(old_text, new_text)

    assert_curve_is_that_of_other_diffs(pair, analyse(pair))


def test_noise_is_named(analyse: Analysed) -> None:
    noisy = [(i, f"{i}.5", f"{i * (1 + 1e-8) + 0.5!r}") for i in range(1, 101)]
    moved = [(i, f"{i}.5", f"{i * 2}.5") for i in range(101, 201)]
    old, new = (
        "id,value\n" + "".join(f"{row[0]},{row[side]}\n" for row in noisy + moved)
        for side in (1, 2)
    )

    [first, *_] = analyse(Pair(old, new))["notes"]

    assert (
        "100 of 200 changed rows differ by less than 1e-08, and hardly any by a little more."
        == first
    )


def test_noise_is_what_a_valley_parts_from_the_changes() -> None:
    real = [20_942, 20_913, 12_249, 12_101, 11_794, 11_695, 10_605, 10_131, 9_129, 6_854]
    even = [1000 - 100 * i for i in range(10)]

    def curve(rows: list[int]) -> list[dict[str, float]]:
        return [{"rel_tol": float(f"1e-{9 - i}"), "rows": n} for i, n in enumerate(rows)]

    assert (1e-7, 8_693) == noise_in(curve(real), 20_942)
    assert None is noise_in(curve(even), 1000)


# --- where and when ---


def test_slices_begin_with_the_most_surprising_value(analyse: Analysed) -> None:
    rows = "".join(f"{i},{'x' if i < 90 else 'y' if i < 95 else ''},1\n" for i in range(100))
    pair = Pair("id,seg,value\n", f"id,seg,value\n{rows}", ("id", "seg"))

    slices = [one for one in analyse(pair)["slices"] if one["column"] == "seg"]

    assert ["x", None, "y"] == [one["value"] for one in slices] or ["x", "y", None] == [
        one["value"] for one in slices
    ]
    assert [0.9, 0.05, 0.05] == [one["share"] for one in slices]


def test_values_beyond_fifty_are_one_slice(analyse: Analysed) -> None:
    pair = Pair("id,value\n", "id,value\n" + "".join(f"{i},1\n" for i in range(70)))

    *named, rest = analyse(pair)["slices"]

    assert (50, None, 20, 20) == (len(named), rest["value"], rest["values"], rest["added"])


def test_the_rest_is_never_a_single_value(analyse: Analysed) -> None:
    pair = Pair("id,value\n", "id,value\n" + "".join(f"{i},1\n" for i in range(51)))

    slices = analyse(pair)["slices"]

    assert [1] * 51 == [one["values"] for one in slices]
    assert None not in {one["value"] for one in slices}


@pytest.mark.parametrize(
    ("times", "unit", "starts"),
    [
        (["2024-01-31", "2024-02-01"], "day", ["2024-01-31", "2024-02-01"]),
        (["2024-01", "2024-12"], "week", ["2024-01-01", "2024-11-25"]),
        (["2020Q1", "2024-Q3"], "month", ["2020-01-01", "2024-07-01"]),
        (["1990", "2010"], "quarter", ["1990-01-01", "2010-01-01"]),
        (["20240131T00", "20240131"], None, []),
        (["20240131", "20240201"], "day", ["2024-01-31", "2024-02-01"]),
        (["a", "b"], None, []),
    ],
)
def test_the_calendar_has_the_finest_unit_that_is_short(
    analyse: Analysed, times: list[str], unit: str | None, starts: list[str]
) -> None:
    rows = "".join(f"{time},{i},1\n" for i, time in enumerate(times))
    pair = Pair("t,id,value\n", f"t,id,value\n{rows}", ("t", "id"))

    calendar = analyse(pair)["calendar"]

    assert starts == [one["start"] for one in calendar]
    assert {unit} - {None} == {one["unit"] for one in calendar}


def test_the_calendar_is_grouped_as_the_bridge_without_the_time(analyse: Analysed) -> None:
    rows = "2024-01-01,a,1\n2024-01-01,,1\n2024-01-02,a,1\n"
    pair = Pair("t,g,value\n", f"t,g,value\n{rows}", ("t", "g"))

    calendar = analyse(pair, "g", "t")["calendar"]

    assert [
        ({"g": "a"}, "2024-01-01"),
        ({"g": "a"}, "2024-01-02"),
        ({"g": None}, "2024-01-01"),
    ] == [(one["group"], one["start"]) for one in calendar]


# --- patterns, movers ---


@pytest.mark.parametrize(
    ("pattern", "number", "change"),
    [
        ("factor", 1000.0, lambda i: (f"{i}", f"{i}000")),
        ("factor", 1.05, lambda i: (f"{i}", f"{i * 105 / 100}")),
        ("difference", -7.0, lambda i: (f"{i}", f"{i - 7}")),
        ("rounding", None, lambda i: (f"{i}.126", f"{i}.13")),
        ("from_zero", None, lambda i: ("0", f"{i}")),
        ("filled", None, lambda i: ("", f"{i}")),
    ],
)
def test_a_pattern_is_found(
    analyse: Analysed,
    pattern: str,
    number: float | None,
    change: Callable[[int], tuple[str, str]],
) -> None:
    changes = [change(i) for i in range(10, 40)]
    old, new = (
        "id,value\n" + "".join(f"{i},{one[side]}\n" for i, one in enumerate(changes))
        for side in (0, 1)
    )

    patterns = {one["pattern"]: one for one in analyse(Pair(old, new))["patterns"]}

    assert {
        "column": "value",
        "pattern": pattern,
        "number": number,
        "cells": 30,
        "of": 30,
    } == patterns[pattern]


def test_changes_without_a_pattern_have_none(analyse: Analysed) -> None:
    old = "id,value\n" + "".join(f"{i},{i}\n" for i in range(1, 40))
    new = "id,value\n" + "".join(f"{i},{i + i * i}\n" for i in range(1, 40))

    assert [] == analyse(Pair(old, new))["patterns"]


def test_the_series_that_moved_most_comes_first(analyse: Analysed) -> None:
    days = [f"2024-01-{day:02}" for day in range(1, 11)]
    old = "t,s,value\n" + "".join(f"{day},{s},100\n" for day in days for s in ("a", "b", ""))
    moved = {"a": 101, "b": 50, "": 99}
    new = "t,s,value\n" + "".join(f"{day},{s},{moved[s]}\n" for day in days for s in moved)

    movers = analyse(Pair(old, new, ("t", "s")))["movers"]

    assert ["b", "a", None] == [mover["series"]["s"] for mover in movers]
    assert {"cells": 10, "first": days[0], "last": days[-1], "net": -500.0, "gross": 500.0} == {
        name: movers[0][name] for name in ("cells", "first", "last", "net", "gross")
    }


def test_a_series_has_a_course_in_time(analyse: Analysed) -> None:
    days = [str(date(2024, 1, 1) + timedelta(days=place)) for place in range(101)]
    old = "t,s,value\n" + "".join(f"{day},{s},100\n" for day in days for s in "ab")
    new = "t,s,value\n" + "".join(
        f"{day},{s},{100 + place * step}\n"
        for place, day in enumerate(days)
        for s, step in (("a", 1), ("b", -2))
    )

    movers = analyse(Pair(old, new, ("t", "s")))["movers"]

    # the first day did not change; each part has two or three of the others
    parts: dict[int, list[int]] = {}
    for place in range(1, 101):
        parts.setdefault(40 * (place - 1) // 100, []).append(place)
    means = [math.fsum(places) / len(places) for _, places in sorted(parts.items())]
    for mover, step in zip(movers, (-2, 1), strict=True):
        assert pytest.approx([step * mean for mean in means]) == mover["course"]


def test_without_dates_a_series_has_no_course(analyse: Analysed) -> None:
    movers = analyse(Pair("id,value\n1,1\n", "id,value\n1,2\n"))["movers"]

    assert [None] == [mover["course"] for mover in movers]


def test_a_size_between_powers_of_ten_has_a_bin(analyse: Analysed) -> None:
    document = analyse(Pair("id,value\n1,1\n2,1\n3,1\n", "id,value\n1,0.97\n2,1.5\n3,-1\n"))

    assert [(0.01, 0.0, 1), (0.1, 1, 0), (1.0, 0, 1)] == [
        (10.0 ** math.floor(math.log10(size["above"])), size["up"], size["down"])
        for size in document["sizes"]
    ]
    assert all(
        any(size["above"] < change <= size["up_to"] for size in document["sizes"])
        for change in (0.03, 1 / 3, 2)
    )


def test_the_series_that_moved_most_is_found_among_hundreds(analyse: Analysed) -> None:
    old = "id,value\n" + "".join(f"{i},100\n" for i in range(400))
    new = "id,value\n" + "".join(f"{i},{101 + (i == 399)}\n" for i in range(400))

    movers = analyse(Pair(old, new))["movers"]

    assert (50, "399", 2.0) == (len(movers), movers[0]["series"]["id"], movers[0]["net"])


# --- any pair ---


def test_nothing_changed_is_an_analysis_too(analyse: Analysed) -> None:
    document = analyse(Pair("id,value\n1,1\n", "id,value\n1,1\n"))

    empty = ("bridge", "columns", "slices", "calendar", "patterns", "movers")
    assert [[]] * len(empty) == [document[name] for name in empty]
    assert {0} == {point["rows"] for point in document["curve"]}


@pytest.mark.parametrize(
    "name",
    one_in(
        2,
        [
            "'; drop table x; --",
            "",
            "$by",
            '"',
            "key_0",
            "<script>alert(1)</script>",
            "é\n",
            "kind",
        ],
    ),
)
def test_any_name_is_only_a_name(analyse: Analysed, name: str) -> None:
    header = reference.csv_of([("id", name + "k", name)])
    pair = Pair(f"{header}1,a,1\n2,b,2\n", f"{header}1,a,3\n3,b,4\n", ("id", name + "k"), (name,))

    document = analyse(pair, name + "k")

    assert_agrees(pair, (name + "k",), document)


def test_two_thousand_columns_are_bounded_and_said(tmp_path: Path) -> None:
    columns = tuple(f"c{i}" for i in range(2000))
    header, old, new = ("id", *columns), ["1"] * 2000, ["1"] * 1000 + ["2"] * 1000
    rows = [(str(i), *new, "changed", "", *old) for i in range(30)]
    detail, removed = tmp_path / "detail.csv", tmp_path / "removed.csv"
    extra = ("_change", "_changed", *(f"_old_{column}" for column in columns))
    detail.write_text(reference.csv_of([(*header, *extra), *rows]))
    removed.write_text(reference.csv_of([header]))
    counts = {"added": 0, "changed": 30, "removed": 0, "within_tolerance": 0}
    sides = {"old": {"rows": 30}, "new": {"rows": 30}, "duplicate_keys": {"old": 0, "new": 0}}
    summary = {"key": ["id"], "value": columns, **counts, **sides}

    document = Analysis(AnalysisSpec(detail, removed, summary), Limits(1, "1GB", tmp_path)).run()

    assert 1950 == document["left_out"]["columns"]
    assert (50, 50) == (len(document["columns"]), len(document["bridge"]))
    assert {30} == {column["cells"] for column in document["columns"]}
    assert {30} == {point["rows"] for point in document["curve"] if point["rel_tol"] < 0.5}


def test_large_outputs_are_kept_in_a_file_and_give_the_same(tmp_path: Path) -> None:
    rows = [(f"2024-01-{i % 28 + 1:02}", f"{i}", "" if i % 9 else "x", f"{i}") for i in range(500)]
    header = ("t", "id", "g", "value")
    old = reference.csv_of([header, *rows[:400]])
    new = reference.csv_of([header, *((*r[:3], f"{r[3]}.5") for r in rows[100:])])
    pair = Pair(old, new, ("t", "id", "g"))

    in_memory = analysed(pair, ("g",), tmp_path)

    assert in_memory == analysed(pair, ("g",), tmp_path, in_memory=0)
    assert (100, 300, 100) == tuple(in_memory["rows"][kind] for kind in KINDS)


def test_a_group_that_is_no_key_column_is_refused() -> None:
    with pytest.raises(BadArgument, match=r"by: value is not a key column\. Key columns: id\."):
        places_of(["value"], ["id"])


FIELDS = st.one_of(
    st.sampled_from(["", "0", "1", "1.0", "1.0000000001", "-0", "nan", "inf", "-inf", "1e400"]),
    st.sampled_from(["1764200000", "1764200001", "9007199254740993", "9007199254740992", "1.1"]),
    st.sampled_from(["a", "NULL", 'q"q', "a,b", "a\nb", "é", "1e-320", "1.7e308", "-1.7e308"]),
    st.floats().map(repr),
)


@st.composite
def files(draw: st.DrawFn, *, repeated: bool) -> str:
    """A CSV file with two key and two value columns."""
    header = draw(st.permutations(("key", "key 2", "value", "value 2")))
    keys = st.tuples(*[st.sampled_from(["", "1", "2", "2024-01-01"])] * 2)
    found = draw(st.lists(keys, max_size=12, unique=not repeated))
    rows = [
        {"key": a, "key 2": b, "value": draw(FIELDS), "value 2": draw(FIELDS)} for a, b in found
    ]
    return reference.csv_of([tuple(header), *(tuple(row[name] for name in header) for row in rows)])


@given(
    pair=st.builds(
        Pair,
        files(repeated=False),
        files(repeated=False),
        key=st.just(("key", "key 2")),
        value=st.just(("value 2", "value")),
        rel_tol=st.sampled_from([None, 0.0, 1e-9, 0.1]),
        abs_tol=st.sampled_from([0.0, 1.0]),
    ),
    by=st.sampled_from([(), ("key",), ("key 2", "key")]),
)
@settings(
    max_examples=examples(60),
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
def test_any_pair_gives_what_the_reference_gives(pair: Pair, by: tuple[str, ...]) -> None:
    with TemporaryDirectory() as folder:
        document = analysed(pair, by, Path(folder))

    assert_agrees(pair, by, json.loads(json.dumps(document)))
    assert_curve_is_that_of_other_diffs(pair, document)


@given(
    pair=st.builds(Pair, files(repeated=True), files(repeated=True)).map(
        lambda pair: Pair(pair.old, pair.new, ("key", "key 2"), ("value", "value 2"))
    )
)
@settings(max_examples=examples(30), deadline=None, phases=[Phase.generate, Phase.shrink])
def test_any_pair_with_repeated_keys_adds_up(pair: Pair) -> None:
    with TemporaryDirectory() as folder:
        document = analysed(pair, ("key",), Path(folder))

    assert_agrees(pair, ("key",), json.loads(json.dumps(document)))
    repeats = "Keys repeat in old" in " ".join(document["notes"])
    assert bool(pair.answer.duplicate_keys_old) == repeats
