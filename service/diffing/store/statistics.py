"""What the tables say of all jobs and workers together, whichever process asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from diffing.store.database import available, utc_now
from diffing.store.job import Status
from diffing.store.schema import durations, jobs, totals, workers


@dataclass(frozen=True)
class Total:
    """A sum that only grows: its name, the metric and a label that it is told by, its value."""

    name: str
    metric: str
    label: str
    value: int


@dataclass(frozen=True)
class Durations:
    """How long something took: how many times at most so long, and all of them together.

    Args:
        name, metric, label: what took so long.
        numbers: for each upper bound in seconds, those above the one before it.
        seconds: the sum.
    """

    name: str
    metric: str
    label: str
    numbers: Mapping[float, int]
    seconds: float


@dataclass(frozen=True)
class Crew:
    """Workers seen lately, and how many jobs they run at once."""

    workers: int
    slots: int


@dataclass(frozen=True)
class Figures:
    """All that is counted.

    Args:
        jobs: in the table, by state.
        oldest_queued: seconds since the oldest queued job was asked for; None when none waits.
        crew: the workers.
        totals: what was added up.
        durations: likewise.
    """

    jobs: Mapping[Status, int]
    oldest_queued: float | None
    crew: Crew
    totals: list[Total]
    durations: list[Durations]


class Census:
    """Counts; what it costs does not grow with the jobs, but for a count along an index.

    Args:
        engine: of the database, from `database`.
        stale_after: seconds after which a worker that gave no sign of life is not counted.
    """

    def __init__(self, engine: sa.Engine, stale_after: float) -> None:
        self._engine = engine
        self._stale_after = stale_after

    def take(self) -> Figures:
        """Count.

        Raises:
            DatabaseUnavailable: the tables cannot be read.
        """
        with available(), self._engine.connect() as connection:
            by_status = {
                row.status: row.number
                for row in connection.execute(
                    sa.select(jobs.c.status, sa.func.count().label("number")).group_by(
                        jobs.c.status
                    )
                )
            }
            return Figures(
                jobs={status: by_status.get(status, 0) for status in Status},
                oldest_queued=_oldest_queued(connection),
                crew=self._crew(connection),
                totals=[Total(*row) for row in connection.execute(sa.select(totals))],
                durations=_durations(connection),
            )

    def crew(self) -> Crew:
        """The workers.

        Raises:
            DatabaseUnavailable: the table cannot be read.
        """
        with available(), self._engine.connect() as connection:
            return self._crew(connection)

    def try_to_write(self) -> None:
        """Read a job, and take the lock that writing takes; nothing is written.

        Raises:
            DatabaseUnavailable: one of the two cannot be done.
        """
        with available(), self._engine.begin() as connection:
            connection.execute(sa.select(jobs.c.id).limit(1)).first()
            nothing = sa.delete(workers).where(workers.c.id == "")
            connection.execute(nothing)

    def _crew(self, connection: sa.Connection) -> Crew:
        # a time to come is that of a clock that was set back since: it counts as just now
        since = utc_now() - timedelta(seconds=self._stale_after)
        row = connection.execute(
            sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(workers.c.slots), 0)).where(
                workers.c.seen_at >= since
            )
        ).one()
        return Crew(*row)


def _oldest_queued(connection: sa.Connection) -> float | None:
    # the lowest id is found along the index; ids and times go up together
    oldest = sa.select(sa.func.min(jobs.c.id)).where(jobs.c.status == Status.QUEUED)
    asked_at = connection.execute(
        sa.select(jobs.c.created_at).where(jobs.c.id == oldest.scalar_subquery())
    ).scalar()
    return asked_at and max((utc_now() - asked_at).total_seconds(), 0.0)


def _durations(connection: sa.Connection) -> list[Durations]:
    key = (durations.c.name, durations.c.metric, durations.c.label)
    found: dict[tuple[str, str, str], tuple[dict[float, int], list[float]]] = {}
    for row in connection.execute(sa.select(durations).order_by(*key, durations.c.at_most)):
        numbers, seconds = found.setdefault((row.name, row.metric, row.label), ({}, []))
        numbers[row.at_most] = row.number
        seconds.append(row.seconds)
    return [Durations(*which, numbers, sum(s)) for which, (numbers, s) in found.items()]
