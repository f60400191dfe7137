"""Errors as `application/problem+json` (RFC 9457)."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Match, Route

from service.errors import (
    BadArgument,
    Conflict,
    DiffingError,
    NotFound,
    ResultGone,
    Unavailable,
)

_STATUSES = {
    BadArgument: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    ResultGone: HTTPStatus.GONE,
}
_RETRY_SECONDS = 5


class ProblemResponse(JSONResponse):
    """A problem, as JSON."""

    media_type = "application/problem+json"


def problem_of_error(_: Request, error: Exception) -> ProblemResponse:
    """One of our own errors, whichever endpoint it comes from."""
    if not isinstance(error, DiffingError):
        raise error
    return problem(error)


def problem(error: DiffingError, **members: object) -> ProblemResponse:
    """One of our own errors, with further members that help the client."""
    status = next(
        (status for kind, status in _STATUSES.items() if isinstance(error, kind)),
        HTTPStatus.SERVICE_UNAVAILABLE,
    )
    return ProblemResponse(
        {**error.failure.as_dict(), "status": status, **members},
        status_code=status,
        headers={"Retry-After": str(_RETRY_SECONDS)} if isinstance(error, Unavailable) else None,
    )


def problem_of_http(request: Request, error: Exception) -> ProblemResponse:
    """Starlette's errors: no such route, no such method."""
    if not isinstance(error, HTTPException):
        raise error
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods_of(request)))
    return ProblemResponse(
        {
            "type": "about:blank",
            "title": HTTPStatus(error.status_code).phrase,
            "status": error.status_code,
            "detail": f"{request.method} {request.url.path}",
        },
        status_code=error.status_code,
        headers=headers,
    )


def problem_unforeseen(_: Request, __: Exception) -> ProblemResponse:
    """Anything else; the server's log has it, the client gets no more than that."""
    return ProblemResponse(
        {
            "type": "about:blank",
            "title": "Internal Server Error",
            "status": 500,
            "detail": "An error that was not foreseen; the server's log has it.",
        },
        status_code=500,
    )


def _methods_of(request: Request) -> set[str]:
    """Those of every route of a path: Starlette names those of the first."""
    routes = (route for route in request.app.routes if isinstance(route, Route))
    return {
        method
        for route in routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
