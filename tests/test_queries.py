"""The SQL of `sql/`: whatever has a name has it once, so that no definition hides another."""

import re
from collections import Counter

import duckdb

from diffing.engine.sql import SQL_DIR, Queries, queries, query, sections, sections_of

FILES = sorted(SQL_DIR.rglob("*.sql"))
DEFINED = re.compile(
    r"^\s*create\s+(?:or\s+replace\s+)?(?:temp\w*\s+)?(?:macro|function|table|view)\s+"
    r"(?:if\s+not\s+exists\s+)?(\w+)",
    re.MULTILINE | re.IGNORECASE,
)


def twice(names: list[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def test_no_macro_table_or_view_is_defined_twice() -> None:
    names = [name.lower() for file in FILES for name in DEFINED.findall(file.read_text())]

    assert {"numbers_equal", "diff", "key_of", "csv_rows", "outcome"} <= set(names)
    assert [] == twice(names)


def test_no_section_has_the_name_of_another() -> None:
    names = [name for file in FILES for name, _ in sections_of(file)]

    assert [] == twice(names)
    assert set(names) == set(sections())


def test_a_section_is_loaded_by_its_name_without_its_neighbours() -> None:
    assert "create temp macro key_of(" in query("rules")
    assert "create temp view old_once_text " in query("old_once_text")
    assert "old_grouped" not in query("old_once_text")


def test_a_diff_loads_nothing_that_is_for_the_shell_alone() -> None:
    defined = {name for text in sections().values() for name in DEFINED.findall(text)}

    assert "values_equal" in defined
    assert not {"diff", "csv_fields"} & defined


def test_each_macro_is_found_as_duckdb_reads_it() -> None:
    texts = [text for text in sections().values() if " temp macro " in text]
    statements = [
        statement.query for text in texts for statement in duckdb.extract_statements(text)
    ]
    macros = [text for text in statements if " temp macro " in text]

    assert len(queries().macros) == len(macros) > 90
    assert all(any(found in f"{text};" for text in macros) for found in queries().macros.values())


def test_macros_come_after_those_that_they_call() -> None:
    made = Queries(
        {
            "one": "create temp macro outer_one(a) as inner_one(a) + 1;\n\nselect 1;\n",
            "other": "create or replace temp macro inner_one(a) as\n    abs(a);\n",
        }
    )

    assert ("inner_one", "outer_one") == made.macros_of("select outer_one(2), count(*)")
    assert "select 1;" == made.statements("one").strip()
    assert "" == made.statements("other").strip()
