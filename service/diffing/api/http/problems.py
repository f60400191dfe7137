"""Errors as `application/problem+json` (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Match, Route

from diffing.core.errors import (
    BadArgument,
    BadInput,
    Conflict,
    DiffingError,
    NotAcceptable,
    NotAllowed,
    NotAuthorized,
    NotFound,
    PreconditionFailed,
    RangeNotSatisfiable,
    ResultGone,
    ScopeLacking,
    TooLarge,
    Unavailable,
    UnknownMetric,
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
    BadInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    RangeNotSatisfiable: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
}
_RETRY_SECONDS = 5
_BEARER = 'Bearer realm="diffing"'


class ProblemResponse(JSONResponse):
    """A problem, as JSON."""

    media_type = "application/problem+json"


def problem_of_error(_: Request, error: Exception) -> ProblemResponse:
    """The problem of one of our own errors."""
    if not isinstance(error, DiffingError):
        raise error
    return problem(error)


def problem(error: DiffingError, **members: object) -> ProblemResponse:
    """The problem of one of our own errors, with more members for the client."""
    status = status_of_error(error)
    known = {"metrics": error.metrics} if isinstance(error, UnknownMetric) else {}
    return ProblemResponse(
        {**error.failure.as_dict(), "status": status, **known, **members},
        status_code=status,
        headers=headers_of_error(error),
    )


def status_of_error(error: DiffingError) -> HTTPStatus:
    """The HTTP status of one of our own errors."""
    return next(
        (status for kind, status in _STATUSES.items() if isinstance(error, kind)),
        HTTPStatus.SERVICE_UNAVAILABLE,
    )


def problem_of_http(request: Request, error: Exception) -> ProblemResponse:
    """The problem of an unknown route or method."""
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
    """A problem whose type is only its HTTP status."""
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
    """The problem of a client that left during its request. It is not an error of the server."""
    return problem_of_status(400, "The request ended before the end of its body.")


def problem_unforeseen(_: Request, __: Exception) -> ProblemResponse:
    """The problem of any other error, whose details are only in the log."""
    return problem_of_status(500, "Unexpected error. The server's log has the details.")


def headers_of_error(error: DiffingError) -> dict[str, str]:
    """Headers for programs. Those about API keys follow RFC 6750."""
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
    """The methods of every route of a path; Starlette names only those of the first."""
    routes = (route for route in request.app.routes if isinstance(route, Route))
    return {
        method
        for route in routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
