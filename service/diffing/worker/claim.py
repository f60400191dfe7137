"""What an attempt tells the runner and its table while it lasts."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic

from diffing.core.errors import DatabaseUnavailable
from diffing.core.progress import Progress
from diffing.store.claims import Row, Table, word_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim(Generic[Row]):
    """Tells the runner whether a row still is this worker's, and the table how far the work is.

    A table that cannot be asked for a while stops no work: whether its end counts is decided when
    it is recorded.

    Args:
        table: of jobs, or of conversions.
        row: the claimed one.
    """

    table: Table[Row]
    row: Row

    def beat(self, progress: Progress | None) -> bool:
        """Give a sign of life; False when the work is no longer wanted."""
        return self._or_wanted(partial(self.table.beat, self.row, progress))

    def is_wanted(self) -> bool:
        """Whether the work still is wanted."""
        return self._or_wanted(partial(self.table.is_held, self.row))

    def _or_wanted(self, ask: Callable[[], bool]) -> bool:
        try:
            return ask()
        except DatabaseUnavailable as error:
            _log.warning("%s %d: %s", word_of(self.row), self.row.id, error)
            return True
