"""The HTTP API: queues jobs, and tells and hands out what became of them."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from service.catalogue import Catalogue, find_inputs
from service.errors import BadArgument, DiffingError, NotFound, ResultGone, UnknownJob
from service.jobs import Job, Jobs, Status
from service.outputs import Outputs
from service.problems import problem, problem_of_error, problem_of_http, problem_unforeseen
from service.settings import Settings
from service.tasks import JobQueue

_NOT_STORED = {"Cache-Control": "no-store"}
_RETRY_SECONDS = 1


class Api:
    """The endpoints, and what they share."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._jobs = Jobs.in_file(settings.jobs_file)
        self._queue = JobQueue(settings.queue_file)

    def new_job(self, request: Request) -> Response:
        """Record and queue a job: 202 with its id."""
        try:
            metric = self._catalogue.find(request.path_params["metric_id"])
            find_inputs(metric, self._settings.input_dir)
        except NotFound as error:
            return problem(error, metrics=list(self._catalogue.metrics))
        job = self._jobs.create(metric.id)
        self._queue.put(job.id)
        return JSONResponse(
            {"job_id": job.id},
            status_code=202,
            headers={"Location": f"/api/diffing/job/{job.id}", **_NOT_STORED},
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
        job_id = request.path_params["job_id"]
        if not re.fullmatch(r"[0-9]{1,19}", job_id):
            raise UnknownJob("There is no such job: a job's id is a number.")
        return self._jobs.get(int(job_id))

    def _not_yet(self, job: Job) -> Response:
        if job.status is Status.FAILED:
            return JSONResponse(
                {"job_id": job.id, "status": job.status, "error": job.error},
                status_code=404,
                headers=_NOT_STORED,
            )
        return JSONResponse(
            {"job_id": job.id, "status": job.status},
            status_code=404,
            headers={"Retry-After": str(_RETRY_SECONDS), **_NOT_STORED},
        )


def make_app(settings: Settings, catalogue: Catalogue) -> Starlette:
    """The ASGI application."""
    api = Api(settings, catalogue)
    routes = [
        _post_or_get("/api/diffing/new/{metric_id}", api.new_job),
        _post_or_get("/api/diffing/new/{metric_id}/", api.new_job),
        Route("/api/diffing/job/{job_id}", api.result),
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


def _post_or_get(path: str, endpoint: Callable[[Request], Response]) -> Route:
    route = Route(path, endpoint)
    route.methods = {"GET", "POST"}  # Starlette adds HEAD to GET, but it must change nothing
    return route


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
