"""The Huey queues: they carry the ids of jobs, or of conversions, and nothing else."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from huey import SqliteHuey

from diffing.store.database import LOCK_SECONDS, available, unusable

# The name of the other queue in the file: a conversion does not wait behind diffs.
CONVERSIONS = "conversions"


class JobQueue:
    """A queue of job ids in an SQLite file.

    Huey delivers at most once: an id is lost with the worker that took it. The jobs table knows,
    and the reaper in `worker` queues it again; an id that comes twice is claimed once.

    Args:
        path: the file.
        run: what a worker does with an id; a process that only queues leaves it out.
        name: of the queue in the file: that of the jobs, or CONVERSIONS.

    Raises:
        BadSetting: the file cannot be used as a database.
    """

    def __init__(
        self, path: Path, run: Callable[[int], None] | None = None, name: str = "diffing"
    ) -> None:
        try:
            _look_over(path)
            self.huey = SqliteHuey(
                name, filename=str(path), results=False, fsync=True, timeout=LOCK_SECONDS
            )
        except sqlite3.DatabaseError as error:
            raise unusable(path, "the queue", error) from None

        @self.huey.task()  # type: ignore[untyped-decorator]
        def run_job(job_id: int) -> None:
            if run is None:
                raise RuntimeError("this process queues jobs, it does not run them")
            run(job_id)

        self._run_job = run_job

    def put(self, job_id: int) -> None:
        """Queue an id.

        Raises:
            DatabaseUnavailable: it was not queued.
        """
        with available():
            self._run_job(job_id)

    def depth(self) -> int:
        """How many ids no worker has taken yet.

        Raises:
            DatabaseUnavailable: the queue cannot be read.
        """
        with available():
            return int(self.huey.pending_count())

    def waiting(self) -> set[int]:
        """The ids that no worker has taken yet.

        Raises:
            DatabaseUnavailable: the queue cannot be read.
        """
        with available():
            return {task.args[0] for task in self.huey.pending()}


def _look_over(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, timeout=LOCK_SECONDS)) as connection:
        (found,) = connection.execute("pragma quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError("it is damaged")
