"""What an attempt tells the runner and the table while it lasts."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from diffing.core.errors import DatabaseUnavailable
from diffing.core.progress import Progress

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim:
    """Tells the runner whether a row still is this worker's, and the table how far the work is.

    A table that cannot be asked for a while stops no work: whether its end counts is decided when
    it is recorded.

    Args:
        name: of the row, for the log.
        tell: takes a sign of life; False when the row is no longer this worker's.
        ask: whether the row still is this worker's.
    """

    name: str
    tell: Callable[[Progress | None], bool]
    ask: Callable[[], bool]

    def beat(self, progress: Progress | None) -> bool:
        """Take a sign of life; False when the work is no longer wanted."""
        return self._or_wanted(lambda: self.tell(progress))

    def is_wanted(self) -> bool:
        """Whether the work still is wanted."""
        return self._or_wanted(self.ask)

    def _or_wanted(self, ask: Callable[[], bool]) -> bool:
        try:
            return ask()
        except DatabaseUnavailable as error:
            _log.warning("%s: %s", self.name, error)
            return True
