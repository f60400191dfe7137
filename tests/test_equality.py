"""Two values are equal as `math.isclose` says: through the very SQL that a diff runs."""

import itertools

import duckdb
import pytest

from diffing.core.durations import microseconds
from tests import reference
from tests.rules import Rules, are_close, instant

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


DAYS = (
    *("2026-11-27", "20261127", "2024-02-29", "2026-02-29"),
    *("0000-01-01", "0001-01-01", "9999-12-31"),
)
CLOCKS = (
    *("", "T", "T09", " 0900", "t09:00", "T09:00:00", "T09:00:59.9999999", " 090000,5"),
    *("T24:00", "T09:60", "T09:00:60", "T0900:00", "T09:00.5", "T9:00", " 09:00:00 "),
    *("T09:00:00.", "T23:59:59.999999"),
)
ZONES = ("", "Z", "z", "+01", "-01:30", "+0530", "+24:00", "-00:60", "+1")
TIMES = (
    *(f"{DAYS[0]}{clock}{zone}" for clock in CLOCKS for zone in ZONES),
    *(f"{day}{rest}" for day in DAYS for rest in ("", "T00:00Z", " 235959.000001")),
    *("", "x", "2026-W48-5", "2026-331", "2026-11", "1764234000", "2026-11-27T", "٢026-11-27"),
)


@pytest.mark.parametrize("tolerance", ["0s", "1us", "90s", "1d"])
def test_times_are_equal_exactly_when_the_reference_says_so(
    connection: duckdb.DuckDBPyConnection, tolerance: str
) -> None:
    pairs = list(itertools.product(TIMES, repeat=2))

    said = connection.execute(
        "select coalesce(abs(time_in(pair[1]) - time_in(pair[2])) <= $tolerance, false)"
        " from (select unnest($pairs::varchar[][]) as pair)",
        {"tolerance": microseconds(tolerance), "pairs": [list(pair) for pair in pairs]},
    ).fetchall()

    within = Rules(time_tol=tolerance).tolerance_of_times
    times = {text: instant(text) for text in TIMES}
    assert [are_close(times[a], times[b], within) for a, b in pairs] == [row[0] for row in said]


CHARACTERS = [chr(code) for code in (*range(1, 0x3000), 0x3000, 0xFEFF, 0xFF21, 0xFB01)]


def test_blanks_and_case_are_those_of_the_reference(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    said = connection.execute(
        "select trimmed(character), folded(character)"
        " from (select unnest($characters::varchar[]) as character)",
        {"characters": CHARACTERS},
    ).fetchall()

    trim, nocase = Rules(trim=True), Rules(nocase=True)
    assert [trim.form(text) for text in CHARACTERS] == [row[0] for row in said]
    # letters whose capital is the folded form are as good
    folds = [nocase.form(text) for text in CHARACTERS]
    assert [fold.lower() for fold in folds] == [row[1] for row in said]


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
        "select all_values_equal(a, b, numbers_in(a), numbers_in(b), zeros, zeros, nulls),"
        " all_values_equal(a, c, numbers_in(a), numbers_in(c), zeros, zeros, nulls)"
        " from (select ['1', 'a', null] as a, ['1.0', 'a', null] as b, ['1.0', 'b', null] as c,"
        " [0, 0, 0] as zeros, [null, null, null] as nulls)"
    ).fetchone()

    assert (True, False) == said
