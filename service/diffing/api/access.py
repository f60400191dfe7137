"""Access: the API key of a request, and the scope that each operation needs."""

import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import URL, Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from diffing.api.http.queries import require_known
from diffing.api.openapi import queries_of
from diffing.core.errors import CrossSite, NotAuthorized, ScopeLacking
from diffing.store.api_keys import ApiKey, ApiKeys
from diffing.store.job import Job
from diffing.store.scopes import Scope
from diffing.store.sessions import Sessions

# An operation needs one of these scopes, or admin.
Need = frozenset[Scope]
READ: Final = frozenset({Scope.READ})
SUBMIT: Final = frozenset({Scope.SUBMIT})
ACCEPT: Final = frozenset({Scope.ACCEPT})
CHANGES: Final = (SUBMIT, ACCEPT)
ANY_API_KEY: Final = frozenset(
    {Scope.READ, Scope.SUBMIT, Scope.ACCEPT}
)  # shows only the jobs of the API key
NOTHING: Final[Need] = frozenset()

# Every operation. HEAD needs the same as GET. Without an entry here, the API does not start.
NEEDS: Final[dict[str, Need]] = {
    "GET /api/diffing/new/{metric_id}": SUBMIT,
    "POST /api/diffing/new/{metric_id}": SUBMIT,
    "POST /api/diffing/new": SUBMIT,
    "GET /api/diffing/jobs": ANY_API_KEY,
    "DELETE /api/diffing/job/{job_id}": SUBMIT,
    "GET /api/diffing/job/{job_id}": ANY_API_KEY,
    "GET /api/diffing/job/{job_id}/removed": ANY_API_KEY,
    "GET /api/diffing/job/{job_id}/analysis": ANY_API_KEY,
    "GET /api/diffing/job/{job_id}/cells": ANY_API_KEY,
    "GET /api/diffing/job/{job_id}/rows": ANY_API_KEY,
    "GET /api/diffing/job/{job_id}/status": ANY_API_KEY,
    "GET /api/diffing/job/{job_id}/summary": ANY_API_KEY,
    "GET /api/diffing/job/{job_id}/events": ANY_API_KEY,
    "GET /api/diffing/metrics": ANY_API_KEY,
    "GET /api/diffing/metrics/{metric_id}": ANY_API_KEY,
    "GET /api/diffing/metrics/{metric_id}/history": ANY_API_KEY,
    "POST /api/diffing/metrics/{metric_id}/accept": ACCEPT,
    "GET /api/diffing/metrics/{metric_id}/accepted": ANY_API_KEY,
    "POST /api/diffing/metrics/{metric_id}/pins": ACCEPT,
    "GET /api/diffing/metrics/{metric_id}/pins": ANY_API_KEY,
    "DELETE /api/diffing/metrics/{metric_id}/pins/{pin}": ACCEPT,
    "GET /metrics": READ,
    "GET /health": NOTHING,
    "GET /ready": NOTHING,
    "GET /openapi.json": NOTHING,
    "GET /docs": NOTHING,
    "GET /docs/{name}": NOTHING,
    "GET /static/{name}": NOTHING,
    "GET /login": NOTHING,
    "POST /login": NOTHING,
    "POST /logout": NOTHING,
}

# The operations of pages. A browser without a session is led to the page that begins one.
PAGES: Final[dict[str, Need]] = {
    "GET ": ANY_API_KEY,
    "GET /jobs": ANY_API_KEY,
    "GET /jobs/{job_id}": ANY_API_KEY,
    "GET /jobs/{job_id}/analysis": ANY_API_KEY,
    "GET /jobs/{job_id}/rows": ANY_API_KEY,
    "GET /jobs/{job_id}/report.html": ANY_API_KEY,
    "GET /jobs/{job_id}/report.md": ANY_API_KEY,
    "POST /jobs/{job_id}/cancel": SUBMIT,
    "GET /new": ANY_API_KEY,
    "POST /new": SUBMIT,
    "GET /metrics/{metric_id}": ANY_API_KEY,
    "POST /metrics/{metric_id}/diff": SUBMIT,
    "POST /metrics/{metric_id}/accept": ACCEPT,
    "POST /compare": SUBMIT,
}

# The cookie of a session. It counts for pages, and for reading from the API.
SESSION: Final = "diffing_session"
LOGIN: Final = "/login"

_INVALID = "Invalid or revoked API key."
_SECONDS_KNOWN = 1.0


@dataclass(frozen=True)
class Caller:
    """The sender of a request.

    Args:
        owner: id of the API key; None without one.
        sees_all: whether every job is visible, not only those of the API key.
        signed_in: whether it is a browser with a session.
        find: finds its API key once more; None if it needs none.
    """

    owner: str | None
    sees_all: bool
    signed_in: bool = False
    find: Callable[[], Awaitable[ApiKey | None]] | None = field(default=None, compare=False)

    @property
    def whose_jobs(self) -> str | None:
        """The API key whose jobs it sees; None if it sees all."""
        return None if self.sees_all else self.owner

    def sees(self, job: Job) -> bool:
        """Whether a job is visible to it."""
        return self.sees_all or (self.owner is not None and job.owner == self.owner)

    async def require_access(self) -> None:
        """Check the API key once more, for a request that takes long.

        Raises:
            NotAuthorized: it was revoked, or the session is over.
            DatabaseUnavailable: the API keys cannot be read.
        """
        if self.find and not await self.find():
            raise NotAuthorized(_INVALID, given=True)


def caller_of(request: Request) -> Caller:
    """The sender of a request that was let through."""
    caller: Caller = request.state.caller
    return caller


class ApiKeyCache:
    """Remembers each valid API key, and each session, for a second.

    A query of the table takes about as long as the rest of a request. A revoked API key stays valid
    for one more second.

    Args:
        known: the table.
        clock: gives seconds.
    """

    def __init__(
        self, known: ApiKeys | Sessions, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._known = known
        self._clock = clock
        self._found: dict[bytes, tuple[float, ApiKey]] = {}

    async def find(self, token: str) -> ApiKey | None:
        """The API key of a token; None for an invalid token."""
        # by digest: the time of a dict look-up then reveals nothing about the token
        digest = hashlib.sha256(token.encode()).digest()
        until, known = self._found.get(digest, (0.0, None))
        asked = self._clock()
        if asked < until:
            return known
        api_key = await run_in_threadpool(self._known.find, token)
        # those that are due, too: a session may never be asked for again
        self._found = {one: found for one, found in self._found.items() if asked < found[0]}
        if api_key:
            self._found[digest] = (asked + _SECONDS_KNOWN, api_key)
        return api_key


@dataclass(frozen=True)
class Doorkeepers:
    """The API keys and sessions of which a request needs one."""

    api_keys: ApiKeyCache
    sessions: ApiKeyCache


def guarded(route: BaseRoute, doorkeepers: Doorkeepers | None) -> Route:
    """The route, which now requires the scopes of its operations.

    Args:
        route: of the application.
        doorkeepers: know who may come in; None allows everything.

    Raises:
        LookupError: one of its operations is not in NEEDS.
    """
    if not isinstance(route, Route) or not route.methods:
        raise LookupError(f"the operations of {route} cannot be determined")
    operations = {
        method: f"{'GET' if method == 'HEAD' else method} {route.path.rstrip('/')}"
        for method in route.methods
    }
    is_page = all(operation in PAGES for operation in operations.values())
    needs = {method: (PAGES if is_page else NEEDS)[name] for method, name in operations.items()}
    path = route.path.rstrip("/")
    queries = queries_of(path) if path.startswith("/api/") else None
    route.app = _Guarded(route.app, needs, doorkeepers, queries, is_page=is_page)
    return route


class _Guarded:
    """An endpoint that requires a scope for each method, and known query parameters."""

    def __init__(
        self,
        app: ASGIApp,
        needs: dict[str, Need],
        doorkeepers: Doorkeepers | None,
        queries: Mapping[str, Mapping[str, bool]] | None,
        *,
        is_page: bool,
    ) -> None:
        self._app = app
        self._needs = needs
        self._doorkeepers = doorkeepers
        self._queries = queries
        self._is_page = is_page

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        need, headers = self._needs[scope["method"]], Headers(scope=scope)
        if need in CHANGES:
            refuse_other_sites(headers)
        try:
            caller = await self._caller(need, headers)
        except NotAuthorized:
            if not self._is_page or "authorization" in headers:
                raise
            await _to_login(scope)(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        if self._queries is not None and scope["query_string"]:
            require_known(scope["query_string"], self._queries[scope["method"]])
        await self._app(scope, receive, send)

    async def _caller(self, need: Need, headers: Headers) -> Caller:
        if self._doorkeepers is None:
            return Caller(None, sees_all=True)
        if not need:
            return Caller(None, sees_all=False)
        # sessions start, cancel and accept nothing through the API
        session = session_of(headers) if self._is_page or need not in CHANGES else None
        signed_in = session is not None and "authorization" not in headers
        if signed_in and session:
            find = partial(self._doorkeepers.sessions.find, session)
        else:
            find = partial(self._doorkeepers.api_keys.find, _token_of(headers))
        api_key = await find()
        if not api_key:
            raise NotAuthorized(_INVALID, given=True)
        if Scope.ADMIN not in api_key.scopes and not need & api_key.scopes:
            raise ScopeLacking(
                f"This request needs an API key with the scope {' or '.join(sorted(need))}.",
                min(need),
            )
        return Caller(api_key.id, Scope.ADMIN in api_key.scopes, signed_in, find)


def session_of(headers: Headers) -> str | None:
    """The token of a session in the cookies of a request; None without one."""
    return cookie_parser(headers.get("cookie", "")).get(SESSION) or None


def _to_login(scope: Connection) -> Response:
    """The page that begins a session, which leads back to a page that was to be read."""
    asked = URL(scope=scope)
    back = f"{asked.path}?{asked.query}" if asked.query else asked.path
    query = f"?{urlencode({'next': back})}" if scope["method"] == "GET" and back != "/" else ""
    return RedirectResponse(f"{LOGIN}{query}", status_code=303)


def _token_of(headers: Headers) -> str:
    given = headers.getlist("authorization")
    if not given:
        raise NotAuthorized("Missing API key. Send `Authorization: Bearer TOKEN`.", given=False)
    bearer = re.fullmatch(r"(?i:bearer) +(\S{1,200}) *", given[0])
    if not bearer or len(given) > 1:
        raise NotAuthorized(
            "Invalid Authorization header. Send one: `Authorization: Bearer TOKEN`.",
            given=True,
        )
    return bearer[1]


def refuse_other_sites(headers: Headers) -> None:
    """Keep pages of other sites from changing anything through a browser.

    Raises:
        CrossSite: the browser reports that another site sent the request.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    # some browsers send no Sec-Fetch-Site, or none over plain HTTP, but Origin with POST
    if site is None and origin is not None:
        same = origin.partition("://")[2].lower() == headers.get("host", "").lower()
        site = "same-origin" if same else "cross-site"
    if site not in (None, "same-origin", "none"):
        raise CrossSite("A page of another site cannot change anything here.")
