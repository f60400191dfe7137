"""Converts the CSV of a diff to another format."""

import contextlib
import csv
import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from diffing.core.errors import (
    ConversionFailed,
    DiffFailed,
    NotAcceptable,
    OutOfDisk,
    OutOfMemory,
    ResultGone,
)
from diffing.core.spec import ConversionSpec
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits

_HINT = "Use format=csv or format=json."


def convert(
    spec: ConversionSpec,
    outputs: Outputs,
    limits: Limits,
    on_ready: Callable[[Outputs], None] = lambda _: None,
) -> None:
    """Convert a CSV to the format that the suffix of the result names.

    The target appears only when it is complete, with the expected number of rows.

    Args:
        spec: the order.
        outputs: the result: `.json`, an array of objects; or `.parquet`, columns of text. Empty is
            NULL.
        limits: threads, memory and disk.
        on_ready: called with the temporary file, once it exists.

    Raises:
        NotAcceptable: the format cannot store the column names, or memory is too small.
        ResultGone: the source was removed.
        ConversionFailed: the source is damaged.
        OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
    """
    with outputs.parts() as parts:
        on_ready(parts)
        (part,) = parts.paths
        write_as(part.suffix.removeprefix("."), spec, part, limits)


def write_as(wanted: str, spec: ConversionSpec, target: Path, limits: Limits) -> None:
    """Write the rows of a CSV to an existing file.

    Args:
        wanted: the format: `json`, `jsonl` or `parquet`.
        spec: the order.
        target: the file.
        limits: threads, memory and disk.

    Raises:
        NotAcceptable, ResultGone, ConversionFailed: as from `convert`.
        OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
    """
    csv.field_size_limit(sys.maxsize)
    try:
        if wanted == "parquet":
            written = _write_parquet(spec.source, target, limits)
        else:
            written = _write_json(spec.source, target, in_array=wanted == "json")
    except DiffFailed:
        if spec.source.exists():
            raise
        raise ResultGone("The result was removed. Start a new job.") from None
    except MemoryError as error:
        raise OutOfMemory(
            f"The conversion needs more memory than {limits.memory}. {_HINT}"
        ) from error
    except (csv.Error, ValueError) as error:
        raise ConversionFailed("The result is damaged. Start a new job.") from error
    if written != spec.rows:
        raise DiffFailed(
            f"{written:,} of {spec.rows:,} rows were converted; this is a fault of the service."
        )


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[TextIO]:
    try:
        file = source.open(encoding="utf-8", newline="")
    except FileNotFoundError:
        raise ResultGone("The result was removed. Start a new job.") from None
    with file:
        yield file


def _write_json(source: Path, target: Path, *, in_array: bool) -> int:
    """Write one object per line, with or without an array around them. Return their number."""
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    begin, between, end = ("[\n", ",\n", "\n]\n") if in_array else ("", "\n", "\n")
    rows = 0
    with _opened(source) as file, target.open("w", encoding="utf-8", newline="") as out:
        records = csv.reader(file, strict=True)
        names = next(records)
        for rows, fields in enumerate(records, start=1):
            named = zip(names, (field or None for field in fields), strict=True)
            out.write(f"{between if rows > 1 else begin}{encode(dict(named))}")
        if rows or in_array:
            out.write(end if rows else "[\n]\n")
    return rows


def _write_parquet(source: Path, target: Path, limits: Limits) -> int:
    """Write Parquet, and return the number of rows. Column names must not change."""
    from diffing.engine.connection import (  # only Parquet needs DuckDB
        CsvRefused,
        Session,
        as_pattern,
    )

    names = names_for_duckdb(source)
    files = [source, target, as_pattern(source), as_pattern(target)]
    try:
        with Session(limits, limits.temp_folder, files, [], threading.Event()) as session:
            parameters = {
                "file": str(as_pattern(source)),
                "file_columns": dict.fromkeys(names, "VARCHAR"),
                "output": str(target),
            }
            written = session.run("parquet", parameters)["Count"]
            found = session.run("parquet_columns", {"output": str(as_pattern(target))})["names"]
    except CsvRefused:
        raise NotAcceptable(
            f"Parquet cannot store this result: a row is too long. {_HINT}"
        ) from None
    except (OutOfMemory, OutOfDisk) as error:
        if "No space left" in str(error.__cause__):
            raise
        raise NotAcceptable(
            f"The conversion to Parquet needs more memory than {limits.memory}. {_HINT}"
        ) from None
    if found != names:
        raise NotAcceptable(f"Parquet cannot store the names of the columns. {_HINT}")
    return int(written)


def names_for_duckdb(source: Path) -> list[str]:
    """The column names of a CSV.

    Raises:
        NotAcceptable: DuckDB or Parquet would change a name.
    """
    with _opened(source) as file:
        names = next(csv.reader(file, strict=True))
    fault = None
    if "" in names:
        fault = "a column has no name"
    elif any("\n" in name or "\r" in name for name in names):
        fault = "the name of a column contains a line end"
    elif len({name.encode().lower() for name in names}) < len(names):
        fault = "the names of two columns differ only in case"
    if fault:
        raise NotAcceptable(f"Parquet cannot store this result: {fault}. {_HINT}")
    return names
