"""Who may do what: the API key of a request, and the scope that each operation needs."""

import hashlib
import re
import time
from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from diffing.core.errors import CrossSite, NotAuthorized, ScopeLacking
from diffing.store.api_keys import Key, Keys
from diffing.store.job import Job
from diffing.store.scopes import Scope

# The scopes of which one is enough; admin always is.
Need = frozenset[Scope]
READ: Final = frozenset({Scope.READ})
SUBMIT: Final = frozenset({Scope.SUBMIT})
ANY_KEY: Final = frozenset({Scope.READ, Scope.SUBMIT})  # shows no job but those of the key
NOTHING: Final[Need] = frozenset()

# Every operation; HEAD needs what GET needs. The API does not start with one that is not here.
NEEDS: Final[dict[str, Need]] = {
    "GET /api/diffing/new/{metric_id}": SUBMIT,
    "POST /api/diffing/new/{metric_id}": SUBMIT,
    "POST /api/diffing/new": SUBMIT,
    "GET /api/diffing/jobs": ANY_KEY,
    "DELETE /api/diffing/job/{job_id}": SUBMIT,
    "GET /api/diffing/job/{job_id}": ANY_KEY,
    "GET /api/diffing/job/{job_id}/removed": ANY_KEY,
    "GET /api/diffing/job/{job_id}/status": ANY_KEY,
    "GET /api/diffing/job/{job_id}/summary": ANY_KEY,
    "GET /api/diffing/job/{job_id}/events": ANY_KEY,
    "GET /api/diffing/metrics": ANY_KEY,
    "GET /api/diffing/metrics/{metric_id}": ANY_KEY,
    "GET /metrics": READ,
    "GET /health": NOTHING,
    "GET /ready": NOTHING,
    "GET /openapi.json": NOTHING,
    "GET /docs": NOTHING,
    "GET /docs/{name}": NOTHING,
}

_SECONDS_KNOWN = 1.0


@dataclass(frozen=True)
class Caller:
    """Who sent a request.

    Args:
        owner: id of the API key; None where none is needed.
        sees_all: whether every job is visible, not only those of the key.
    """

    owner: str | None
    sees_all: bool

    def sees(self, job: Job) -> bool:
        """Whether it may know of a job."""
        return self.sees_all or (self.owner is not None and job.owner == self.owner)


def caller_of(request: Request) -> Caller:
    """Who sent a request that was let through."""
    caller: Caller = request.state.caller
    return caller


class Keyring:
    """The keys table, asked at most once a second for a key that holds.

    A look at it takes about as long as the rest of a request; a key that was revoked in any process
    holds for a second more.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._found: dict[bytes, tuple[float, Key]] = {}

    async def find(self, token: str) -> Key | None:
        """The key that a token proves; None when it proves none."""
        # by a digest: how long a look into a dict takes tells nothing of the token
        digest = hashlib.sha256(token.encode()).digest()
        until, known = self._found.get(digest, (0.0, None))
        asked = time.monotonic()
        if asked < until:
            return known
        key = await run_in_threadpool(self._keys.find, token)
        if key:
            self._found[digest] = (asked + _SECONDS_KNOWN, key)
        else:
            self._found.pop(digest, None)
        return key


def guarded(route: BaseRoute, keys: Keyring | None) -> Route:
    """The route, behind the scope that its operations need.

    Args:
        route: of the application.
        keys: that a request needs one of; None lets everybody do everything.

    Raises:
        LookupError: the table above does not say what one of its operations needs.
    """
    if not isinstance(route, Route) or not route.methods:
        raise LookupError(f"{route} is no route whose operations could be told")
    needs = {
        method: NEEDS[f"{'GET' if method == 'HEAD' else method} {route.path.rstrip('/')}"]
        for method in route.methods
    }
    route.app = _Guarded(route.app, needs, keys)
    return route


class _Guarded:
    """An endpoint behind what its methods need."""

    def __init__(self, app: ASGIApp, needs: dict[str, Need], keys: Keyring | None) -> None:
        self._app = app
        self._needs = needs
        self._keys = keys

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        need, headers = self._needs[scope["method"]], Headers(scope=scope)
        if need == SUBMIT:
            _refuse_other_sites(headers)
        scope.setdefault("state", {})["caller"] = await self._caller(need, headers)
        await self._app(scope, receive, send)

    async def _caller(self, need: Need, headers: Headers) -> Caller:
        if self._keys is None:
            return Caller(None, sees_all=True)
        if not need:
            return Caller(None, sees_all=False)
        key = await self._keys.find(_token_of(headers))
        if not key:
            raise NotAuthorized(
                "The API key does not hold: it was revoked, or never was one.", given=True
            )
        if Scope.ADMIN not in key.scopes and not need & key.scopes:
            raise ScopeLacking(
                f"This needs an API key with the scope {' or '.join(sorted(need))}.", min(need)
            )
        return Caller(key.id, sees_all=Scope.ADMIN in key.scopes)


def _token_of(headers: Headers) -> str:
    given = headers.getlist("authorization")
    if not given:
        raise NotAuthorized("Send an API key: `Authorization: Bearer TOKEN`.", given=False)
    bearer = re.fullmatch(r"(?i:bearer) +(\S{1,200}) *", given[0])
    if not bearer or len(given) > 1:
        raise NotAuthorized(
            "Send one Authorization header: the word Bearer, and the token of an API key.",
            given=True,
        )
    return bearer[1]


def _refuse_other_sites(headers: Headers) -> None:
    """Let no page that somebody has open in a browser start or cancel jobs.

    Raises:
        CrossSite: the browser says that the request is one of another site.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    # browsers that do not say Sec-Fetch-Site, or not over plain HTTP, say Origin with POST
    if site is None and origin is not None:
        same = origin.partition("://")[2].lower() == headers.get("host", "").lower()
        site = "same-origin" if same else "cross-site"
    if site not in (None, "same-origin", "none"):
        raise CrossSite("A page of another site may not start or cancel jobs.")
