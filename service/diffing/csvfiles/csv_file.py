"""A CSV file that SQL may read, and what is known of it."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

from diffing.core.errors import BadInput, is_disk_full, of_os, remedy
from diffing.csvfiles.scan import PORTIONS, Contents, Portions, count_rows

_OTHER_DELIMITERS = {";": "semicolon", "\t": "tab", "|": "pipe"}


@dataclass(frozen=True)
class CsvFile:
    """A CSV file that SQL may read.

    Args:
        name: what the user calls it.
        path: a plain CSV: the file itself, or a copy of it.
        bytes: size of the original on disk.
        columns: the header's names, in file order.
        rows: records below the header, counted without DuckDB; None until it is known, see
            `contents_of`.
        rewritten: `path` is a copy made by `rewrite`, with a blank line in place of the header:
            known to be whole, so DuckDB should read it with `parallel = false`. It reads records
            of several lines right only then.
    """

    name: str
    path: Path
    bytes: int
    columns: tuple[str, ...]
    rows: int | None = None
    rewritten: bool = False


def contents_of(
    file: CsvFile,
    cuts: Sequence[int] = (),
    on_chunk: Callable[[], None] = lambda: None,
    portions: Portions = PORTIONS,
) -> Contents:
    """Look over all bytes of a file.

    Args:
        file: the file.
        cuts: offsets, ascending, at which a record must begin; else `rows` is None.
        on_chunk: called again and again; what it raises ends the look.
        portions: how much is taken at once.

    Returns:
        What stands in it; `rows` is None where DuckDB may read the file wrong: see `rewrite`.

    Raises:
        BadInput: the file is not UTF-8.
    """
    with reading(file.name):
        found = count_rows(file.path, file.name, cuts, on_chunk, portions)
    # a rewritten file has no header, and is right
    return found if file.rows is None else replace(found, rows=file.rows)


def line_of(fields: Iterable[str]) -> str:
    """A record of CSV, quoted as DuckDB quotes it, without a line end."""
    line = StringIO()
    # quoted is what stands in the line end, too
    csv.writer(line, lineterminator="\r\n").writerow(fields)
    return line.getvalue().removesuffix("\r\n")


def refuse_other_delimiter(header: str, name: str) -> None:
    """Refuse a file whose header has one column, if another delimiter parts it.

    Raises:
        BadInput: naming the delimiter.
    """
    for character, word in _OTHER_DELIMITERS.items():
        if character in header:
            raise BadInput(
                f"{name}: the fields seem to be separated by a {word}; "
                "a comma is needed. Export it again."
            )


@contextmanager
def reading(name: str) -> Iterator[None]:
    """A block that reads a file.

    Raises:
        BadInput: it cannot be read.
        OutOfDisk: there is no room for a copy.
    """
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise of_os(error) from error
        raise BadInput(f"{name}: cannot be read: {error.strerror}.{remedy(error)}") from error
