"""The time of this host, and that of the database."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from diffing.store.schema import workers


def utc_now() -> datetime:
    """The time of this host, in UTC."""
    return datetime.now(UTC)


def now(connection: sa.Connection, ago: float = 0) -> sa.ColumnElement[datetime]:
    """The time of the database, or that of so many seconds ago.

    The clocks of hosts differ. An SQLite file has the clock of its only host.
    """
    kind, before = workers.c.seen_at.type, timedelta(seconds=ago)
    if connection.dialect.name == "postgresql":
        time = sa.func.timezone("UTC", sa.func.clock_timestamp(), type_=sa.DateTime)
        return sa.type_coerce(time - before, kind)
    return sa.literal(utc_now() - before, kind)
