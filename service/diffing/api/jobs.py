"""Endpoints of jobs: the list, the status, the summary, and cancelling."""

import re
from datetime import datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from diffing.api.access import Caller, caller_of
from diffing.api.backend import Backend
from diffing.api.paging import cursor_after, id_in, limit_in, link_to_next
from diffing.core.errors import BadArgument, ResultGone, UnknownJob
from diffing.core.figures import COUNTS
from diffing.store.job import FINISHED, Filter, Job, Status
from diffing.store.jobs import no_job

NOT_STORED = {"Cache-Control": "no-store"}
VERDICTS = {"passed": True, "not-passed": False}
"""The values of `verdict` in a query: whether all rules are met."""

_RETRY_SECONDS = 1
_LONGEST_WAIT = 60


class JobViews:
    """Describes jobs, and cancels them."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """The routes of these endpoints."""
        return [
            Route("/api/diffing/jobs", self.jobs),
            Route("/api/diffing/job/{job_id}", self.cancel, methods=["DELETE"]),
            Route("/api/diffing/job/{job_id}/status", self.status),
            Route("/api/diffing/job/{job_id}/summary", self.summary),
        ]

    def jobs(self, request: Request) -> Response:
        """A page of jobs, newest first, with the cursor of the next page."""
        asked = request.query_params
        jobs, following = page_of_jobs(self._backend, caller_of(request), asked)
        headers = NOT_STORED | link_to_next(request, following)
        said = {"jobs": [status_as_json(job) for job in jobs], "next": following}
        return JSONResponse(said, headers=headers)

    def cancel(self, request: Request) -> Response:
        """Cancel a job that has not ended. Repeated requests get 202, too."""
        job = self._backend.jobs.cancel(job_of(request, self._backend).id)
        return JSONResponse(
            {"job_id": job.id, "status": job.status}, status_code=202, headers=headers_of(job)
        )

    def status(self, request: Request) -> Response:
        """The status of a job, in any state."""
        return JSONResponse(status_as_json(job_of(request, self._backend)), headers=NOT_STORED)

    async def summary(self, request: Request) -> Response:
        """The summary of a job that succeeded; before, 404 with its status."""
        job = await awaited(request, self._backend)
        if job.status is not Status.SUCCEEDED:
            return not_yet(job)
        return JSONResponse(job.summary)


def page_of_jobs(
    backend: Backend, caller: Caller, asked: QueryParams
) -> tuple[list[Job], str | None]:
    """The jobs that a query asks for, newest first, and the cursor of the next page.

    Args:
        backend: of the API.
        caller: sees its own jobs, or all.
        asked: `status`, `metric`, `verdict`, `limit` and `cursor`.

    Raises:
        BadArgument: a parameter is invalid.
        UnknownMetric: the catalogue does not have the metric.
    """
    statuses = [_status_in(text) for text in asked.getlist("status")]
    most, before = limit_in(asked.get("limit")), id_in(asked.get("cursor"))
    metric = backend.catalogue.find(asked["metric"]).id if "metric" in asked else None
    passed = _passed_in(asked.get("verdict"))
    wanted = Filter(statuses, metric, caller.whose_jobs, passed)
    jobs = backend.jobs.page(most + 1, before, wanted)
    return jobs[:most], cursor_after(jobs[most - 1].id) if len(jobs) > most else None


def job_of(request: Request, backend: Backend) -> Job:
    """The job that a path names.

    Raises:
        UnknownJob: the id is invalid or unknown, or the job belongs to another API key.
        ResultGone: the job was removed, a while after its end.
    """
    return job_named(request.path_params["job_id"], request, backend)


def job_named(job_id: str, request: Request, backend: Backend) -> Job:
    """The job with an id, as the sender of a request sees it.

    Raises:
        UnknownJob, ResultGone: as from `job_of`.
    """
    caller = caller_of(request)
    if not re.fullmatch(r"[0-9]{1,19}", job_id):
        raise UnknownJob("Unknown job: the id of a job is a number.")
    try:
        job = backend.jobs.get(int(job_id))
    except ResultGone:
        # removed jobs have no owner
        if not caller.sees_all:
            raise no_job(int(job_id)) from None
        raise
    if not caller.sees(job):
        raise no_job(job.id)
    backend.storage.expect(job.id, job.created_at)
    return job


async def awaited(request: Request, backend: Backend) -> Job:
    """The job that a path names, after its end or the seconds of `?wait=`.

    Raises:
        BadArgument: `wait` is invalid.
        NotAuthorized: the API key was revoked meanwhile.
        UnknownJob, ResultGone: as from `job_of`.
    """
    seconds = seconds_to_wait(request)
    job = await run_in_threadpool(job_of, request, backend)
    if not seconds or job.status in FINISHED:
        return job
    await backend.watch.until_end(job.id, request, seconds)
    await caller_of(request).require_access()
    return await run_in_threadpool(job_of, request, backend)


def seconds_to_wait(request: Request, default: int = 0) -> int:
    """The seconds of `?wait=`, or the default without it.

    Raises:
        BadArgument: it is not a number, or too large.
    """
    text = request.query_params.get("wait", str(default))
    if not re.fullmatch(r"[0-9]{1,2}", text) or int(text) > _LONGEST_WAIT:
        raise BadArgument(f"wait must be a number of seconds from 0 to {_LONGEST_WAIT}.")
    return int(text)


def not_yet(job: Job) -> Response:
    """The answer if a job has not succeeded: 404 with the status, and the error of a failure."""
    said: dict[str, Any] = {"job_id": job.id, "status": job.status}
    headers = dict(NOT_STORED)
    match job.status:
        case Status.FAILED:
            said["error"] = job.error
        case Status.QUEUED | Status.PROCESSING:
            headers["Retry-After"] = str(_RETRY_SECONDS)
    return JSONResponse(said, status_code=404, headers=headers)


def headers_of(job: Job) -> dict[str, str]:
    """The address of a job. Caches must not store the answer."""
    return {"Location": f"/api/diffing/job/{job.id}", **NOT_STORED}


def status_as_json(job: Job) -> dict[str, Any]:
    """The status of a job, as JSON values."""
    summary = job.summary or {}
    return {
        "job_id": job.id,
        "metric": job.metric,
        "status": job.status,
        "stage": job.stage,
        "bytes_read": job.bytes_read,
        "bytes_total": job.bytes_total,
        "attempt": job.attempt,
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "finished_at": iso(job.finished_at),
        "counts": {name: summary[name] for name in COUNTS} if summary else None,
        "verdict": summary.get("verdict"),
        "warnings": summary.get("warnings", []),
        "reused_from": job.reused_from,
        "baseline": baseline_of(job.baseline),
        "error": job.error,
    }


def baseline_of(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """The kept file that was old, as JSON values; None for another file."""
    names = ("job_id", "pin", "name", "sha256")
    return {name: found[name] for name in names} if found else None


def _status_in(text: str) -> Status:
    if text not in list(Status):
        raise BadArgument(f"status must be one of {', '.join(Status)}.")
    return Status(text)


def _passed_in(text: str | None) -> bool | None:
    if text is None:
        return None
    if text not in VERDICTS:
        raise BadArgument(f"verdict must be one of {', '.join(VERDICTS)}.")
    return VERDICTS[text]


def iso(time: datetime | None) -> str | None:
    """A time as answers have it."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z") if time else None
