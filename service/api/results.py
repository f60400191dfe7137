"""Endpoints that hand out the files of a job that succeeded."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from service.api.backend import Backend
from service.api.jobs import job_of, not_yet
from service.errors import BadArgument, ResultGone
from service.jobs import Status
from service.outputs import Outputs


class Results:
    """Hands out results."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """The table of these endpoints."""
        return [
            Route("/api/diffing/job/{job_id}", self.result),
            Route("/api/diffing/job/{job_id}/removed", self.removed),
        ]

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
        job = job_of(request, self._backend)
        if job.status is not Status.SUCCEEDED:
            return not_yet(job)
        outputs = Outputs.of_attempt(self._backend.settings.results_dir, job.id, job.attempt)
        path: Path = getattr(outputs, output)
        if not path.is_file():
            raise ResultGone(f"The result of job {job.id} was removed. Start a new job.")
        return FileResponse(
            path,
            media_type="text/csv; charset=utf-8",
            filename=f"{job.metric or 'one-off'}_{word}_{job.id}.csv",
        )
