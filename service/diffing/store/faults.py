"""The errors of databases and queues that the machine or the network causes."""

import sqlite3
import sys

import sqlalchemy as sa

from diffing.core.errors import DISK_FULL

_BUSY = "The database is busy. Try again in a few seconds."
_UNREACHABLE = "The database cannot be reached. Try again in a few seconds."
_READ_ONLY = "The database is not writable. Check its permissions."
_UNREADABLE = "The database cannot be read or written. Check the disk."
_DAMAGED = "The database is damaged. Stop the service and restore it."
_QUEUE = "The queue cannot be reached. Try again in a few seconds."

_OF_SQLITE = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: "The database cannot be opened. Check the data folder.",
    sqlite3.SQLITE_IOERR: _UNREADABLE,
    sqlite3.SQLITE_FULL: DISK_FULL,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}

# Codes of PostgreSQL, and their classes: the first two characters.
_OF_POSTGRESQL = {
    "08": _UNREACHABLE,  # connection
    "25006": _READ_ONLY,  # a standby, or a server that its operator made read-only
    "40": _BUSY,  # transaction rolled back, such as after a deadlock
    "53": "The database lacks memory or connections. Try again in a few seconds.",
    "53100": DISK_FULL,
    "55": _BUSY,  # locked by another, beyond the time-out
    "57": _UNREACHABLE,  # stopped or restarted by its operator
    "57014": _BUSY,  # statement beyond the time-out
    "58": _UNREADABLE,  # the system of the server
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}


def is_full(error: BaseException | None) -> bool:
    """Whether SQLite found the disk full."""
    return _code_of(error) == sqlite3.SQLITE_FULL


def is_locked(error: BaseException | None) -> bool:
    """Whether another process locks a file of SQLite."""
    return _code_of(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def why_unavailable(error: BaseException) -> str | None:
    """The reason and a remedy, for people; None for an error that is our own fault.

    Args:
        error: of SQLAlchemy, of a database or of a queue.
    """
    if isinstance(error, sa.exc.TimeoutError):
        return _BUSY  # all connections of this process are in use
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _OF_SQLITE.get(_code_of(cause))
    if _is(cause, "redis", "RedisError"):
        return _QUEUE
    if _is(cause, "psycopg", "Error"):
        return _why_of_postgresql(cause)
    return None


def _code_of(error: BaseException | None) -> int:
    """The code of SQLite, without the higher bits, which extended codes use."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF


def _why_of_postgresql(error: BaseException | None) -> str | None:
    code = getattr(error, "sqlstate", None)
    if code:
        return _OF_POSTGRESQL.get(code) or _OF_POSTGRESQL.get(code[:2])
    broken = _is(error, "psycopg", "OperationalError") or _is(error, "psycopg", "InterfaceError")
    return _UNREACHABLE if broken else None


def _is(error: BaseException | None, module: str, name: str) -> bool:
    """Whether an error is of a library, which is loaded only by a service that needs it."""
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(error, kind)
