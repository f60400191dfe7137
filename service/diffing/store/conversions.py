"""The conversions table: results that clients want in another format, until the files are there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import sqlalchemy as sa

# that of PostgreSQL knows on_conflict_do_update, too
from sqlalchemy.dialects.sqlite import insert

from diffing.core.errors import Failure
from diffing.core.progress import Progress
from diffing.store.claims import held, is_held, unseen_since
from diffing.store.database import available
from diffing.store.job import UNFINISHED, Status
from diffing.store.schema import conversions as _conversions

# Longer than a request waits, and than a client takes to come back.
_WANTED_FOR = timedelta(minutes=2)
_FAILURES_KEPT_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Conversion:
    """A row of the table.

    Args:
        id: number of the conversion.
        name: of the file to write, in the folder of results.
        rows: how many it must have.
        status: its state; one that succeeded has no row any more.
        attempt: how many times it was started.
        seen_at: last sign of life: when it was queued, taken, or its worker beat.
        wanted_at: when a client asked for it last.
        error: type, title and detail, of a failed one.
    """

    id: int
    name: str
    rows: int
    status: Status
    attempt: int
    seen_at: datetime
    wanted_at: datetime
    error: dict[str, str] | None

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> Self:
        """The conversion in a row of the table."""
        return cls(**{**row._mapping, "status": Status(row.status)})

    @property
    def stem(self) -> str:
        """What the names of the files of its job begin with: id and attempt."""
        return ".".join(self.name.split(".")[:2])

    @property
    def is_new(self) -> bool:
        """Whether the request that asked for it is the first one."""
        return self.status is Status.QUEUED and self.seen_at == self.wanted_at


class Conversions:
    """Reads and changes the conversions table, as safely as `Jobs` does its own.

    Args:
        engine: of the database, from `database`.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def want(self, name: str, rows: int) -> Conversion:
        """Ask for a file, again if its conversion failed before.

        Args:
            name: of the file, in the folder of results.
            rows: how many it must have.
        """
        now = _now()
        values = {"name": name, "rows": rows, "status": Status.QUEUED, "attempt": 0, "seen_at": now}
        asked = (
            insert(_conversions)
            .values(**values, wanted_at=now)
            .on_conflict_do_update(index_elements=["name"], set_={"wanted_at": now})
            .returning(_conversions)
        )
        with available(), self._engine.begin() as connection:
            connection.execute(
                sa.delete(_conversions).where(
                    _conversions.c.status == Status.FAILED,
                    (_conversions.c.name == name)
                    | (_conversions.c.seen_at < now - _FAILURES_KEPT_FOR),
                )
            )
            row = connection.execute(asked).one()
        return Conversion.from_row(row)

    def claim(self, conversion_id: int) -> Conversion | None:
        """Take a queued conversion; None when another worker has, or nobody wants it any more."""
        queued = (_conversions.c.id == conversion_id, _conversions.c.status == Status.QUEUED)
        with available(), self._engine.begin() as connection:
            connection.execute(sa.delete(_conversions).where(*queued, ~_is_wanted()))
            row = connection.execute(
                sa.update(_conversions)
                .where(*queued)
                .values(
                    status=Status.PROCESSING, attempt=_conversions.c.attempt + 1, seen_at=_now()
                )
                .returning(_conversions)
            ).first()
        return Conversion.from_row(row) if row else None

    def beat(self, conversion: Conversion, _: Progress | None = None) -> bool:
        """Give a sign of life; False when the conversion is no longer this attempt's."""
        return self._change(held(_conversions, conversion).values(seen_at=_now()))

    def is_held(self, conversion: Conversion) -> bool:
        """Whether the conversion still is this attempt's, and somebody wants it."""
        return bool(self._all(*is_held(_conversions, conversion), _is_wanted()))

    def succeed(self, conversion: Conversion) -> bool:
        """Forget the row: the file is there. False when it is no longer this attempt's."""
        return self._change(sa.delete(_conversions).where(*is_held(_conversions, conversion)))

    def fail(self, conversion: Conversion, failure: Failure) -> bool:
        """Record the reason; False when the conversion is no longer this attempt's."""
        return self._change(held(_conversions, conversion).values(**_failed(failure)))

    def give_back(self, conversion: Conversion) -> bool:
        """Queue a conversion again that its worker cannot go on with."""
        return self._change(held(_conversions, conversion).values(**_queued()))

    def take_over(self, conversion: Conversion) -> bool:
        """Queue a stale conversion again; False when another did, or it lives after all."""
        return self._change(unseen_since(_conversions, conversion).values(**_queued()))

    def give_up(self, conversion: Conversion, failure: Failure) -> bool:
        """Fail a stale conversion; False when another did, or it lives after all."""
        return self._change(unseen_since(_conversions, conversion).values(**_failed(failure)))

    def unfinished(self) -> list[Conversion]:
        """The conversions that have yet to end."""
        return self._all(_conversions.c.status.in_(UNFINISHED))

    def of_ids(self, ids: Iterable[int]) -> list[Conversion]:
        """Those conversions of these ids that there are."""
        return self._all(_conversions.c.id.in_(list(ids)))

    def _change(self, statement: sa.Update | sa.Delete) -> bool:
        with available(), self._engine.begin() as connection:
            return connection.execute(statement).rowcount > 0

    def _all(self, *conditions: sa.ColumnElement[bool]) -> list[Conversion]:
        query = sa.select(_conversions).where(*conditions).order_by(_conversions.c.id)
        with available(), self._engine.connect() as connection:
            return [Conversion.from_row(row) for row in connection.execute(query)]


def _is_wanted() -> sa.ColumnElement[bool]:
    return _conversions.c.wanted_at > _now() - _WANTED_FOR


def _queued() -> dict[str, Any]:
    return {"status": Status.QUEUED, "seen_at": _now()}


def _failed(failure: Failure) -> dict[str, Any]:
    return {"status": Status.FAILED, "seen_at": _now(), "error": failure.as_dict()}


def _now() -> datetime:
    return datetime.now(UTC)
