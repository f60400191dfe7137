"""A CSV file that SQL may read, with its known properties."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from diffing.core.columns import Header
from diffing.core.dialect import PLAIN, FullDialect
from diffing.core.errors import BadInput, is_disk_full, of_os, remedy
from diffing.csvfiles.scan import Contents, Portions, count_rows


@dataclass(frozen=True)
class CsvFile:
    """A CSV file that SQL may read.

    Args:
        name: for the user.
        path: of an uncompressed CSV: the file itself, or a copy.
        bytes: size of the original on disk.
        columns: names that a comparison uses, in file order.
        rows: records below the header, counted without DuckDB; None while unknown, see
            `contents_of`.
        rewritten: `path` is a copy by `rewrite`, with a blank line in place of the header. DuckDB
            must read it with `parallel = false`: only then, records of several lines are safe.
        header: the names in the file, if some columns are renamed for the comparison.
        dialect: of the original.
        originals: for columns whose numbers were rewritten, by their names in the file, the column
            with the original text.
        sniffed: what was found out about it, in words; empty if nothing was.
    """

    name: str
    path: Path
    bytes: int
    columns: tuple[str, ...]
    rows: int | None = None
    rewritten: bool = False
    header: tuple[str, ...] = ()
    dialect: FullDialect = PLAIN
    sniffed: str = ""
    originals: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def own_columns(self) -> tuple[str, ...]:
        """The columns of the original."""
        return self.columns[: len(self.columns) - len(self.originals)]

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the file, in file order."""
        return self.header or self.columns

    def renamed(self, rename: Mapping[str, str]) -> Self:
        """The file with other names for some columns.

        Raises:
            BadInput: two columns would have the same name.
        """
        if not rename:
            return self
        columns = Header(self.name, self.columns).renamed(rename).columns
        return replace(self, columns=columns, header=self.columns)


def contents_of(
    file: CsvFile,
    on_chunk: Callable[[], None] = lambda: None,
    portions: Portions | None = None,
) -> Contents:
    """Scan all bytes of a file.

    Args:
        file: the file.
        on_chunk: called for each chunk; an exception from it ends the scan.
        portions: bytes per step; None for the best ones.

    Returns:
        The contents; `rows` is None if DuckDB may misread the file: see `rewrite`.

    Raises:
        BadInput: the file is not UTF-8.
    """
    with reading(file.name):
        found = count_rows(file.path, file.name, on_chunk, portions or Portions.now())
    # a rewritten file has no header, and its rows were counted
    return found if file.rows is None else replace(found, rows=file.rows)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """A block that reads a file.

    Raises:
        BadInput: the file cannot be read.
        OutOfDisk: too little space is free for a copy.
    """
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise of_os(error) from error
        raise BadInput(f"{name}: cannot be read: {error.strerror}.{remedy(error)}") from error
