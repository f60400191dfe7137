"""The rows of new that are new or really differ, as the plain reference says too."""

import csv
import io
import math
import random
import string
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from diffing.core.comparison import Comparison
from diffing.core.errors import (
    BadArgument,
    BadInput,
    DiffFailed,
    Interrupted,
    OutOfDisk,
    OutOfMemory,
)
from diffing.core.progress import Progress
from diffing.csvfiles.open import open_csv
from diffing.csvfiles.split import Cutting
from diffing.engine.connection import Session, translated
from diffing.engine.diff import Diff
from diffing.engine.parameters import sides_of
from diffing.engine.query_profile import Profile
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits
from tests import reference, specification
from tests.bench.pairs import wide_pair
from tests.conftest import AS_LARGE, DiffTexts, Outcome, examples, named, one_in, spec_of
from tests.rules import Rules

COUNTS = (
    *("added", "changed", "removed", "unchanged"),
    *("within_tolerance", "within_tolerance_whole"),
)


def assert_agrees(expected: reference.Answer, outcome: Outcome) -> None:
    summary = outcome.summary
    assert {n: getattr(expected, n) for n in COUNTS} == {n: getattr(summary, n) for n in COUNTS}
    assert (expected.old_rows, expected.new_rows) == (summary.old.rows, summary.new.rows)
    assert expected.duplicate_keys_old == summary.duplicate_keys.old
    assert expected.duplicate_keys_new == summary.duplicate_keys.new
    assert expected.not_numbers_old == summary.not_numbers.old
    assert expected.not_numbers_new == summary.not_numbers.new
    assert len(expected.emitted) == summary.emitted == summary.result.rows
    assert expected.csv == outcome.result.decode()
    assert expected.detail_csv == outcome.detail.decode()
    assert expected.removed_csv == outcome.removed.decode()


def test_new_rows_and_rows_whose_value_differs_come_out_in_the_order_of_new(
    diff_texts: DiffTexts,
) -> None:
    outcome = diff_texts(
        "id,value\n1,10\n2,20\n3,30\n", "id,value\n9,90\n3,31\n2,20\n8,80\n", ["id"], ["value"]
    )

    assert b"id,value\n9,90\n3,31\n8,80\n" == outcome.result
    assert (2, 1, 1, 1) == tuple(getattr(outcome.summary, n) for n in COUNTS[:4])


def test_the_same_file_twice_gives_the_header_alone(diff_texts: DiffTexts) -> None:
    outcome = diff_texts("id,value\n1,10\n,\n", "id,value\n1,10\n,\n", ["id"], ["value"])

    assert b"id,value\n" == outcome.result
    assert 2 == outcome.summary.unchanged


def test_files_without_rows_are_compared(diff_texts: DiffTexts) -> None:
    assert b"id,value\n1,1\n" == diff_texts("id,value", "id,value\n1,1", ["id"], ["value"]).result
    assert 1 == diff_texts("id,value\n1,1", "id,value\n", ["id"], ["value"]).summary.removed


def test_an_empty_key_equals_an_empty_key(diff_texts: DiffTexts) -> None:
    outcome = diff_texts(
        "a,b,value\n,,1\nx,,2\n,x,3\n", 'a,b,value\n"",,1\nx,,2\n,x,4\n', ["a", "b"], ["value"]
    )

    assert b"a,b,value\n,x,4\n" == outcome.result


def test_keys_are_compared_column_by_column_never_joined(diff_texts: DiffTexts) -> None:
    outcome = diff_texts(
        "a,b,value\n1,11,x\na-b,c,x\n", "a,b,value\n11,1,x\na,b-c,x\n", ["a", "b"], ["value"]
    )

    assert 2 == outcome.summary.added


@pytest.mark.parametrize("rules", [{}, {"trim": True}])
def test_values_that_contain_a_separator_are_never_joined(
    diff_texts: DiffTexts, rules: dict[str, Any]
) -> None:
    old, new = "id,a,b\n1,x\x1fy,z\n2,x,y\n", "id,a,b\n1,x,y\x1fz\n2,x,y\n"

    outcome = diff_texts(old, new, ["id"], ["a", "b"], **rules)

    assert "id,a,b\n1,x,y\x1fz\n" == outcome.result.decode()
    assert (2, 2) == (outcome.summary.old.rows, outcome.summary.new.rows)


def test_rules_hold_beside_a_field_that_contains_a_separator(diff_texts: DiffTexts) -> None:
    old, new = "id,a,b\n1,x,\x1f\n2,x,y\n", "id,a,b\n1,x,\x1f\n 2,x,y\n"

    summary = diff_texts(old, new, ["id"], ["a", "b"], trim=True).summary

    assert (0, 2, 1) == (summary.changed, summary.unchanged, summary.within_tolerance)


def test_a_character_that_should_part_the_columns_of_a_key_may_stand_in_them(
    diff_texts: DiffTexts,
) -> None:
    old, new = "a,b,value\n1\x1f2,3,x\n", "a,b,value\n1,2\x1f3,x\n1\x1f2,3,x\n"

    outcome = diff_texts(old, new, ["a", "b"], ["value"])

    assert b"a,b,value\n1,2\x1f3,x\n" == outcome.result


def test_keys_are_text(diff_texts: DiffTexts) -> None:
    outcome = diff_texts(
        "id,value\n007,1\nA,1\n1.0,1\n", "id,value\n7,1\n A,1\n1,1\n", ["id"], ["value"]
    )

    assert b"id,value\n7,1\n A,1\n1,1\n" == outcome.result


def test_a_value_that_became_empty_differs(diff_texts: DiffTexts) -> None:
    outcome = diff_texts("id,value\n1,0\n2,\n3,\n", "id,value\n1,\n2,0\n3,\n", ["id"], ["value"])

    assert b"id,value\n1,\n2,0\n" == outcome.result


def test_noise_within_the_tolerance_is_no_change_but_counted(diff_texts: DiffTexts) -> None:
    old = "id,value\n1,100\n2,100\n3,1e-20\n4,0.30\n"
    new = "id,value\n1,100.00000001\n2,100.000001\n3,2e-20\n4,.3\n"

    outcome = diff_texts(old, new, ["id"], ["value"], rel_tol=1e-9)

    assert b"id,value\n2,100.000001\n3,2e-20\n" == outcome.result
    assert 2 == outcome.summary.within_tolerance
    assert 3 == diff_texts(old, new, ["id"], ["value"], abs_tol=1e-7).summary.within_tolerance


def test_all_value_columns_must_be_equal(diff_texts: DiffTexts) -> None:
    outcome = diff_texts(
        "id,v,w\n1,1,a\n2,1,a\n3,1,a\n", "id,v,w\n1,1.0,a\n2,2,a\n3,1,b\n", ["id"], ["w", "v"]
    )

    assert b"id,v,w\n2,2,a\n3,1,b\n" == outcome.result


def test_columns_pair_by_name_and_others_do_not_matter(diff_texts: DiffTexts) -> None:
    outcome = diff_texts(
        "gone,value,key_0,id\nx,1,p,a\nx,2,q,b\n",
        "id,came,KEY_0,value,key_0\na,y,P,1,p\nb,y,Q,3,q\n",
        ["id", "key_0"],
        ["value"],
    )

    assert b"id,came,KEY_0,value,key_0\nb,y,Q,3,q\n" == outcome.result


@pytest.mark.parametrize(
    "name",
    one_in(
        2,
        (
            *("select", "ordinality", "key_0", "row", ".*", "kind", 'a "quoted" one', "two words"),
            *("a\r\nb", "a\nb", "Ünï", "a\rb"),
        ),
    ),
)
def test_any_name_works(diff_texts: DiffTexts, name: str) -> None:
    header = io.StringIO()
    quoting = csv.writer(header, quoting=csv.QUOTE_ALL, lineterminator="\n")
    quoting.writerow([name, "x" + name, name + "x", "[v]"])
    old, new = header.getvalue() + "1,2,3,4\n5,6,7,8\n", header.getvalue() + "5,0,0,8\n1,2,3,5\n"

    for key, value in (([name], ["[v]"]), (["[v]"], [name])):
        assert_agrees(reference.diff(old, new, key, value), diff_texts(old, new, key, value))


def test_a_column_without_a_name_is_a_column(diff_texts: DiffTexts) -> None:
    outcome = diff_texts(",id,value\n0,a,1\n", ",id,value\n7,a,2\n", ["id"], ["value"])

    assert b",id,value\n7,a,2\n" == outcome.result


def test_a_new_row_is_unchanged_when_any_old_row_of_its_key_is_equal(
    diff_texts: DiffTexts,
) -> None:
    old = "id,value\n1,10\n1,20\n1,20\n2,5\n2,6\n"
    new = "id,value\n1,20\n1,10\n1,20.000000001\n1,30\n2,6\n2,7\n2,7\n"

    outcome = diff_texts(old, new, ["id"], ["value"])

    assert b"id,value\n1,30\n2,7\n2,7\n" == outcome.result
    assert 1 == outcome.summary.within_tolerance


def test_a_key_that_stands_thousands_of_times_on_each_side_is_no_trouble(
    diff_texts: DiffTexts,
) -> None:
    rows = [f",{i % 50}" for i in range(20_000)]
    old = "\n".join(["id,value", *rows])
    random.Random(1).shuffle(rows)
    new = "\n".join(["id,value", *rows, ",50"])

    assert b"id,value\n,50\n" == diff_texts(old, new, ["id"], ["value"]).result


TOLERANCES = [
    *((0.0, 0.0), (1e-9, 0.0), (1e-15, 0.0), (0.1, 0.0), (0.51, 0.0), (0.5, 0.0), (2.0, 0.0)),
    *((0.0, 1e-9), (1e-9, 1e-6), (0.0, 10.0), (0.01, 1.0), (1e-300, 1e-300), (0.3, 1e300)),
]


@pytest.mark.slow
@pytest.mark.parametrize("tolerances", one_in(5, TOLERANCES), ids=str)
def test_each_of_many_values_of_one_key_finds_its_like(
    diff_texts: DiffTexts, tolerances: tuple[float, float]
) -> None:
    rel_tol, abs_tol = tolerances
    random_ = random.Random(f"{rel_tol} {abs_tol}")
    numbers = [
        random_.choice((1, -1)) * random_.random() * 10 ** random_.randint(-12, 12)
        for _ in range(300)
    ]
    numbers += [0.0, 5e-324, -5e-324, 1e308, -1e308, math.inf, -math.inf, math.nan]
    others = [
        number + random_.uniform(-1.2, 1.2) * max(rel_tol * abs(number), abs_tol)
        for number in numbers
    ]
    old = "".join(f",{number},{random_.randint(1, 3)}\n" for number in [*numbers, *numbers[::3]])
    new = "".join(f",{number},{random_.randint(1, 3)}.0\n" for number in others) + ",n/a,1\n"
    files = (f"id,v,w\n{old}", f"id,v,w\n{new}")

    for value in (["v"], ["w", "v"]):
        arguments = (*files, ["id"], value, rel_tol, abs_tol)
        assert_agrees(reference.diff(*arguments), diff_texts(*arguments))


def test_a_thousand_times_more_distinct_values_of_a_key_are_no_trouble(
    diff_texts: DiffTexts,
) -> None:
    old = "".join(f",{i}\n" for i in range(50_000))
    new = "".join(f",{i}.{'5' if i % 2 else '0'}\n" for i in range(50_000))

    summary = diff_texts(f"id,value\n{old}", f"id,value\n{new}", ["id"], ["value"]).summary

    assert (25_000, 25_000) == (summary.changed, summary.within_tolerance)


def test_keys_that_repeat_a_thousand_times_in_a_large_file_never_meet_one_by_one(
    diff_texts: DiffTexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    profiled = Session.profiled

    def recorded(self: Session, names: Sequence[str], bound: Mapping[str, Any]) -> Profile | None:
        tried.extend(names)
        return profiled(self, names, bound)

    monkeypatch.setattr(Session, "profiled", recorded)
    rows = [f"{i if i % 100 else 'hot'},{i % 7}" for i in range(200_000)]
    file = "\n".join(["id,value", *rows])

    summary = diff_texts(file, file, ["id"], ["value"]).summary

    assert ["old_grouped_numbers", "outcome_of_numbers"] == tried
    assert (200_000, 1_999) == (summary.unchanged, summary.duplicate_keys.old)


HOT = 20_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ((["9.99"] * HOT, ["9.99"] * HOT), (0, HOT, 0)),
        (
            ([f"1.{i:015d}" for i in range(HOT)], [f"1.{i:015d}0" for i in range(HOT)]),
            (0, HOT, HOT),
        ),
        ((list(range(HOT)), [f"{i}.5" for i in range(HOT)]), (HOT, 0, 0)),
        (
            ([10**9 + 2 * i for i in range(HOT)], [10**9 + 2 * i + 1 for i in range(HOT)]),
            (HOT, 0, 0),
        ),
    ],
    ids=["same texts", "all within tolerance", "all different", "ids"],
)
def test_the_rows_of_a_key_that_repeats_thousands_of_times_are_counted(
    diff_texts: DiffTexts, values: tuple[list[object], list[object]], counts: tuple[int, ...]
) -> None:
    old, new = ("k,v\n" + "".join(f"hot,{value}\n" for value in side) for side in values)

    summary = diff_texts(old, new, ["k"], ["v"], duplicates="count").summary

    assert counts == (summary.changed, summary.unchanged, summary.within_tolerance)


# numbers of which many are near each other, some of them whole, others not
NEAR: dict[str, Callable[[random.Random], str]] = {
    "noise": lambda rng: f"{1000 * (1 + rng.random() * 6e-9):.13f}",
    "finer than the scale": lambda rng: f"{1 + rng.random() * 1e-12:.17f}",
    "around zero": lambda rng: f"{rng.randrange(-60, 60)}{rng.choice(['', '.0'])}e-303",
    "wholes": lambda rng: f"{rng.randrange(10_000, 10_060)}{rng.choice(['', '.0', 'e0'])}",
    "ids": lambda rng: f"{rng.randrange(10**12, 10**12 + 900)}",
    "about a thousand million": lambda rng: (
        f"{10**9 + rng.randrange(-4, 4)}{rng.choice(['', '.0', '.3'])}"
    ),
    "beyond doubles": lambda rng: f"{2**53 + rng.randrange(12)}{rng.choice(['', '.0', '.2'])}",
    "mixed": lambda rng: rng.choice(["", "inf", "-inf", "nan", "x", "5", "05", "5.0", "5.001"]),
}
RARER_TOLERANCES = ((1e-9, 0), (1e-3, 0), (1e-14, 0), (0.6, 0), (0, 2), (None, 2), (0, 0))


def late(case: object) -> Any:
    return pytest.param(case, marks=pytest.mark.slow)


# Texts and whole numbers from a thousand million on are compared in other ways than doubles.
TOGETHER = [
    ["noise", "finer than the scale", "around zero", "wholes"],
    ["ids", "about a thousand million", "beyond doubles"],
    ["mixed"],
]


@pytest.mark.parametrize("kinds", one_in(2, [[kinds] for kinds in TOGETHER]), ids=" and ".join)
@pytest.mark.parametrize("tolerances", [(None, 0), *map(late, RARER_TOLERANCES)])
def test_rows_of_a_key_with_many_near_values_are_equal_if_any_of_old_is(
    diff_texts: DiffTexts, kinds: list[str], tolerances: tuple[float | None, float]
) -> None:
    rng = random.Random(f"{kinds} {tolerances}")
    old, new = (
        "k,v,w\n"
        + "".join(
            f"{kind},{NEAR[kind](rng)},{rng.choice('112')}\n" for kind in kinds for _ in range(100)
        )
        for _ in range(2)
    )

    for value in (["v"], ["w", "v"]):
        arguments = (old, new, ["k"], value, *tolerances)
        assert_agrees(reference.diff(*arguments), diff_texts(*arguments))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("new", "is_near"), [("1001.1", True), ("1001.25", False), ("999.1", True), ("998.9", False)]
)
def test_a_number_is_near_the_first_or_the_last_of_a_group_of_old(
    diff_texts: DiffTexts, new: str, is_near: bool
) -> None:
    old = "k,v\nhot,1000.05\nhot,1000.2\n"

    summary = diff_texts(old, f"k,v\nhot,{new}\n", ["k"], ["v"], rel_tol=0, abs_tol=1).summary

    assert is_near == (summary.within_tolerance == 1)


@pytest.mark.parametrize("old", [("999999999", "999999999.0"), ("999999999.0", "999999999")])
def test_a_whole_number_meets_the_same_number_in_each_notation_of_old(
    diff_texts: DiffTexts, old: tuple[str, str]
) -> None:
    rows = "".join(f"hot,{value}\n" for value in old)

    summary = diff_texts(f"k,v\n{rows}", "k,v\nhot,1000000000\n", ["k"], ["v"]).summary

    assert (0, 1) == (summary.changed, summary.within_tolerance)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ((10**12, 2, 1), (HOT, 0, 0)),
        ((Decimal("1000.00000001"), Decimal("2e-10"), Decimal("1e-10")), (0, HOT, HOT)),
    ],
    ids=["ids", "noise"],
)
def test_a_key_that_repeats_thousands_of_times_with_near_values_is_compared_in_time(
    diff_texts: DiffTexts, values: tuple[Any, Any, Any], counts: tuple[int, ...]
) -> None:
    start, step, apart = values
    old = "k,v\n" + "".join(f"hot,{start + i * step}\n" for i in range(HOT))
    new = "k,v\n" + "".join(f"hot,{start + i * step + apart}\n" for i in range(HOT))

    summary = diff_texts(old, new, ["k"], ["v"]).summary

    assert counts == (summary.changed, summary.unchanged, summary.within_tolerance)


def test_the_numbers_of_a_long_chain_are_counted(diff_texts: DiffTexts) -> None:
    random_ = random.Random(1)
    old, new = (
        "k,v,w\n" + "".join(f"hot,{random_.uniform(0, 300):.3f},1\n" for _ in range(500))
        for _ in range(2)
    )

    for value in (["v"], ["w", "v"]):
        arguments = (old, new, ["k"], value, None, 0.5)
        expected = reference.diff(*arguments, duplicates="count")
        assert_agrees(expected, diff_texts(*arguments, duplicates="count"))


@pytest.mark.slow
def test_a_text_and_a_repeated_key_that_no_sample_shows_change_no_answer(
    diff_texts: DiffTexts,
) -> None:
    unseeing = Cutting(smallest=1, sample_bytes=1)
    rows = [f"{i},{i % 7}" for i in range(1_000)]
    old = "\n".join(["id,value", *rows, "7,x", "7,y", "a,n/a"])
    new = "\n".join(["id,value", *rows, "7,y", "a,n/b", "b,1"])

    for threads in (1, 2):
        for way in ("allow", "count"):
            options = {"threads": threads, "cutting": unseeing, "duplicates": way}
            outcome = diff_texts(old, new, ["id"], ["value"], **options)

            expected = reference.diff(old, new, ["id"], ["value"], duplicates=way)
            assert_agrees(expected, outcome)


def test_fields_come_out_character_for_character(diff_texts: DiffTexts) -> None:
    fields = [" a ", "#x", "-.5e-07", "007", 'say "so"', "a,b", "a\nb", "a\r\nb", "\ttab", "NULL",
              "\\N", "é 😀", "\ufeff", "'", "nan", "1_0", "=1+1", "", "a\u2028b"]  # fmt: skip
    new = io.StringIO()
    csv.writer(new, lineterminator="\n").writerows(
        [["id", "text", "value"], *([i, field, 1] for i, field in enumerate(fields))]
    )

    outcome = diff_texts("id,text,value\n", new.getvalue(), ["id"], ["value"])

    assert new.getvalue().encode() == outcome.result


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["", "BOM"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("last", one_in(2, [False, True]), ids=["unended", "ended"])
def test_line_ends_and_a_byte_order_mark_are_no_change(
    diff_texts: DiffTexts, start: bytes, end: bytes, last: bool
) -> None:
    rows = [b'"id",value', b"1,10", b'2,"a\nb"', b"3,30"]
    new = start + end.join(rows) + (end if last else b"")

    outcome = diff_texts('id,value\n1,10\n2,"a\nb"\n3,31\n', new, ["id"], ["value"])

    assert b"id,value\n3,30\n" == outcome.result
    assert 3 == outcome.summary.new.rows


def test_text_in_a_numeric_column_is_text_wherever_it_stands(diff_texts: DiffTexts) -> None:
    rows = [f"{i},{i}.0" for i in range(30_000)]
    old = "\n".join(["id,value", *rows, "x,n/a"])
    new = "\n".join(["id,value", *(row[:-2] for row in rows), "x,none"])

    outcome = diff_texts(old, new, ["id"], ["value"])

    assert b"id,value\nx,none\n" == outcome.result
    assert 30_000 == outcome.summary.within_tolerance


@pytest.mark.slow
def test_the_result_is_the_same_at_any_thread_count_and_when_it_spills(
    diff_texts: DiffTexts,
) -> None:
    random_ = random.Random(7)
    rows = [
        f"{i},{''.join(random_.choices(string.ascii_letters, k=60))},{random_.random()}"
        for i in range(120_000)
    ]
    old = "\n".join(["id,text,value", *rows[:100_000]])
    random_.shuffle(rows)
    new = "\n".join(["id,text,value", *(f"{row}1" if i % 3 else row for i, row in enumerate(rows))])

    first, *others = (
        diff_texts(old, new, ["id", "text"], ["value"], threads=threads, memory=memory).result
        for threads, memory in ((1, "1GB"), (4, "1GB"), (2, "150MB"))
    )

    assert reference.diff(old, new, ["id", "text"], ["value"]).csv.encode() == first
    assert [first, first] == others


def test_more_threads_read_a_file_in_more_pieces(diff_texts: DiffTexts, tmp_path: Path) -> None:
    old = "id,value\n" + "".join(f"{i},{i}.5\n" for i in range(2_000))
    new = "id,value\n" + "".join(f"{i},{i}.{5 + (i % 9 == 0)}\n" for i in range(10, 2_010))
    one, sixteen = (diff_texts(old, new, ["id"], ["value"], threads=n) for n in (1, 16))
    files = tuple(open_csv(named(tmp_path / f"{name}.csv"), tmp_path) for name in ("old", "new"))
    sides = sides_of((files[0], files[1]), 16, AS_LARGE)

    assert [15, 15] == [len(side.pieces.cuts) for side in sides]
    assert (one.result, one.detail, one.removed) == (
        sixteen.result,
        sixteen.detail,
        sixteen.removed,
    )


def test_too_little_memory_is_an_error_and_leaves_nothing_behind(
    diff_texts: DiffTexts, tmp_path: Path
) -> None:
    rows = "\n".join(f"{i},{i}" for i in range(200_000))

    with pytest.raises(OutOfMemory, match="DIFFING_MEMORY_LIMIT"):
        diff_texts(f"id,value\n{rows}\n", f"id,value\n{rows}\n", ["id"], ["value"], memory="20MB")

    assert ["new.csv", "old.csv"] == sorted(path.name for path in tmp_path.iterdir())


@pytest.mark.slow
def test_a_result_larger_than_the_memory_is_written(diff_texts: DiffTexts) -> None:
    # several threads read new, so that to bring its rows in their order takes sorting
    rows = [f"{i},{'x' * 150},{i}\n" for i in range(1_500_000)]
    new = f"id,text,value\n{''.join(rows)}"

    outcome = diff_texts("id,text,value\n", new, ["id"], ["value"], threads=2, memory="350MB")

    assert new.encode() == outcome.result


@pytest.mark.slow
def test_a_join_that_alone_would_fill_the_memory_leaves_room_for_the_rest(tmp_path: Path) -> None:
    # for blocks of both files, and rows on their way into the result
    pair = wide_pair(500_000, tmp_path)

    def result(memory: str) -> bytes:
        work = Diff(
            spec_of(pair.old, pair.new, Comparison(key=pair.key, value=pair.value)),
            Limits(threads=2, memory=memory, temp_folder=tmp_path),
            AS_LARGE,
        )
        work.run(Outputs(result=tmp_path / memory))
        return (tmp_path / memory).read_bytes()

    assert result("350MB") == result("2GB")


@pytest.mark.parametrize("name", ["n[e]w.csv", "n*.csv", "ne?.csv", "[!x]ew.csv", "a b'c.csv"])
def test_a_path_with_pattern_characters_is_that_file_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / "new.csv").write_text("id,value\ndecoy,1\n")
    (tmp_path / "old.csv").write_text("id,value\n1,1\n")
    (tmp_path / name).write_text("id,value\n1,2\n")
    exactly = Comparison(key=("id",), value=("value",), rel_tol=0.0)
    work = Diff(
        spec_of(tmp_path / "old.csv", tmp_path / name, exactly),
        Limits(threads=2, memory="1GB", temp_folder=tmp_path),
        AS_LARGE,
    )

    work.run(Outputs(result=tmp_path / "r[1].csv"))

    assert "id,value\n1,2\n" == (tmp_path / "r[1].csv").read_text()


def test_progress_is_told_stage_by_stage_in_bytes_that_were_read(
    diff_texts: DiffTexts, tmp_path: Path
) -> None:
    rows = "".join(f"{i},{i}\n" for i in range(100_000))
    told: list[Progress] = []

    diff_texts(
        f"id,value\n{rows}", f"id,value\n{rows}1,2\n", ["id"], ["value"], on_progress=told.append
    )

    stages = [progress.stage for progress in told]
    assert ["checking", "comparing", "writing"] == list(dict.fromkeys(stages))
    total = sum((tmp_path / name).stat().st_size for name in ("old.csv", "new.csv"))
    assert {None, total} == {progress.bytes_total for progress in told}
    read = [progress.bytes_read for progress in told if progress.bytes_read is not None]
    assert sorted(read) == read
    assert total == read[-1]


def test_an_interrupt_between_two_sessions_is_no_fault(tmp_path: Path) -> None:
    for name in ("old.csv", "new.csv"):
        (tmp_path / name).write_text("id,value\n1,2\n")
    comparison = Comparison(key=("id",), value=("value",))
    spec = spec_of(tmp_path / "old.csv", tmp_path / "new.csv", comparison)
    diff = Diff(spec, Limits(1, "1GB", tmp_path))
    diff.run(Outputs(result=tmp_path / "out.csv"))
    diff.interrupt()

    with pytest.raises(Interrupted):
        diff.run(Outputs(result=tmp_path / "out.csv"))


def test_a_missing_column_is_named_with_the_closest_there_is(diff_texts: DiffTexts) -> None:
    with pytest.raises(BadInput, match=r"new\.csv: no column 'value'.*'valu'.*'id', 'valu'"):
        diff_texts("id,value\n", "id,valu\n", ["id"], ["value"])


def test_a_refused_diff_leaves_an_earlier_result_as_it_was(
    diff_texts: DiffTexts, tmp_path: Path
) -> None:
    (tmp_path / "result.csv").write_text("earlier")

    with pytest.raises(BadInput):
        diff_texts("id,value\n1\n", "id,value\n1,1\n", ["id"], ["value"])

    assert "earlier" == (tmp_path / "result.csv").read_text()
    assert 3 == len(list(tmp_path.iterdir()))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"rel_tol": -1.0}, "rel_tol: must be"),
        ({"abs_tol": float("nan")}, "abs_tol: must be"),
        ({"abs_tol": float("inf")}, "abs_tol: must be"),
        ({"key": ["id", "id"]}, "twice"),
        ({"value": ["id"]}, "twice"),
        ({"key": []}, "key"),
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused(
    arguments: dict[str, object], said: str
) -> None:
    given_ = {"key": ["id"], "value": ["value"], "rel_tol": 0.0, "abs_tol": 0.0, **arguments}

    with pytest.raises(BadArgument, match=said):
        Comparison.of(**given_)


KINDS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        *({}, {}, {"text": ["value"]}, {"text": ["value 2", "value"]}, {"time": ["value"]}),
        {"time": ["value 2"], "time_tol": "1s", "text": ["value"]},
        {"time": ["value", "value 2"], "time_tol": "1us"},
    ]
)
RULES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {
            "trim": st.booleans(),
            "nocase": st.booleans(),
            "empty": st.sampled_from([[], ["NULL", "-"], [" null"]]),
        }
    ),
)
FIELDS = st.one_of(
    st.sampled_from(["", "0", "1", "1.0", "1.0000000001", "-0", "nan", "inf", "-inf", "1e400"]),
    st.sampled_from(["1764200000", "1764200001", "1764200001.0", "1E400", "9007199254740993"]),
    st.sampled_from(["null", "-", "\u00a01 ", "ß", "SS", "Σ", "ς", "42", "0042", "4_2", "\ufeffA"]),
    st.sampled_from(["2026-11-27", "20261127T00", "2026-11-27 00:00", "2026-11-27T00:00:01"]),
    st.sampled_from(
        ["2026-11-27T00:00Z", "2026-11-27t01:00+01:00", "2026-11-26T23:59:59,9999999z"]
    ),
    st.sampled_from(["a", "A", " a", "007", "7", "NULL", 'q"q', "a,b", "a\nb", "é", "+-1"]),
    st.floats().map(repr),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=4),
)


@st.composite
def files(draw: st.DrawFn, columns: tuple[str, ...]) -> str:
    """A CSV file of those columns in any order: few keys, so that they meet and repeat."""
    header = draw(st.permutations(columns))
    keys = st.sampled_from(["", "1", "2", "a", "1.0", "A ", "NULL"])
    rows = draw(
        st.lists(
            st.tuples(*(keys if name.startswith("key") else FIELDS for name in header)), max_size=12
        )
    )
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    old=files(("key", "key 2", "value", "value 2", "other")),
    new=files(("key", "key 2", "value", "value 2", "more")),
    rel_tol=st.sampled_from([None, 0.0, 1e-9, 0.1]),
    abs_tol=st.sampled_from([0.0, 1e-9, 1.0]),
    tolerance=st.sampled_from([{}, {"value": {"abs_tol": 0.5}}, {"value 2": {"rel_tol": 0.0}}]),
    value=st.sampled_from([["value", "value 2"], ["value 2", "value"], ["value"]]),
    kinds=KINDS,
    rules=RULES,
    duplicates=st.sampled_from(["allow", "count"]),
    threads=st.sampled_from([1, 4]),
    exact_keys=st.booleans(),
)
def test_any_pair_of_files_gives_what_the_reference_and_the_anti_join_give(
    diff_texts: DiffTexts,
    tmp_path: Path,
    old: str,
    new: str,
    rel_tol: float | None,
    abs_tol: float,
    tolerance: reference.Tolerances,
    value: list[str],
    kinds: dict[str, Any],
    rules: dict[str, Any],
    duplicates: str,
    threads: int,
    exact_keys: bool,
) -> None:
    arguments = (old, new, ["key", "key 2"], value, rel_tol, abs_tol)
    kinds = {
        name: [column for column in given if column in value] if name != "time_tol" else given
        for name, given in kinds.items()
    }
    if duplicates == "count" or not kinds.get("time"):
        kinds.pop("time_tol", None)
    others = {*kinds.get("text", []), *kinds.get("time", [])}
    if set(tolerance) & others:
        tolerance = {}
    tolerance = {name: tolerance[name] for name in tolerance if name in value}
    rules = kinds | rules
    options: dict[str, Any] = {"tolerance": tolerance, "duplicates": duplicates}

    outcome = diff_texts(*arguments, threads, exact_keys=exact_keys, **options, **rules)

    assert_agrees(reference.diff(*arguments, rules=Rules(**rules), **options), outcome)
    if duplicates == "count":
        return
    with TemporaryDirectory(dir=tmp_path) as scratch:
        specified = specification.emitted(
            (tmp_path / "old.csv", tmp_path / "new.csv"),
            ["key", "key 2"],
            value,
            (rel_tol, abs_tol, tolerance),
            Path(scratch),
            Rules(**rules),
        )
    assert specified == reference.rows_of(outcome.result.decode())[1:]


@pytest.mark.slow
@settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.generate],  # such a pair is too large to be made smaller step by step
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32), repeats=st.sampled_from([0, 3]))
def test_any_pair_of_files_larger_than_the_memory_gives_what_the_reference_gives(
    diff_texts: DiffTexts, seed: int, repeats: int
) -> None:
    random_ = random.Random(seed)
    texts = ["".join(random_.choices('abcé,\n"', k=200)) for _ in range(50)]
    rows = [
        (f"{i % 70_000 if repeats else i}", random_.choice(texts), f"{random_.gauss():.12f}")
        for i in range(80_000)
    ]
    old = reference.csv_of([("id", "text", "value"), *rows])
    for i in range(0, len(rows), 7):
        rows[i] = (*rows[i][:2], f"{float(rows[i][2]) * (1 + random_.choice((1e-12, 1e-3)))}")
    random_.shuffle(rows)
    new = reference.csv_of([("id", "text", "value"), *rows[:70_000], *rows[:repeats]])

    files = (old, new, ["id", "text"], ["value"])

    with pytest.raises(OutOfDisk):
        diff_texts(*files, threads=2, memory="100MB", temp="1KB", exact_keys=True)
    outcome = diff_texts(*files, threads=2, memory="120MB", exact_keys=True)

    assert_agrees(reference.diff(*files), outcome)


@pytest.mark.slow
@pytest.mark.parametrize("reverse", [False, True])
def test_a_table_of_many_columns_gives_what_the_reference_gives(
    tmp_path: Path, reverse: bool
) -> None:
    names = [f"c{i}" for i in range(300)]
    old = {key: [str(key * i % 17) for i in range(300)] for key in range(20)}
    new = {key: list(row) for key, row in old.items() if key} | {99: ["x"] * 300}
    new[7][211], new[9][0], new[12][299] = "1.5", "", "?"
    order = names[::-1] if reverse else names
    written = {}
    for side, rows in (("old", old), ("new", new)):
        lines = [("id", *names), *((str(key), *row) for key, row in rows.items())]
        written[side] = reference.csv_of([tuple(line) for line in lines])
        (tmp_path / f"{side}.csv").write_text(written[side])
    answer = reference.diff(written["old"], written["new"], ["id"], order)

    comparison = Comparison.of(key=["id"], value=order)
    outputs = Outputs(detail=tmp_path / "detail.csv", removed=tmp_path / "removed.csv")
    spec = spec_of(tmp_path / "old.csv", tmp_path / "new.csv", comparison)
    limits = Limits(2, memory="1GB", temp_folder=tmp_path)
    summary = Diff(spec, limits).run(outputs)

    assert answer.detail_csv == (tmp_path / "detail.csv").read_text()
    assert answer.removed_csv == (tmp_path / "removed.csv").read_text()
    assert (answer.added, answer.changed) == (summary.added, summary.changed)


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """Errors that DuckDB raises, one at each count of the outcome."""
    errors: list[Exception] = []
    executed = Session._executed

    def failing(session: Session, name: str, parameters: Mapping[str, Any] | None) -> Any:
        if name == "counts" and errors:
            with translated():
                raise errors.pop(0)
        return executed(session, name, parameters)

    monkeypatch.setattr(Session, "_executed", failing)
    return errors


def test_a_fault_of_duckdb_costs_another_try(
    diff_texts: DiffTexts, faults: list[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    faults.append(duckdb.InternalException("INTERNAL Error: a pointer is not set"))

    outcome = diff_texts("id,value\n1,1\n", "id,value\n1,2\n2,3\n", ["id"], ["value"])

    assert b"id,value\n1,2\n2,3\n" == outcome.result
    assert [] == faults
    assert "the files are compared again: INTERNAL Error: a pointer is not set" in caplog.text


@pytest.mark.parametrize(
    "errors",
    [
        [duckdb.InternalException("INTERNAL Error: a pointer is not set")] * 2,
        [duckdb.BinderException("Binder Error: no such column")],
    ],
    ids=["a fault twice", "another error"],
)
def test_other_errors_of_duckdb_fail_the_diff(
    diff_texts: DiffTexts, faults: list[Exception], errors: list[Exception]
) -> None:
    faults += errors

    with pytest.raises(DiffFailed, match="DuckDB failed; the log has its message"):
        diff_texts("id,value\n1,1\n", "id,value\n1,2\n2,3\n", ["id"], ["value"])
    assert [] == faults
