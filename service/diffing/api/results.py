"""Endpoints that send the files of a job that succeeded."""

import hashlib
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

from diffing.api.backend import Backend
from diffing.api.conversions import WantedFile
from diffing.api.http.downloads import Download
from diffing.api.jobs import awaited, not_yet, seconds_to_wait
from diffing.core.errors import BadArgument, ResultGone
from diffing.files.results import OutputName, Outputs, dialect_of_output
from diffing.store.counters import ONE_OFF
from diffing.store.job import Job, Status

MEDIA_TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
# the names of encodings that IANA does not have
_CHARSETS = {"utf-8-sig": "utf-8", "cp1252": "windows-1252", "latin-1": "iso-8859-1"}
# for a conversion, unless ?wait= says otherwise
WAIT_SECONDS = 30


@dataclass(frozen=True)
class _Output:
    """An output of a diff: its field in `Outputs`, its word in file names, its count of rows."""

    field: OutputName
    word: str
    count: Literal["emitted", "removed"]


_RESULT = _Output("result", "diff", "emitted")
_DETAIL = _Output("detail", "detail", "emitted")
_REMOVED = _Output("removed", "removed", "removed")


class Results:
    """Sends results."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """The routes of these endpoints."""
        return [
            Route("/api/diffing/job/{job_id}", self.result),
            Route("/api/diffing/job/{job_id}/removed", self.removed),
        ]

    async def result(self, request: Request) -> ASGIApp:
        """The result of a job that succeeded; before, 404 with its status."""
        match request.query_params.get("detail", "0"):
            case "0":
                return await self._answer(request, _RESULT)
            case "1":
                return await self._answer(request, _DETAIL)
            case _:
                raise BadArgument("detail must be 0 or 1.")

    async def removed(self, request: Request) -> ASGIApp:
        """The rows of old whose key is not in new; before success, 404 with the status."""
        return await self._answer(request, _REMOVED)

    async def _answer(self, request: Request, output: _Output) -> ASGIApp:
        suffix = format_in(request)
        until = time.monotonic() + seconds_to_wait(request, WAIT_SECONDS)
        job = await awaited(request, self._backend)
        if job.status is not Status.SUCCEEDED or job.summary is None:
            return not_yet(job)
        outputs = Outputs.of_attempt(self._backend.settings.results_dir, job.id, job.attempt)
        source: Path = getattr(outputs, output.field)
        target = source.with_suffix(f".{suffix}")
        stored = self._backend.stored
        try:
            file = await stored.open(source)
            if suffix != "csv":
                file.close()
                wanted = WantedFile(target, job.summary[output.count])
                formats, left = self._backend.formats, until - time.monotonic()
                if status := await formats.unfinished(wanted, request, left):
                    return not_yet(replace(job, status=status))
                file = await stored.open(target)
        except FileNotFoundError:
            raise result_gone(job) from None
        download = Download(
            file,
            digest_of(job, f"{output.field}.{suffix}", file),
            _media_type(suffix, job, output),
            f"{job.metric or ONE_OFF}_{output.word}_{job.id}.{suffix}",
            job.finished_at or job.created_at,
            packs=suffix != "parquet",
        )
        return self._backend.downloads.answer(request, download)


def format_in(request: Request) -> str:
    """The wanted format.

    Raises:
        BadArgument: it is unknown.
    """
    suffix = request.query_params.get("format", "csv")
    if suffix not in MEDIA_TYPES:
        raise BadArgument(f"format must be one of {', '.join(MEDIA_TYPES)}.")
    return suffix


def _media_type(suffix: str, job: Job, output: _Output) -> str:
    if suffix != "csv":
        return MEDIA_TYPES[suffix]
    encoding = dialect_of_output(job.summary or {}, output.field).encoding
    return f"{MEDIA_TYPES[suffix]}; charset={_CHARSETS.get(encoding, encoding)}"


def digest_of(job: Job, name: str, file: BinaryIO) -> str:
    """A digest that identifies a file of a job.

    It is the same in each process, and differs per database.
    """
    summary = job.summary or {}
    parts = (
        *(job.id, job.attempt, job.created_at.isoformat(), summary["result"]["sha256"]),
        *(name, os.fstat(file.fileno()).st_size),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def result_gone(job: Job) -> ResultGone:
    """The error if a file of a job was removed."""
    return ResultGone(f"The result of job {job.id} was removed. Start a new job.")
