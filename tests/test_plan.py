"""The plans that DuckDB makes: a hash join, and never one that compares each row with each."""

from collections.abc import Iterator

import duckdb
import pytest

from service.catalogue import load_catalogue
from service.compare import parameters
from service.csvfile import open_csv
from service.outputs import Outputs
from service.queries import query
from service.samples import write_sample

Plans = dict[str, str]
NAMES = ("old_keys", "classify", "counts", "duplicates", "removed", "result", "detail")


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plans]:
    """The plan of each query, made when those before it have run."""
    folder = tmp_path_factory.mktemp("plan")
    old, new = folder / "old.csv", folder / "new.csv"
    write_sample("revenue", 5_000, old, new)
    outputs = Outputs(result=folder / "r", detail=folder / "d", removed=folder / "v")
    comparison = load_catalogue(None).find("revenue").comparison
    bound = parameters(open_csv(old, folder), open_csv(new, folder), comparison, outputs)
    bound |= {"header": bound["new_header"], "output": str(folder / "out.csv")}
    with duckdb.connect() as connection:
        for name in ("macros", "csv"):
            connection.execute(query(name))
        yield {name: explained(connection, name, bound) for name in NAMES}


def explained(connection: duckdb.DuckDBPyConnection, name: str, bound: dict[str, object]) -> str:
    """The plan of a query, as one word in capitals an operator; then the query is run."""
    *macros, statement = connection.extract_statements(query(name))
    for macro in macros:
        connection.execute(macro)
    named = {parameter: bound[parameter] for parameter in statement.named_parameters}
    plan = connection.execute(f"explain {statement.query}", named).fetchall()
    connection.execute(statement.query, named)
    return "\n".join(row[1] for row in plan).upper().replace(" ", "_")


@pytest.mark.parametrize("name", NAMES)
def test_no_query_compares_each_row_with_each(plans: Plans, name: str) -> None:
    slow = {"NL_JOIN", "NESTED_LOOP", "PIECEWISE", "IE_JOIN", "CROSS_PRODUCT"}
    if name in {"counts", "duplicates"}:
        slow.remove("CROSS_PRODUCT")  # with a single row

    assert set() == {operator for operator in slow if operator in plans[name]}


@pytest.mark.parametrize("name", ["classify", "duplicates", "removed"])
def test_rows_meet_in_hash_joins(plans: Plans, name: str) -> None:
    assert "HASH_JOIN" in plans[name]


def test_of_a_key_that_stands_many_times_only_distinct_values_are_compared(plans: Plans) -> None:
    # values of old; values to place; buckets by column, twice; close values; first rows
    assert 6 == plans["duplicates"].count("HASH_GROUP_BY")


def test_each_file_is_read_once_unless_a_key_stands_several_times(plans: Plans) -> None:
    read = {name: plan.count("FUNCTION:_READ_CSV") for name, plan in plans.items()}

    assert {"old_keys": 1, "classify": 1, "duplicates": 1, "removed": 1} == {
        name: count for name, count in read.items() if count
    }
