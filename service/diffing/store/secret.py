"""Secrets that all hosts of a service share, from their database."""

import hashlib
import secrets

import sqlalchemy as sa

from diffing.store.database import changing
from diffing.store.dialects import upsert
from diffing.store.schema import secrets as _secrets


def secret_of(engine: sa.Engine, name: str) -> str:
    """The secret of a name. The first process that needs it makes it.

    Args:
        engine: of the database, from `database`.
        name: of its purpose.

    Raises:
        DatabaseUnavailable: the table cannot be read or written.
    """
    with changing(engine) as connection:
        new = upsert(connection, _secrets).values(name=name, value=secrets.token_hex(32))
        connection.execute(new.on_conflict_do_nothing())
        query = sa.select(_secrets.c.value).where(_secrets.c.name == name)
        secret: str = connection.execute(query).scalar_one()
    return secret


def service_id(engine: sa.Engine) -> str:
    """The id of a service: the same on all its hosts, and after a restored backup.

    Args:
        engine: of the database, from `database`.

    Raises:
        DatabaseUnavailable: as from `secret_of`.
    """
    secret = secret_of(engine, "storage")
    return hashlib.sha256(f"service {secret}".encode()).hexdigest()[:32]
