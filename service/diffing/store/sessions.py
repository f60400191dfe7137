"""The table of sessions: browsers that signed in with an API key."""

import hashlib
import secrets
from datetime import timedelta

import sqlalchemy as sa

from diffing.store.api_keys import ApiKey
from diffing.store.clock import utc_now
from diffing.store.database import changing, reading
from diffing.store.schema import api_keys as _api_keys
from diffing.store.schema import sessions as _sessions

DURATION = timedelta(hours=12)


class Sessions:
    """Reads and changes the table of sessions. Of each token, it keeps only the digest.

    Args:
        engine: of the database, from `database`.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begin(self, api_key: ApiKey) -> str:
        """Begin a session of an API key, and remove those that are over.

        Returns:
            Its token, which cannot be read again.
        """
        token = secrets.token_urlsafe(32)
        with changing(self._engine) as connection:
            connection.execute(sa.delete(_sessions).where(_sessions.c.ends_at <= utc_now()))
            connection.execute(
                sa.insert(_sessions).values(
                    digest=_digest(token), api_key=api_key.id, ends_at=utc_now() + DURATION
                )
            )
        return token

    def find(self, token: str) -> ApiKey | None:
        """The API key of a session; None if the session is over, or the API key revoked."""
        query = (
            sa.select(_api_keys)
            .join(_sessions, _sessions.c.api_key == _api_keys.c.id)
            .where(
                _sessions.c.digest == _digest(token),
                _sessions.c.ends_at > utc_now(),
                _api_keys.c.revoked_at.is_(None),
            )
        )
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return ApiKey.from_row(row) if row else None

    def end(self, token: str) -> None:
        """End a session, if it is known."""
        with changing(self._engine) as connection:
            connection.execute(sa.delete(_sessions).where(_sessions.c.digest == _digest(token)))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
