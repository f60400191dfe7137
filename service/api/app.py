"""The ASGI application: the routes, and what becomes of errors."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from service.api.backend import Backend
from service.api.jobs import JobViews
from service.api.operations import Operations
from service.api.problems import problem_of_error, problem_of_http, problem_unforeseen
from service.api.results import Results
from service.api.submissions import Submissions
from service.catalogue import Catalogue
from service.errors import DiffingError
from service.settings import Settings


def make_app(settings: Settings, catalogue: Catalogue) -> Starlette:
    """The ASGI application."""
    backend = Backend.of(settings, catalogue)
    groups = (Submissions(backend), JobViews(backend), Results(backend), Operations(backend))
    return Starlette(
        routes=[route for group in groups for route in group.routes()],
        exception_handlers={
            DiffingError: problem_of_error,
            HTTPException: problem_of_http,
            Exception: problem_unforeseen,
        },
    )
