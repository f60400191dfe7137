"""The macros of `sql/shell.sql` say what a diff says: in the duckdb shell and in the library."""

import csv
import io
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from diffing.core.catalogue import Metric, load_catalogue
from diffing.engine.samples import write_sample
from diffing.engine.sql import SQL_DIR
from tests import analysis_reference as plain
from tests import reference
from tests.test_cases import CASES, Case

SHELL = Path(sys.executable).with_name("duckdb")
READ = re.compile(r"^\.read sql/(.+)\n", re.MULTILINE)
METRICS = list(load_catalogue(None).metrics.values())

Row = dict[str, str]
Ask = Callable[[str], list[Row]]


def shell(sql: str, home: Path) -> str:
    done = subprocess.run(
        [SHELL, "-init", "sql/shell.sql", "-csv", "-nullvalue", "", "-c", sql],
        cwd=SQL_DIR.parent,
        env={"HOME": str(home)},  # no ~/.duckdbrc
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise duckdb.Error(done.stderr.decode())
    return done.stdout.decode()


def ask_shell(sql: str, home: Path) -> list[Row]:
    return list(csv.DictReader(io.StringIO(shell(sql, home), newline="")))


def ask_library(sql: str, connection: duckdb.DuckDBPyConnection) -> list[Row]:
    answer = connection.execute(sql)
    names = [column[0] for column in answer.description]
    rows = [["" if field is None else str(field) for field in row] for row in answer.fetchall()]
    return [dict(zip(names, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the macros."""
    home = tmp_path_factory.mktemp("home")
    with duckdb.connect(config={"home_directory": str(home)}) as connection:
        text = (SQL_DIR / "shell.sql").read_text()
        for name in READ.findall(text):
            connection.execute((SQL_DIR / name).read_text())
        connection.execute(READ.sub("", text))
        yield connection


@pytest.fixture(params=["shell", "library"])
def ask(request: pytest.FixtureRequest, tmp_path: Path, library: duckdb.DuckDBPyConnection) -> Ask:
    """A function that runs SQL; the rows by column, NULL as an empty text."""
    if request.param == "shell":
        return lambda sql: ask_shell(sql, tmp_path)
    return lambda sql: ask_library(sql, library)


def literal(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, str | Path):
        return "'" + str(value).replace("'", "''") + "'"
    if isinstance(value, timedelta):
        return f"interval '{value / timedelta(microseconds=1):.0f} microseconds'"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(literal, value))}]"
    return repr(value)


def as_pattern(path: Path) -> str:
    """A path that SQL reads as that very file: it takes `*`, `?` and `[` for a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def call(macro: str, old: Path, new: Path, **named: object) -> str:
    arguments = [literal(as_pattern(old)), literal(as_pattern(new))]
    arguments += [f"{name} := {literal(value)}" for name, value in named.items()]
    return f"from {macro}({', '.join(arguments)})"


def expected_rows(answer: reference.Answer, value: Sequence[str]) -> list[Row]:
    """Added and changed rows as in the detail; then the removed ones, with values of old alone.

    The shell does not name the columns that changed.
    """
    place = len(answer.header) + 1
    header = [*answer.detail_header[:place], *answer.detail_header[place + 1 :]]
    blank = dict.fromkeys((*header, *answer.only_old), "")
    rows = [
        blank | dict(zip(header, [*row[:place], *row[place + 1 :]], strict=True))
        for row in answer.detail_rows
    ]
    for row in answer.removed_rows:
        fields = dict(zip(answer.old_header, row, strict=True))
        before = {f"_old_{name}": fields.pop(name) for name in value}
        rows.append(blank | fields | before | {"_change": "removed"})
    return rows


@pytest.fixture
def write_pair(tmp_path: Path) -> Callable[[str, str], tuple[Path, Path]]:
    """A function that writes two texts to old.csv and new.csv."""

    def write(old: str, new: str) -> tuple[Path, Path]:
        paths = tmp_path / "old.csv", tmp_path / "new.csv"
        for path, text in zip(paths, (old, new), strict=True):
            path.write_text(text, encoding="utf-8", newline="")
        return paths

    return write


WritePair = Callable[[str, str], tuple[Path, Path]]

OLD = "id,note,value\n1,a,10\n2,,20\n,c,30\n5,e,50\n"
NEW = "id,note,value\n9,x,90\n2,new note,20.000000000001\n,c,31\n1,a,10\n"


def test_a_diff_shows_what_stands_in_new_and_what_stood_in_old(
    ask: Ask, write_pair: WritePair
) -> None:
    said = ask(call("diff", *write_pair(OLD, NEW), key=["id"], value=["value"]))

    assert ["_change", "id", "note", "value", "_old_value"] == list(said[0])
    assert [
        ("added", "9", "x", "90", ""),
        ("changed", "", "c", "31", "30"),
        ("removed", "5", "e", "", "50"),
    ] == [tuple(row.values()) for row in said]


# --- every named case, but for those that the macros are not made for ---

BEYOND = {
    "columns_names_that_differ_in_case": "DuckDB renames all but the first",
    "columns_names_with_quotes_and_line_ends": "DuckDB drops the spaces around a name",
    "columns_on_one_side": "names that differ in case alone are one name to DuckDB",
    "columns_without_a_name": "DuckDB names it column1",
    "columns_without_a_name_as_key": "DuckDB names it column1",
    "output_detail_names_that_are_free": "a column named _change is an error",
    "output_detail_names_that_are_taken": "a column named _change is an error",
    "output_detail_of_detail": "a column named _change is an error",
    "text_blank_lines": "DuckDB takes a header behind a blank line for a row, too",
    "text_blanks_are_kept": "DuckDB drops the spaces around a name",
    "text_mixed_line_ends": "DuckDB refuses them",
    "duplicates_of_whole_numbers": "tolerances are those of all value columns",
    "values_whole_numbers_in_several_columns": "tolerances are those of all value columns",
    "values_numbers_with_their_own_tolerances": "tolerances are those of all value columns",
    "values_tolerance_falls_back": "tolerances are those of all value columns",
    "values_tolerance_per_column": "tolerances are those of all value columns",
}


def rules_of(case: Case) -> dict[str, object]:
    """The rules of a case, as the macros name them."""
    named: dict[str, object] = {"texts": case.text, "times": case.time, "empty": case.empty}
    named |= {"trim_blanks": case.trim, "nocase": case.nocase}
    if case.time_tol:
        named["time_tol"] = case.rules.tolerance_of_times
    return {name: rule for name, rule in named.items() if rule}


def test_what_is_beyond_the_macros_has_a_case() -> None:
    assert set() == set(BEYOND) - {case.name for case in CASES}


COMPARED = [
    case
    for case in CASES
    # the macros compare as duplicates = "allow"
    if not case.refused and case.name not in BEYOND and case.duplicates != "count"
]


@pytest.mark.parametrize(
    ("ask", "case"),
    [
        # the same macros as elsewhere, so not all cases need them each time
        pytest.param(
            where,
            case,
            id=f"{where}-{case.name}",
            marks=[pytest.mark.slow] if place % 3 else [],
        )
        for where in ("shell", "library")
        for place, case in enumerate(COMPARED)
    ],
    indirect=["ask"],
)
def test_a_diff_says_what_the_case_expects(ask: Ask, case: Case) -> None:
    said = ask(
        call(
            "diff",
            case.input("old"),
            case.input("new"),
            key=case.key,
            value=case.value,
            rel_tol=case.rel_tol,
            abs_tol=case.abs_tol,
            **rules_of(case),
        )
    )

    assert expected_rows(case.answer(), case.value) == said


# --- what takes many rows, or other names ---


def test_text_after_30_000_numbers_is_text(ask: Ask, write_pair: WritePair) -> None:
    old = "id,value\n" + "".join(f"{i},{i}.5\n" for i in range(30_000))
    new = old.replace("\n29000,29000.5\n", "\n29000,n/a\n")
    changed = call("diff", *write_pair(old, new), key=["id"], value=["value"])

    assert [{"_change": "changed", "id": "29000", "value": "n/a", "_old_value": "29000.5"}] == ask(
        changed
    )
    assert [{"a": "", "b": "29000.5"}] == ask(
        f"select try_cast(value as double) as a, try_cast(_old_value as double) as b {changed}"
    )


def test_a_last_row_longer_than_the_buffer_is_an_error(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("k,v\na,1\n" + "a,1\n" * 250_000 + "b," + "x" * 40_000_000 + "\n")
    rows = f"from csv_fields({literal(path)})"

    with pytest.raises(duckdb.Error, match="line size"):
        # the shell streams bare rows, and at times ends them without the error
        ask(f"select count(*) as rows {rows}")


def test_repeated_keys_in_any_order_give_what_the_reference_gives(
    ask: Ask, write_pair: WritePair
) -> None:
    chance = random.Random(7)
    ways = ["", "0", "1", "1.0", "1e0", "2", "2.0000000001", "x", "X", "nan", "-inf"]

    def rows(header: str) -> str:
        columns = header.split(",")
        lines = [
            ",".join(
                chance.choice(["", "1", "2", "3", "1.0"] if name.startswith("k") else ways)
                for name in columns
            )
            for _ in range(3_000)
        ]
        return "\n".join([header, *lines, ""])

    old, new = rows("k 1,k2,k3,a,b"), rows("b,k3,a,more,k2,k 1")
    key, value = ["k 1", "k2", "k3"], ["a", "b"]

    said = ask(call("diff", *write_pair(old, new), key=key, value=value))

    answer = reference.diff(old, new, key, value)
    assert min(answer.changed, answer.unchanged, answer.within_tolerance) > 10
    assert expected_rows(answer, value) == said


def test_names_that_the_macro_uses_itself_are_names_like_any_other(
    ask: Ask, write_pair: WritePair
) -> None:
    names = [
        *("old", "new", "key", "value", "rel_tol", "abs_tol", "file", "model", "row_key", "texts"),
        *("before", "fields", "row", "candidates", "candidate", "old_key", "change", "others"),
        *("name", "v", "old_rows", "new_rows", "old_keys", "changes", "removed", "named", "a", "b"),
    ]
    old = "\n".join([",".join(names), *(",".join(f"{i}{j}" for j in names) for i in "123"), ""])
    new = old.replace("1before", "!").replace("3value", "gone").replace("2change", "!")
    key, value = ["value", "row", "key", "texts", "v"], ["before", "fields", "change", "row_key"]

    said = ask(call("diff", *write_pair(old, new), key=key, value=value))

    assert expected_rows(reference.diff(old, new, key, value), value) == said


@pytest.mark.parametrize("side", ["old", "new"])
@pytest.mark.parametrize("missing", ["id", "value"])
def test_a_column_that_one_file_lacks_is_an_error(
    ask: Ask, write_pair: WritePair, side: str, missing: str
) -> None:
    texts = {"old": OLD, "new": NEW}
    texts[side] = texts[side].replace(missing, "other")
    old, new = write_pair(texts["old"], texts["new"])

    with pytest.raises(duckdb.Error, match=f'"{missing}"'):
        ask(call("diff", old, new, key=["id"], value=["value"]))


@pytest.mark.parametrize(("key", "value"), [("id", ["value"]), (["id"], "value")])
def test_columns_are_a_list_for_a_text_would_be_a_pattern(
    ask: Ask, write_pair: WritePair, key: object, value: object
) -> None:
    old, new = write_pair(OLD, NEW)

    with pytest.raises(duckdb.Error, match="does not support the supplied arguments"):
        ask(call("diff", old, new, key=key, value=value))


@pytest.mark.parametrize("rows_before", [0, 1, 30_000])
@pytest.mark.parametrize("record", ["\r,1\n", "\ra,1\n", "a\r,1\n", "a,1\r\r\n", "a,1\r"])
def test_a_cr_outside_quotes_is_an_error(
    ask: Ask, write_pair: WritePair, record: str, rows_before: int
) -> None:
    old, new = write_pair("id,value\n", "id,value\n" + "b,1\n" * rows_before + record)

    with pytest.raises(duckdb.Error, match="CSV"):
        ask(call("diff", old, new, key=["id"], value=["value"]))


# --- plans ---


@pytest.fixture(params=["shell", "library"])
def plan_of(
    request: pytest.FixtureRequest, tmp_path: Path, library: duckdb.DuckDBPyConnection
) -> Callable[[str], str]:
    """A function that tells the plan of SQL."""
    if request.param == "shell":
        return lambda sql: shell(f"explain {sql}", tmp_path)
    return lambda sql: "\n".join(
        row["explain_value"] for row in ask_library(f"explain {sql}", library)
    )


def test_rows_meet_in_hash_joins_alone(
    plan_of: Callable[[str], str], write_pair: WritePair
) -> None:
    # in new the columns stand in another order, so that the keys are structs of other types
    old, new = write_pair("a,b,value\n1,2,3\n", "value,b,a\n3,2,1\n")

    plan = plan_of(call("diff", old, new, key=["a", "b"], value=["value"]))

    plan = plan.upper().replace(" ", "_")
    assert 2 == plan.count("HASH_JOIN")
    for slow in ("NL_JOIN", "NESTED_LOOP", "PIECEWISE", "IE_JOIN", "CROSS_PRODUCT"):
        assert slow not in plan


# --- the bundled metrics ---


def macro_of(metric: Metric) -> str:
    return f"diff_{metric.id.replace('-', '_')}"


def test_each_bundled_metric_has_a_macro(ask: Ask) -> None:
    said = ask(
        "select function_name as name from duckdb_functions()"
        " where function_type = 'table_macro' and starts_with(function_name, 'diff_')"
    )

    metrics = {row["name"] for row in said} - {"diff_bridge"}
    assert {macro_of(metric) for metric in METRICS} == metrics


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.id)
def test_the_macro_of_a_metric_compares_as_the_catalogue_says(
    ask: Ask, metric: Metric, tmp_path: Path
) -> None:
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    write_sample(metric.id, 5_000, old, new)

    said = ask(call(macro_of(metric), old, new))

    answer = reference.diff(
        old.read_text(encoding="utf-8"),
        new.read_text(encoding="utf-8"),
        key=list(metric.key),
        value=list(metric.value),
        rel_tol=metric.rel_tol,
        abs_tol=metric.abs_tol,
        tolerance=metric.model_dump()["tolerance"],
    )
    assert {"added", "changed", "removed"} == {row["_change"] for row in said}
    assert expected_rows(answer, metric.value) == said


# --- the specification ---

ANTI_JOIN = """
create temp view old as from csv_fields({old});
create temp view new as from csv_fields({new});
from anti_join('old', 'new', ['id', 'note'], ['a', 'value'], rel_tol := 0, abs_tols := map {tols})
"""


def test_the_specification_gives_the_rows_to_emit(ask: Ask, write_pair: WritePair) -> None:
    old = "id,note,a,value\n1,,1,10\n2,x,1.0,20\n3,y,1,30\n4,z,1,40\n"
    new = "value,id,a,note\n90,9,1,x\n40.5,4,1,z\n30.6,3,1,y\n10,1,1.00,\n20,2,2,x\n"
    paths = write_pair(old, new)
    names = {"old": literal(paths[0]), "new": literal(paths[1])}

    said = ask(ANTI_JOIN.format(**names, tols="{'value': 0.5}"))

    tolerance = {"value": {"abs_tol": 0.5}}
    answer = reference.diff(old, new, ["id", "note"], ["a", "value"], 0, 0, tolerance)
    assert ["9", "3", "2"] == [row["id"] for row in said]
    assert answer.emitted == [tuple(row.values()) for row in said]


@pytest.mark.parametrize("by", [[], ["d"], ["id", "d"]])
def test_the_bridge_is_that_of_the_plain_analysis(
    ask: Ask, write_pair: WritePair, by: list[str]
) -> None:
    old = "w,id,d,v\n1,1,a,10\n2,2,b,20\n3,,a,30\n4,5,,0.25\n5,7,a,x\n1,8,,1\n"
    new = "id,v,d,w\n9,90,a,1\n2,20.5,b,2\n,31,a,4\n1,inf,a,1\n7,,a,5\n8,-1,,2\n"
    answer = reference.diff(old, new, ["id", "d"], ["w", "v"])
    bridge = call("diff_bridge", *write_pair(old, new), key=["id", "d"], value=["w", "v"], by=by)

    rows = ask(f"select * replace ([coalesce(t, '-') for t in texts] as texts) {bridge}")

    said = {
        (row["column"], row["texts"]): {
            **{
                part: {"rows": int(row[f"{part}_rows"]), "amount": float(row[part])}
                for part in plain.PARTS
            },
            "net": float(row["net"]),
        }
        for row in rows
    }
    cells = plain.cells_of(answer, ["w", "v"], by, [(None, 0.0)] * 2)
    assert len(rows) == len(said)
    for (column, group), step in plain.bridge_of(cells).items():
        del step["left_out"]
        # the library writes a list as Python does, the shell as DuckDB does
        texts = [text or "-" for text in group]
        [key] = {(column, f"[{', '.join(texts)}]"), (column, str(texts))} & set(said)
        assert step == said.pop(key)
    assert {} == said
