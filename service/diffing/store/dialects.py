"""The few statements that SQLite and PostgreSQL need in different words."""

import enum
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from diffing.store.database import utc_now
from diffing.store.schema import workers

# The first of the two numbers of each advisory lock; other programs may share the database.
LOCKS = 0x64696666


class Lock(enum.IntEnum):
    """Work that one transaction does at a time, on all hosts."""

    SCHEMA = 1  # create and migrate the tables
    QUEUE = 2  # create the tables of the queue
    SUBMIT = 3  # count the waiting jobs, and add one
    ACCEPT = 4  # look at the last accepted file, and add one
    KEEP = 5  # name a kept file, or list all that are named


def lock(connection: sa.Connection, work: Lock) -> None:
    """Wait until no other transaction does this work; the end of the transaction lets go.

    On SQLite, no other transaction writes meanwhile. Else it would begin to write only after it
    has read what others change.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCKS, int(work))))
    elif not connection.connection.driver_connection.in_transaction:  # type: ignore[union-attr]
        connection.exec_driver_sql("begin immediate")


def upsert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that has `on_conflict_do_update` and `on_conflict_do_nothing`."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def now(connection: sa.Connection, ago: float = 0) -> sa.ColumnElement[datetime]:
    """The time of the database, or that of so many seconds ago.

    The clocks of hosts differ. An SQLite file has the clock of its only host.
    """
    kind, before = workers.c.seen_at.type, timedelta(seconds=ago)
    if connection.dialect.name == "postgresql":
        time = sa.func.timezone("UTC", sa.func.clock_timestamp(), type_=sa.DateTime)
        return sa.type_coerce(time - before, kind)
    return sa.literal(utc_now() - before, kind)
