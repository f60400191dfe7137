"""The few statements that SQLite and PostgreSQL need in different words."""

import enum

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

# The first of the two numbers of each advisory lock; other programs may share the database.
LOCKS = 0x64696666
LOCK_SECONDS = 10.0
"""Most seconds that a statement waits for a lock."""


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
