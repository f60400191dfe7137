"""The Huey queues, which carry only the ids of jobs and of conversions."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from huey import SqliteHuey

from diffing.store.database import LOCK_SECONDS, available, unusable

# The name of the other queue in the file. Conversions do not wait for diffs.
CONVERSIONS = "conversions"


class JobQueue:
    """A queue of job ids in an SQLite file.

    Huey delivers at most once: if a worker dies, the id that it took is lost. The reaper finds the
    job in the jobs table, and queues it again. An id that comes twice is claimed once.

    Args:
        path: the file.
        run: handles an id in a worker; None in a process that only queues.
        name: of the queue in the file.

    Raises:
        BadSetting: the file cannot be used as a database.
    """

    def __init__(
        self, path: Path, run: Callable[[int], None] | None = None, name: str = "diffing"
    ) -> None:
        try:
            _check(path)
            self.huey = SqliteHuey(
                name, filename=str(path), results=False, fsync=True, timeout=LOCK_SECONDS
            )
        except sqlite3.DatabaseError as error:
            raise unusable(path, "the queue", error) from None

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
        with available():
            self._run_job(job_id)

    def depth(self) -> int:
        """The number of ids that wait for a worker.

        Raises:
            DatabaseUnavailable: the queue cannot be read.
        """
        with available():
            return int(self.huey.pending_count())

    def waiting(self) -> set[int]:
        """The ids that wait for a worker.

        Raises:
            DatabaseUnavailable: the queue cannot be read.
        """
        with available():
            return {task.args[0] for task in self.huey.pending()}


def _check(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, timeout=LOCK_SECONDS)) as connection:
        (found,) = connection.execute("pragma quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError("it is damaged")
