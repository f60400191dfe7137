"""The page of a metric: its files, its history, and what it is compared with."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from diffing.api.access import caller_of
from diffing.api.backend import Backend
from diffing.api.history import unusual_figures
from diffing.api.pages.frame import frame_of
from diffing.api.pages.rendering import page, with_error_page
from diffing.api.pages.start import metric_row
from diffing.api.paging import cursor_after, id_in
from diffing.store.job import FINISHED, UNFINISHED, Filter

_MOST_RUNS = 50
_MOST_ACCEPTED = 10


class MetricPage:
    """Shows a metric."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """The routes of this page."""
        return [Route("/metrics/{metric_id}", self.metric, include_in_schema=False)]

    @with_error_page
    async def metric(self, request: Request) -> Response:
        """The metric with that id or alias, with a page of its history."""
        return await run_in_threadpool(self._metric, request)

    def _metric(self, request: Request) -> Response:
        owner, backend = caller_of(request).whose_jobs, self._backend
        metric = backend.catalogue.find(request.path_params["metric_id"])
        before = id_in(request.query_params.get("cursor"))
        found = backend.history.page(metric.id, _MOST_RUNS + 1, before, owner)
        runs = found[:_MOST_RUNS]
        unfinished, ended = (
            backend.jobs.page(_MOST_RUNS, before, Filter(states, metric=metric.id, owner=owner))
            for states in (UNFINISHED, FINISHED)
        )
        unusual = unusual_figures(backend, runs, owner)
        values = {
            "frame": frame_of(backend, request, "metrics"),
            "metric": metric,
            "row": metric_row(backend, metric, owner),
            "unfinished": [] if before else unfinished,
            "runs": [(run, some) for run, some in zip(runs, unusual, strict=True)],
            "with_pages": {job.id for job in ended},
            "following": cursor_after(runs[-1].job_id) if len(found) > len(runs) else None,
            "is_first": before is None,
            "accepted": backend.baselines.accepted(metric.id, _MOST_ACCEPTED),
            "pins": backend.baselines.pins(metric.id),
        }
        return page("metric", values)
