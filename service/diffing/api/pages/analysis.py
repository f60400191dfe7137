"""The analysis on the page of a job: made at the first look, and put in its place when ready."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from diffing.api.analysis import analysis_file, unfinished
from diffing.api.backend import Backend
from diffing.api.conversions import WantedFile
from diffing.api.pages.sections.document import Sections, sections_of
from diffing.api.results import result_gone
from diffing.core.csv_record import line_of
from diffing.core.errors import DatabaseUnavailable, DiffingError, StorageUnavailable
from diffing.core.grouping import columns_in
from diffing.store.job import Job, Status

_MOST_CHOICES = 20


@dataclass(frozen=True)
class Choice:
    """A key column by which to group.

    Args:
        name: its name.
        text: as a CSV record, for `by`.
        chosen: whether it is one of those of the page.
    """

    name: str
    text: str
    chosen: bool


@dataclass(frozen=True)
class Shown:
    """The analysis of a job on its page.

    Args:
        query: of the page; empty without groups.
        choices: the key columns by which to group.
        sections: the analysis; None before it is ready.
        fault: the reason of a failure; None if it is being made.
    """

    query: str
    choices: list[Choice]
    sections: Sections | None = None
    fault: DiffingError | None = None

    @property
    def waits(self) -> bool:
        """Whether it is being made."""
        return self.sections is None and self.fault is None

    @property
    def trouble(self) -> str | None:
        """The reason of a failure, as a sentence."""
        return self.fault.detail if self.fault else None


async def analysis_shown(
    backend: Backend, request: Request, job: Job, seconds: float
) -> Shown | None:
    """The analysis of a job; None if there is nothing to analyse.

    Args:
        backend: of the API.
        request: with the key columns of `?by=`.
        job: in any state.
        seconds: longest wait for it.

    Raises:
        BadArgument: `by` is invalid.
    """
    summary = job.summary
    if job.status is not Status.SUCCEEDED or not summary:
        return None
    if not (summary["emitted"] or summary["removed"]):
        return None
    columns = columns_in(request.query_params.getlist("by"))
    path = analysis_file(backend.settings.results_dir, job, columns)
    query = urlencode([("by", line_of([name])) for name in columns])
    choices = _choices(summary, columns)
    try:
        if not seconds:  # a page that loads again sees a failure, and does not try again
            await backend.formats.refuse_failed(path)
        if await unfinished(backend, job, WantedFile(path), request, seconds):
            return Shown(query, choices)
        return Shown(query, choices, await _sections_in(backend, path, job))
    except DiffingError as error:
        # its part of the page may be asked for again; the page shows the job without it
        if seconds and isinstance(error, DatabaseUnavailable | StorageUnavailable):
            raise
        return Shown(query, choices, fault=error)


def _choices(summary: Mapping[str, Any], columns: Sequence[str]) -> list[Choice]:
    return [Choice(name, line_of([name]), name in columns) for name in summary["key"]][
        :_MOST_CHOICES
    ]


async def _sections_in(backend: Backend, path: Path, job: Job) -> Sections:
    try:
        file = await backend.stored.open(path)
    except FileNotFoundError:
        raise result_gone(job) from None
    with file:
        document = await run_in_threadpool(json.load, file)
    return await run_in_threadpool(sections_of, document)
