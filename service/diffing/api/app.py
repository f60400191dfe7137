"""The ASGI application: its routes, and its answers to errors."""

from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from diffing.api.access import ApiKeyCache, Doorkeepers, guarded
from diffing.api.analysis import Analyses
from diffing.api.backend import Backend
from diffing.api.baselines import BaselineViews
from diffing.api.catalogue import CatalogueViews
from diffing.api.events import Events
from diffing.api.history import HistoryViews
from diffing.api.http.middleware import Guards, names_of
from diffing.api.http.problems import (
    problem_of_disconnect,
    problem_of_error,
    problem_unforeseen,
)
from diffing.api.jobs import JobViews
from diffing.api.openapi import Document
from diffing.api.operations import Operations
from diffing.api.pages.actions import Actions
from diffing.api.pages.again import AgainPage
from diffing.api.pages.job import JobPages
from diffing.api.pages.jobs import JobsPage
from diffing.api.pages.login import Login
from diffing.api.pages.metrics import MetricPage
from diffing.api.pages.rendering import page_of_http
from diffing.api.pages.start import StartPage
from diffing.api.pages.static_files import StaticFiles
from diffing.api.results import Results
from diffing.api.submissions import Submissions
from diffing.core.catalogue import Catalogue
from diffing.core.errors import DiffingError
from diffing.core.settings import Settings


def make_app(
    settings: Settings, catalogue: Catalogue, *, ask_for_api_keys: bool = True
) -> Starlette:
    """The ASGI application.

    Args:
        settings: of the service.
        catalogue: of metrics.
        ask_for_api_keys: whether requests need an API key; if not, everything is allowed.

    Raises:
        BadSetting: a database cannot be used.
        LookupError: an operation of a route is not in `access.NEEDS`.
    """
    backend = Backend.of(settings, catalogue)
    submissions, baselines = Submissions(backend), BaselineViews(backend)
    groups = (
        submissions,
        JobViews(backend),
        Results(backend),
        Analyses(backend),
        Events(backend),
        CatalogueViews(backend),
        HistoryViews(backend),
        baselines,
        Operations(backend),
        Document(ask_for_api_keys=ask_for_api_keys),
        StartPage(backend),
        JobsPage(backend),
        JobPages(backend),
        MetricPage(backend),
        Actions(backend, submissions, baselines),
        AgainPage(backend, submissions),
        Login(backend, ask_for_api_keys=ask_for_api_keys),
        StaticFiles(),
    )
    doorkeepers = (
        Doorkeepers(ApiKeyCache(backend.api_keys), ApiKeyCache(backend.sessions))
        if ask_for_api_keys
        else None
    )
    app = _Application(
        names_of(settings, ask_for_api_keys=ask_for_api_keys),
        routes=[guarded(route, doorkeepers) for group in groups for route in group.routes()],
        exception_handlers={
            DiffingError: problem_of_error,
            HTTPException: page_of_http,
            ClientDisconnect: problem_of_disconnect,
            Exception: problem_unforeseen,
        },
    )
    app.state.stopping = backend.stopping
    return app


class _Application(Starlette):
    """Starlette behind our guards, which see the answers to unexpected errors, too."""

    def __init__(self, names: frozenset[str] | None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._names = names

    def build_middleware_stack(self) -> ASGIApp:
        """The application with everything around it."""
        return Guards(super().build_middleware_stack(), self._names)
