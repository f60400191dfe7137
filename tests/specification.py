"""Runs `sql/anti_join.sql` on two files: the third referee, beside `tests/reference.py`."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb

from diffing.core.input_file import InputFile
from diffing.csvfiles.csv_file import CsvFile
from diffing.csvfiles.open import open_csv
from diffing.csvfiles.rewrite import rewrite
from diffing.engine.sql import query
from tests.reference import Row, Tolerances
from tests.rules import PLAIN, Rules

# as they are, even where a test breaks the queries of a diff
_SECTIONS = tuple(query(name) for name in ("equality", "read", "anti_join"))

READ = "as select nullif(columns(*), '') from csv_rows($path, $side)"
LOADED = {name: f"create or replace temp table {name} {READ}" for name in ("old", "new")}
ASKED = """
from anti_join(
    'old', 'new', $key, $value, rel_tol := $rel_tol, abs_tol := $abs_tol,
    rel_tols := map($own_rel::varchar[], $rel_tols::double[]),
    abs_tols := map($own_abs::varchar[], $abs_tols::double[]),
    texts := $texts::varchar[], times := $times::varchar[], time_tol := $time_tol::interval,
    trim_blanks := $trim, nocase := $nocase, empty := $empty::varchar[]
)
"""


def emitted(
    paths: tuple[Path, Path],
    key: Sequence[str],
    value: Sequence[str],
    tolerances: tuple[float | None, float, Tolerances | None],
    scratch: Path,
    rules: Rules = PLAIN,
) -> list[Row]:
    """The added and changed rows, in the order of new.

    Args:
        paths: the old and the new file, read as a diff reads them.
        key: the key columns.
        value: the value columns.
        tolerances: `rel_tol`, `abs_tol`, and those of single columns.
        scratch: a folder for copies.
        rules: the kinds of columns, and the rules of all fields.
    """
    connection = _kept(tuple(_SECTIONS))
    for side, path in zip(("old", "new"), paths, strict=True):
        folder = scratch / f"read-{side}"
        folder.mkdir()
        file = rewrite(open_csv(InputFile.given(path), folder), folder)
        load(connection, side, file, roles_of(file, key, value))
    return rows_of(connection, parameters(key, value, tolerances, rules))


@lru_cache(maxsize=1)
def _kept(sections: tuple[str, ...]) -> duckdb.DuckDBPyConnection:
    # to connect takes longer than most comparisons
    return connected(sections)


def connected(sections: Sequence[str] = _SECTIONS) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for text in sections:
        connection.execute(text)
    return connection


def load(
    connection: duckdb.DuckDBPyConnection, name: str, file: CsvFile, roles: Sequence[str]
) -> None:
    columns = dict.fromkeys(roles, "VARCHAR")
    side = {"columns": columns, "rewritten": file.rewritten}
    connection.execute(LOADED[name], {"path": str(file.path), "side": side})


def roles_of(file: CsvFile, key: Sequence[str], value: Sequence[str]) -> list[str]:
    """Names of the columns for DuckDB, which would take some of the file's for the same."""
    roles = {name: f"key_{i}" for i, name in enumerate(key)}
    roles |= {name: f"value_{i}" for i, name in enumerate(value)}
    return [roles.get(name, f"rest_{i}") for i, name in enumerate(file.columns)]


def parameters(
    key: Sequence[str],
    value: Sequence[str],
    tolerances: tuple[float | None, float, Tolerances | None],
    rules: Rules = PLAIN,
) -> dict[str, Any]:
    rel_tol, abs_tol, own = tolerances
    by_role = {f"value_{i}": (own or {}).get(name, {}) for i, name in enumerate(value)}
    own_rel, own_abs = (owned(by_role, name) for name in ("rel_tol", "abs_tol"))
    return {
        "key": [f"key_{i}" for i in range(len(key))],
        "value": list(by_role),
        "rel_tol": rel_tol,
        "abs_tol": abs_tol,
        "own_rel": list(own_rel),
        "rel_tols": list(own_rel.values()),
        "own_abs": list(own_abs),
        "abs_tols": list(own_abs.values()),
        "texts": [f"value_{value.index(name)}" for name in rules.text],
        "times": [f"value_{value.index(name)}" for name in rules.time],
        "time_tol": rules.tolerance_of_times,
        "trim": rules.trim,
        "nocase": rules.nocase,
        "empty": list(rules.empty),
    }


def owned(by_role: Tolerances, name: str) -> Mapping[str, float]:
    return {role: tolerance[name] for role, tolerance in by_role.items() if name in tolerance}


def rows_of(connection: duckdb.DuckDBPyConnection, bound: dict[str, Any]) -> list[Row]:
    rows = connection.execute(ASKED, bound).fetchall()
    return [tuple(field or "" for field in row) for row in rows]
