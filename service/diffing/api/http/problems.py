"""Errors as `application/problem+json` (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Match, Route

from diffing.core.errors import (
    BadArgument,
    Conflict,
    DiffingError,
    NotAcceptable,
    NotAllowed,
    NotAuthorized,
    NotFound,
    RangeNotSatisfiable,
    ResultGone,
    ScopeLacking,
    TooLarge,
    Unavailable,
    Unprocessable,
    UnsupportedBody,
)
from diffing.core.text import shown

_STATUSES = {
    BadArgument: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    ResultGone: HTTPStatus.GONE,
    NotAuthorized: HTTPStatus.UNAUTHORIZED,
    NotAllowed: HTTPStatus.FORBIDDEN,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedBody: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Unprocessable: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    RangeNotSatisfiable: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
}
_RETRY_SECONDS = 5
_BEARER = 'Bearer realm="diffing"'


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
        headers=_headers_of(error),
    )


def problem_of_http(request: Request, error: Exception) -> ProblemResponse:
    """Starlette's errors: no such route, no such method."""
    if not isinstance(error, HTTPException):
        raise error
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods_of(request)))
    asked = f"{shown(request.method, 20)} {shown(request.scope['path'])}"
    return problem_of_status(error.status_code, asked, headers)


def problem_of_status(
    status: int, detail: str, headers: Mapping[str, str] | None = None
) -> ProblemResponse:
    """A problem that HTTP has a status for, and nothing more to say than that."""
    return ProblemResponse(
        {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
        },
        status_code=status,
        headers=headers,
    )


def problem_of_disconnect(_: Request, __: Exception) -> ProblemResponse:
    """The client went away while it sent; nobody gets this, but it is no error of the server."""
    return problem_of_status(400, "The request ended before its body did.")


def problem_unforeseen(_: Request, __: Exception) -> ProblemResponse:
    """Anything else; the server's log has it, the client gets no more than that."""
    return problem_of_status(500, "An error that was not foreseen; the server's log has it.")


def _headers_of(error: DiffingError) -> dict[str, str]:
    """What a program reads from an error; of API keys as RFC 6750 has it."""
    match error:
        case Unavailable():
            return {"Retry-After": str(_RETRY_SECONDS)}
        case NotAuthorized(given=False):
            return {"WWW-Authenticate": _BEARER}
        case NotAuthorized():
            return {"WWW-Authenticate": f'{_BEARER}, error="invalid_token"'}
        case ScopeLacking(scope=scope):
            code = f'error="insufficient_scope", scope="{scope}"'
            return {"WWW-Authenticate": f"{_BEARER}, {code}"}
        case _:
            return {}


def _methods_of(request: Request) -> set[str]:
    """Those of every route of a path: Starlette names those of the first."""
    routes = (route for route in request.app.routes if isinstance(route, Route))
    return {
        method
        for route in routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
