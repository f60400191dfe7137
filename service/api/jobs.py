"""Endpoints of a job: how it stands, its summary, its end."""

import re
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.api.access import caller_of
from service.api.backend import Backend
from service.errors import ResultGone, UnknownJob
from service.jobs import Job, Status, no_job

NOT_STORED = {"Cache-Control": "no-store"}
_RETRY_SECONDS = 1


class JobViews:
    """Tells about jobs, and cancels them."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """The table of these endpoints."""
        return [
            Route("/api/diffing/job/{job_id}", self.cancel, methods=["DELETE"]),
            Route("/api/diffing/job/{job_id}/status", self.status),
            Route("/api/diffing/job/{job_id}/summary", self.summary),
        ]

    def cancel(self, request: Request) -> Response:
        """End a job that has not ended: 202, as often as one asks."""
        job = self._backend.jobs.cancel(job_of(request, self._backend).id)
        return JSONResponse(
            {"job_id": job.id, "status": job.status}, status_code=202, headers=headers_of(job)
        )

    def status(self, request: Request) -> Response:
        """How a job stands, whatever its state."""
        return JSONResponse(status_of(job_of(request, self._backend)), headers=NOT_STORED)

    def summary(self, request: Request) -> Response:
        """The summary of a job that succeeded; until then 404 with its status."""
        job = job_of(request, self._backend)
        if job.status is not Status.SUCCEEDED:
            return not_yet(job)
        return JSONResponse(job.summary)


def job_of(request: Request, backend: Backend) -> Job:
    """The job that a path names.

    Raises:
        UnknownJob: there never was one, or it is none that the caller sees, or it is no id.
        ResultGone: it ended so long ago that it was removed.
    """
    job_id, caller = request.path_params["job_id"], caller_of(request)
    if not re.fullmatch(r"[0-9]{1,19}", job_id):
        raise UnknownJob("There is no such job: a job's id is a number.")
    try:
        job = backend.jobs.get(int(job_id))
    except ResultGone:
        # nobody knows any more whose it was
        if not caller.sees_all:
            raise no_job(int(job_id)) from None
        raise
    if not caller.sees(job):
        raise no_job(job.id)
    return job


def not_yet(job: Job) -> Response:
    """The answer for what only a job that succeeded has: 404 with the status, and why it failed."""
    said: dict[str, Any] = {"job_id": job.id, "status": job.status}
    headers = dict(NOT_STORED)
    match job.status:
        case Status.FAILED:
            said["error"] = job.error
        case Status.QUEUED | Status.PROCESSING:
            headers["Retry-After"] = str(_RETRY_SECONDS)
    return JSONResponse(said, status_code=404, headers=headers)


def headers_of(job: Job) -> dict[str, str]:
    """Where a job was put; the answer is for the one who asked alone."""
    return {"Location": f"/api/diffing/job/{job.id}", **NOT_STORED}


def status_of(job: Job) -> dict[str, Any]:
    """How a job stands, as JSON values."""
    summary = job.summary or {}
    counts = ("added", "changed", "removed", "unchanged", "within_tolerance", "emitted")
    return {
        "job_id": job.id,
        "metric": job.metric,
        "status": job.status,
        "stage": job.stage,
        "bytes_read": job.bytes_read,
        "bytes_total": job.bytes_total,
        "attempt": job.attempt,
        "created_at": _iso(job.created_at),
        "started_at": _iso(job.started_at),
        "finished_at": _iso(job.finished_at),
        "counts": {name: summary[name] for name in counts} if summary else None,
        "error": job.error,
    }


def _iso(time: datetime | None) -> str | None:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z") if time else None
