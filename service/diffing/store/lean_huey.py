"""Huey, imported without the clients of PostgreSQL and Redis.

Huey loads both where they are installed, which takes 16 MB and 0.15 s in each process. A service
with files needs neither. `queue_servers` loads them.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _hidden(*modules: str) -> Iterator[None]:
    """In the block, modules that are not loaded yet seem not to be installed."""
    new = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(new))  # type: ignore[arg-type]  # None stops an import
    try:
        yield
    finally:
        for name in new:
            del sys.modules[name]


with _hidden("psycopg", "redis"):
    from huey import Huey, SqliteHuey
    from huey.consumer import Consumer, Worker

__all__ = ["Consumer", "Huey", "SqliteHuey", "Worker"]
