"""The Huey queues, which carry only the ids of jobs and of conversions."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from diffing.core.settings import Settings
from diffing.store.database import available, unusable_file
from diffing.store.dialects import LOCK_SECONDS
from diffing.store.lean_huey import Huey, SqliteHuey

# The names of the queues. Conversions do not wait for diffs.
JOBS, CONVERSIONS = "diffing", "conversions"


class JobQueue:
    """A queue of job ids, on a server if the settings name one, else in a file.

    Huey delivers at most once: if a worker dies, the id that it took is lost. The reaper finds the
    job in the jobs table, and queues it again. An id that comes twice is claimed once.

    Args:
        settings: the file or the server.
        engine: of the jobs database, from `database`.
        run: handles an id in a worker; None in a process that only queues.
        name: of the queue.

    Raises:
        BadSetting: the file or the server cannot be used.
        DatabaseUnavailable: the jobs database cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        engine: sa.Engine,
        run: Callable[[int], None] | None = None,
        name: str = JOBS,
    ) -> None:
        self._is_on_server = settings.queue_server is not None
        if url := settings.queue_server:
            # imported here: few services have a server, and the clients are large
            from diffing.store.queue_servers import huey_of

            self.huey = huey_of(url.get_secret_value(), engine, name)
        else:
            self.huey = _huey_of_file(settings.queue_file, name)

        @self.huey.task()  # type: ignore[untyped-decorator]
        def run_job(job_id: int) -> None:
            if run is None:
                raise RuntimeError("this process only queues jobs")
            run(job_id)

        self._run_job = run_job

    def put(self, job_id: int) -> None:
        """Queue an id.

        Raises:
            DatabaseUnavailable: the id was not queued.
        """
        self._ask(lambda: self._run_job(job_id))

    def depth(self) -> int:
        """The number of ids that wait for a worker.

        Raises:
            DatabaseUnavailable: the queue cannot be read.
        """
        return int(self._ask(self.huey.pending_count))

    def waiting(self) -> set[int]:
        """The ids that wait for a worker.

        Raises:
            DatabaseUnavailable: the queue cannot be read.
        """
        return {task.args[0] for task in self._ask(self.huey.pending)}

    def _ask(self, work: Callable[[], Any]) -> Any:
        """Do something with the queue, once more if a server fails: it may have restarted."""
        with available():
            try:
                return work()
            except Exception:
                if not self._is_on_server:
                    raise
            return work()


def _huey_of_file(path: Path, name: str) -> Huey:
    try:
        _check(path)
        return SqliteHuey(name, filename=str(path), results=False, fsync=True, timeout=LOCK_SECONDS)
    except sqlite3.DatabaseError as error:
        raise unusable_file(path, "the queue", error) from None


def _check(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, timeout=LOCK_SECONDS)) as connection:
        (found,) = connection.execute("pragma quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError("it is damaged")
