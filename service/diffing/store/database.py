"""Opens the jobs database, checks it, and migrates it to the schema of this release."""

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from diffing.core.errors import BadSetting, DatabaseUnavailable
from diffing.core.settings import Settings
from diffing.store.faults import is_full, is_locked, why_unavailable
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
LOCK_SECONDS = 10.0
# The sweeper removes the files that a new database does not know.
_ANEW = "To start anew, use another data folder or database."


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
                    f"Restore a backup. {_ANEW}"
                )
            migrate(connection, str(path))
    except sa.exc.DatabaseError as error:
        raise unusable_file(path, "the jobs database", error.orig, _ANEW) from None
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


def migrate(connection: sa.Connection, where: str) -> None:
    """Create the tables, or migrate them to the schema of this release.

    Args:
        connection: in a transaction that keeps out others.
        where: name of the database, for people.

    Raises:
        BadSetting: the database is from a newer release.
    """
    tables = {*sa.inspect(connection).get_table_names(), *sa.inspect(connection).get_view_names()}
    if not tables:
        _create(connection)
        return
    versioned = _VERSIONS.name in tables
    revision = connection.execute(sa.select(_VERSIONS)).scalar() if versioned else None
    if revision == REVISION:
        return
    # imported here: it loads slowly, and is rarely needed
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory(str(_MIGRATIONS)).walk_revisions()}
    if revision and revision not in known:
        raise BadSetting(
            f"{where} was written by a newer release of diffing (its schema is {revision}, this "
            f"release knows {REVISION}). Start that release. {_ANEW}"
        )
    if jobs.name in tables:
        _log.info("migrating the jobs database from schema %s to %s", revision or 0, REVISION)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def utc_now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)


def _create(connection: sa.Connection) -> None:
    """Create the tables of all migrations, without Alembic, which loads slowly."""
    metadata.create_all(connection)
    _VERSIONS.create(connection)
    connection.execute(sa.insert(_VERSIONS).values(version_num=REVISION))


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
