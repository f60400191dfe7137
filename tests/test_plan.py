"""The plans that DuckDB makes: a hash join, and never one that compares each row with each."""

import re
from collections.abc import Iterator

import duckdb
import pytest

from diffing.core.catalogue import load_catalogue
from diffing.csvfiles.open import open_csv
from diffing.csvfiles.split import Pieces
from diffing.engine.analysis.reading import rules_of
from diffing.engine.parameters import Side, Work, parameters
from diffing.engine.samples import write_sample
from diffing.engine.sql import query
from diffing.files.results import Outputs
from tests import specification
from tests.conftest import named

Plans = dict[str, str]
(OPTIMIZERS,) = [line for line in query("session").splitlines() if "set disabled_opt" in line]
NAMES = (
    "old_grouped_numbers",
    "old_grouped_text",
    "old_grouped_texts",
    "outcome_of_numbers",
    "outcome_of_numbers grouped",
    "outcome_of_text",
    "outcome_of_text grouped",
    "outcome_of_texts",
    "outcome_of_texts grouped",
    "sample",
    "counts",
    "duplicates",
    *("new_repeats", "counted_in_old_grouped_numbers"),
    *("counted_in_old_grouped_text", "counted_in_old_grouped_texts"),
    *("left_over", "close_groups", "chains", "multisets"),
    "old_not_numbers",
    "ends_of_parts",
    "old_kept",
    "removed",
    "write",
    "result",
    "detail",
    *("keys_met", "some_rows", "uniqueness", "rows_that_repeat", "rows_of_both"),
    *("rows_by_period", "sums_by_period", "totals"),
)
OLD_SIDES = {
    "outcome_of_numbers grouped": "old_grouped_numbers",
    "outcome_of_numbers": "old_once_numbers",
    "outcome_of_text grouped": "old_grouped_text",
    "outcome_of_text": "old_once_text",
    "outcome_of_texts grouped": "old_grouped_texts",
    "outcome_of_texts": "old_once_texts",
}

# sections of macros; the last queries call those of the analysis
OF_DIFFS = ("equality", "read", "four_pieces", "rules", "number", "shapes", "kind_of")
OF_ANALYSIS = ("read_result", "cells", "dates", "periods", "units")

# statements that no plan is made of
UNPLANNED = re.compile(r"^(create temp (macro|view)|set variable) ", re.MULTILINE)


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plans]:
    """The plan of each query, made when those before it have run."""
    folder = tmp_path_factory.mktemp("plan")
    old, new = folder / "old.csv", folder / "new.csv"
    write_sample("revenue", 5_000, old, new)
    outputs = Outputs(result=folder / "r", detail=folder / "d", removed=folder / "v")
    comparison = load_catalogue(None).find("revenue").comparison
    files = open_csv(named(old), folder), open_csv(named(new), folder)
    sides = Side(files[0], Pieces(files[0], "old", 4)), Side(files[1], Pieces(files[1], "new", 4))
    bound = parameters(Work(*sides, comparison, outputs))
    bound |= {"output": str(folder / "out.csv"), "prefix": "names\n", "rows": "removed_rows"}
    bound |= {"shares": [0.5], "after": 0, "last": 1}
    bound |= {"header": bound["new_header"] | bound["extra_header"], "wanted": "^key_0$"}
    bound |= {"old_rows": "old_in_four_pieces", "new_rows": "new_in_four_pieces"}
    bound |= {"new_count": 0, "old_held": 0, "within_tolerance": 0}
    bound |= {"file": str(old), "side": bound["old"], "paired_new": [], "paired_old": []}
    bound |= {"rows_of_file": "old_in_four_pieces", "chosen": "^key_0$", "most": 9}
    bound |= {"old_alone": "^rest_2$", "new_alone": "^rest_2$", **rules_of(comparison)}
    bound |= {"place": 1, "nths": [1], "values": [1], "single": True}
    bound |= {"grouped": True, "groups": "^key_0$", "kept": [1]}
    bound |= {"newest_of_old": None, "settled_until": None}
    with duckdb.connect() as connection:
        for side in sides:
            connection.register_filesystem(side.pieces)
        connection.execute(OPTIMIZERS)
        for name in (*OF_DIFFS, *OF_ANALYSIS):
            explained(connection, name, bound)
        explained(connection, "outcome", bound)
        for view in ("old_once_text", "old_once_texts", "old_once_numbers"):
            explained(connection, view, bound)
        plans = {name: explained(connection, name, bound) for name in NAMES[:3]}
        for name, old_side in OLD_SIDES.items():
            method = {"old_side": old_side, "grouped": "grouped" in old_side}
            plans[name] = explained(connection, name.split()[0], bound | method)
        yield plans | {
            name: explained(connection, name, bound) for name in NAMES if name not in plans
        }


def explained(connection: duckdb.DuckDBPyConnection, name: str, bound: dict[str, object]) -> str:
    """The plans of a query's statements, as one word in capitals an operator; it is run, too."""
    lines = []
    for statement in connection.extract_statements(query(name)):
        named = {parameter: bound[parameter] for parameter in statement.named_parameters}
        if not UNPLANNED.search(statement.query):
            plan = connection.execute(f"explain {statement.query}", named).fetchall()
            lines += [row[1] for row in plan]
        connection.execute(statement.query, named)
    return "\n".join(lines).upper().replace(" ", "_")


@pytest.mark.parametrize("name", NAMES)
def test_no_query_compares_each_row_with_each(plans: Plans, name: str) -> None:
    slow = {"NL_JOIN", "NESTED_LOOP", "PIECEWISE", "IE_JOIN", "CROSS_PRODUCT"}
    if name in {"sample", "counts", "duplicates", "keys_met"}:
        slow.remove("CROSS_PRODUCT")  # with a single row

    assert set() == {operator for operator in slow if operator in plans[name]}


def test_the_keys_of_old_are_held_in_memory_not_the_rows_of_new(plans: Plans) -> None:
    # the side that is held is on the right; rows of old alone are filtered right after reading
    filters, windows = (
        columns(plans["outcome_of_numbers"], word) for word in ("FILTER", "STREAMING_WINDOW")
    )
    of_old = windows & (filters - {min(filters)})

    assert 4 == len(of_old)
    assert max(windows - of_old) < min(of_old)


@pytest.mark.parametrize(
    "name",
    [
        *("outcome_of_numbers", "outcome_of_numbers grouped", "old_grouped_numbers"),
        *("outcome_of_text", "outcome_of_text grouped", "old_grouped_text"),
        *("outcome_of_texts", "outcome_of_texts grouped", "old_grouped_texts"),
        *("duplicates", "old_kept", "new_repeats", "left_over"),
        *("keys_met", "some_rows", "uniqueness", "rows_that_repeat", "rows_of_both"),
        *("rows_by_period", "sums_by_period", "totals"),
    ],
)
def test_each_piece_of_a_file_is_read_by_one_thread(plans: Plans, name: str) -> None:
    # several threads that read one file fail now and then
    assert plans[name].count("FUNCTION:_READ_CSV") == plans[name].count("─_STREAMING_WINDOW")


def columns(plan: str, word: str) -> set[int]:
    """Where the boxes begin that have a word in them."""
    return {
        max(line.rindex(edge, 0, place) for edge in "╭│" if edge in line[:place])
        for line in plan.splitlines()
        for place in range(len(line))
        if line.startswith(word, place)
    }


@pytest.mark.parametrize(
    "name",
    [*OLD_SIDES, "duplicates", "left_over", "close_groups", "multisets", "old_kept", "write"],
)
def test_rows_meet_in_hash_joins(plans: Plans, name: str) -> None:
    assert "HASH_JOIN" in plans[name]


def test_of_a_key_that_stands_many_times_only_distinct_values_are_compared(plans: Plans) -> None:
    # values of old; the first of each key; values to place, of new and of old; buckets and places
    # by column, each twice; cells of old; close values
    assert 10 == plans["duplicates"].count("HASH_GROUP_BY")


def test_each_file_is_read_once_unless_a_key_stands_several_times(plans: Plans) -> None:
    read = {name: plan.count("FUNCTION:_READ_CSV") for name, plan in plans.items()}

    # each in four pieces; the rest by need
    diff = {name: 4 if "grouped" in name else 8 for name in OLD_SIDES}
    diff |= {"old_grouped_numbers": 4, "old_grouped_text": 4, "old_grouped_texts": 4}
    others = {"sample": 1, "duplicates": 4, "old_not_numbers": 4, "old_kept": 4}
    others |= {"new_repeats": 4, "left_over": 4, "keys_met": 4}
    others |= {"some_rows": 4, "uniqueness": 4, "rows_that_repeat": 8, "rows_of_both": 8}
    others |= {"rows_by_period": 4, "sums_by_period": 4, "totals": 4}
    assert diff | others == {name: count for name, count in read.items() if count}


def test_old_is_grouped_only_where_keys_repeat(plans: Plans) -> None:
    # those that outcome only counts fall together
    expected = {"outcome_of_numbers": 0, "outcome_of_text": 1, "outcome_of_texts": 1}
    expected |= {"old_grouped_numbers": 1, "old_grouped_text": 1, "old_grouped_texts": 1}
    assert expected == {name: plans[name].count("HASH_GROUP_BY") for name in expected}


def test_the_specification_is_one_hash_join() -> None:
    with specification.connected() as connection:
        for name in ("old", "new"):
            connection.execute(f"create table {name} (value_0 text, key_1 text, key_0 text)")
        bound = specification.parameters(["a", "b"], ["v"], (1e-9, 0.0, {"v": {"abs_tol": 1.0}}))
        ((_, plan),) = connection.execute(f"explain {specification.ASKED}", bound).fetchall()

    plan = plan.upper().replace(" ", "_")
    assert 1 == plan.count("JOIN_TYPE:_ANTI") == plan.count("HASH_JOIN")
    for slow in ("NL_JOIN", "NESTED_LOOP", "PIECEWISE", "IE_JOIN", "CROSS_PRODUCT"):
        assert slow not in plan
