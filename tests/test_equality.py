"""Two values are equal as `math.isclose` says: through the very SQL that a diff runs."""

import itertools
from collections.abc import Iterator

import duckdb
import pytest

from diffing.engine.sql import query
from tests import reference

SPECIAL = (
    *("0", "-0", "0.0", "1", "1.0", "-1", "1e0", "+1", ".5", "5.", " 1 ", "1_000", "007", "7"),
    *("1e308", "-1e308", "1.7976931348623157e308", "5e-324", "-5e-324", "1e400", "-1e400"),
    *("inf", "-inf", "Infinity", "nan", "NaN", "-nan", "NULL", "NA", "x", "", "1.5.2", "+-1", "1e"),
    *("1.000000001", "1.0000000010000001", "1.0000000009999999", "0.1", "0.30000000000000004"),
    *(
        "100",
        "110",
        "100.0000001",
        "1e-9",
        "2e-9",
        "-.00563",
        "6.38e-06",
        "9007199254740992",
        "9007199254740993",
    ),
    *("1.50", "1.5", "150e-2", "-1.50", "0.00", "0e5", "1e401", "1e-400", "-1e-400", "10_0", "1e2"),
    *("1234567890123456789012345678901234", "1234567890123456789012345678901235"),
    *("1764200000", "1764200001", "+1764200001", "01764200001", "1764200001.0", "-1764200000"),
    *("1_764_200_001", "9007199254740993.0", "4006381333931", "4006381333932", "4006381333931e0"),
    *("0e400", "0e-400", "-0e999999999", "00.0E9999", "001E46977290", "001E46977291", "1e-324"),
    *("3e-324", "-1E500", "1" + "0" * 309, "1" + "0" * 308, "-0." + "0" * 330 + "1"),
    "0." + "0" * 400,
    *("1_0e3_99", " 1e400 ", "infinity", "+inf", "9" * 320 + "e-20", "0." + "0" * 320 + "1e30"),
    *("999999999", "1000000000", "-1000000000", "54659651221344233550_3", "546596512213442335503"),
    *("1.28948342_3794222e-67", "-1.28948342_3794222e-67", "1__0", "_1", "1_", "1_.5", "1_e2"),
    *("123456789012345678901234567890.1234", "123456789012345678901234567890.12340", "1E+02"),
)
REL_TOLS = (None, 0.0, 1e-9, 1e-2, 0.1, 1.0, 10.0)
ABS_TOLS = (0.0, 1e-12, 1e-9, 1.0, 1e308)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(query("equality"))
        yield connection


@pytest.mark.parametrize(("rel_tol", "abs_tol"), list(itertools.product(REL_TOLS, ABS_TOLS)))
def test_values_are_equal_exactly_when_math_isclose_says_so(
    connection: duckdb.DuckDBPyConnection, rel_tol: float | None, abs_tol: float
) -> None:
    pairs = list(itertools.product(SPECIAL, repeat=2))

    said = connection.execute(
        "select values_equal(pair[1], pair[2], $rel_tol::double, $abs_tol)"
        " from (select unnest($pairs::varchar[][]) as pair)",
        {"rel_tol": rel_tol, "abs_tol": abs_tol, "pairs": [list(pair) for pair in pairs]},
    ).fetchall()

    expected = [reference.equal(a, b, rel_tol, abs_tol) for a, b in pairs]
    assert expected == [row[0] for row in said]


def test_null_equals_null_and_nothing_else(connection: duckdb.DuckDBPyConnection) -> None:
    said = connection.execute(
        "select values_equal(null, null, 1e-9, 0), values_equal(null, '0', 1e-9, 1e9),"
        " values_equal('0', null, 1e-9, 1e9), values_equal(null, 'nan', 1e-9, 0)"
    ).fetchone()

    assert (True, False, False, False) == said


def test_rows_of_several_values_are_equal_when_all_are(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    said = connection.execute(
        "select all_values_equal(a, b, numbers_in(a), numbers_in(b), [0, 0, 0], [0, 0, 0]),"
        " all_values_equal(a, c, numbers_in(a), numbers_in(c), [0, 0, 0], [0, 0, 0])"
        " from (select ['1', 'a', null] as a, ['1.0', 'a', null] as b, ['1.0', 'b', null] as c)"
    ).fetchone()

    assert (True, False) == said
