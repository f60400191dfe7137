"""The keys table: API keys, of each of which only what proves it is kept."""

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
from diffing.store.database import available, utc_now
from diffing.store.schema import keys as _keys
from diffing.store.scopes import Scope

# The secret has 256 random bits: nobody finds it by trying, and a slow hash would slow down nobody
# but those who have it.
_SECRET_BYTES = 32
_TOKEN = re.compile(r"diffing_([0-9a-f]{12})_([0-9a-f]{64})")
_NAME = re.compile(r"[\x20-\x7e\xa1-\U0010ffff]{1,80}")
_DIGEST_OF_NOBODY = "0" * 64


@dataclass(frozen=True)
class Key:
    """A row of the keys table.

    Args:
        id: names the key everywhere; it is no secret.
        name: what a person calls it.
        scopes: what it may be used for.
        created_at, revoked_at: UTC; revoked_at is None while it holds.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    revoked_at: datetime | None

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> Self:
        """The key in a row of the table."""
        scopes = frozenset(Scope(word) for word in row.scopes.split())
        return cls(row.id, row.name, scopes, row.created_at, row.revoked_at)


class Keys:
    """Reads and changes the keys table.

    Args:
        engine: of the database, from `database`.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def create(self, name: str, scopes: Collection[Scope]) -> tuple[Key, str]:
        """Make a key.

        Returns:
            the key, and its token, which nobody can tell again.

        Raises:
            BadArgument: the name cannot be used, or there is no scope.
        """
        if not _NAME.fullmatch(name):
            raise BadArgument("The name of a key must be 1 to 80 characters that can be printed.")
        if not scopes:
            raise BadArgument("A key needs one scope or more.")
        key = Key(secrets.token_hex(6), name, frozenset(scopes), utc_now(), None)
        secret = secrets.token_hex(_SECRET_BYTES)
        with available(), self._engine.begin() as connection:
            connection.execute(
                sa.insert(_keys).values(
                    id=key.id,
                    name=key.name,
                    digest=_digest(secret),
                    scopes=" ".join(sorted(key.scopes)),
                    created_at=key.created_at,
                )
            )
        return key, f"diffing_{key.id}_{secret}"

    def find(self, token: str) -> Key | None:
        """The key that a token proves; None when it proves none, or one that was revoked.

        A wrong secret takes as long as an id that there is not.
        """
        shape = _TOKEN.fullmatch(token)
        if not shape:
            return None
        key_id, secret = shape.groups()
        with available(), self._engine.connect() as connection:
            row = connection.execute(sa.select(_keys).where(_keys.c.id == key_id)).first()
        proved = hmac.compare_digest(_digest(secret), row.digest if row else _DIGEST_OF_NOBODY)
        return Key.from_row(row) if row and proved and row.revoked_at is None else None

    def all(self) -> list[Key]:
        """Every key, oldest first."""
        with available(), self._engine.connect() as connection:
            rows = connection.execute(sa.select(_keys).order_by(_keys.c.created_at, _keys.c.id))
            return [Key.from_row(row) for row in rows]

    def any_hold(self) -> bool:
        """Whether there is a key that was not revoked."""
        return any(key.revoked_at is None for key in self.all())

    def revoke(self, key_id: str) -> Key:
        """Let a key hold no longer; one that was revoked before stays as it is.

        Raises:
            BadArgument: there is no such key.
        """
        with available(), self._engine.begin() as connection:
            row = connection.execute(
                sa.update(_keys)
                .where(_keys.c.id == key_id)
                .values(revoked_at=sa.func.coalesce(_keys.c.revoked_at, utc_now()))
                .returning(_keys)
            ).first()
        if not row:
            raise BadArgument("There is no such key. `diffing keys list` shows those there are.")
        return Key.from_row(row)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
