"""The jobs database: opened, looked over, and brought to the schema of this release."""

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from diffing.core.errors import BadSetting, DatabaseUnavailable
from diffing.store.schema import REVISION, jobs, metadata

_log = logging.getLogger(__name__)
_MIGRATIONS = Path(__file__).with_name("migrations")
# as Alembic makes it
_VERSIONS = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
LOCK_SECONDS = 10


def open_file(path: Path) -> sa.Engine:
    """The database in an SQLite file, made if it is not there, migrated if it is older.

    Raises:
        BadSetting: the file is no database, is damaged, cannot be written, or is of a newer
            release.
    """
    # as many connections are kept as Starlette has threads: to open one takes longer than to ask
    engine = sa.create_engine(f"sqlite:///{path}", pool_size=40, max_overflow=-1)
    sa.event.listen(engine, "connect", _use_wal)
    try:
        with engine.begin() as connection:
            # of two processes that start, the second waits and finds all done
            connection.exec_driver_sql("begin immediate")
            found = connection.exec_driver_sql("pragma quick_check(1)").scalar_one()
            if found != "ok":
                raise BadSetting(
                    f"Cannot use {path} as the jobs database: it is damaged. "
                    "Move it away to start anew."
                )
            _migrate(connection, path)
    except sa.exc.DatabaseError as error:
        raise unusable(path, "the jobs database", error.orig) from None
    return engine


def unusable(path: Path, purpose: str, error: BaseException | None) -> BadSetting:
    """The error that says why a database file cannot be used at start, and what to do."""
    reason = str(error)
    remedy = "Move it away to start anew."
    if "full" in reason:
        remedy = "Free some space."
    if "locked" in reason:
        remedy = "Another process holds it: look whether one is stopped, and start again."
    return BadSetting(f"Cannot use {path} as {purpose}: {reason}. {remedy}")


@contextmanager
def available() -> Iterator[None]:
    """Tell what the machine does to a database from faults of our own.

    Raises:
        DatabaseUnavailable: it is locked for long, damaged, full, or its file cannot be used.
    """
    try:
        yield
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        # the extended codes have more in the higher bits
        code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code not in _UNAVAILABLE:
            raise
        raise DatabaseUnavailable(_UNAVAILABLE[code]) from error


_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: "The database is busy. Try again in a few seconds.",
    sqlite3.SQLITE_LOCKED: "The database is busy. Try again in a few seconds.",
    sqlite3.SQLITE_READONLY: "The database cannot be written. Look at its permissions.",
    sqlite3.SQLITE_PERM: "The database cannot be written. Look at its permissions.",
    sqlite3.SQLITE_CANTOPEN: "The database cannot be opened. Look at the data folder.",
    sqlite3.SQLITE_IOERR: "The database cannot be read or written. Look at the disk.",
    sqlite3.SQLITE_FULL: "The disk is full. Free some space and try again.",
    sqlite3.SQLITE_CORRUPT: "The database is damaged. Stop the service and restore it.",
    sqlite3.SQLITE_NOTADB: "The database is damaged. Stop the service and restore it.",
}


def _migrate(connection: sa.Connection, path: Path) -> None:
    tables = {*sa.inspect(connection).get_table_names(), *sa.inspect(connection).get_view_names()}
    if not tables:
        _create(connection)
        return
    versioned = _VERSIONS.name in tables
    revision = connection.execute(sa.select(_VERSIONS)).scalar() if versioned else None
    if revision == REVISION:
        return
    # imported here: it takes longer to load than all the rest, and is seldom needed
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory(str(_MIGRATIONS)).walk_revisions()}
    if revision and revision not in known:
        raise BadSetting(
            f"{path} was written by a newer release of diffing (its schema is {revision}, this "
            f"release knows {REVISION}). Start that release, or move the file away to start anew."
        )
    if jobs.name in tables:
        _log.info("bringing the jobs database from schema %s to %s", revision or 0, REVISION)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _create(connection: sa.Connection) -> None:
    """Make all tables as the migrations would, without loading what runs those."""
    metadata.create_all(connection)
    _VERSIONS.create(connection)
    connection.execute(sa.insert(_VERSIONS).values(version_num=REVISION))


def _use_wal(connection: Any, _: Any) -> None:
    connection.execute(f"pragma busy_timeout = {LOCK_SECONDS * 1000}")
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
            break
        except sqlite3.OperationalError as error:
            # two processes that start on a new file: the time-out above does not hold for this
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    connection.execute("pragma synchronous = full")
