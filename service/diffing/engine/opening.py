"""Opens inputs, CSV or Parquet, as files that SQL can read."""

from collections.abc import Sequence

from diffing.core.columns import wanted
from diffing.core.comparison import Comparison
from diffing.core.dialect import Dialect
from diffing.core.input_file import InputFile
from diffing.csvfiles.archives import Copies
from diffing.csvfiles.csv_file import CsvFile
from diffing.csvfiles.open import is_missing_or_empty, open_csv, without_rows
from diffing.engine.parquet import Connect, is_parquet, open_parquet


def open_pair(
    old: InputFile, new: InputFile, comparison: Comparison, copies: Copies, connect: Connect
) -> tuple[CsvFile, CsvFile]:
    """Open both files of a comparison; in place of a missing old one, a file without rows.

    Args:
        old: the old file. Its columns get the names of new.
        new: the new file.
        comparison: as it was asked for.
        copies: where copies go, and how large they may be.
        connect: opens a session that reads and writes these file systems, in order.

    Raises:
        BadInput: as from `open_input`, or two columns would have the same name.
        OutOfDisk: too little space is free for a copy.
    """
    of_old, of_new = wanted(comparison)
    if comparison.old_may_be_missing and is_missing_or_empty(old):
        opened = open_input(new, comparison.new_dialect, of_new, copies, connect)
        return without_rows(opened, old.name, copies.scratch), opened
    opened_old = open_input(old, comparison.old_dialect, of_old, copies, connect)
    opened_new = open_input(new, comparison.new_dialect, of_new, copies, connect)
    return opened_old.renamed(comparison.rename), opened_new


def open_input(
    original: InputFile,
    dialect: Dialect,
    columns: Sequence[str],
    copies: Copies,
    connect: Connect,
) -> CsvFile:
    """Open a file from outside. Numbers stay as they are written.

    Args:
        original: the file; the suffix of Parquet says that it is one.
        dialect: of a CSV file, as far as it is given.
        columns: that a comparison needs.
        copies: where a copy goes, and how large it may be.
        connect: opens a session that reads and writes these file systems, in order.

    Raises:
        BadInput: as from `open_csv` and `open_parquet`.
        OutOfDisk: too little space is free for a copy.
    """
    if is_parquet(original.path):
        return open_parquet(original, copies, columns, connect)
    return open_csv(original, copies.scratch, columns, copies.most, dialect)
