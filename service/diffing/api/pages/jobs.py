"""The page of all jobs."""

from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from diffing.api.access import caller_of
from diffing.api.backend import Backend
from diffing.api.jobs import VERDICTS, page_of_jobs
from diffing.api.pages.frame import frame_of
from diffing.api.pages.rendering import page, with_error_page
from diffing.store.job import UNFINISHED, Status


class JobsPage:
    """Lists jobs."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """The route of this page."""
        return [Route("/jobs", self.jobs, include_in_schema=False)]

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
