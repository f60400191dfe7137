"""Writes the CSV of a diff in another format."""

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

_HINT = "Ask for format=csv or format=json."


def convert(
    spec: ConversionSpec,
    outputs: Outputs,
    limits: Limits,
    on_ready: Callable[[Outputs], None] = lambda _: None,
) -> None:
    """Write a CSV in the format that the suffix of the result names.

    It appears under its name only when it is whole, and has as many rows as it must.

    Args:
        spec: the CSV.
        outputs: the result: `.json`, an array of objects; or `.parquet`, columns of text. Empty is
            NULL.
        limits: what DuckDB may use.
        on_ready: called with the file that is written to before it gets its name, when it is there.

    Raises:
        NotAcceptable: the format has no room for its column names, or memory none for its rows.
        ResultGone: the source was removed.
        ConversionFailed: the source is damaged.
        OutOfMemory, OutOfDisk, DiffFailed: the machine was not up to it.
    """
    csv.field_size_limit(sys.maxsize)
    with outputs.parts() as parts:
        on_ready(parts)
        (part,) = parts.paths
        try:
            if part.suffix == ".json":
                written = _write_json(spec.source, part)
            else:
                written = _write_parquet(spec.source, part, limits)
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


def _write_json(source: Path, target: Path) -> int:
    """Write an array with an object a line, and return how many they are."""
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    rows = 0
    with _opened(source) as file, target.open("w", encoding="utf-8", newline="") as out:
        records = csv.reader(file, strict=True)
        names = next(records)
        out.write("[")
        for rows, fields in enumerate(records, start=1):
            named = zip(names, (field or None for field in fields), strict=True)
            out.write(f"{',' if rows > 1 else ''}\n{encode(dict(named))}")
        out.write("\n]\n")
    return rows


def _write_parquet(source: Path, target: Path, limits: Limits) -> int:
    """Write Parquet, and return the number of rows; no name may come out as another one."""
    from diffing.engine.connection import (  # only Parquet needs DuckDB
        CsvRefused,
        Session,
        as_pattern,
    )

    names = _names_for_parquet(source)
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
        raise NotAcceptable(f"A row is too long for a conversion to Parquet. {_HINT}") from None
    except (OutOfMemory, OutOfDisk) as error:
        if "No space left" in str(error.__cause__):
            raise
        raise NotAcceptable(
            f"It takes more memory to give it as Parquet than a conversion may use. {_HINT}"
        ) from None
    if found != names:
        raise NotAcceptable(f"Parquet has no room for the names of the columns. {_HINT}")
    return int(written)


def _names_for_parquet(source: Path) -> list[str]:
    with _opened(source) as file:
        names = next(csv.reader(file, strict=True))
    fault = None
    if "" in names:
        fault = "a column has no name"
    elif any("\n" in name or "\r" in name for name in names):
        fault = "the name of a column has a line end in it"
    elif len({name.encode().lower() for name in names}) < len(names):
        fault = "the names of two columns differ only in case"
    if fault:
        raise NotAcceptable(f"It cannot be given as Parquet: {fault}. {_HINT}")
    return names
