"""The jobs database on a server of PostgreSQL."""

import json
import re
from typing import Any

import sqlalchemy as sa

from diffing.core.errors import BadSetting
from diffing.store.dialects import LOCK_SECONDS, Lock, lock
from diffing.store.migrate import migrate

try:
    from psycopg import Connection, Error
    from psycopg import connect as _connect
    from psycopg.conninfo import conninfo_to_dict
except ImportError:
    raise BadSetting(
        "DIFFING_DATABASE_URL: the driver of PostgreSQL is missing. "
        "Run `pip install 'diffing[postgres]'`."
    ) from None

# One connection per thread of Starlette. Most are closed after use: a server has about 100.
_KEPT, _MORE = 5, 35
# A statement takes milliseconds. A host that was cut off must not hold a lock for long.
_LIMITS = {
    "statement_timeout": "30s",
    "lock_timeout": f"{LOCK_SECONDS:g}s",
    "idle_in_transaction_session_timeout": "30s",
}
# The kernel notices a server that vanished after 25 seconds, in place of 2 hours.
_CONNECTION = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    "application_name": "diffing",
}
# Python's mark of NUL in JSON, after an even number of backslashes.
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def open_url(url: str) -> sa.Engine:
    """The jobs database on a server, created or migrated if needed.

    Args:
        url: of the database, which must exist.

    Raises:
        BadSetting: the server cannot be reached, refuses, or has a database of a newer release.
    """
    parameters = parameters_of("DIFFING_DATABASE_URL", url)
    engine = sa.create_engine(
        "postgresql+psycopg://",
        connect_args=parameters,
        pool_size=_KEPT,
        max_overflow=_MORE,
        pool_timeout=LOCK_SECONDS,
        pool_pre_ping=True,  # the server may have restarted
        use_native_hstore=False,  # saves a query per connection
        json_serializer=_json,
    )
    sa.event.listen(engine, "before_cursor_execute", _without_nul, retval=True)
    where = place_of(parameters)
    try:
        with engine.begin() as connection:
            connection.execute(sa.text("set local statement_timeout = 0"))  # large tables take long
            # if two hosts start together, the second waits, and finds the work done
            lock(connection, Lock.SCHEMA)
            migrate(connection, f"The database at {where}")
    except sa.exc.DBAPIError as error:
        raise unusable_server("DIFFING_DATABASE_URL", where, error.orig) from None
    return engine


def parameters_of(setting: str, url: str) -> dict[str, Any]:
    """The parameters of a connection, with our time-outs where the URL has none.

    Args:
        setting: that has the URL, for the error.
        url: of PostgreSQL; `+psycopg` names a driver, and is left out.

    Raises:
        BadSetting: the URL cannot be understood. The text repeats nothing of it.
    """
    try:
        given = conninfo_to_dict(url.replace("postgresql+psycopg://", "postgresql://", 1))
    except Error:
        given = {"port": "not a number"}
    # a password with such a character ends too early, and its rest would be shown as the host
    names = f"{given.get('host', '')}{given.get('dbname', '')}"
    if "@" in names or not re.fullmatch(r"[\d,]*", str(given.get("port", ""))):
        raise BadSetting(
            f"{setting}: the URL cannot be understood. In user and password, write special "
            "characters as %XX: %40 for @, %2F for /, %3A for the colon."
        )
    limits = [f"-c {name}={value}" for name, value in _LIMITS.items()]
    options = " ".join([*limits, str(given.get("options", ""))])
    return {**_CONNECTION, **given, "options": options}


def place_of(parameters: dict[str, Any]) -> str:
    """The address of a database, for people."""
    host, port = parameters.get("host", "localhost"), parameters.get("port", 5432)
    return f"{host}:{port}/{parameters.get('dbname', '')}"


def connect(parameters: dict[str, Any]) -> Connection[Any]:
    """A connection."""
    return _connect(**parameters)


def unusable_server(setting: str, where: str, error: BaseException | None) -> BadSetting:
    """The error for an unusable server at start, with a remedy."""
    reason = str(error).splitlines()[0].rstrip(".:")
    return BadSetting(
        f"Cannot use the PostgreSQL database at {where}: {reason}. "
        f"Check {setting}, and that the server runs."
    )


def _without_nul(*event: Any) -> tuple[str, Any]:
    """Replace NUL, which PostgreSQL cannot store, in all texts of a statement."""
    _, _, statement, parameters, _, many = event
    if many:
        return statement, [_texts_without_nul(row) for row in parameters]
    return statement, _texts_without_nul(parameters)


def _texts_without_nul(parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.replace("\0", "\ufffd") if isinstance(value, str) else value
        for name, value in parameters.items()
    }


def _json(value: Any) -> str:
    return _NUL.sub(r"\1\\ufffd", json.dumps(value))
