"""The tables of the jobs database. `migrations` has the steps from earlier releases to them."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

# The newest revision in `migrations/versions`. A database that has it needs no migration.
REVISION = "12"

# Ids have 64 bits. SQLite counts them up only in columns of this type, which has 64 bits there.
_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class _Utc(sa.TypeDecorator[datetime]):
    """Aware UTC datetimes on databases without time zones."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: sa.Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, _: sa.Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value else None


def _labels() -> tuple[sa.Column[str], ...]:
    """The columns that name a figure."""
    names = ("name", "metric", "label")
    return tuple(sa.Column(name, sa.String, primary_key=True) for name in names)


def _claimed() -> tuple[sa.Column[Any], ...]:
    """The columns of a row that a worker takes, runs and ends: see `claims`."""
    return (
        sa.Column("id", _Id, primary_key=True),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("seen_at", _Utc, nullable=False),
        sa.Column("error", sa.JSON),
    )


def _file_of_job() -> tuple[sa.Column[Any], ...]:
    """The columns of a kept file, which is the new one of a job."""
    return (
        sa.Column("metric", sa.String, nullable=False),
        sa.Column("job_id", _Id, nullable=False),
        sa.Column("kept", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
    )


metadata = sa.MetaData()

jobs = sa.Table(
    "jobs",
    metadata,
    *_claimed(),
    sa.Column("metric", sa.String),
    sa.Column("stage", sa.String),
    sa.Column("bytes_read", sa.BigInteger),
    sa.Column("bytes_total", sa.BigInteger),
    sa.Column("created_at", _Utc, nullable=False),
    sa.Column("started_at", _Utc),
    sa.Column("finished_at", _Utc),
    sa.Column("summary", sa.JSON),
    sa.Column("idempotency_key", sa.String),
    sa.Column("request", sa.String),
    sa.Column("comparison", sa.JSON(none_as_null=True)),
    sa.Column("old", sa.String),
    sa.Column("new", sa.String),
    sa.Column("upload", sa.String),
    sa.Column("owner", sa.String),
    sa.Column("request_id", sa.String),
    sa.Column("traceparent", sa.String),
    sa.Column("fresh", sa.Boolean),
    sa.Column("question", sa.String),
    sa.Column("reused_from", _Id),
    sa.Column("kept", sa.String),
    sa.Column("baseline", sa.JSON(none_as_null=True)),
    sa.Index("jobs_by_idempotency_key", "idempotency_key", unique=True),
    sa.Index("jobs_by_status", "status", "seen_at"),
    sa.Index("jobs_by_question", "question"),
    sqlite_autoincrement=True,
)

# Ended jobs of metrics. A row outlives its job, and its result.
history = sa.Table(
    "history",
    metadata,
    sa.Column("job_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("metric", sa.String, nullable=False),
    sa.Column("owner", sa.String),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("of_catalogue", sa.Boolean, nullable=False),
    sa.Column("created_at", _Utc, nullable=False),
    sa.Column("finished_at", _Utc, nullable=False),
    sa.Column("seconds", sa.Float),
    sa.Column("counts", sa.JSON(none_as_null=True)),
    sa.Column("verdict", sa.JSON(none_as_null=True)),
    sa.Column("old", sa.JSON(none_as_null=True)),
    sa.Column("new", sa.JSON(none_as_null=True)),
    sa.Column("reused_from", _Id),
    sa.Column("baseline", sa.JSON(none_as_null=True)),
    sa.Column("error", sa.JSON(none_as_null=True)),
    sa.Index("history_by_metric", "metric", "job_id"),
    sa.Index("history_by_end", "finished_at"),
)

# New files of jobs that were accepted. Rows are only added: the newest of a metric counts.
acceptances = sa.Table(
    "acceptances",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    *_file_of_job(),
    sa.Column("how", sa.String, nullable=False),
    sa.Column("api_key", sa.String),
    sa.Column("note", sa.String, nullable=False),
    sa.Column("accepted_at", _Utc, nullable=False),
    sa.Index("acceptances_by_metric", "metric", "id"),
    sqlite_autoincrement=True,
)

# New files of jobs that have a name.
pins = sa.Table(
    "pins",
    metadata,
    *_file_of_job(),
    sa.Column("pin", sa.String, nullable=False),
    sa.Column("api_key", sa.String),
    sa.Column("pinned_at", _Utc, nullable=False),
    sa.PrimaryKeyConstraint("metric", "pin"),
)

# Results that clients want in another format. A row is removed when its file exists.
conversions = sa.Table(
    "conversions",
    metadata,
    *_claimed(),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("wanted_at", _Utc, nullable=False),
    sa.Column("ask", sa.JSON(none_as_null=True)),
    sa.Index("conversions_by_name", "name", unique=True),
    sqlite_autoincrement=True,
)

# Secrets that the hosts of a service share: see `secret_of`.
secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)

# API keys: of each, only its digest.
api_keys = sa.Table(
    "keys",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("digest", sa.String, nullable=False),
    sa.Column("scopes", sa.String, nullable=False),
    sa.Column("created_at", _Utc, nullable=False),
    sa.Column("revoked_at", _Utc),
)

# Browsers that signed in with an API key: of each token, only its digest.
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("digest", sa.String, primary_key=True),
    sa.Column("api_key", sa.String, nullable=False),
    sa.Column("ends_at", _Utc, nullable=False),
)

# Workers that gave a sign of life. Each makes its own id: see `process_name`.
workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("slots", sa.Integer, nullable=False),
    sa.Column("started_at", _Utc, nullable=False),
    sa.Column("seen_at", _Utc, nullable=False),
)

# Sums. The transaction that changes the state of a job adds to them; they outlive the job.
totals = sa.Table(
    "totals",
    metadata,
    *_labels(),
    sa.Column("value", sa.BigInteger, nullable=False),
)

# Durations in the same way. A row counts those of at most this bound, and above the one below.
durations = sa.Table(
    "durations",
    metadata,
    *_labels(),
    sa.Column("at_most", sa.Float, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
)
