"""The jobs table: the truth about every job. The queue only carries ids."""

import enum
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from service.database import open_file
from service.errors import Failure, UnknownJob
from service.progress import Progress
from service.schema import jobs as _jobs

# Ids are 64-bit integers in SQLite and PostgreSQL alike.
_LARGEST_ID = 2**63 - 1


class Status(enum.StrEnum):
    """The states of a job."""

    QUEUED = "queued"  # recorded; a worker has yet to take it
    PROCESSING = "processing"  # a worker has it and gives signs of life
    SUCCEEDED = "succeeded"  # the result is whole and can be fetched
    FAILED = "failed"  # it ended without a result; the error says why


_NO_PROGRESS = {"stage": None, "bytes_read": None, "bytes_total": None}


@dataclass(frozen=True)
class Job:
    """A row of the jobs table.

    Args:
        id: number of the job, from 1.
        metric: id in the catalogue.
        status: its state.
        stage: what a running job is at, a word or two.
        bytes_read, bytes_total: how much of its inputs, unpacked, it has read; None when unknown.
        attempt: how many times it was started.
        created_at, started_at, finished_at: UTC; started_at is that of the last attempt.
        seen_at: last sign of life: when it was queued, taken, or its worker beat.
        summary: of a succeeded job.
        error: type, title and detail, of a failed job.
    """

    id: int
    metric: str
    status: Status
    stage: str | None
    bytes_read: int | None
    bytes_total: int | None
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seen_at: datetime
    summary: dict[str, Any] | None
    error: dict[str, str] | None

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> Self:
        """The job in a row of the table."""
        return cls(**{**row._mapping, "status": Status(row.status)})


class Jobs:
    """Reads and changes the jobs table.

    Each change of state is one statement that names the state, and where it matters the attempt,
    that it expects: of two workers one wins, and one that comes back from the dead changes nothing.

    Args:
        engine: of the database, from `database`.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @classmethod
    def in_file(cls, path: Path) -> Self:
        """The table in an SQLite file, made if it is not there, migrated if it is older.

        Raises:
            BadSetting: the file cannot be used as a database.
        """
        return cls(open_file(path))

    def create(self, metric: str) -> Job:
        """Record a job, queued."""
        now = _now()
        return self._one(
            sa.insert(_jobs)
            .values(metric=metric, status=Status.QUEUED, attempt=0, created_at=now, seen_at=now)
            .returning(_jobs)
        )

    def get(self, job_id: int) -> Job:
        """The job of that id.

        Raises:
            UnknownJob: there is none.
        """
        job = None
        if 0 < job_id <= _LARGEST_ID:
            with self._engine.connect() as connection:
                row = connection.execute(sa.select(_jobs).where(_jobs.c.id == job_id)).first()
            job = row and Job.from_row(row)
        if not job:
            raise UnknownJob(f"There is no job {str(job_id)[:20]}.")
        return job

    def claim(self, job_id: int) -> Job | None:
        """Take a queued job; None when another worker has, or it is not queued."""
        now = _now()
        return self._change(
            sa.update(_jobs)
            .where(_jobs.c.id == job_id, _jobs.c.status == Status.QUEUED)
            .values(
                status=Status.PROCESSING,
                **_NO_PROGRESS,
                attempt=_jobs.c.attempt + 1,
                started_at=now,
                seen_at=now,
            )
        )

    def beat(self, job: Job, progress: Progress | None) -> bool:
        """Give a sign of life; False when the job is no longer this attempt's."""
        values = {**_NO_PROGRESS, **(asdict(progress) if progress else {})}
        return self._change(_held(job).values(seen_at=_now(), **values)) is not None

    def succeed(self, job: Job, summary: dict[str, Any]) -> bool:
        """Record the result; False when the job is no longer this attempt's."""
        return self._finish(job, status=Status.SUCCEEDED, summary=summary)

    def fail(self, job: Job, failure: Failure) -> bool:
        """Record the reason; False when the job is no longer this attempt's."""
        return self._finish(job, status=Status.FAILED, error=failure.as_dict())

    def give_back(self, job: Job) -> Job | None:
        """Queue a job again that its worker cannot go on with."""
        return self._change(_held(job).values(status=Status.QUEUED, seen_at=_now(), **_NO_PROGRESS))

    def stale(self, seconds: float) -> list[Job]:
        """Unfinished jobs that gave no sign of life for so long, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(_jobs)
                .where(
                    _jobs.c.status.in_([Status.QUEUED, Status.PROCESSING]),
                    _jobs.c.seen_at < _now() - timedelta(seconds=seconds),
                )
                .order_by(_jobs.c.id)
            ).all()
        return [Job.from_row(row) for row in rows]

    def take_over(self, job: Job) -> Job | None:
        """Queue a stale job again; None when another reaper did, or it lives after all."""
        return self._change(
            _unseen_since(job).values(status=Status.QUEUED, seen_at=_now(), **_NO_PROGRESS)
        )

    def give_up(self, job: Job, failure: Failure) -> Job | None:
        """Fail a stale job; None when another reaper did, or it lives after all."""
        now = _now()
        return self._change(
            _unseen_since(job).values(
                status=Status.FAILED,
                **_NO_PROGRESS,
                seen_at=now,
                finished_at=now,
                error=failure.as_dict(),
            )
        )

    def _finish(self, job: Job, **values: Any) -> bool:
        now = _now()
        return (
            self._change(_held(job).values(seen_at=now, finished_at=now, **_NO_PROGRESS, **values))
            is not None
        )

    def _change(self, statement: sa.Update) -> Job | None:
        with self._engine.begin() as connection:
            row = connection.execute(statement.returning(_jobs)).first()
        return Job.from_row(row) if row else None

    def _one(self, statement: Any) -> Job:
        with self._engine.begin() as connection:
            return Job.from_row(connection.execute(statement).one())


def _held(job: Job) -> sa.Update:
    return sa.update(_jobs).where(
        _jobs.c.id == job.id,
        _jobs.c.status == Status.PROCESSING,
        _jobs.c.attempt == job.attempt,
    )


def _unseen_since(job: Job) -> sa.Update:
    return sa.update(_jobs).where(
        _jobs.c.id == job.id,
        _jobs.c.status == job.status,
        _jobs.c.attempt == job.attempt,
        _jobs.c.seen_at == job.seen_at,
    )


def _now() -> datetime:
    return datetime.now(UTC)
