"""The history table: a row per ended job of a metric, which outlives the job and its result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import sqlalchemy as sa

from diffing.core.figures import COUNTS
from diffing.store.clock import utc_now
from diffing.store.database import changing, reading
from diffing.store.job import Job, Status
from diffing.store.schema import history as _history


@dataclass(frozen=True)
class Run:
    """A row of the table.

    Args:
        job_id: number of the job.
        metric: id in the catalogue.
        owner: id of the API key; None without API keys.
        status: its last state.
        of_catalogue: whether it had the files and options of the catalogue, not its own.
        created_at, finished_at: UTC.
        seconds: of a diff that succeeded, else of the last attempt; None before the first.
        counts, verdict: of the summary; None unless it succeeded.
        old, new: name, rows, bytes and SHA-256 of the inputs; None unless it succeeded.
        reused_from: job whose result it took; None if it compared the files.
        baseline: JSON values of the `Baseline` that was old; None for another file.
        error: type, title and detail, of a failed job.
    """

    job_id: int
    metric: str
    owner: str | None
    status: Status
    of_catalogue: bool
    created_at: datetime
    finished_at: datetime
    seconds: float | None
    counts: dict[str, int] | None
    verdict: dict[str, Any] | None
    old: dict[str, Any] | None
    new: dict[str, Any] | None
    reused_from: int | None
    baseline: dict[str, Any] | None
    error: dict[str, str] | None

    @property
    def is_usual(self) -> bool:
        """Whether later jobs can be compared with it: each night counts once."""
        return self.status is Status.SUCCEEDED and self.of_catalogue and self.reused_from is None

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> Self:
        """The run in a row of the table."""
        return cls(**{**row._mapping, "status": Status(row.status)})


class History:
    """Reads the history table, and forgets old rows.

    Args:
        engine: of the database, from `database`.
        now: gives the time, in UTC.
    """

    def __init__(self, engine: sa.Engine, now: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self._now = now

    def page(
        self, metric: str, most: int, before: int | None = None, owner: str | None = None
    ) -> list[Run]:
        """The newest runs of a metric, newest first.

        Args:
            metric: id in the catalogue.
            most: number of runs.
            before: only runs of smaller job ids; None for all.
            owner: only those of that API key; None for all.
        """
        return self._all(_of(metric, before, owner).limit(most))

    def usual(self, metric: str, most: int, before: int, owner: str | None) -> list[Run]:
        """The same, of runs with which later ones can be compared: see `Run.is_usual`."""
        query = _of(metric, before, owner).where(
            _history.c.status == Status.SUCCEEDED,
            _history.c.of_catalogue,
            _history.c.reused_from.is_(None),
        )
        return self._all(query.limit(most))

    def forget_ended_before(self, seconds: float) -> None:
        """Remove the runs that ended more than so many seconds ago."""
        old = _history.c.finished_at < self._now() - timedelta(seconds=seconds)
        with changing(self._engine) as connection:
            connection.execute(sa.delete(_history).where(old))

    def _all(self, statement: sa.Select[Any]) -> list[Run]:
        with reading(self._engine) as connection:
            return [Run.from_row(row) for row in connection.execute(statement)]


def add(connection: sa.Connection, job: Job) -> None:
    """Add a job that has ended, unless it has no metric.

    Args:
        connection: in the transaction that ends the job.
        job: the job, after its end.
    """
    if job.metric is None:
        return
    summary = job.summary or {}
    run = Run(
        job_id=job.id,
        metric=job.metric,
        owner=job.owner,
        status=job.status,
        of_catalogue=not (job.comparison or job.old or job.new),
        created_at=job.created_at,
        finished_at=job.finished_at or job.seen_at,
        seconds=_seconds(job),
        counts={name: summary.get(name, 0) for name in COUNTS} if summary else None,
        verdict=summary.get("verdict"),
        old=_input(summary.get("old")),
        new=_input(summary.get("new")),
        reused_from=job.reused_from,
        baseline=job.baseline,
        error=job.error,
    )
    # a lost job with this id may have left a row
    connection.execute(sa.delete(_history).where(_history.c.job_id == job.id))
    connection.execute(sa.insert(_history).values(**vars(run)))


def _of(metric: str, before: int | None, owner: str | None) -> sa.Select[Any]:
    query = sa.select(_history).where(_history.c.metric == metric)
    if before is not None:
        query = query.where(_history.c.job_id < before)
    if owner is not None:
        query = query.where(_history.c.owner == owner)
    return query.order_by(_history.c.job_id.desc())


def _input(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    names = ("name", "rows", "bytes", "sha256")
    return {name: found.get(name) for name in names} if found else None


def _seconds(job: Job) -> float | None:
    if job.summary and "seconds" in job.summary and job.reused_from is None:
        return float(job.summary["seconds"])
    if job.started_at is None or job.finished_at is None:
        return None
    return max((job.finished_at - job.started_at).total_seconds(), 0.0)
