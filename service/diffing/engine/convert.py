"""Converts the CSV of a diff to another format: `python -m diffing.engine.convert`.

It dies with its parent. It prints a failure as JSON.
"""

import contextlib
import csv
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TextIO

from diffing.core.errors import (
    ConversionFailed,
    DiffFailed,
    DiffingError,
    NotAcceptable,
    OutOfDisk,
    OutOfMemory,
    ResultGone,
    of_os,
)
from diffing.engine.sql import SQL_DIR
from diffing.files.results import Outputs
from diffing.sandbox import landlock
from diffing.sandbox.limits import Limits
from diffing.sandbox.parent_death import die_with_parent
from diffing.sandbox.process import bound_memory, ignore_signals

_log = logging.getLogger(__name__)
_MEMORY = "512MB"
_HINT = "Use format=csv or format=json."


def convert(
    source: Path, target: Path, rows: int, on_ready: Callable[[Path], None] = lambda _: None
) -> None:
    """Convert a CSV to the format that the suffix of the target names.

    The target appears only when it is complete, with the expected number of rows.

    Args:
        source: CSV that a diff wrote: header, LF, UTF-8, quotes only where needed.
        target: `.json`, an array of objects; or `.parquet`, columns of text. Empty is NULL.
        rows: data rows that the source must have.
        on_ready: called with the temporary file, once it exists.

    Raises:
        NotAcceptable: the format cannot store the column names, or memory is too small.
        ResultGone: the source was removed.
        OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
    """
    csv.field_size_limit(sys.maxsize)
    with Outputs(target).parts() as part:
        assert part.result, "it was given"  # noqa: S101
        on_ready(part.result)
        write = {".json": _write_json, ".parquet": _write_parquet}[target.suffix]
        try:
            written = write(source, part.result)
        except DiffFailed:
            if source.exists():
                raise
            raise ResultGone("The result was removed. Start a new job.") from None
        if written != rows:
            raise DiffFailed(
                f"{written:,} of {rows:,} rows were converted; this is a fault of the service."
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
    """Write an array with one object per line, and return their number."""
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


def _write_parquet(source: Path, target: Path) -> int:
    """Write Parquet, and return the number of rows. Column names must not change."""
    from diffing.engine.connection import (  # only Parquet needs DuckDB
        CsvRefused,
        Session,
        as_pattern,
    )

    names = _names_for_parquet(source)
    limits = _limits_in(target.parent)
    files = [source, target, as_pattern(source), as_pattern(target)]
    try:
        with Session(limits, target.parent, files, [], threading.Event()) as session:
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
            f"The conversion to Parquet needs more memory than {_MEMORY}. {_HINT}"
        ) from None
    if found != names:
        raise NotAcceptable(f"Parquet cannot store the names of the columns. {_HINT}")
    return int(written)


def _limits_in(folder: Path) -> Limits:
    return Limits(threads=1, memory=_MEMORY, temp_folder=folder, temp="0KB")


def _names_for_parquet(source: Path) -> list[str]:
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


def main() -> int:
    """Convert. The arguments are source, target, rows, and the process id of the parent.

    Returns:
        The exit status: 0 for success, 1 for a printed failure.
    """
    source, target, rows, parent = sys.argv[1:]
    die_with_parent(int(parent))
    ignore_signals()
    bound_memory(_limits_in(Path(os.devnull)).most_memory)
    try:
        convert(Path(source), Path(target), int(rows), partial(_enclose, Path(source)))
    except DiffingError as error:
        if error.__cause__:
            _log.error("the conversion failed: %s", error, exc_info=error.__cause__)
        failure = error.failure
    except OSError as error:
        _log.exception("the conversion failed")
        failure = of_os(error).failure
    except MemoryError:
        _log.exception("the conversion failed")
        failure = OutOfMemory(f"The conversion needs more memory than {_MEMORY}. {_HINT}").failure
    except (csv.Error, UnicodeDecodeError, ValueError):
        _log.exception("the conversion failed")
        failure = ConversionFailed("The result is damaged. Start a new job.").failure
    else:
        return 0
    json.dump(failure.as_dict(), sys.stdout)
    return 1


def _enclose(source: Path, part: Path) -> None:
    """Restrict this process to the two files, because the content may be malicious."""
    landlock.enclose(
        # the conversion reports a missing one
        read=[SQL_DIR, *([source] if source.is_file() else [])],
        write=[part],
        rename=[part.parent],
        own=[],
    )


if __name__ == "__main__":
    sys.exit(main())
