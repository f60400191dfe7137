"""The id of each request, its line in the log, and its span."""

import logging
import re
import time
import uuid
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from diffing.core import logs, tracing

_log = logging.getLogger(__name__)

# Frequent requests of monitors: logged at DEBUG unless they fail, and not traced.
_OFTEN = {"/health", "/ready", "/metrics"}
_SANE_ID = re.compile(r"[A-Za-z0-9._:=+/@-]{1,128}")
_LONGEST_PATH = 500
_JOB = re.compile(r"/api/diffing/job/(\d{1,19})(?=/|$)")


class Observed:
    """Wraps the whole application, including unexpected errors and their answers.

    Args:
        app: the application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        parent = Headers(scope=scope).get("traceparent")
        with logs.bound(request_id=exchange.request_id):
            if exchange.path in _OFTEN:
                await exchange.run(self._app, receive)
                return
            with tracing.span(scope["method"], "server", parent) as span:
                await exchange.run(self._app, receive)
                span.name(f"{scope['method']} {exchange.route or 'no such route'}")
                span.add(exchange.attributes())
                if exchange.status is None or exchange.status >= 500:
                    span.fail(f"status {exchange.status}")


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, send: Send) -> None:
        given = Headers(scope=scope).get("x-request-id", "")
        self.request_id = given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex
        # as received, without the query, which may contain secrets
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        self.path = raw.decode("ascii", "backslashreplace")[:_LONGEST_PATH]
        self.status: int | None = None
        self._job_id: int | None = None
        self._scope = scope
        self._send = send

    @property
    def route(self) -> str | None:
        """The path of the route that answered, with its parameters as names."""
        return getattr(self._scope.get("route"), "path", None)

    async def run(self, app: ASGIApp, receive: Receive) -> None:
        """Let the application answer, and log the request in any case."""
        began = time.monotonic()
        try:
            await app(self._scope, receive, self._answer)
        except Exception:  # noqa: BLE001 - logged here, with the id of the request
            # already answered with 500, if possible; the server ends an incomplete answer
            _log.exception("%s %s failed", self._scope["method"], self.path)
        finally:
            self._log(time.monotonic() - began)

    def attributes(self) -> dict[str, str | float | None]:
        """The attributes of its span."""
        return {
            "http.request.method": self._scope["method"],
            "http.route": self.route,
            "http.response.status_code": self.status,
            "url.path": self.path,
            "diffing.request.id": self.request_id,
            "diffing.job.id": self._job_id,
        }

    async def _answer(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(raw=message["headers"])
            headers["X-Request-ID"] = self.request_id
            # for a new job, the Location of the answer has the id
            found = _JOB.match(headers.get("location", "")) or _JOB.match(self.path)
            self._job_id = int(found[1]) if found else None
        await self._send(message)

    def _log(self, seconds: float) -> None:
        is_routine = self.path in _OFTEN and self.status is not None and self.status < 400
        client = self._scope.get("client")
        said: dict[str, Any] = {
            "method": self._scope["method"],
            "path": self.path,
            "status": self.status,
            "duration_seconds": round(seconds, 4),
            "client": client[0] if client else None,
            "job_id": self._job_id,
        }
        _log.log(
            logging.DEBUG if is_routine else logging.INFO,
            "%s %s: %s, %s s",
            said["method"],
            said["path"],
            self.status or "no answer",
            said["duration_seconds"],
            extra=said,
        )
