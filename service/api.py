"""The HTTP API: queues jobs, and tells and hands out what became of them."""

import hashlib
import logging
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from service.catalogue import Catalogue, Metric, find_inputs
from service.errors import (
    BadArgument,
    DatabaseUnavailable,
    DiffingError,
    KeyReused,
    NotFound,
    ResultGone,
    UnknownJob,
)
from service.jobs import Job, Jobs, Status
from service.outputs import Outputs
from service.problems import problem, problem_of_error, problem_of_http, problem_unforeseen
from service.settings import Settings
from service.tasks import JobQueue

_log = logging.getLogger(__name__)
_NOT_STORED = {"Cache-Control": "no-store"}
_RETRY_SECONDS = 1


class Api:
    """The endpoints, and what they share."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._jobs = Jobs.in_file(settings.jobs_file)
        self._queue = JobQueue(settings.queue_file)

    async def new_job(self, request: Request) -> Response:
        """Record and queue a job, or find that of the same Idempotency-Key: 202 with its id."""
        key = request.headers.get("idempotency-key")
        if key is not None and not re.fullmatch(r"[\x21-\x7e]{1,255}", key):
            raise BadArgument("The Idempotency-Key must be 1 to 255 ASCII characters, no spaces.")
        digest = hashlib.sha256()
        if key is not None:
            async for chunk in request.stream():
                digest.update(chunk)
        return await run_in_threadpool(
            self._new_job, request.path_params["metric_id"], key, digest.hexdigest()
        )

    def _new_job(self, metric_id: str, key: str | None, body: str) -> Response:
        try:
            metric = self._catalogue.find(metric_id)
            job = self._requested(metric, key, body)
        except NotFound as error:
            return problem(error, metrics=list(self._catalogue.metrics))
        return JSONResponse({"job_id": job.id}, status_code=202, headers=_headers_of(job))

    def _requested(self, metric: Metric, key: str | None, body: str) -> Job:
        """The job of an Idempotency-Key, or a new one."""
        asked = f"{metric.id} {body}" if key else None
        if key and asked and (job := self._jobs.requested(key, asked)):
            return job
        find_inputs(metric, self._settings.input_dir)
        try:
            job = self._jobs.create(metric.id, self._settings.max_queued, key, asked)
        except KeyReused:
            # the same request came twice at once, and the other was first
            if key and asked and (job := self._jobs.requested(key, asked)):
                return job
            raise
        try:
            self._queue.put(job.id)
        except DatabaseUnavailable as error:
            # it is recorded, so it was accepted: a reaper puts it into the queue
            _log.error("job %d could not be queued at once: %s", job.id, error)
        return job

    def result_or_cancel(self, request: Request) -> Response:
        """The result of a job, or an end to it, by method."""
        return self.cancel(request) if request.method == "DELETE" else self.result(request)

    def cancel(self, request: Request) -> Response:
        """End a job that has not ended: 202, as often as one asks."""
        job = self._jobs.cancel(_id_in(request))
        return JSONResponse(
            {"job_id": job.id, "status": job.status}, status_code=202, headers=_headers_of(job)
        )

    def result(self, request: Request) -> Response:
        """The CSV of a job that succeeded; until then 404 with its status."""
        match request.query_params.get("detail", "0"):
            case "0":
                return self._csv(request, "result", "diff")
            case "1":
                return self._csv(request, "detail", "detail")
            case _:
                raise BadArgument("detail must be 0 or 1.")

    def removed(self, request: Request) -> Response:
        """The CSV of the rows of old whose key is gone; until then 404 with the status."""
        return self._csv(request, "removed", "removed")

    def _csv(self, request: Request, output: str, word: str) -> Response:
        job = self._job(request)
        if job.status is not Status.SUCCEEDED:
            return self._not_yet(job)
        outputs = Outputs.of_attempt(self._settings.results_dir, job.id, job.attempt)
        path: Path = getattr(outputs, output)
        if not path.is_file():
            raise ResultGone(f"The result of job {job.id} was removed. Start a new job.")
        return FileResponse(
            path,
            media_type="text/csv; charset=utf-8",
            filename=f"{job.metric}_{word}_{job.id}.csv",
        )

    def status(self, request: Request) -> Response:
        """How a job stands, whatever its state."""
        job = self._job(request)
        return JSONResponse(_status_of(job), headers=_NOT_STORED)

    def summary(self, request: Request) -> Response:
        """The summary of a job that succeeded; until then 404 with its status."""
        job = self._job(request)
        if job.status is not Status.SUCCEEDED:
            return self._not_yet(job)
        return JSONResponse(job.summary)

    def _job(self, request: Request) -> Job:
        return self._jobs.get(_id_in(request))

    def _not_yet(self, job: Job) -> Response:
        said: dict[str, Any] = {"job_id": job.id, "status": job.status}
        headers = dict(_NOT_STORED)
        match job.status:
            case Status.FAILED:
                said["error"] = job.error
            case Status.QUEUED | Status.PROCESSING:
                headers["Retry-After"] = str(_RETRY_SECONDS)
        return JSONResponse(said, status_code=404, headers=headers)


def make_app(settings: Settings, catalogue: Catalogue) -> Starlette:
    """The ASGI application."""
    api = Api(settings, catalogue)
    routes = [
        _post_or_get("/api/diffing/new/{metric_id}", api.new_job),
        _post_or_get("/api/diffing/new/{metric_id}/", api.new_job),
        Route("/api/diffing/job/{job_id}", api.result_or_cancel, methods=["GET", "DELETE"]),
        Route("/api/diffing/job/{job_id}/removed", api.removed),
        Route("/api/diffing/job/{job_id}/status", api.status),
        Route("/api/diffing/job/{job_id}/summary", api.summary),
        Route("/health", health),
    ]
    return Starlette(
        routes=routes,
        exception_handlers={
            DiffingError: problem_of_error,
            HTTPException: problem_of_http,
            Exception: problem_unforeseen,
        },
    )


def health(_: Request) -> Response:
    """200 while the API answers."""
    return JSONResponse({"status": "ok"}, headers=_NOT_STORED)


def _post_or_get(path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> Route:
    route = Route(path, endpoint)
    route.methods = {"GET", "POST"}  # Starlette adds HEAD to GET, but it must change nothing
    return route


def _id_in(request: Request) -> int:
    job_id = request.path_params["job_id"]
    if not re.fullmatch(r"[0-9]{1,19}", job_id):
        raise UnknownJob("There is no such job: a job's id is a number.")
    return int(job_id)


def _headers_of(job: Job) -> dict[str, str]:
    return {"Location": f"/api/diffing/job/{job.id}", **_NOT_STORED}


def _status_of(job: Job) -> dict[str, Any]:
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
