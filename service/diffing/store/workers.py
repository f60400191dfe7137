"""The table of workers. Each live worker has a row with its last sign of life."""

import os
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from diffing.core.process_name import name_of
from diffing.store.clock import now, utc_now
from diffing.store.database import changing
from diffing.store.dialects import upsert
from diffing.store.schema import workers as _workers

# After so many times `stale_after` without a sign of life, the row of a worker is removed.
_KEPT = 20


class Presence:
    """A worker's own row in the table of workers. It also removes the rows of dead workers.

    The process measures their silence with its own clock, which only goes forward: see `reaper`. If
    the row of a live worker is removed, the next beat restores it.

    Args:
        engine: of the database, from `database`.
        slots: jobs that the worker runs at once.
        stale_after: seconds without a beat after which it counts as dead.
        clock: gives seconds.
    """

    def __init__(
        self,
        engine: sa.Engine,
        slots: int,
        stale_after: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._own = {
            # `health` finds the worker of a process by it
            "id": name_of(os.getpid()) + uuid.uuid4().hex,
            "slots": slots,
            "started_at": utc_now(),
        }
        self._kept = stale_after * _KEPT
        self._clock = clock
        self._first_seen: dict[tuple[str, datetime], float] = {}
        self._lock = threading.Lock()
        self._has_left = False

    def beat(self) -> None:
        """Give a sign of life, and remove the rows of dead workers.

        Raises:
            DatabaseUnavailable: the table cannot be read or written.
        """
        with self._lock, changing(self._engine) as connection:
            if self._has_left:
                return
            seen = {"seen_at": now(connection)}
            own = upsert(connection, _workers).values(**self._own, **seen)
            connection.execute(own.on_conflict_do_update(index_elements=["id"], set_=seen))
            for worker_id, seen_at in self._silent(connection):
                connection.execute(
                    sa.delete(_workers).where(
                        _workers.c.id == worker_id, _workers.c.seen_at == seen_at
                    )
                )

    def leave(self) -> None:
        """Remove the row at the end of the worker.

        Raises:
            DatabaseUnavailable: the table cannot be written.
        """
        with self._lock, changing(self._engine) as connection:
            self._has_left = True
            connection.execute(sa.delete(_workers).where(_workers.c.id == self._own["id"]))

    def _silent(self, connection: sa.Connection) -> list[tuple[str, datetime]]:
        now = self._clock()
        rows = connection.execute(sa.select(_workers.c.id, _workers.c.seen_at))
        signs = [(row.id, row.seen_at) for row in rows]
        self._first_seen = {sign: self._first_seen.get(sign, now) for sign in signs}
        return [sign for sign, since in self._first_seen.items() if now - since >= self._kept]
