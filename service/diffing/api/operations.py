"""Endpoints for operators."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from diffing.api.backend import Backend
from diffing.api.http.problems import problem
from diffing.api.jobs import NOT_STORED
from diffing.api.prometheus import CONTENT_TYPE, Exposition
from diffing.api.readiness import Readiness
from diffing.core.errors import NotReady


class Operations:
    """Reports the health of the service."""

    def __init__(self, backend: Backend) -> None:
        self._readiness = Readiness(backend)
        self._exposition = Exposition(backend.statistics, backend.catalogue, backend.kept)

    def routes(self) -> list[Route]:
        """The routes of these endpoints."""
        return [
            Route("/health", self.health),
            Route("/ready", self.ready),
            Route("/metrics", self.metrics),
        ]

    async def health(self, _: Request) -> Response:
        """200 while the API answers. It checks nothing else."""
        return JSONResponse({"status": "ok"}, headers=NOT_STORED)

    async def ready(self, _: Request) -> Response:
        """200 if the service can run jobs, else 503; in both cases with the status of each part."""
        checks = await self._readiness.checks()
        wrong = {name: c["detail"] for name, c in checks.items() if c["status"] == "failed"}
        if wrong:
            detail = " ".join(f"{name}: {word}" for name, word in wrong.items())
            response = problem(NotReady(detail), checks=checks)
            response.headers.update(NOT_STORED)
            return response
        return JSONResponse({"status": "ready", "checks": checks}, headers=NOT_STORED)

    def metrics(self, _: Request) -> Response:
        """The figures, for Prometheus."""
        return Response(self._exposition.text(), headers=NOT_STORED, media_type=CONTENT_TYPE)
