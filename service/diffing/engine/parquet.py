"""Opens a Parquet file from outside: a copy as CSV takes its place."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from diffing.core.csv_record import line_of
from diffing.core.errors import BadInput, DiffFailed, DiffingError
from diffing.core.input_file import PARQUET, InputFile, own_name
from diffing.core.text import shown
from diffing.csvfiles.archives import Copies, kept_if_whole
from diffing.csvfiles.csv_file import CsvFile, reading
from diffing.csvfiles.file_kinds import misnamed
from diffing.csvfiles.named_files import NamedFiles, SourceFile, TargetFile
from diffing.csvfiles.open import open_csv, require_columns, size_of
from diffing.engine.connection import CsvRefused, NotNumbers, Session

_MAGIC = b"PAR1"

Connect = Callable[[Sequence[NamedFiles]], Session]


def is_parquet(path: Path) -> bool:
    """Whether the name of a file says that it is Parquet."""
    return path.suffix.lower() == PARQUET


def open_parquet(
    original: InputFile, copies: Copies, wanted: Sequence[str], connect: Connect
) -> CsvFile:
    """Copy a Parquet file as CSV. `sql/convert/from_parquet.sql` defines the texts.

    Args:
        original: the file.
        copies: where the copy goes, and how large it may be.
        wanted: the columns that a comparison needs.
        connect: opens a session that reads and writes these file systems, in order.

    Raises:
        BadInput: the file is missing, damaged or too large, lacks a column, or has a column without
            text.
        OutOfDisk: too little space is free for the copy.
    """
    name = original.name
    with ExitStack() as stack:
        stack.enter_context(reading(name))
        size = size_of(original.path, name)
        file = stack.enter_context(original.path.open("rb"))
        if file.read(len(_MAGIC)) != _MAGIC:
            raise BadInput(f"{name}: {misnamed('Parquet', own_name(name), PARQUET)}")
        source = SourceFile(file.fileno(), "source", at_places=True)
        copy = stack.enter_context(kept_if_whole(copies.scratch))
        target = TargetFile(copy, "copy", copies.growth(name))
        session = stack.enter_context(connect([source, target]))
        _write(session, source, target, (name, wanted))
    found = open_csv(InputFile(copy, name), copies.scratch, wanted)
    return replace(found, bytes=size)


def _write(
    session: Session, source: SourceFile, target: TargetFile, labels: tuple[str, Sequence[str]]
) -> None:
    name, wanted = labels
    try:
        found = session.run("parquet_source", {"file": source.name})
        names = found["names"] or []
        if found["refused"]:
            first = found["refused"][0]
            raise BadInput(
                f"{name}: the column {shown(first['name'])} is {shown(first['type'])}, which has "
                "no text to compare. Export the file without it."
            )
        require_columns(names, wanted, name)
        bound = {"file": source.name, "output": target.name, "prefix": f"{line_of(names)}\n"}
        session.run("parquet_as_csv", bound)
    except DiffingError as error:
        if target.growth.fault:
            raise target.growth.fault from None
        if type(error) in (CsvRefused, DiffFailed, NotNumbers):
            raise BadInput(
                f"{name}: the Parquet file is damaged, encrypted, or of an unknown kind. "
                "Export it again, or as CSV."
            ) from error.__cause__
        raise
