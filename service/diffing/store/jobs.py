"""The jobs table: the truth about every job. The queue only carries ids."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self, TypeVar

import sqlalchemy as sa

from diffing.core.errors import Failure, JobFinished, KeyReused, QueueFull, ResultGone, UnknownJob
from diffing.core.progress import Progress
from diffing.store import counters, history
from diffing.store.baselines import How, accept_by_itself
from diffing.store.claims import held, is_held, unseen_since
from diffing.store.clock import utc_now
from diffing.store.database import changing, reading
from diffing.store.dialects import Lock, lock
from diffing.store.job import FINISHED, UNFINISHED, Filter, Job, Status, Submission
from diffing.store.schema import jobs as _jobs

# Ids are 64-bit integers in SQLite and PostgreSQL alike.
LARGEST_ID = 2**63 - 1

# Older ones answer, too, but so many need not be searched.
_MOST_ANSWERS = 30

# SQLite accepts so many in a statement, and more.
_MOST_PARAMETERS = 10_000

_T = TypeVar("_T")
_NO_PROGRESS = {"stage": None, "bytes_read": None, "bytes_total": None}


@dataclass(frozen=True)
class End:
    """The end of a job that succeeded.

    Args:
        summary: as JSON values.
        question: see `question_of`; None if no later job may take the result.
        reused_from: job whose result it took.
        kept: name of its new file among the kept ones; None if that is not kept.
        accept: how the new file is accepted, by itself; None if it is not.
    """

    summary: dict[str, Any]
    question: str | None = None
    reused_from: int | None = None
    kept: str | None = None
    accept: How | None = None

    def keeping(self, kept: str, accept: How | None) -> Self:
        """The same end, with the new file kept, and perhaps accepted."""
        return replace(self, kept=kept, accept=accept)


class Jobs:
    """Reads and changes the jobs table.

    Each change of state is one statement, whose condition is the expected state and attempt. So one
    of two workers wins, and a worker that was replaced changes nothing.

    Args:
        engine: of the database, from `database`.
        now: gives the time, in UTC.
    """

    def __init__(self, engine: sa.Engine, now: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self._now = now

    def create(self, submission: Submission, most_queued: int | None = None) -> Job:
        """Record a queued job.

        Args:
            submission: the order.
            most_queued: most jobs that may wait; None for any number.

        Raises:
            QueueFull: too many jobs wait.
            KeyReused: the Idempotency-Key belongs to a job: see `requested`.
        """
        now = self._now()
        values = {
            **asdict(submission),
            "idempotency_key": _stored(submission.owner, submission.idempotency_key),
            "status": Status.QUEUED,
            "attempt": 0,
            "created_at": now,
            "seen_at": now,
        }
        waiting = sa.select(sa.func.count()).where(_jobs.c.status == Status.QUEUED)
        row = sa.select(*(sa.literal(v, _jobs.c[name].type) for name, v in values.items()))
        if most_queued is not None:
            row = row.where(waiting.scalar_subquery() < most_queued)
        try:
            job = self._change(sa.insert(_jobs).from_select(list(values), row), alone=Lock.SUBMIT)
        except sa.exc.IntegrityError:
            raise KeyReused("The Idempotency-Key belongs to another job.") from None
        if not job:
            raise _queue_full(most_queued)
        return job

    def require_room(self, most_queued: int) -> None:
        """Refuse early if `create` would refuse.

        Raises:
            QueueFull: too many jobs wait.
        """
        waiting = sa.select(sa.func.count()).where(_jobs.c.status == Status.QUEUED)
        with reading(self._engine) as connection:
            if connection.execute(waiting).scalar_one() >= most_queued:
                raise _queue_full(most_queued)

    def has_idempotency_key(self, owner: str | None, idempotency_key: str) -> bool:
        """Whether an owner has a job with that Idempotency-Key."""
        stored = _stored(owner, idempotency_key)
        return bool(self._first(sa.select(_jobs).where(_jobs.c.idempotency_key == stored)))

    def requested(self, owner: str | None, idempotency_key: str, request: str) -> Job | None:
        """The job of an owner with that Idempotency-Key; None without one.

        Raises:
            KeyReused: it came with another request.
        """
        stored = _stored(owner, idempotency_key)
        job = self._first(sa.select(_jobs).where(_jobs.c.idempotency_key == stored))
        if job and job.request != request:
            raise KeyReused(
                f"The Idempotency-Key came with another request before, for job {job.id}. "
                "Use a new one for each new job."
            )
        return job

    def get(self, job_id: int) -> Job:
        """The job of that id.

        Raises:
            UnknownJob: no job ever had the id.
            ResultGone: the job was removed, a while after its end.
        """
        if 0 < job_id <= LARGEST_ID:
            if job := self._first(sa.select(_jobs).where(_jobs.c.id == job_id)):
                return job
            # the newest job is never removed, so every lower id belonged to a job
            if self._first(sa.select(_jobs).where(_jobs.c.id > job_id).limit(1)):
                raise ResultGone(
                    f"Job {job_id} was removed with its result, after its retention time. "
                    "Start a new job."
                )
        raise no_job(job_id)

    def waiting_before(self, job_id: int) -> int:
        """The number of waiting jobs that are older than a job."""
        older = sa.select(sa.func.count()).where(
            _jobs.c.status == Status.QUEUED, _jobs.c.id < job_id
        )
        with reading(self._engine) as connection:
            return connection.execute(older).scalar_one()

    def page(
        self,
        most: int,
        before: int | None = None,
        wanted: Filter | None = None,
    ) -> list[Job]:
        """The newest jobs, newest first.

        Args:
            most: number of jobs.
            before: only jobs of smaller ids; None for all.
            wanted: which of them; None for all.
        """
        wanted = wanted or Filter()
        # + "" prevents the use of the index of states: SQLite must follow the ids, and not sort
        query = sa.select(_jobs).order_by(_jobs.c.id.desc()).limit(most)
        if before is not None:
            query = query.where(_jobs.c.id < before)
        if wanted.statuses:
            query = query.where((_jobs.c.status + "").in_(wanted.statuses))
        if wanted.metric is not None:
            query = query.where(_jobs.c.metric == wanted.metric)
        if wanted.owner is not None:
            query = query.where(_jobs.c.owner == wanted.owner)
        if wanted.passed is not None:
            passed = _jobs.c.summary[("verdict", "passed")].as_boolean()
            query = query.where(passed == wanted.passed)
        return self._all(query)

    def cancel(self, job_id: int) -> Job:
        """Cancel a job. Its worker notices that within a second.

        Raises:
            JobFinished: the job has ended in another way.
            UnknownJob, ResultGone: as from `get`.
        """
        self.get(job_id)
        now = self._now()
        cancelled = self._change(
            sa.update(_jobs)
            .where(_jobs.c.id == job_id, _jobs.c.status.in_(UNFINISHED))
            .values(status=Status.CANCELLED, seen_at=now, finished_at=now, **_NO_PROGRESS),
            _record_end,
        )
        job = cancelled or self.get(job_id)
        if job.status is not Status.CANCELLED:
            raise JobFinished(f"Job {job_id} has {job.status}, so it cannot be cancelled.")
        return job

    def claim(self, job_id: int) -> Job | None:
        """Take a queued job; None if it is not queued any longer."""
        now = self._now()
        return self._change(
            sa.update(_jobs)
            .where(_jobs.c.id == job_id, _jobs.c.status == Status.QUEUED)
            .values(
                status=Status.PROCESSING,
                **_NO_PROGRESS,
                attempt=_jobs.c.attempt + 1,
                started_at=now,
                seen_at=now,
            ),
            _count_attempt,
        )

    def beat(self, job: Job, progress: Progress | None) -> bool:
        """Give a sign of life; False if the job has left this attempt."""
        values = {**_NO_PROGRESS, **(asdict(progress) if progress else {})}
        return self._change(held(_jobs, job).values(seen_at=self._now(), **values)) is not None

    def is_held(self, job: Job) -> bool:
        """Whether this attempt still runs the job."""
        return self._first(sa.select(_jobs).where(*is_held(_jobs, job))) is not None

    def succeed(self, job: Job, end: End) -> bool:
        """Record the result; False if the job has left this attempt."""
        values: dict[str, Any] = {
            "summary": end.summary,
            "question": end.question,
            "reused_from": end.reused_from,
            "kept": end.kept,
        }
        return self._finish(job, end.accept, status=Status.SUCCEEDED, **values)

    def answers(self, question: str, owner: str | None) -> list[Job]:
        """The newest jobs of an owner that succeeded with a question, newest first."""
        return self._all(
            sa.select(_jobs)
            .where(
                _jobs.c.question == question,
                _jobs.c.owner.is_not_distinct_from(owner),
                _jobs.c.status + "" == Status.SUCCEEDED,
            )
            .order_by(_jobs.c.id.desc())
            .limit(_MOST_ANSWERS)
        )

    def fail(self, job: Job, failure: Failure) -> bool:
        """Record the reason; False if the job has left this attempt."""
        return self._finish(job, status=Status.FAILED, error=failure.as_dict())

    def give_back(self, job: Job) -> Job | None:
        """Queue a job again, which its worker cannot finish."""
        return self._change(
            held(_jobs, job).values(status=Status.QUEUED, seen_at=self._now(), **_NO_PROGRESS)
        )

    def unfinished(self) -> list[Job]:
        """The jobs that have not ended, oldest first."""
        return self._all(
            sa.select(_jobs).where(_jobs.c.status.in_(UNFINISHED)).order_by(_jobs.c.id)
        )

    def of_ids(self, ids: Iterable[int]) -> list[Job]:
        """The jobs with these ids, without unknown ids."""
        return [
            job
            for some in _batches(sorted(set(ids)))
            for job in self._all(sa.select(_jobs).where(_jobs.c.id.in_(some)))
        ]

    def uploads(self, names: Iterable[str]) -> set[str]:
        """The names that belong to the upload of a job."""
        found: set[str] = set()
        with reading(self._engine) as connection:
            for some in _batches(sorted(set(names))):
                rows = connection.execute(sa.select(_jobs.c.upload).where(_jobs.c.upload.in_(some)))
                found.update(rows.scalars())
        return found

    def ended_before(self, seconds: float) -> list[Job]:
        """The jobs that ended more than so many seconds ago."""
        return self._all(
            sa.select(_jobs).where(
                _jobs.c.status.in_(FINISHED),
                _jobs.c.finished_at < self._now() - timedelta(seconds=seconds),
            )
        )

    def forget(self, job: Job) -> None:
        """Remove an ended job. The newest one stays, without its Idempotency-Key: see `get`."""
        newest = sa.select(sa.func.max(_jobs.c.id)).scalar_subquery()
        ended = (_jobs.c.id == job.id, _jobs.c.status.in_(FINISHED))
        with changing(self._engine) as connection:
            connection.execute(sa.delete(_jobs).where(*ended, _jobs.c.id < newest))
            connection.execute(sa.update(_jobs).where(*ended).values(idempotency_key=None))

    def take_over(self, job: Job) -> Job | None:
        """Queue a stale job again; None if another reaper did, or a sign of life came."""
        return self._change(
            unseen_since(_jobs, job).values(
                status=Status.QUEUED, seen_at=self._now(), **_NO_PROGRESS
            )
        )

    def give_up(self, job: Job, failure: Failure) -> Job | None:
        """Fail a stale job; None if another reaper did, or a sign of life came."""
        now = self._now()
        return self._change(
            unseen_since(_jobs, job).values(
                status=Status.FAILED,
                **_NO_PROGRESS,
                seen_at=now,
                finished_at=now,
                error=failure.as_dict(),
            ),
            _record_end,
        )

    def _finish(self, job: Job, accept: How | None = None, **values: Any) -> bool:
        now = self._now()
        ended = held(_jobs, job).values(seen_at=now, finished_at=now, **_NO_PROGRESS, **values)
        return self._change(ended, partial(_record_end, accept=accept)) is not None

    def _change(
        self,
        statement: sa.Update | sa.Insert,
        count: Callable[[sa.Connection, Job], None] = lambda _, __: None,
        alone: Lock | None = None,
    ) -> Job | None:
        """Change a row and its sums in one transaction."""
        with changing(self._engine) as connection:
            if alone is not None:
                lock(connection, alone)
            row = connection.execute(statement.returning(_jobs)).first()
            job = Job.from_row(row) if row else None
            if job:
                count(connection, job)
        return job

    def _first(self, statement: sa.Select[Any]) -> Job | None:
        return next(iter(self._all(statement)), None)

    def _all(self, statement: sa.Select[Any]) -> list[Job]:
        with reading(self._engine) as connection:
            return [Job.from_row(row) for row in connection.execute(statement)]


def no_job(job_id: int) -> UnknownJob:
    """The error for an unknown id, and for a job of another API key."""
    return UnknownJob(f"Unknown job {str(job_id)[:20]}.")


def _count_attempt(connection: sa.Connection, job: Job) -> None:
    first = job.attempt == 1
    waited = _seconds(job.created_at, job.started_at) if first else None
    counters.count_attempt(connection, job.metric, waited)


def _record_end(connection: sa.Connection, job: Job, accept: How | None = None) -> None:
    cancelled = job.status is Status.CANCELLED
    took = None if cancelled else _seconds(job.started_at, job.finished_at)
    counters.count_end(connection, job.metric, job.status, took, job.summary)
    history.add(connection, job)
    if accept:
        accept_by_itself(connection, job, accept)


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start and end else None


def _stored(owner: str | None, idempotency_key: str | None) -> str | None:
    """An Idempotency-Key as the table keeps it: different for each owner."""
    if owner is None or idempotency_key is None:
        return idempotency_key
    return f"{owner} {idempotency_key}"  # that of a client contains no space


def _queue_full(most: int | None) -> QueueFull:
    return QueueFull(f"{most:,} jobs are already waiting. Try again later.")


def _batches(all_: list[_T]) -> Iterator[list[_T]]:
    for start in range(0, len(all_), _MOST_PARAMETERS):
        yield all_[start : start + _MOST_PARAMETERS]
