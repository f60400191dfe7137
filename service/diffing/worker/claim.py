"""The link between a running attempt and its table."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic

from diffing.core.errors import DatabaseUnavailable
from diffing.core.progress import Progress
from diffing.store.claims import Row, Table, word_of_row

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim(Generic[Row]):
    """Records progress in a table, and checks that this worker still has the row.

    An unavailable table does not stop the work. The record of its end decides whether it counts.

    Args:
        table: of jobs or conversions.
        row: the claimed one.
    """

    table: Table[Row]
    row: Row

    def beat(self, progress: Progress | None) -> bool:
        """Give a sign of life; False stops the work."""
        return self._or_wanted(partial(self.table.beat, self.row, progress))

    def is_wanted(self) -> bool:
        """Whether to continue."""
        return self._or_wanted(partial(self.table.is_held, self.row))

    def _or_wanted(self, ask: Callable[[], bool]) -> bool:
        try:
            return ask()
        except DatabaseUnavailable as error:
            _log.warning("%s %d: %s", word_of_row(self.row), self.row.id, error)
            return True
