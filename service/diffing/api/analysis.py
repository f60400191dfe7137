"""The endpoints that send what is made of the result of a job: its analysis, cells and rows."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

from diffing.api.backend import Backend
from diffing.api.conversions import WantedFile
from diffing.api.http.downloads import Download
from diffing.api.jobs import awaited, not_yet, seconds_to_wait
from diffing.api.results import MEDIA_TYPES, WAIT_SECONDS, digest_of, format_in, result_gone
from diffing.core.errors import BadArgument
from diffing.core.grouping import columns_in, places_of
from diffing.core.row_query import Given, RowQuery
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
        steps: files to make one after the other; the file is the last.
    """

    path: Path
    word: str
    steps: Sequence[WantedFile]


class Analyses:
    """Sends analyses, cells and rows. A worker makes each file at its first request."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """The routes of these endpoints."""
        return [
            Route("/api/diffing/job/{job_id}/analysis", self.analysis),
            Route("/api/diffing/job/{job_id}/cells", self.cells),
            Route("/api/diffing/job/{job_id}/rows", self.rows),
        ]

    async def analysis(self, request: Request) -> ASGIApp:
        """The analysis, grouped by the key columns of `?by=`; before, 404 with the status."""
        columns = columns_in(request.query_params.getlist("by"))
        folder = self._backend.settings.results_dir

        def made(job: Job) -> _Made:
            path = analysis_file(folder, job, columns)
            return _Made(path, "analysis", [WantedFile(path)])

        return await self._answer(request, made)

    async def cells(self, request: Request) -> ASGIApp:
        """The cells that differ, in the format of `?format=`; before, 404 with the status."""
        suffix = format_in(request)
        folder = self._backend.settings.results_dir

        def made(job: Job) -> _Made:
            source = Outputs.cells(folder, job.id, job.attempt)
            target, rows = source.with_suffix(f".{suffix}"), cells_in(job.summary or {})
            steps = [WantedFile(path, rows) for path in dict.fromkeys([source, target])]
            return _Made(target, "cells", steps)

        return await self._answer(request, made)

    async def rows(self, request: Request) -> ASGIApp:
        """The rows that a query asks for: a page as JSON, or all as CSV; before, 404."""
        asked, folder = (
            Given(request.query_params.multi_items()),
            self._backend.settings.results_dir,
        )
        suffix = asked.one("format") or "json"
        if suffix not in ("json", "csv"):
            raise BadArgument("format must be one of json, csv.")

        def made(job: Job) -> _Made:
            steps = steps_to_rows(folder, job, asked, suffix)
            return _Made(steps[-1].path, "rows", steps)

        return await self._answer(request, made)

    async def _answer(self, request: Request, made_of: Callable[[Job], _Made]) -> ASGIApp:
        until = time.monotonic() + seconds_to_wait(request, WAIT_SECONDS)
        job = await awaited(request, self._backend)
        if job.status is not Status.SUCCEEDED or job.summary is None:
            return not_yet(job)
        made = made_of(job)
        for wanted in made.steps:
            left = until - time.monotonic()
            if status := await unfinished(self._backend, job, wanted, request, left):
                return not_yet(replace(job, status=status))
        try:
            file = await self._backend.stored.open(made.path)
        except FileNotFoundError:
            raise result_gone(job) from None
        suffix = made.path.suffix.removeprefix(".")
        download = Download(
            file,
            digest_of(job, made.path.name, file),
            MEDIA_TYPES[suffix] + ("; charset=utf-8" if suffix == "csv" else ""),
            f"{job.metric or ONE_OFF}_{made.word}_{job.id}.{suffix}",
            job.finished_at or job.created_at,
            packs=suffix != "parquet",
        )
        return self._backend.downloads.answer(request, download)


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


def steps_to_rows(folder: Path, job: Job, asked: Given, suffix: str) -> list[WantedFile]:
    """The files to make for the rows that a query asks for; the last one has them.

    Args:
        folder: of results.
        job: with its summary.
        asked: the parameters of the query.
        suffix: `json` for a page, `csv` for all rows.

    Raises:
        BadArgument: a parameter is invalid.
    """
    summary = job.summary or {}
    query = RowQuery.of(asked, summary["key"], summary["value"])
    if suffix == "csv":
        query = query.whole
    rows = Outputs.rows(folder, job.id, job.attempt, query.digest).with_suffix(f".{suffix}")
    changes = Outputs.changes(folder, job.id, job.attempt)
    return [WantedFile(changes), WantedFile(rows, ask=query.as_json())]


async def unfinished(
    backend: Backend, job: Job, wanted: WantedFile, request: Request, seconds: float
) -> Status | None:
    """Wait for a file that a worker makes of a result; None if it exists, else its status.

    Args:
        backend: of the API.
        job: succeeded.
        wanted: the file.
        request: of the waiting client; the wait ends when it leaves.
        seconds: longest wait.

    Raises:
        ResultGone: the result was removed.
        NotAcceptable, ConversionFailed, DatabaseUnavailable, StorageUnavailable: as from
            `Formats.unfinished`.
    """
    source = Outputs.of_attempt(wanted.path.parent, job.id, job.attempt).result
    if not source or not await backend.stored.exists(source):
        raise result_gone(job)
    return await backend.formats.unfinished(wanted, request, seconds)
