"""The conversions table: what clients want that is made of a result, until the files exist.

That is the result in another format, an analysis, or a list of cells, changes or rows.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import sqlalchemy as sa

from diffing.core.errors import Failure
from diffing.core.progress import Progress
from diffing.store.claims import held, is_held, unseen_since
from diffing.store.clock import utc_now
from diffing.store.database import changing, reading
from diffing.store.dialects import upsert
from diffing.store.job import UNFINISHED, Status
from diffing.store.schema import conversions as _conversions

# Longer than a request waits, and than a client waits before it asks again.
_WANTED_FOR = timedelta(minutes=2)
_FAILURES_KEPT_FOR = timedelta(days=1)
_FAILED_LATELY = timedelta(minutes=1)


@dataclass(frozen=True)
class Conversion:
    """A row of the table.

    Args:
        id: number of the conversion.
        name: of the file to write, in the folder of results.
        rows: data rows that the file must have.
        status: its state; a conversion that succeeds loses its row.
        attempt: number of its starts.
        seen_at: last sign of life: it was queued or taken, or its worker beat.
        wanted_at: time of the last request for it.
        error: type, title and detail of a failure.
        ask: the question that the file answers, as JSON values; None for other files.
    """

    id: int
    name: str
    rows: int
    status: Status
    attempt: int
    seen_at: datetime
    wanted_at: datetime
    error: dict[str, str] | None
    ask: dict[str, Any] | None = None

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> Self:
        """The conversion in a row of the table."""
        return cls(**{**row._mapping, "status": Status(row.status)})

    @property
    def stem(self) -> str:
        """Start of the names of its job's files: id and attempt of the job."""
        return ".".join(self.name.split(".")[:2])

    @property
    def mark(self) -> tuple[str, object]:
        """Its file, which no lost conversion with its id was to write, or the same one."""
        return "name", self.name

    @property
    def is_new(self) -> bool:
        """Whether the last request for it is the first."""
        return self.status is Status.QUEUED and self.seen_at == self.wanted_at


class Conversions:
    """Reads and changes the conversions table, as safely as `Jobs` does the jobs table.

    Args:
        engine: of the database, from `database`.
        now: gives the time, in UTC.
    """

    def __init__(self, engine: sa.Engine, now: Callable[[], datetime] = utc_now) -> None:
        self.engine = engine
        self._now = now

    def want(self, name: str, rows: int, ask: dict[str, Any] | None = None) -> Conversion:
        """Request a file. A conversion that failed is queued again.

        Args:
            name: of the file, in the folder of results.
            rows: data rows that the file must have.
            ask: the question that it answers, which its name depends on.
        """
        now = self._now()
        values = {"name": name, "rows": rows, "status": Status.QUEUED, "attempt": 0, "seen_at": now}
        values["ask"] = ask
        with changing(self.engine) as connection:
            connection.execute(
                sa.delete(_conversions).where(
                    _conversions.c.status == Status.FAILED,
                    (_conversions.c.name == name)
                    | (_conversions.c.seen_at < now - _FAILURES_KEPT_FOR),
                )
            )
            asked = upsert(connection, _conversions).values(**values, wanted_at=now)
            asked = asked.on_conflict_do_update(index_elements=["name"], set_={"wanted_at": now})
            row = connection.execute(asked.returning(_conversions)).one()
        return Conversion.from_row(row)

    def failure_of(self, name: str) -> dict[str, str] | None:
        """The error of a conversion that failed within the last minute; None otherwise.

        Args:
            name: of the file, in the folder of results.
        """
        lately = _conversions.c.seen_at > self._now() - _FAILED_LATELY
        failed = (_conversions.c.name == name, _conversions.c.status == Status.FAILED)
        return next((conversion.error for conversion in self._all(*failed, lately)), None)

    def claim(self, conversion_id: int) -> Conversion | None:
        """Take a queued conversion; None if it is not queued any longer, or no client wants it."""
        queued = (_conversions.c.id == conversion_id, _conversions.c.status == Status.QUEUED)
        with changing(self.engine) as connection:
            connection.execute(sa.delete(_conversions).where(*queued, ~self._is_wanted()))
            row = connection.execute(
                sa.update(_conversions)
                .where(*queued)
                .values(
                    status=Status.PROCESSING,
                    attempt=_conversions.c.attempt + 1,
                    seen_at=self._now(),
                )
                .returning(_conversions)
            ).first()
        return Conversion.from_row(row) if row else None

    def beat(self, conversion: Conversion, _: Progress | None = None) -> bool:
        """Give a sign of life; False if the conversion has left this attempt."""
        return self._change(held(_conversions, conversion).values(seen_at=self._now()))

    def is_held(self, conversion: Conversion) -> bool:
        """Whether this attempt still runs the conversion, and a client wants it."""
        return bool(self._all(*is_held(_conversions, conversion), self._is_wanted()))

    def succeed(self, conversion: Conversion) -> bool:
        """Remove the row, since the file exists; False if the conversion has left this attempt."""
        return self._change(sa.delete(_conversions).where(*is_held(_conversions, conversion)))

    def fail(self, conversion: Conversion, failure: Failure) -> bool:
        """Record the reason; False if the conversion has left this attempt."""
        return self._change(held(_conversions, conversion).values(**self._failed(failure)))

    def give_back(self, conversion: Conversion) -> bool:
        """Queue a conversion again, which its worker cannot finish."""
        return self._change(held(_conversions, conversion).values(**self._queued()))

    def take_over(self, conversion: Conversion) -> bool:
        """Queue a stale conversion again; False if another reaper did, or a sign of life came."""
        return self._change(unseen_since(_conversions, conversion).values(**self._queued()))

    def give_up(self, conversion: Conversion, failure: Failure) -> bool:
        """Fail a stale conversion; False if another reaper did, or a sign of life came."""
        return self._change(unseen_since(_conversions, conversion).values(**self._failed(failure)))

    def unfinished(self) -> list[Conversion]:
        """The conversions that have not ended."""
        return self._all(_conversions.c.status.in_(UNFINISHED))

    def of_ids(self, ids: Iterable[int]) -> list[Conversion]:
        """The conversions with these ids, without unknown ids."""
        return self._all(_conversions.c.id.in_(list(ids)))

    def _change(self, statement: sa.Update | sa.Delete) -> bool:
        with changing(self.engine) as connection:
            return connection.execute(statement).rowcount > 0

    def _all(self, *conditions: sa.ColumnElement[bool]) -> list[Conversion]:
        query = sa.select(_conversions).where(*conditions).order_by(_conversions.c.id)
        with reading(self.engine) as connection:
            return [Conversion.from_row(row) for row in connection.execute(query)]

    def _is_wanted(self) -> sa.ColumnElement[bool]:
        return _conversions.c.wanted_at > self._now() - _WANTED_FOR

    def _queued(self) -> dict[str, Any]:
        return {"status": Status.QUEUED, "seen_at": self._now()}

    def _failed(self, failure: Failure) -> dict[str, Any]:
        return {"status": Status.FAILED, "seen_at": self._now(), "error": failure.as_dict()}
