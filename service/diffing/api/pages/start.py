"""The start page: running jobs, the catalogue, and a form to compare two files."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from diffing.api.access import caller_of
from diffing.api.backend import Backend
from diffing.api.pages.frame import frame_of
from diffing.api.pages.rendering import page, with_error_page
from diffing.core.baseline import ACCEPTED
from diffing.core.catalogue import Metric
from diffing.core.dialect import ENCODINGS
from diffing.files.inputs import InputState, state_of_input
from diffing.store.job import UNFINISHED, Filter, Job, Status

_MOST_METRICS = 100
_MOST_RUNNING = 20
_HISTORY = 14


@dataclass(frozen=True)
class HistoryBar:
    """A diff in a chart of the last ones: heights in percent of the highest.

    Args:
        job: the diff.
        changed, added: heights.
    """

    job: Job
    changed: float
    added: float


@dataclass(frozen=True)
class MetricRow:
    """A metric on the start page.

    Args:
        metric: of the catalogue.
        last: its newest job; None if it was never diffed.
        bars: the last diffs that succeeded, oldest first.
        old, new: the files.
    """

    metric: Metric
    last: Job | None
    bars: list[HistoryBar]
    old: InputState
    new: InputState

    @property
    def may_start(self) -> bool:
        """Whether both files are there, as far as is known."""
        may_be_missing = self.metric.old_may_be_missing or self.metric.old == ACCEPTED
        has_old = may_be_missing or not self.old.is_missing
        return has_old and not self.new.is_missing


class StartPage:
    """Shows the state of the service."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """The routes of this page."""
        return [Route("/", self.start, include_in_schema=False)]

    @with_error_page
    async def start(self, request: Request) -> Response:
        """Running jobs, the catalogue, and the form."""
        return await run_in_threadpool(self._start, request)

    def _start(self, request: Request) -> Response:
        owner, backend = caller_of(request).whose_jobs, self._backend
        metrics = list(backend.catalogue.metrics.values())
        values = {
            "frame": frame_of(backend, request, "metrics"),
            "running": backend.jobs.page(_MOST_RUNNING, None, Filter(UNFINISHED, owner=owner)),
            "rows": [metric_row(backend, metric, owner) for metric in metrics[:_MOST_METRICS]],
            "encodings": ENCODINGS,
            "more": max(len(metrics) - _MOST_METRICS, 0),
        }
        return page("start", values)


def metric_row(backend: Backend, metric: Metric, owner: str | None) -> MetricRow:
    """A metric with its last diffs and its files.

    Args:
        backend: of the API.
        metric: of the catalogue.
        owner: only jobs of that API key; None for all.
    """
    last = backend.jobs.page(1, None, Filter(metric=metric.id, owner=owner))
    done = backend.jobs.page(_HISTORY, None, Filter([Status.SUCCEEDED], metric.id, owner))
    old = backend.state_of_old(metric)
    new = state_of_input(metric.new, backend.settings.inputs)
    return MetricRow(metric, last[0] if last else None, _bars_of(done[::-1]), old, new)


def _bars_of(jobs: Sequence[Job]) -> list[HistoryBar]:
    """The bars of jobs that succeeded."""
    counts = [(job, job.summary or {}) for job in jobs]
    highest = max((s.get("emitted", 0) for _, s in counts), default=0) or 1
    return [
        HistoryBar(job, 100 * s.get("changed", 0) / highest, 100 * s.get("added", 0) / highest)
        for job, s in counts
    ]
