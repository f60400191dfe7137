"""A job: its order, its state and its result."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import sqlalchemy as sa

from diffing.core import logs, tracing


class Status(enum.StrEnum):
    """The states of a job."""

    QUEUED = "queued"  # recorded, and waiting for a worker
    PROCESSING = "processing"  # a worker runs it, and gives signs of life
    SUCCEEDED = "succeeded"  # the result is complete
    FAILED = "failed"  # it ended without a result; the error has the reason
    CANCELLED = "cancelled"  # a client ended it


UNFINISHED = (Status.QUEUED, Status.PROCESSING)
FINISHED = tuple(status for status in Status if status not in UNFINISHED)


@dataclass(frozen=True)
class Filter:
    """Which jobs to list.

    Args:
        statuses: only those in one of these states; empty for all.
        metric: only those of that metric; None for all.
        owner: only those of that API key; None for all.
        passed: only those with a verdict, passed or not; None for all.
    """

    statuses: Sequence[Status] = ()
    metric: str | None = None
    owner: str | None = None
    passed: bool | None = None


@dataclass(frozen=True)
class Submission:
    """A client's order for a job.

    Args:
        metric: id in the catalogue; None for a one-off diff.
        comparison: JSON values of a `Comparison`; None for that of the metric.
        old, new: names of the files, for uploads those of the sender; None for those of the metric.
        upload: folder of the files in `uploads_dir`; None for the folder of inputs.
        owner: id of the API key; None without API keys.
        idempotency_key: from the client; None without one.
        request: digest of the request; None without an Idempotency-Key.
        request_id, traceparent: of the request, from the context.
        fresh: whether to compare the files, even if an earlier job did.
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
    fresh: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Job(Submission):
    """A row of the jobs table.

    Args:
        id: number of the job, from 1.
        status: its state.
        stage: of a running job, in a word or two.
        bytes_read, bytes_total: of its inputs, unpacked; None while unknown.
        attempt: number of its last attempt; 0 before the first.
        created_at, started_at, finished_at: UTC; started_at is that of the last attempt.
        seen_at: last sign of life: it was queued, it was taken, or its worker beat.
        summary: of a succeeded job.
        error: type, title and detail, of a failed job.
        question: of a succeeded job: see `question_of`.
        reused_from: job whose result it took; None if it compared the files.
        kept: name of its new file among the kept ones; None if that is not kept.
        baseline: JSON values of the `Baseline` that was old; None for another file.
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
    question: str | None
    reused_from: int | None
    kept: str | None
    baseline: dict[str, Any] | None

    @property
    def stem(self) -> str:
        """Start of the names of this attempt's files."""
        return f"{self.id}.{self.attempt}"

    @property
    def mark(self) -> tuple[str, object]:
        """The start of its attempt, which no attempt at a lost job with its id had."""
        return "started_at", self.started_at

    def needs(self, attempt: int) -> bool:
        """Whether it may need the files of an attempt: its running one, or that of its result."""
        return attempt == self.attempt and self.status in (Status.PROCESSING, Status.SUCCEEDED)

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> Self:
        """The job in a row of the table."""
        return cls(**{**row._mapping, "status": Status(row.status)})
