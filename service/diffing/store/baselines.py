"""The tables of accepted files and of pins: which new files later jobs are compared with."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self

import sqlalchemy as sa

from diffing.core.baseline import ACCEPTED, Baseline, content_of, pin_in
from diffing.core.errors import PinTaken, ResultGone, UnknownPin
from diffing.core.text import shown
from diffing.store.claims import held
from diffing.store.clock import utc_now
from diffing.store.database import changing, reading
from diffing.store.dialects import Lock, lock, upsert
from diffing.store.job import UNFINISHED, Job
from diffing.store.schema import acceptances as _acceptances
from diffing.store.schema import jobs as _jobs
from diffing.store.schema import pins as _pins

How = Literal["request", "first", "expected"]
"""How a file was accepted: by a request, as the first one, or because its verdict passed."""


@dataclass(frozen=True)
class Acceptance:
    """A row of the table of accepted files. Rows are never changed.

    Args:
        id: grows with time.
        metric: id in the catalogue.
        job_id: job whose new file was accepted.
        kept: name among the kept files.
        name: of the file, as the job had it.
        sha256: of the file.
        how: what accepted it.
        api_key: id of the API key of the request; None without one.
        note: of the request.
        accepted_at: UTC.
    """

    id: int
    metric: str
    job_id: int
    kept: str
    name: str
    sha256: str
    how: How
    api_key: str | None
    note: str
    accepted_at: datetime

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> Self:
        """The acceptance in a row of the table."""
        return cls(**row._mapping)

    @property
    def baseline(self) -> Baseline:
        """The file, as old of a job."""
        return Baseline(self.job_id, self.kept, self.name, self.sha256)


@dataclass(frozen=True)
class Pin:
    """A row of the table of pins.

    Args:
        metric: id in the catalogue.
        pin: its name.
        job_id: job whose new file has the name.
        kept, name, sha256: as those of an `Acceptance`.
        api_key: id of the API key of the request; None without one.
        pinned_at: UTC.
    """

    metric: str
    pin: str
    job_id: int
    kept: str
    name: str
    sha256: str
    api_key: str | None
    pinned_at: datetime

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> Self:
        """The pin in a row of the table."""
        return cls(**row._mapping)

    @property
    def baseline(self) -> Baseline:
        """The file, as old of a job."""
        return Baseline(self.job_id, self.kept, self.name, self.sha256, self.pin)


class Baselines:
    """Reads and changes both tables.

    Args:
        engine: of the database, from `database`.
        now: gives the time, in UTC.
    """

    def __init__(self, engine: sa.Engine, now: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self._now = now

    def named(self, metric: str, name: str) -> Baseline | None:
        """The file in the place of old; None before the first was accepted.

        Args:
            metric: id in the catalogue.
            name: see `is_baseline`.

        Raises:
            UnknownPin: the metric has no pin of that name.
        """
        with reading(self._engine) as connection:
            return _named(connection, metric, name)

    def note(self, job: Job, metric: str, name: str) -> Baseline | None:
        """Record the baseline that an attempt compares with, which then stays, and return it.

        Args:
            job: that a worker runs.
            metric: id in the catalogue.
            name: see `is_baseline`.

        Raises:
            UnknownPin: as from `named`.
        """
        with changing(self._engine) as connection:
            lock(connection, Lock.KEEP)
            baseline = _named(connection, metric, name)
            values = asdict(baseline) if baseline else None
            connection.execute(held(_jobs, job).values(baseline=values))
        return baseline

    def take(self, job: Job, kept: str) -> str | None:
        """Record the name of the new file of a job among the kept ones, before it is kept.

        Args:
            job: as it was read.
            kept: the name; in a bucket, one that no file ever had.

        Returns:
            The name, or that of a file with the same content that is in use. None if the job was
            taken away meanwhile, or removed.
        """
        with changing(self._engine) as connection:
            lock(connection, Lock.KEEP)
            used = _needed(connection, self._now())
            alike = [name for name in used if content_of(name) == content_of(kept)]
            name = min(alike, default=kept)
            changed = held(_jobs, job).values(kept=name)
            row = connection.execute(changed.returning(_jobs.c.id)).first()
        return name if row else None

    def accept(self, job: Job, kept: str, api_key: str | None, note: str) -> Acceptance:
        """Accept the new file of a job. Accepting the accepted job again changes nothing.

        Args:
            job: of a metric, which succeeded.
            kept: name of the file among the kept ones.
            api_key: of the request.
            note: of the request.

        Raises:
            ResultGone: the job was removed meanwhile.
        """
        values = _values(job, kept, "request", self._now()) | {"api_key": api_key, "note": note}
        newest = (
            sa.select(_acceptances.c.job_id)
            .where(_acceptances.c.metric == job.metric)
            .order_by(_acceptances.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        with changing(self._engine) as connection:
            lock(connection, Lock.KEEP)
            lock(connection, Lock.ACCEPT)
            _require_kept(connection, job, kept)
            _insert(connection, values, newest.is_distinct_from(job.id))
            row = connection.execute(
                _newest_first(job.metric or "").where(_acceptances.c.job_id == job.id).limit(1)
            ).one()
        return Acceptance.from_row(row)

    def accepted(self, metric: str, most: int, before: int | None = None) -> list[Acceptance]:
        """The accepted files of a metric, newest first.

        Args:
            metric: id in the catalogue.
            most: number of rows.
            before: only rows of smaller ids; None for all.
        """
        query = _newest_first(metric).limit(most)
        if before is not None:
            query = query.where(_acceptances.c.id < before)
        with reading(self._engine) as connection:
            return [Acceptance.from_row(row) for row in connection.execute(query)]

    def of_jobs(self, metric: str, first: int, last: int) -> dict[int, Acceptance]:
        """The last acceptance of each job of a metric, for jobs of these ids."""
        query = _newest_first(metric).where(_acceptances.c.job_id.between(first, last))
        with reading(self._engine) as connection:
            rows = [Acceptance.from_row(row) for row in connection.execute(query)]
        return {row.job_id: row for row in reversed(rows)}

    def make_pin(self, name: str, job: Job, kept: str, api_key: str | None) -> Pin:
        """Give the new file of a job a name. Repeating it changes nothing.

        Args:
            name: of the pin.
            job: of a metric, which succeeded.
            kept: name of the file among the kept ones.
            api_key: of the request.

        Raises:
            PinTaken: the name belongs to another job.
            ResultGone: the job was removed meanwhile.
        """
        now = self._now()
        values = {**_file(job, kept), "pin": name, "api_key": api_key, "pinned_at": now}
        with changing(self._engine) as connection:
            lock(connection, Lock.KEEP)
            _require_kept(connection, job, kept)
            new = upsert(connection, _pins).values(**values)
            # an update that changes nothing returns the row, which nobody removes meanwhile
            made = new.on_conflict_do_update(
                index_elements=["metric", "pin"], set_={"pin": new.excluded.pin}
            )
            pin = Pin.from_row(connection.execute(made.returning(_pins)).one())
        if pin.job_id != job.id:
            raise PinTaken(
                f"The pin {name} is of job {pin.job_id}. Delete it first, or choose another name."
            )
        return pin

    def pin(self, metric: str, name: str) -> Pin:
        """A pin of a metric.

        Raises:
            UnknownPin: the metric has no pin of that name.
        """
        with reading(self._engine) as connection:
            return _pin(connection, metric, name)

    def pins(self, metric: str) -> list[Pin]:
        """The pins of a metric, by name."""
        query = sa.select(_pins).where(_pins.c.metric == metric)
        with reading(self._engine) as connection:
            pins = [Pin.from_row(row) for row in connection.execute(query)]
        # databases order texts in different ways
        return sorted(pins, key=lambda pin: pin.pin)

    def remove_pin(self, metric: str, name: str) -> None:
        """Remove a pin.

        Raises:
            UnknownPin: the metric has no pin of that name.
        """
        pin = self.pin(metric, name)
        with changing(self._engine) as connection:
            connection.execute(
                sa.delete(_pins).where(_pins.c.metric == metric, _pins.c.pin == pin.pin)
            )

    def needed(self, seconds: float) -> set[str]:
        """The names of the kept files that must stay.

        These are the accepted file of each metric, and for some time those accepted before it. So
        are files with a pin, new files that may be accepted, and old files of running jobs.

        Args:
            seconds: time for which a file stays that was accepted before another.
        """
        with changing(self._engine) as connection:
            lock(connection, Lock.KEEP)
            return _needed(connection, self._now() - timedelta(seconds=seconds))


def accept_by_itself(connection: sa.Connection, job: Job, how: How) -> None:
    """Accept the new file of a job that ends, unless that is out of date.

    Args:
        connection: in the transaction that ends the job.
        job: whose new file is kept.
        how: "first" accepts only the first one, "expected" not if a later job was accepted.
    """
    if job.kept is None or job.finished_at is None:
        return
    lock(connection, Lock.ACCEPT)
    of_metric = sa.select(_acceptances.c.id).where(_acceptances.c.metric == job.metric)
    if how == "expected":
        of_metric = of_metric.where(_acceptances.c.job_id >= job.id)
    _insert(connection, _values(job, job.kept, how, job.finished_at), ~of_metric.exists())


def _insert(
    connection: sa.Connection, values: dict[str, Any], condition: sa.ColumnElement[bool]
) -> None:
    columns = _acceptances.c
    row = sa.select(*(sa.literal(v, columns[name].type) for name, v in values.items()))
    connection.execute(sa.insert(_acceptances).from_select(list(values), row.where(condition)))


def _values(job: Job, kept: str, how: How, now: datetime) -> dict[str, Any]:
    return {**_file(job, kept), "how": how, "api_key": None, "note": "", "accepted_at": now}


def _file(job: Job, kept: str) -> dict[str, Any]:
    new = (job.summary or {})["new"]
    return {
        "metric": job.metric,
        "job_id": job.id,
        "kept": kept,
        "name": new["name"],
        "sha256": new["sha256"],
    }


def _newest_first(metric: str) -> sa.Select[Any]:
    return (
        sa.select(_acceptances)
        .where(_acceptances.c.metric == metric)
        .order_by(_acceptances.c.id.desc())
    )


def _named(connection: sa.Connection, metric: str, name: str) -> Baseline | None:
    if name != ACCEPTED:
        return _pin(connection, metric, pin_in(name) or "").baseline
    newest = connection.execute(_newest_first(metric).limit(1)).first()
    return Acceptance.from_row(newest).baseline if newest else None


def _pin(connection: sa.Connection, metric: str, name: str) -> Pin:
    query = sa.select(_pins).where(_pins.c.metric == metric, _pins.c.pin == name)
    row = connection.execute(query).first()
    if row is None:
        raise UnknownPin(f"The metric {metric} has no pin {shown(name)}.")
    return Pin.from_row(row)


def _needed(connection: sa.Connection, since: datetime) -> set[str]:
    """The names of the kept files that are in use, and of those accepted since a time."""
    newest = sa.select(sa.func.max(_acceptances.c.id)).group_by(_acceptances.c.metric)
    lately = _acceptances.c.accepted_at > since
    in_use = _jobs.c.baseline["kept"].as_string()
    queries = (
        sa.select(_acceptances.c.kept).where(lately | _acceptances.c.id.in_(newest)),
        sa.select(_pins.c.kept),
        sa.select(_jobs.c.kept).where(_jobs.c.kept.is_not(None)),
        sa.select(in_use).where(_jobs.c.status.in_(UNFINISHED), in_use.is_not(None)),
    )
    return {name for query in queries for name in connection.execute(query).scalars()}


def _require_kept(connection: sa.Connection, job: Job, kept: str) -> None:
    """Check that the row of a job still names its kept file, so that no sweeper removed it."""
    query = sa.select(_jobs.c.id).where(_jobs.c.id == job.id, _jobs.c.kept == kept)
    if connection.execute(query).first() is None:
        raise ResultGone("The job was removed. Start a new job.")
