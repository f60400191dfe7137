"""Converts the CSV of a diff to another format."""

import contextlib
import csv
import io
import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from diffing.core.dialect import PLAIN
from diffing.core.errors import (
    BadInput,
    ConversionFailed,
    DiffFailed,
    NotAcceptable,
    OutOfDisk,
    OutOfMemory,
    ResultGone,
)
from diffing.core.spec import ConversionSpec
from diffing.csvfiles.named_files import SourceFile
from diffing.engine.written import in_dialect
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits

_HINT = "Use format=csv or format=json."


def convert(
    spec: ConversionSpec,
    outputs: Outputs,
    limits: Limits,
    on_ready: Callable[[Outputs], None],
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
    with outputs.parts() as parts, _source(spec, parts.paths[0].parent) as source:
        on_ready(parts)
        (part,) = parts.paths
        _write(part.suffix.removeprefix("."), spec, source, part, limits)


def write_as(wanted: str, spec: ConversionSpec, target: Path, limits: Limits) -> None:
    """Write the rows of a plain CSV to an existing file.

    Args:
        wanted: the format: `json`, `jsonl` or `parquet`.
        spec: the order.
        target: the file.
        limits: threads, memory and disk.

    Raises:
        NotAcceptable, ResultGone, ConversionFailed: as from `convert`.
        OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
    """
    _write(wanted, spec, _Source(spec.source, None), target, limits)


def _write(
    wanted: str, spec: ConversionSpec, source: "_Source", target: Path, limits: Limits
) -> None:
    csv.field_size_limit(sys.maxsize)
    try:
        source.make_plain(spec)
        if wanted == "parquet":
            written = _write_parquet(source, target, limits)
        else:
            written = _write_json(source, target, in_array=wanted == "json")
    except DiffFailed:
        if spec.source.exists():
            raise
        raise ResultGone("The result was removed. Start a new job.") from None
    except MemoryError as error:
        raise OutOfMemory(
            f"The conversion needs more memory than {limits.memory}. {_HINT}"
        ) from error
    except (BadInput, csv.Error, ValueError) as error:
        raise ConversionFailed("The result is damaged. Start a new job.") from error
    if written != spec.rows:
        raise DiffFailed(
            f"{written:,} of {spec.rows:,} rows were converted; this is a fault of the service."
        )


@dataclass(frozen=True)
class _Source:
    """The CSV of a diff.

    Args:
        path: of the file.
        copy: a file without a name for the same as plain CSV; None if it is plain.
    """

    path: Path
    copy: BinaryIO | None

    def make_plain(self, spec: ConversionSpec) -> None:
        """Fill the copy."""
        if self.copy:
            with _existing(self.path) as source:
                for block in in_dialect(source, "result", spec.dialect, PLAIN):
                    self.copy.write(block)
            self.copy.flush()

    @contextlib.contextmanager
    def opened(self) -> Iterator[TextIO]:
        """The file as text."""
        with _existing(self.path) if self.copy is None else self._reopened() as file:
            yield io.TextIOWrapper(file, encoding="utf-8", newline="")

    def _reopened(self) -> io.BufferedReader:
        assert self.copy, "only a copy is reopened"  # noqa: S101
        os.lseek(self.copy.fileno(), 0, os.SEEK_SET)
        return os.fdopen(os.dup(self.copy.fileno()), "rb")


@contextlib.contextmanager
def _source(spec: ConversionSpec, folder: Path) -> Iterator[_Source]:
    """The source of a conversion. A copy must exist before the process is restricted."""
    if spec.dialect.is_written_as_it_is:
        yield _Source(spec.source, None)
        return
    with tempfile.TemporaryFile(dir=folder) as copy:
        yield _Source(spec.source, copy)


def _existing(source: Path) -> io.BufferedReader:
    try:
        return source.open("rb")
    except FileNotFoundError:
        raise ResultGone("The result was removed. Start a new job.") from None


def _write_json(source: _Source, target: Path, *, in_array: bool) -> int:
    """Write one object per line, with or without an array around them. Return their number."""
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    begin, between, end = ("[\n", ",\n", "\n]\n") if in_array else ("", "\n", "\n")
    rows = 0
    with source.opened() as file, target.open("w", encoding="utf-8", newline="") as out:
        records = csv.reader(file, strict=True)
        names = next(records)
        for rows, fields in enumerate(records, start=1):
            named = zip(names, (field or None for field in fields), strict=True)
            out.write(f"{between if rows > 1 else begin}{encode(dict(named))}")
        if rows or in_array:
            out.write(end if rows else "[\n]\n")
    return rows


def _write_parquet(source: _Source, target: Path, limits: Limits) -> int:
    """Write Parquet, and return the number of rows. Column names must not change."""
    from diffing.engine.connection import (  # only Parquet needs DuckDB
        CsvRefused,
        Session,
        as_pattern,
    )

    names = _names(source)
    copies = [SourceFile(source.copy.fileno(), "source")] if source.copy else []
    files = [source.path, target, as_pattern(source.path), as_pattern(target)]
    try:
        with Session(limits, limits.temp_folder, files, copies, threading.Event()) as session:
            parameters = {
                "file": copies[0].name if copies else str(as_pattern(source.path)),
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
    """The column names of a plain CSV.

    Raises:
        NotAcceptable: DuckDB or Parquet would change a name.
    """
    return _names(_Source(source, None))


def _names(source: _Source) -> list[str]:
    with source.opened() as file:
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
