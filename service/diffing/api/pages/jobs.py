"""The pages of jobs: the list, and one job while it runs and after its end."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from diffing.api.access import caller_of
from diffing.api.backend import Backend
from diffing.api.jobs import VERDICTS, job_of, page_of_jobs
from diffing.api.pages.accounts import accounts_of, changed_columns_of
from diffing.api.pages.commands import commands_of
from diffing.api.pages.frame import frame_of
from diffing.api.pages.rendering import page, with_error_page
from diffing.core.comparison import Comparison
from diffing.core.errors import UnknownMetric
from diffing.store.job import UNFINISHED, Job, Status

_ADVICE = {
    "urn:diffing:bad-input": "Mend the file, or set the columns, and start again.",
    "urn:diffing:out-of-memory": "Raise DIFFING_MEMORY_LIMIT, or run fewer diffs at once.",
    "urn:diffing:out-of-disk": "Free space in the data folder, and start again.",
    "urn:diffing:missing-input": "Put the file into the data folder's input/, and start again.",
    "urn:diffing:input-changed": "Wait until the file is complete, and start again.",
}


class JobPages:
    """Shows jobs."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """The routes of these pages."""
        return [
            Route("/jobs", self.jobs, include_in_schema=False),
            Route("/jobs/{job_id}", self.job, include_in_schema=False),
        ]

    @with_error_page
    async def jobs(self, request: Request) -> Response:
        """A page of jobs, newest first, by status and metric."""
        return await run_in_threadpool(self._jobs, request)

    def _jobs(self, request: Request) -> Response:
        # an empty field of the form means all
        given = [(name, text) for name, text in request.query_params.multi_items() if text]
        asked = QueryParams(given)
        kept = [(name, text) for name, text in given if name != "cursor"]
        jobs, following = page_of_jobs(self._backend, caller_of(request), asked)
        values = {
            "frame": frame_of(self._backend, request, "jobs"),
            "jobs": jobs,
            "running": any(job.status in UNFINISHED for job in jobs),
            "following": following and f"/jobs?{urlencode([*kept, ('cursor', following)])}",
            "first": "cursor" not in asked,
            "statuses": list(Status),
            "status": asked.get("status", ""),
            "metrics": list(self._backend.catalogue.metrics),
            "metric": asked.get("metric", ""),
            "verdicts": list(VERDICTS),
            "verdict": asked.get("verdict", ""),
        }
        return page("jobs", values)

    @with_error_page
    async def job(self, request: Request) -> Response:
        """A job in any state."""
        return await run_in_threadpool(self._job, request)

    def _job(self, request: Request) -> Response:
        job = job_of(request, self._backend)
        values: dict[str, Any] = {
            "frame": frame_of(self._backend, request, "jobs"),
            "job": job,
            "comparison": self._comparison(job),
            "before": self._waiting_before(job),
            "advice": _ADVICE.get((job.error or {}).get("type", "")),
        }
        if job.status is Status.SUCCEEDED and job.summary:
            values |= {
                "summary": job.summary,
                "accounts": accounts_of(job.summary),
                "columns": changed_columns_of(job.summary),
                "commands": commands_of(job, _base(request)),
            }
        return page("job", values)

    def _comparison(self, job: Job) -> Mapping[str, Any] | None:
        """The columns and tolerances of a job; None if its metric left the catalogue."""
        if job.summary:
            return job.summary
        if job.comparison:
            return job.comparison
        try:
            metric = self._backend.catalogue.find(job.metric or "")
        except UnknownMetric:
            return None
        return metric.model_dump(include=set(Comparison.model_fields))

    def _waiting_before(self, job: Job) -> int | None:
        """The number of jobs that wait longer than a waiting job."""
        if job.status is not Status.QUEUED:
            return None
        return self._backend.jobs.waiting_before(job.id)


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")
