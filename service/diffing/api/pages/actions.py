"""The forms of the pages: they start and cancel jobs, and lead to the page of the job."""

from contextlib import suppress

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from diffing.api.backend import Backend
from diffing.api.jobs import job_of
from diffing.api.pages.rendering import with_error_page
from diffing.api.submissions import Submissions
from diffing.core.errors import JobFinished
from diffing.store.job import Job


class Actions:
    """Starts and cancels jobs from pages."""

    def __init__(self, backend: Backend, submissions: Submissions) -> None:
        self._backend = backend
        self._submissions = submissions

    def routes(self) -> list[Route]:
        """The routes of these forms."""
        return [
            Route(
                "/metrics/{metric_id}/diff", self.diff, methods=["POST"], include_in_schema=False
            ),
            Route("/compare", self.compare, methods=["POST"], include_in_schema=False),
            Route("/jobs/{job_id}/cancel", self.cancel, methods=["POST"], include_in_schema=False),
        ]

    @with_error_page
    async def diff(self, request: Request) -> Response:
        """Start a diff of a metric."""
        return _at(await self._submissions.submit(request, request.path_params["metric_id"]))

    @with_error_page
    async def compare(self, request: Request) -> Response:
        """Start a diff of two uploaded files."""
        return _at(await self._submissions.submit(request, None, from_page=True))

    @with_error_page
    async def cancel(self, request: Request) -> Response:
        """Cancel a job. If it has ended meanwhile, nothing happens."""
        job = await run_in_threadpool(job_of, request, self._backend)
        with suppress(JobFinished):  # its page shows the end
            job = await run_in_threadpool(self._backend.jobs.cancel, job.id)
        return _at(job)


def _at(job: Job) -> Response:
    # 303: the browser gets the page, and loading it again starts nothing
    return RedirectResponse(f"/jobs/{job.id}", status_code=303)
