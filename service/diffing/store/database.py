"""Opens the jobs database, and connects to it."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from diffing.core.errors import BadSetting, DatabaseUnavailable
from diffing.core.settings import Settings
from diffing.store.dialects import LOCK_SECONDS
from diffing.store.faults import is_full, is_locked, why_unavailable
from diffing.store.migrate import ANEW, migrate


def open_database(settings: Settings) -> sa.Engine:
    """The jobs database: on a server if the settings name one, else in a file.

    Raises:
        BadSetting: as from `open_file`, or the server cannot be used.
    """
    if settings.database_url is None:
        return open_file(settings.jobs_file)
    # imported here: few services have a server, and its client is large
    from diffing.store.postgres import open_url

    return open_url(settings.database_url.get_secret_value())


def open_file(path: Path, lock_seconds: float = LOCK_SECONDS) -> sa.Engine:
    """The database in an SQLite file, created or migrated if needed.

    Args:
        path: the file.
        lock_seconds: most seconds that a statement waits for a lock.

    Raises:
        BadSetting: the file is not a database, is damaged, is not writable, or is from a newer
            release.
    """
    # one connection per thread of Starlette: opening takes longer than a query
    engine = sa.create_engine(f"sqlite:///{path}", pool_size=40, max_overflow=-1)
    sa.event.listen(engine, "connect", partial(_use_wal, lock_seconds))
    try:
        with engine.begin() as connection:
            # if two processes start together, the second waits, and finds the work done
            connection.exec_driver_sql("begin immediate")
            found = connection.exec_driver_sql("pragma quick_check(1)").scalar_one()
            if found != "ok":
                raise BadSetting(
                    f"Cannot use {path} as the jobs database: it is damaged. "
                    f"Restore a backup. {ANEW}"
                )
            migrate(connection, str(path))
    except sa.exc.DatabaseError as error:
        raise unusable_file(path, "the jobs database", error.orig, ANEW) from None
    return engine


def unusable_file(
    path: Path,
    purpose: str,
    error: BaseException | None,
    remedy: str = "Move it away to start anew.",
) -> BadSetting:
    """The error for an unusable database file at start, with a remedy."""
    if is_full(error):
        remedy = "Free some space."
    if is_locked(error):
        remedy = "Another process locks it. Check whether one is stopped, and start again."
    return BadSetting(f"Cannot use {path} as {purpose}: {error}. {remedy}")


@contextmanager
def available() -> Iterator[None]:
    """Translate database errors that the machine causes. Our own faults stay as they are.

    Raises:
        DatabaseUnavailable: the database stays locked, or is damaged, full or unusable.
    """
    try:
        yield
    except Exception as error:
        if why := why_unavailable(error):
            raise DatabaseUnavailable(why) from error
        raise


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection for queries.

    Raises:
        DatabaseUnavailable: as from `available`.
    """
    with available(), engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            # without two messages to the server, which begin and end a transaction
            connection.execution_options(isolation_level="AUTOCOMMIT")
        yield connection


@contextmanager
def changing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection for one transaction, which the end of the block commits.

    Raises:
        DatabaseUnavailable: as from `available`.
    """
    with available(), engine.begin() as connection:
        yield connection


def _use_wal(lock_seconds: float, connection: Any, _: Any) -> None:
    connection.execute(f"pragma busy_timeout = {lock_seconds * 1000:.0f}")
    deadline = time.monotonic() + lock_seconds
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
            break
        except sqlite3.OperationalError as error:
            # two processes may start on a new file; the time-out above does not apply here
            if not is_locked(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    connection.execute("pragma synchronous = full")
