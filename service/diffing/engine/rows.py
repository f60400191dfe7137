"""The rows of a diff as a DuckDB relation."""

import secrets
from pathlib import Path

import duckdb

from diffing.core.errors import DiffFailed
from diffing.engine.connection import as_pattern, translated
from diffing.engine.convert import names_for_duckdb
from diffing.engine.sql import query
from diffing.sandbox.limits import Limits


def relation_of(path: Path, rows: int, limits: Limits) -> duckdb.DuckDBPyRelation:
    """Load the CSV of a diff into a table, which needs the file no longer.

    Args:
        path: CSV that a diff wrote.
        rows: its data rows.
        limits: threads and memory. Beyond the memory, DuckDB spills to a new folder in its folder,
            and removes it with the relation.

    Raises:
        NotAcceptable: DuckDB cannot store the column names.
        OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
    """
    names = names_for_duckdb(path)
    connection = duckdb.connect(
        config={
            "memory_limit": limits.memory_of_duckdb,
            "threads": limits.threads,
            "temp_directory": str(limits.temp_folder / f"diffing-rows-{secrets.token_hex(8)}"),
        }
    )
    with translated():
        connection.execute(query("read_result"))
        connection.execute(
            query("rows"),
            {"file": str(as_pattern(path)), "file_columns": dict.fromkeys(names, "VARCHAR")},
        )
        relation = connection.table("rows")
        if relation.columns != names or len(relation) != rows:
            raise DiffFailed("The rows of the result do not add up; this is a fault of diffing.")
    return relation
