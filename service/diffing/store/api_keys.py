"""The table of API keys. Of each secret, it keeps only the digest."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import sqlalchemy as sa

from diffing.core.errors import BadArgument
from diffing.store.clock import utc_now
from diffing.store.database import changing, reading
from diffing.store.schema import api_keys as _api_keys
from diffing.store.scopes import Scope

# The secret has 256 random bits: nobody can guess it, and a slow hash would only delay clients.
_SECRET_BYTES = 32
_TOKEN = re.compile(r"diffing_([0-9a-f]{12})_([0-9a-f]{64})")
_NAME = re.compile(r"[\x20-\x7e\xa1-\U0010ffff]{1,80}")
_DIGEST_OF_NO_SECRET = "0" * 64


@dataclass(frozen=True)
class ApiKey:
    """An API key, without its secret.

    Args:
        id: names the API key everywhere; it is not secret.
        name: for people.
        scopes: what the API key allows.
        created_at, revoked_at: UTC; revoked_at is None for a valid API key.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    revoked_at: datetime | None

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> Self:
        """The API key in a row of the table."""
        scopes = frozenset(Scope(word) for word in row.scopes.split())
        return cls(row.id, row.name, scopes, row.created_at, row.revoked_at)


class ApiKeys:
    """Reads and changes the table of API keys.

    Args:
        engine: of the database, from `database`.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def create(self, name: str, scopes: Collection[Scope]) -> tuple[ApiKey, str]:
        """Create an API key.

        Returns:
            The API key, and its token, which cannot be shown again.

        Raises:
            BadArgument: the name is invalid, or no scope is given.
        """
        if not _NAME.fullmatch(name):
            raise BadArgument("The name of an API key must have 1 to 80 characters, all printable.")
        if not scopes:
            raise BadArgument("An API key needs at least one scope.")
        api_key = ApiKey(secrets.token_hex(6), name, frozenset(scopes), utc_now(), None)
        secret = secrets.token_hex(_SECRET_BYTES)
        with changing(self._engine) as connection:
            connection.execute(
                sa.insert(_api_keys).values(
                    id=api_key.id,
                    name=api_key.name,
                    digest=_digest(secret),
                    scopes=" ".join(sorted(api_key.scopes)),
                    created_at=api_key.created_at,
                )
            )
        return api_key, f"diffing_{api_key.id}_{secret}"

    def find(self, token: str) -> ApiKey | None:
        """The API key of a token; None for an invalid token and for a revoked API key.

        A wrong secret takes as long as an unknown id.
        """
        shape = _TOKEN.fullmatch(token)
        if not shape:
            return None
        api_key_id, secret = shape.groups()
        with reading(self._engine) as connection:
            row = connection.execute(
                sa.select(_api_keys).where(_api_keys.c.id == api_key_id)
            ).first()
        proved = hmac.compare_digest(_digest(secret), row.digest if row else _DIGEST_OF_NO_SECRET)
        return ApiKey.from_row(row) if row and proved and row.revoked_at is None else None

    def all(self) -> list[ApiKey]:
        """Every API key, oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                sa.select(_api_keys).order_by(_api_keys.c.created_at, _api_keys.c.id)
            )
            return [ApiKey.from_row(row) for row in rows]

    def any_is_valid(self) -> bool:
        """Whether at least one API key is valid."""
        return any(api_key.revoked_at is None for api_key in self.all())

    def revoke(self, api_key_id: str) -> ApiKey:
        """Revoke an API key. One that was revoked before keeps its date.

        Raises:
            BadArgument: the id is unknown.
        """
        with changing(self._engine) as connection:
            row = connection.execute(
                sa.update(_api_keys)
                .where(_api_keys.c.id == api_key_id)
                .values(revoked_at=sa.func.coalesce(_api_keys.c.revoked_at, utc_now()))
                .returning(_api_keys)
            ).first()
        if not row:
            raise BadArgument("Unknown API key. `diffing keys list` lists the API keys.")
        return ApiKey.from_row(row)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
