"""The endpoints that send what is made of the result of a job: its analysis, and its cells."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

from diffing.api.backend import Backend
from diffing.api.http.downloads import Download, Files
from diffing.api.jobs import awaited, not_yet, seconds_to_wait
from diffing.api.results import MEDIA_TYPES, WAIT_SECONDS, digest_of, format_in
from diffing.core.errors import ResultGone
from diffing.core.grouping import columns_in, places_of
from diffing.core.spec import cells_in
from diffing.files.results import Outputs
from diffing.store.counters import ONE_OFF
from diffing.store.job import Job, Status


@dataclass(frozen=True)
class _Made:
    """A file that a worker makes of a result.

    Args:
        path: the file.
        word: its word in the name of the download.
        steps: files to make one after the other, each with its data rows; 0 if it has none.
    """

    path: Path
    word: str
    steps: Iterable[tuple[Path, int]]


class Analyses:
    """Sends analyses and lists of cells. A worker makes each one at its first request."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._files = Files()

    def routes(self) -> list[Route]:
        """The routes of these endpoints."""
        return [
            Route("/api/diffing/job/{job_id}/analysis", self.analysis),
            Route("/api/diffing/job/{job_id}/cells", self.cells),
        ]

    async def analysis(self, request: Request) -> ASGIApp:
        """The analysis, grouped by the key columns of `?by=`; before, 404 with the status."""
        columns = columns_in(request.query_params.getlist("by"))
        folder = self._backend.settings.results_dir

        def made(job: Job) -> _Made:
            path = analysis_file(folder, job, columns)
            return _Made(path, "analysis", [(path, 0)])

        return await self._answer(request, made)

    async def cells(self, request: Request) -> ASGIApp:
        """The cells that differ, in the format of `?format=`; before, 404 with the status."""
        suffix = format_in(request)
        folder = self._backend.settings.results_dir

        def made(job: Job) -> _Made:
            source = Outputs.cells(folder, job.id, job.attempt)
            target, rows = source.with_suffix(f".{suffix}"), cells_in(job.summary or {})
            return _Made(target, "cells", {source: rows, target: rows}.items())

        return await self._answer(request, made)

    async def _answer(self, request: Request, made_of: Callable[[Job], _Made]) -> ASGIApp:
        until = time.monotonic() + seconds_to_wait(request, WAIT_SECONDS)
        job = await awaited(request, self._backend)
        if job.status is not Status.SUCCEEDED or job.summary is None:
            return not_yet(job)
        made = made_of(job)
        for path, rows in made.steps:
            left = until - time.monotonic()
            if status := await unfinished(self._backend, job, (path, rows), request, left):
                return not_yet(replace(job, status=status))
        try:
            file = await run_in_threadpool(made.path.open, "rb")
        except FileNotFoundError:
            raise gone(job) from None
        suffix = made.path.suffix.removeprefix(".")
        download = Download(
            file,
            digest_of(job, made.path.name, file),
            MEDIA_TYPES[suffix] + ("; charset=utf-8" if suffix == "csv" else ""),
            f"{job.metric or ONE_OFF}_{made.word}_{job.id}.{suffix}",
            job.finished_at or job.created_at,
            packs=suffix != "parquet",
        )
        return self._files.answer(request, download)


def analysis_file(folder: Path, job: Job, columns: Sequence[str]) -> Path:
    """The file of the analysis of a job that succeeded.

    Args:
        folder: of results.
        job: with its summary.
        columns: key columns by which it is grouped.

    Raises:
        BadArgument: a column is not a key column, or named twice.
    """
    by = places_of(columns, (job.summary or {})["key"])
    return Outputs.analysis(folder, job.id, job.attempt, by)


async def unfinished(
    backend: Backend, job: Job, wanted: tuple[Path, int], request: Request, seconds: float
) -> Status | None:
    """Wait for a file that a worker makes of a result; None if it exists, else its status.

    Args:
        backend: of the API.
        job: succeeded.
        wanted: the file, and its data rows; 0 if it has none.
        request: of the waiting client; the wait ends when it leaves.
        seconds: longest wait.

    Raises:
        ResultGone: the result was removed.
        NotAcceptable, ConversionFailed, DatabaseUnavailable: as from `Formats.unfinished`.
    """
    path, rows = wanted
    source = Outputs.of_attempt(path.parent, job.id, job.attempt).result
    if not source or not await run_in_threadpool(source.exists):
        raise gone(job)
    return await backend.formats.unfinished(path, rows, request, seconds)


def gone(job: Job) -> ResultGone:
    """The error if a file of a job was removed."""
    return ResultGone(f"The result of job {job.id} was removed. Start a new job.")
