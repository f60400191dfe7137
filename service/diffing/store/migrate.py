"""Migrates the jobs database to the schema of this release."""

import logging
from pathlib import Path

import sqlalchemy as sa

from diffing.core.errors import BadSetting
from diffing.store.schema import REVISION, jobs, metadata

_log = logging.getLogger(__name__)
MIGRATIONS = Path(__file__).with_name("migrations")
# as Alembic makes it
_VERSIONS = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
# The sweeper removes the files that a new database does not know.
ANEW = "To start anew, use another data folder or database."


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

    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if revision and revision not in known:
        raise BadSetting(
            f"{where} was written by a newer release of diffing (its schema is {revision}, this "
            f"release knows {REVISION}). Start that release. {ANEW}"
        )
    if jobs.name in tables:
        _log.info("migrating the jobs database from schema %s to %s", revision or 0, REVISION)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _create(connection: sa.Connection) -> None:
    """Create the tables of all migrations, without Alembic, which loads slowly."""
    metadata.create_all(connection)
    _VERSIONS.create(connection)
    connection.execute(sa.insert(_VERSIONS).values(version_num=REVISION))
