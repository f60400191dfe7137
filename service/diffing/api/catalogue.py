"""Endpoints of the catalogue."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from diffing.api.backend import Backend
from diffing.api.jobs import NOT_STORED
from diffing.core.catalogue import Metric
from diffing.core.comparison import Comparison
from diffing.files.inputs import InputState, state_of_input


class CatalogueViews:
    """Describes metrics."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """The routes of these endpoints."""
        return [
            Route("/api/diffing/metrics", self.metrics),
            Route("/api/diffing/metrics/{metric_id}", self.metric),
        ]

    def metrics(self, _: Request) -> Response:
        """All metrics, in the order of the catalogue."""
        metrics = self._backend.catalogue.metrics.values()
        return JSONResponse({"metrics": [self._described(m) for m in metrics]}, headers=NOT_STORED)

    def metric(self, request: Request) -> Response:
        """The metric with that id or alias."""
        metric = self._backend.catalogue.find(request.path_params["metric_id"])
        return JSONResponse(self._described(metric), headers=NOT_STORED)

    def _described(self, metric: Metric) -> dict[str, Any]:
        return {
            "id": metric.id,
            "aliases": metric.aliases,
            **metric.model_dump(mode="json", include=set(Comparison.model_fields)),
            "accept": metric.accept,
            "old": _file(self._backend.state_of_old(metric)),
            "new": _file(state_of_input(metric.new, self._backend.settings.inputs)),
        }


def _file(state: InputState) -> dict[str, Any]:
    """A file that a new job would read, and whether it exists; without its path.

    Only a job looks at a URL, so it is not known whether that exists.
    """
    there = None if state.is_remote else state.bytes is not None
    return {"name": state.name, "there": there, "bytes": state.bytes}
