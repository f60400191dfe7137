"""Suggests keys for one or two files, before a diff."""

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from diffing.core.comparison import AUTO, Comparison
from diffing.core.errors import BadArgument, NoKey
from diffing.core.input_file import InputFile, named_apart
from diffing.csvfiles.archives import Copies
from diffing.csvfiles.csv_file import CsvFile
from diffing.engine.connection import OrderedSession, Session
from diffing.engine.interruptible import run
from diffing.engine.key_search import KeySearch, SearchContext
from diffing.engine.opening import open_input, open_pair
from diffing.engine.stoppable import Stoppable
from diffing.sandbox.limits import Limits

SECONDS_FOR_AN_ERROR = 20.0
"""A diff that lacks its key should soon say so."""


class KeySuggestion(Stoppable):
    """Looks for the smallest sets of columns that are unique in each file.

    Args:
        files: one, or old and new.
        limits: threads, memory and disk.
        comparison: with AUTO as its key; its value and ignored columns are not part of a key.
        seconds: most time for the search, after the files are unpacked.
    """

    def __init__(
        self,
        files: Sequence[InputFile],
        limits: Limits,
        comparison: Comparison,
        seconds: float,
    ) -> None:
        super().__init__()
        self._files = named_apart(files[0], files[1]) if len(files) > 1 else files
        self._limits = limits
        self._comparison = comparison
        self._seconds = seconds

    def run(self) -> tuple[tuple[str, ...], ...]:
        """The sets, the best first; by their names in new.

        Raises:
            NoKey: no set is unique in each file, or none was found in time.
            BadInput: a file is not valid CSV.
            OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
            Interrupted: `interrupt` was called.
        """
        with tempfile.TemporaryDirectory(prefix="key-", dir=self._limits.temp_folder) as folder:
            scratch = Path(folder)
            connect = partial(self.connect, Session, self._limits, scratch, ())
            context = SearchContext(
                scratch, connect, self._limits.threads, self._interrupted, self._seconds
            )
            return KeySearch(self._opened(scratch), self._comparison, context).run()

    def _opened(self, scratch: Path) -> Sequence[CsvFile]:
        connect = partial(self.connect, OrderedSession, self._limits, scratch, ())
        asked = self._comparison
        copies = Copies(scratch, self._limits.max_unpacked_bytes)
        if len(self._files) == 1:
            return [open_input(self._files[0], asked.old_dialect, (), copies, connect)]
        return open_pair(self._files[0], self._files[1], asked, copies, connect)


def missing_key(
    search: KeySuggestion, option: str, as_text: Callable[[Sequence[str]], str]
) -> BadArgument:
    """The error for a diff without a key. It names keys that are unique in both files.

    Args:
        search: for such keys.
        option: the name of the missing option.
        as_text: how a user gives a key.

    Raises:
        KeyboardInterrupt: the search was interrupted, and has ended.
        DiffingError: as from `KeySuggestion.run`, but NoKey.
    """
    missing = f"Missing {option}, the columns that identify a row."
    try:
        found = "; or ".join(map(as_text, run(search.run, search.interrupt)))
    except NoKey as error:
        return BadArgument(f"{missing} {error.detail}")
    return BadArgument(f"{missing} Unique in both files: {found}. {as_text(AUTO)} takes the first.")
