"""The files of a diff, opened, and the columns that it compares."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from diffing.core.columns import Header, is_auto, resolved
from diffing.core.comparison import Comparison
from diffing.core.errors import BadInput
from diffing.core.input_file import InputFile
from diffing.core.text import listed
from diffing.csvfiles.archives import Copies
from diffing.csvfiles.csv_file import CsvFile
from diffing.csvfiles.notation import with_plain_numbers
from diffing.csvfiles.open import without_rows
from diffing.csvfiles.rewrite import rewrite
from diffing.engine.key_search import KeySearch, SearchContext
from diffing.engine.opening import open_pair
from diffing.engine.parquet import Connect
from diffing.engine.reporter import Reporter


@dataclass(frozen=True)
class Pair:
    """Two files that SQL can read, and their comparison.

    Args:
        old: the old file; its columns have the names of new.
        new: the new file.
        comparison: with the names of its columns.
    """

    old: CsvFile
    new: CsvFile
    comparison: Comparison

    def __iter__(self) -> Iterator[CsvFile]:
        return iter(self.files)

    @property
    def files(self) -> tuple[CsvFile, CsvFile]:
        """The old and the new file."""
        return self.old, self.new

    def rewritten(self, scratch: Path) -> "Pair":
        """The pair, with copies of its files that DuckDB reads correctly.

        Args:
            scratch: an existing folder for copies.

        Raises:
            BadInput: a file is not valid CSV.
            OutOfDisk: too little space is free for a copy.
        """
        old, new = (rewrite(file, scratch) for file in self)
        return replace(self, old=old, new=new)


@dataclass(frozen=True)
class PairOpener:
    """Opens both files of a diff, and finds the columns that it compares.

    Args:
        inputs: the old and the new file.
        asked: the comparison as it was asked for.
        context: folder, sessions and time for the search for a key.
        copies: where copies of the files go, and how large they may be.
        connect: opens a session that reads and writes file systems, in order.
    """

    inputs: tuple[InputFile, InputFile]
    asked: Comparison
    context: SearchContext
    copies: Copies
    connect: Connect

    def run(self, reporter: Reporter) -> Pair:
        """Open the files.

        Args:
            reporter: of the stage, if a key is looked for.

        Raises:
            BadInput: a file is not valid CSV, lacks a column, or has no key that can be found.
            OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
            Interrupted: the work was interrupted.
        """
        files = open_pair(*self.inputs, self.asked, self.copies, self.connect)
        return self._with_plain_numbers(Pair(*files, self._resolved(files, reporter)))

    def _resolved(self, files: tuple[CsvFile, CsvFile], reporter: Reporter) -> Comparison:
        """The comparison with the columns of both files."""
        headers = [Header(file.name, file.columns) for file in files]
        asked = self.asked
        comparison = resolved(asked, *headers)
        if not is_auto(asked, *headers):
            return comparison
        reporter.stage("looking for a key")
        key, *_ = KeySearch(files, asked, self.context).run()
        for option, column in (
            ("period", asked.period),
            ("measure", asked.measure),
            *(("totals_by", column) for column in asked.totals_by),
        ):
            if column and column not in key:
                raise BadInput(
                    f"The key that was found, {listed(key)}, does not contain the {option} "
                    f"{listed([column])}. Name the key columns."
                )
        return resolved(asked.model_copy(update={"key": key}), *headers)

    def _with_plain_numbers(self, pair: Pair) -> Pair:
        """The pair, with value columns as SQL reads numbers."""
        (old, new), copies, comparison = pair, self.copies, pair.comparison
        of_old, of_new = self.inputs
        plain = partial(with_plain_numbers, comparison=comparison, copies=copies)
        if not new.dialect.has_plain_numbers:
            new = plain(new, of_new)
        if old.dialect.has_plain_numbers:
            return replace(pair, new=new)
        if not old.bytes:  # it has the dialect of new
            return replace(pair, old=without_rows(new, old.name, copies.scratch), new=new)
        return replace(pair, old=plain(old, of_old), new=new)
