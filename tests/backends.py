"""Where a service under test has its jobs and its queue: in files, or on servers."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers import Postgres, Redis

NAMES = ("sqlite", "postgresql", "redis")


@dataclass(frozen=True)
class Backend:
    """A database and a queue.

    Args:
        name: `sqlite` for files, `postgresql` for both on PostgreSQL, `redis` for a queue on Redis.
        database: URL of the database; None for a file.
        queue: URL of Redis; None for a queue in the database.
        servers: those that may be stopped and started.
        environment: variables that programs need besides.
    """

    name: str = "sqlite"
    database: str | None = None
    queue: str | None = None
    servers: tuple[Postgres | Redis, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def settings_of(self, folder: Path) -> dict[str, Any]:
        """The settings of a service on a folder, whose tables are its own."""
        if self.database is None:
            return {}
        import psycopg

        schema = f"of_{hashlib.sha256(bytes(folder.absolute())).hexdigest()[:20]}"
        with psycopg.connect(self.database.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"create schema if not exists {schema}")
        settings = {"database_url": f"{self.database}?options=-csearch_path%3D{schema}"}
        return settings | ({"queue_url": self.queue} if self.queue else {})


@dataclass(frozen=True)
class OneForAll(Backend):
    """A backend whose services share their tables and a bucket: they are hosts.

    Args:
        storage: URL of a folder in the bucket.
    """

    storage: str = ""

    def settings_of(self, folder: Path) -> dict[str, Any]:  # noqa: ARG002 - they share all
        """The settings of a host, whatever its folder."""
        return super().settings_of(Path(self.storage)) | {"storage_url": self.storage}


@contextmanager
def own_backend(name: str) -> Iterator[Backend]:
    """A backend on servers of its own, until the end of the block.

    Raises:
        CannotRun: one is not installed.
    """
    if name == "sqlite":
        yield Backend()
        return
    with ExitStack() as stack:
        database = Postgres()
        stack.callback(database.close)
        if name == "postgresql":
            yield Backend(name, database.url, None, (database,))
            return
        queue = Redis()
        stack.callback(queue.close)
        yield Backend(name, database.url, queue.url, (database, queue))


def backend_of(name: str, database: str, queue: str) -> Backend:
    """A backend on servers, with a database for this process of the tests."""
    import psycopg

    own = f"tests_{os.getpid()}"
    with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as connection:
        there = connection.execute("select 1 from pg_database where datname = %s", [own])
        if not there.fetchone():
            connection.execute(f"create database {own}")
    mine = database.rpartition("/")[0] + f"/{own}"
    return Backend(name, mine, queue if name == "redis" else None)
