"""The forms of the pages: each does something with a job, and leads to the page of the job."""

from contextlib import suppress
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from diffing.api.backend import Backend
from diffing.api.baselines import BaselineViews
from diffing.api.jobs import job_of
from diffing.api.pages.forms import fields_of_form
from diffing.api.pages.rendering import with_error_page
from diffing.api.submissions import Submissions
from diffing.core.errors import JobFinished


class Actions:
    """Starts and cancels jobs from pages, and accepts their files."""

    def __init__(
        self, backend: Backend, submissions: Submissions, baselines: BaselineViews
    ) -> None:
        self._backend = backend
        self._submissions = submissions
        self._baselines = baselines

    def routes(self) -> list[Route]:
        """The routes of these forms."""
        return [
            Route(
                "/metrics/{metric_id}/diff", self.diff, methods=["POST"], include_in_schema=False
            ),
            Route(
                "/metrics/{metric_id}/accept",
                self.accept,
                methods=["POST"],
                include_in_schema=False,
            ),
            Route("/compare", self.compare, methods=["POST"], include_in_schema=False),
            Route("/jobs/{job_id}/cancel", self.cancel, methods=["POST"], include_in_schema=False),
        ]

    @with_error_page
    async def diff(self, request: Request) -> Response:
        """Start a diff of a metric."""
        job = await self._submissions.submit(request, request.path_params["metric_id"])
        return _at(job.id)

    @with_error_page
    async def compare(self, request: Request) -> Response:
        """Start a diff of two uploaded files."""
        return _at((await self._submissions.submit(request, None, from_page=True)).id)

    @with_error_page
    async def accept(self, request: Request) -> Response:
        """Accept the new file of a job of a metric."""
        metric = self._backend.catalogue.find(request.path_params["metric_id"])
        fields: dict[str, Any] = await fields_of_form(request)
        if fields.get("job_id", "").isdecimal():
            fields["job_id"] = int(fields["job_id"])
        accepted = await self._baselines.accept_new_file_of(request, metric, fields)
        return _at(accepted.job_id)

    @with_error_page
    async def cancel(self, request: Request) -> Response:
        """Cancel a job. If it has ended meanwhile, nothing happens."""
        job = await run_in_threadpool(job_of, request, self._backend)
        with suppress(JobFinished):  # its page shows the end
            job = await run_in_threadpool(self._backend.jobs.cancel, job.id)
        return _at(job.id)


def _at(job_id: int) -> Response:
    # 303: the browser gets the page, and loading it again starts nothing
    return RedirectResponse(f"/jobs/{job_id}", status_code=303)
