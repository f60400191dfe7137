"""The endpoint that sends the analysis of a job that succeeded."""

import time
from dataclasses import replace

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

from diffing.api.backend import Backend
from diffing.api.http.downloads import Download, Files
from diffing.api.jobs import awaited, not_yet, seconds_to_wait
from diffing.api.results import WAIT_SECONDS, digest_of
from diffing.core.errors import ResultGone
from diffing.core.grouping import columns_in, places_of
from diffing.files.results import Outputs
from diffing.store.counters import ONE_OFF
from diffing.store.job import Status


class Analyses:
    """Sends analyses. A worker makes each one at its first request."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._files = Files()

    def routes(self) -> list[Route]:
        """The routes of these endpoints."""
        return [Route("/api/diffing/job/{job_id}/analysis", self.analysis)]

    async def analysis(self, request: Request) -> ASGIApp:
        """The analysis, grouped by the key columns of `?by=`; before, 404 with the status."""
        until = time.monotonic() + seconds_to_wait(request, WAIT_SECONDS)
        columns = columns_in(request.query_params.getlist("by"))
        job = await awaited(request, self._backend)
        if job.status is not Status.SUCCEEDED or job.summary is None:
            return not_yet(job)
        by = places_of(columns, job.summary["key"])
        folder = self._backend.settings.results_dir
        source = Outputs.of_attempt(folder, job.id, job.attempt).result
        target = Outputs.analysis(folder, job.id, job.attempt, by)
        if not source or not await run_in_threadpool(source.exists):
            raise ResultGone(f"The result of job {job.id} was removed. Start a new job.")
        left = until - time.monotonic()
        if status := await self._backend.formats.unfinished(target, 0, request, left):
            return not_yet(replace(job, status=status))
        try:
            file = await run_in_threadpool(target.open, "rb")
        except FileNotFoundError:
            raise ResultGone(f"The result of job {job.id} was removed. Start a new job.") from None
        download = Download(
            file,
            digest_of(job, target.name, file),
            "application/json",
            f"{job.metric or ONE_OFF}_analysis_{job.id}.json",
            job.finished_at or job.created_at,
            packs=True,
        )
        return self._files.answer(request, download)
