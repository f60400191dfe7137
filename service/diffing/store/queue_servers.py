"""Queues on servers, which workers on many hosts share."""

import hashlib
import importlib.util
from collections.abc import Callable
from functools import cache, partial
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from huey.serializer import SignedSerializer

from diffing.core.errors import BadSetting
from diffing.store.dialects import LOCKS, Lock
from diffing.store.lean_huey import Huey
from diffing.store.secret import secret_of

_SETTING = "DIFFING_QUEUE_URL"
# Seconds to connect, and for an answer: longer than a worker waits for an id.
_CONNECT_SECONDS, _ANSWER_SECONDS = 5, 10
_RETRIES = 2


def huey_of(url: str, engine: sa.Engine, name: str) -> Huey:
    """A queue on a server.

    Huey pickles what it queues. The signature keeps out others who can write to the server: to
    unpickle is to run code. The name keeps two services on one server apart.

    Args:
        url: of the server.
        engine: of the jobs database, which has the secret of the signature.
        name: of the queue.

    Raises:
        BadSetting: the server cannot be used.
        DatabaseUnavailable: the secret cannot be read.
    """
    secret = secret_of(engine, "queue")
    of_service = f"{name}_{hashlib.sha256(f'name {secret}'.encode()).hexdigest()[:16]}"
    storage = _of_redis(url) if url.startswith("redis") else _of_postgres(url)
    return Huey(
        of_service,
        storage_class=storage,
        results=False,
        serializer=SignedSerializer(secret=secret, salt="diffing"),
    )


@cache
def _storages() -> Any:
    """Huey's module of storages once more, now with the clients that `lean_huey` hid from it."""
    spec: Any = importlib.util.find_spec("huey.storage")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _of_redis(url: str) -> Callable[..., Any]:
    try:
        import redis
        from redis.backoff import ExponentialBackoff
        from redis.retry import Retry
    except ImportError:
        raise BadSetting(
            f"{_SETTING}: the client of Redis is missing. Run `pip install 'diffing[redis]'`."
        ) from None
    try:
        # what the URL says goes first
        pool = redis.ConnectionPool.from_url(
            url,
            socket_connect_timeout=_CONNECT_SECONDS,
            socket_timeout=_ANSWER_SECONDS,
            socket_keepalive=True,
            health_check_interval=30,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), _RETRIES),
        )
        where = f"{urlsplit(url).hostname}:{urlsplit(url).port or 6379}"
    except (ValueError, redis.RedisError):
        raise BadSetting(
            f"{_SETTING}: the URL cannot be understood. In the password, write special "
            "characters as %XX: %40 for @, %2F for /, %3A for the colon."
        ) from None
    try:
        redis.Redis(connection_pool=pool).ping()
    except (redis.RedisError, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise BadSetting(
            f"Cannot use the queue on Redis at {where}: {reason}. "
            f"Check {_SETTING}, and that the server runs."
        ) from None
    return partial(_storages().RedisStorage, connection_pool=pool)


def _of_postgres(url: str) -> Callable[..., Any]:
    from psycopg import Error

    from diffing.store import postgres

    parameters = postgres.parameters_of(_SETTING, url)
    connected = partial(postgres.connect, parameters)
    try:
        _create_tables(connected)
    except Error as error:
        raise postgres.unusable_server(_SETTING, postgres.place_of(parameters), error) from None
    return partial(_storages().PostgresStorage, connection=connected, create_tables=False)


def _create_tables(connected: Callable[[], Any]) -> None:
    """Create Huey's tables, unless they exist. Of two hosts that start together, one does it."""
    with connected() as connection:
        connection.execute("select pg_advisory_xact_lock(%s, %s)", (LOCKS, int(Lock.QUEUE)))
        if connection.execute("select to_regclass('huey_task')").fetchone()[0] is None:
            storage = _storages().PostgresStorage(connection=connected, create_tables=False)
            for statement in storage.ddl:
                connection.execute(statement)
