"""Finds work without a worker that is not in its queue, and queues it again."""

import logging
import time
from collections.abc import Callable
from typing import Generic

from diffing.core.errors import DiffFailed
from diffing.core.settings import Settings
from diffing.store.claims import Row, Table, word_of_row
from diffing.store.job import Status
from diffing.store.queue import JobQueue
from diffing.worker.sweeper import Sweeper

_log = logging.getLogger(__name__)


class Reaper(Generic[Row]):
    """Queues rows without a sign of life again. Many reapers may run; one of them wins each row.

    Wall clocks jump, and differ between machines. So the process measures silence with its own
    clock, which only goes forward, from when it first saw the last sign of life.

    Args:
        settings: seconds of silence after which a row is taken over, and the most attempts.
        table: of jobs or conversions.
        queue: of its ids.
        sweeper: removes files of dead attempts.
        clock: gives seconds.
    """

    def __init__(
        self,
        settings: Settings,
        table: Table[Row],
        queue: JobQueue,
        sweeper: Sweeper,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._queue = queue
        self._sweeper = sweeper
        self._stale_after = settings.stale_after
        self._max_attempts = settings.max_attempts
        self._clock = clock
        self._first_seen: dict[tuple[object, ...], float] = {}
        self._looked_at = clock()

    def reap(self) -> None:
        """Take over jobs that were silent too long. Call it about every `stale_after / 3`.

        Raises:
            DatabaseUnavailable: the table cannot be read or written.
        """
        stale = self._stale(self._table.unfinished())
        for row in stale:
            if row.status is Status.PROCESSING:
                self._take_over(row)
        queued = [row for row in stale if row.status is Status.QUEUED]
        waiting = self._queue.waiting() if queued else set()
        for row in queued:
            if row.id not in waiting and self._table.take_over(row):
                word = word_of_row(row)
                extra = {f"{word}_id": row.id}
                _log.warning("%s %d was not in the queue", word, row.id, extra=extra)
                self._queue.put(row.id)

    def _stale(self, rows: list[Row]) -> list[Row]:
        now = self._clock()
        if now - self._looked_at > self._stale_after:
            self._first_seen = {}  # this process slept, and so may have the others
        self._looked_at = now
        signs = {row.id: (row.id, row.status, row.attempt, row.seen_at) for row in rows}
        self._first_seen = {s: self._first_seen.get(s, now) for s in signs.values()}
        return [row for row in rows if now - self._first_seen[signs[row.id]] >= self._stale_after]

    def _take_over(self, row: Row) -> None:
        """Start another attempt at a row whose worker died, or fail it."""
        word = word_of_row(row)
        taken: object
        if row.attempt >= self._max_attempts:
            reason = DiffFailed(f"The worker died while it ran the {word}.")
            taken = self._table.give_up(row, reason.failure)
        elif taken := self._table.take_over(row):
            self._queue.put(row.id)
        if taken:
            said = {f"{word}_id": row.id, "attempt": row.attempt}
            _log.warning(
                "%s %d, attempt %d: its worker died", word, row.id, row.attempt, extra=said
            )
            self._sweeper.tidy(row)
