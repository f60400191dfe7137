"""Endpoints for those who run the service."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.api.backend import Backend
from service.api.jobs import NOT_STORED


class Operations:
    """Tells how the service is."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """The table of these endpoints."""
        return [Route("/health", self.health)]

    def health(self, _: Request) -> Response:
        """200 while the API answers."""
        return JSONResponse({"status": "ok"}, headers=NOT_STORED)
