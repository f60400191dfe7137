"""A job: what was asked for, and what became of it."""

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import sqlalchemy as sa

from diffing.core import logs, tracing


class Status(enum.StrEnum):
    """The states of a job."""

    QUEUED = "queued"  # recorded; a worker has yet to take it
    PROCESSING = "processing"  # a worker has it and gives signs of life
    SUCCEEDED = "succeeded"  # the result is whole and can be fetched
    FAILED = "failed"  # it ended without a result; the error says why
    CANCELLED = "cancelled"  # it ended because someone did not want it any more


UNFINISHED = (Status.QUEUED, Status.PROCESSING)
FINISHED = tuple(status for status in Status if status not in UNFINISHED)


@dataclass(frozen=True)
class Submission:
    """What a client asks for.

    Args:
        metric: id in the catalogue; None for a one-off diff.
        comparison: what is compared, as JSON values of a `Comparison`; None for the metric's.
        old, new: names of the files, of uploaded ones as their sender calls them; None for the
            metric's.
        upload: folder in `uploads_dir` that the files are in; None for the folder of inputs.
        owner: id of the API key that it came with; None where there are no keys.
        idempotency_key: of the client, if it gave one.
        request: a digest of what it asked for, with a key.
        request_id, traceparent: of the HTTP request that it came with, which the context tells.
    """

    metric: str | None
    comparison: dict[str, Any] | None = None
    old: str | None = None
    new: str | None = None
    upload: str | None = None
    owner: str | None = None
    idempotency_key: str | None = None
    request: str | None = None
    request_id: str | None = field(default_factory=logs.request_id)
    traceparent: str | None = field(default_factory=tracing.traceparent)


@dataclass(frozen=True, kw_only=True)
class Job(Submission):
    """A row of the jobs table: what was asked for, and what became of it.

    Args:
        id: number of the job, from 1.
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

    @property
    def stem(self) -> str:
        """What the names of the files of this attempt begin with."""
        return f"{self.id}.{self.attempt}"

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> Self:
        """The job in a row of the table."""
        return cls(**{**row._mapping, "status": Status(row.status)})
