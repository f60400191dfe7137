"""The tables of the jobs database; `migrations` says how each release came to them."""

from datetime import UTC, datetime

import sqlalchemy as sa

# The newest revision in `migrations/versions`: a database that has it needs no look at them.
REVISION = "6"


class _Utc(sa.TypeDecorator[datetime]):
    """Aware UTC datetimes on databases that keep no time zone."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: sa.Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, _: sa.Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value else None


metadata = sa.MetaData()

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("metric", sa.String),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("stage", sa.String),
    sa.Column("bytes_read", sa.BigInteger),
    sa.Column("bytes_total", sa.BigInteger),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("created_at", _Utc, nullable=False),
    sa.Column("started_at", _Utc),
    sa.Column("finished_at", _Utc),
    sa.Column("seen_at", _Utc, nullable=False),
    sa.Column("summary", sa.JSON),
    sa.Column("error", sa.JSON),
    sa.Column("idempotency_key", sa.String),
    sa.Column("request", sa.String),
    sa.Column("comparison", sa.JSON(none_as_null=True)),
    sa.Column("old", sa.String),
    sa.Column("new", sa.String),
    sa.Column("upload", sa.String),
    sa.Column("owner", sa.String),
    sa.Column("request_id", sa.String),
    sa.Column("traceparent", sa.String),
    sa.Index("jobs_by_idempotency_key", "idempotency_key", unique=True),
    sa.Index("jobs_by_status", "status", "seen_at"),
    sqlite_autoincrement=True,
)

# Results that clients want in another format; a row goes when its file is there.
conversions = sa.Table(
    "conversions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("seen_at", _Utc, nullable=False),
    sa.Column("wanted_at", _Utc, nullable=False),
    sa.Column("error", sa.JSON),
    sa.Index("conversions_by_name", "name", unique=True),
    sqlite_autoincrement=True,
)

# API keys: of each only what proves it.
keys = sa.Table(
    "keys",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("digest", sa.String, nullable=False),
    sa.Column("scopes", sa.String, nullable=False),
    sa.Column("created_at", _Utc, nullable=False),
    sa.Column("revoked_at", _Utc),
)

# The workers that were seen, by an id that each gives itself: see `process_name`.
workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("slots", sa.Integer, nullable=False),
    sa.Column("started_at", _Utc, nullable=False),
    sa.Column("seen_at", _Utc, nullable=False),
)

# What is added up when a job changes its state, in the same transaction: it outlives the job.
totals = sa.Table(
    "totals",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("metric", sa.String, primary_key=True),
    sa.Column("label", sa.String, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

# Likewise how long things took: those of more than the bound below, and of at most this one.
durations = sa.Table(
    "durations",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("metric", sa.String, primary_key=True),
    sa.Column("label", sa.String, primary_key=True),
    sa.Column("at_most", sa.Float, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
)
