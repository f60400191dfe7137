"""Figures of all jobs and workers, from the tables."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from diffing.store.clock import now, utc_now
from diffing.store.database import changing, reading
from diffing.store.job import Status
from diffing.store.schema import durations, jobs, totals, workers


@dataclass(frozen=True)
class CounterValue:
    """A sum that only grows, with its name, metric and label."""

    name: str
    metric: str
    label: str
    value: int


@dataclass(frozen=True)
class Durations:
    """The distribution of durations.

    Args:
        name, metric, label: of what was measured.
        numbers: by upper bound in seconds, the number above the next lower bound.
        seconds: their sum.
    """

    name: str
    metric: str
    label: str
    numbers: Mapping[float, int]
    seconds: float


@dataclass(frozen=True)
class Crew:
    """The number of live workers, and of the jobs that they run at once."""

    workers: int
    slots: int


@dataclass(frozen=True)
class Load:
    """The jobs by state, and the workers.

    Args:
        jobs: number in the table, by state.
        crew: the workers.
    """

    jobs: Mapping[Status, int]
    crew: Crew


@dataclass(frozen=True)
class Figures:
    """All figures.

    Args:
        jobs: number in the table, by state.
        oldest_queued: seconds since the oldest waiting job was created; None if no job waits.
        crew: the workers.
        totals: sums.
        durations: distributions of durations.
    """

    jobs: Mapping[Status, int]
    oldest_queued: float | None
    crew: Crew
    totals: list[CounterValue]
    durations: list[Durations]


class Statistics:
    """Reads the figures. The cost does not grow with the jobs, except for a count along an index.

    Args:
        engine: of the database, from `database`.
        stale_after: seconds without a sign of life after which a worker counts as dead.
    """

    def __init__(self, engine: sa.Engine, stale_after: float) -> None:
        self._engine = engine
        self._stale_after = stale_after

    def take(self) -> Figures:
        """Read all figures.

        Raises:
            DatabaseUnavailable: the tables cannot be read.
        """
        with reading(self._engine) as connection:
            return Figures(
                jobs=_numbers(connection),
                oldest_queued=_oldest_queued(connection),
                crew=self._crew(connection),
                totals=[CounterValue(*row) for row in connection.execute(sa.select(totals))],
                durations=_durations(connection),
            )

    def load(self) -> Load:
        """Read the number of jobs, and the figures of the workers.

        Raises:
            DatabaseUnavailable: the tables cannot be read.
        """
        with reading(self._engine) as connection:
            return Load(_numbers(connection), self._crew(connection))

    def crew(self) -> Crew:
        """Read the figures of the workers.

        Raises:
            DatabaseUnavailable: the table cannot be read.
        """
        with reading(self._engine) as connection:
            return self._crew(connection)

    def try_to_write(self) -> None:
        """Read a job, and take the write lock, without writing.

        Raises:
            DatabaseUnavailable: the database cannot be read, or not be locked.
        """
        with changing(self._engine) as connection:
            connection.execute(sa.select(jobs.c.id).limit(1)).first()
            nothing = sa.delete(workers).where(workers.c.id == "")
            connection.execute(nothing)

    def _crew(self, connection: sa.Connection) -> Crew:
        # a time in the future, from a clock that was set back, counts as now
        since = now(connection, ago=self._stale_after)
        row = connection.execute(
            sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(workers.c.slots), 0)).where(
                workers.c.seen_at >= since
            )
        ).one()
        return Crew(*row)


def _numbers(connection: sa.Connection) -> dict[Status, int]:
    """The number of jobs in each state."""
    query = sa.select(jobs.c.status, sa.func.count().label("number")).group_by(jobs.c.status)
    found = {row.status: row.number for row in connection.execute(query)}
    return {status: found.get(status, 0) for status in Status}


def _oldest_queued(connection: sa.Connection) -> float | None:
    # the lowest id is found along the index; ids and times grow together
    oldest = sa.select(sa.func.min(jobs.c.id)).where(jobs.c.status == Status.QUEUED)
    asked_at = connection.execute(
        sa.select(jobs.c.created_at).where(jobs.c.id == oldest.scalar_subquery())
    ).scalar()
    return asked_at and max((utc_now() - asked_at).total_seconds(), 0.0)


def _durations(connection: sa.Connection) -> list[Durations]:
    labels = (durations.c.name, durations.c.metric, durations.c.label)
    found: dict[tuple[str, str, str], tuple[dict[float, int], list[float]]] = {}
    for row in connection.execute(sa.select(durations).order_by(*labels, durations.c.at_most)):
        numbers, seconds = found.setdefault((row.name, row.metric, row.label), ({}, []))
        numbers[row.at_most] = row.number
        seconds.append(row.seconds)
    return [Durations(*which, numbers, sum(s)) for which, (numbers, s) in found.items()]
