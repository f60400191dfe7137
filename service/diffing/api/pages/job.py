"""The pages of one job: while it runs, after its end, and as a file."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from diffing.api.backend import Backend
from diffing.api.jobs import job_of, seconds_to_wait
from diffing.api.pages.accounts import accounts_of, changed_columns_of
from diffing.api.pages.analysis import Shown, analysis_shown
from diffing.api.pages.commands import commands_of
from diffing.api.pages.frame import frame_of
from diffing.api.pages.rendering import page, with_error_page
from diffing.api.pages.report import markdown_report_of, report_of
from diffing.api.pages.rows import RowsShown, rows_shown
from diffing.api.results import WAIT_SECONDS
from diffing.core.baseline import ACCEPTED
from diffing.core.comparison import Comparison
from diffing.core.errors import Conflict, NotReady, UnknownMetric
from diffing.store.job import Job, Status

Write = Callable[[Job, Mapping[str, Any]], Response]

# A page of rows is ready at once, unless it is the first one of its job.
_ROWS_WAIT_SECONDS = 5
_ADVICE = {
    "urn:diffing:bad-input": "Mend the file, or set the columns, and start again.",
    "urn:diffing:out-of-memory": "Raise DIFFING_MEMORY_LIMIT, or run fewer diffs at once.",
    "urn:diffing:out-of-disk": "Free space in the data folder, and start again.",
    "urn:diffing:missing-input": "Put the file into the data folder's input/, and start again.",
    "urn:diffing:input-changed": "Wait until the file is complete, and start again.",
}


class JobPages:
    """Shows a job."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """The routes of these pages."""
        return [
            Route("/jobs/{job_id}", self.job, include_in_schema=False),
            Route("/jobs/{job_id}/analysis", self.analysis, include_in_schema=False),
            Route("/jobs/{job_id}/rows", self.rows, include_in_schema=False),
            Route("/jobs/{job_id}/report.html", self.report, include_in_schema=False),
            Route("/jobs/{job_id}/report.md", self.markdown, include_in_schema=False),
        ]

    @with_error_page
    async def job(self, request: Request) -> Response:
        """A job in any state. Its analysis is shown if it is ready, and else asked for."""
        job, shown = await self._found(request, 0)
        is_refused = bool(shown and shown.fault)
        rows = None if is_refused else await rows_shown(self._backend, request, job, 0)
        return await run_in_threadpool(self._page, request, job, shown, rows)

    @with_error_page
    async def analysis(self, request: Request) -> Response:
        """The part of the page with the analysis, as soon as it is ready; 202 if that is later."""
        job, shown = await self._found(request, seconds_to_wait(request, WAIT_SECONDS))
        return await run_in_threadpool(self._part, request, job, shown)

    @with_error_page
    async def rows(self, request: Request) -> Response:
        """The rows that a query asks for, as soon as they are ready; 202 if that is later."""
        job = await run_in_threadpool(job_of, request, self._backend)
        if job.status is not Status.SUCCEEDED:
            raise Conflict("The job has not succeeded, so it has no rows.")
        seconds = seconds_to_wait(request, _ROWS_WAIT_SECONDS)
        rows = await rows_shown(self._backend, request, job, seconds)
        return await run_in_threadpool(self._rows, request, job, rows)

    @with_error_page
    async def report(self, request: Request) -> Response:
        """The page of a job that succeeded, as one file. It waits for the analysis."""
        return await self._reported(request, report_of)

    @with_error_page
    async def markdown(self, request: Request) -> Response:
        """The same as Markdown."""
        return await self._reported(request, markdown_report_of)

    async def _reported(self, request: Request, write: Write) -> Response:
        job, shown = await self._found(request, seconds_to_wait(request, WAIT_SECONDS))
        return await run_in_threadpool(self._report, request, job, shown, write)

    async def _found(self, request: Request, seconds: float) -> tuple[Job, Shown | None]:
        job = await run_in_threadpool(job_of, request, self._backend)
        return job, await analysis_shown(self._backend, request, job, seconds)

    def _page(
        self, request: Request, job: Job, shown: Shown | None, rows: RowsShown | None
    ) -> Response:
        status = 400 if rows and rows.is_refused else 200
        return page("job", {**self._values(request, job, shown), "rows": rows}, status)

    def _rows(self, request: Request, job: Job, rows: RowsShown | None) -> Response:
        values = {"frame": frame_of(self._backend, request, "jobs"), "job": job, "rows": rows}
        status = 400 if rows and rows.is_refused else 202 if rows and rows.waits else 200
        return page("rows", {**values, "summary": job.summary}, status)

    def _part(self, request: Request, job: Job, shown: Shown | None) -> Response:
        if shown is None:
            raise Conflict("The job has nothing to analyse.")
        values = self._values(request, job, shown)
        return page("job/changes", values, 202 if shown.waits else 200)

    def _report(self, request: Request, job: Job, shown: Shown | None, write: Write) -> Response:
        if job.status is not Status.SUCCEEDED:
            raise Conflict("The job has not succeeded, so there is nothing to report.")
        if shown and shown.waits:
            raise NotReady("The analysis is being made. Try again in a few seconds.")
        if shown and shown.fault:  # else it would look as if nothing moved
            raise shown.fault
        return write(job, self._values(request, job, shown))

    def _values(self, request: Request, job: Job, shown: Shown | None) -> dict[str, Any]:
        base = str(request.base_url).rstrip("/")
        values: dict[str, Any] = {
            "frame": frame_of(self._backend, request, "jobs"),
            "base": base,
            "report": False,
            "job": job,
            "comparison": self._comparison(job),
            "before": self._waiting_before(job),
            "advice": _ADVICE.get((job.error or {}).get("type", "")),
            "analysis": shown,
        }
        if job.status is Status.SUCCEEDED and job.summary:
            values |= {
                "summary": job.summary,
                "accounts": accounts_of(job.summary),
                "columns": changed_columns_of(job.summary),
                "commands": commands_of(job, base),
                "has_parquet": _fits_parquet(job.summary),
                "may_accept": self._is_compared_with_accepted(job),
            }
        return values

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

    def _is_compared_with_accepted(self, job: Job) -> bool:
        """Whether the new file of a job can be the next baseline of its metric."""
        try:
            return self._backend.catalogue.find(job.metric or "").old == ACCEPTED
        except UnknownMetric:
            return False

    def _waiting_before(self, job: Job) -> int | None:
        """The number of jobs that wait longer than a waiting job."""
        if job.status is not Status.QUEUED:
            return None
        return self._backend.jobs.waiting_before(job.id)


def _fits_parquet(summary: Mapping[str, Any]) -> bool:
    """Whether Parquet can store the names of the columns, as far as the summary has them."""
    names = [*summary["key"], *summary["value"], *summary["columns"]["only_new"]]
    return all(names) and len({name.casefold() for name in names}) == len(names)
