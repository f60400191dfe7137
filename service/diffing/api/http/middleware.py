"""What holds for every request and answer: security headers, and bounds."""

import ipaddress
import re
from collections.abc import Collection, Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from diffing.api.http.problems import problem_of_status
from diffing.core.settings import Settings

# A route may set each of these itself. Strict-Transport-Security is for whatever speaks TLS in
# front to say; Permissions-Policy would mean nothing to answers that run no script.
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_MOST_HEADERS = 100
_MOST_HEADER_BYTES = 16 * 1024
_MOST_TARGET_BYTES = 8 * 1024
# of requests that need no body; POST endpoints have bounds of their own
_MOST_BODY_BYTES = 64 * 1024
_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(:[0-9]{1,5})?")


class Guards:
    """An application behind them.

    Args:
        app: the application.
        names: host names that a request may be for; None for any.
    """

    def __init__(self, app: ASGIApp, names: Collection[str] | None) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or let the application answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _with_headers(message.get("headers", ()))}
            await send(message)

        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if not refusal and scope["method"] != "POST" and "transfer-encoding" in headers:
            message = await _whole_body(receive)
            if message is None:
                refusal = _too_large()
            elif message["type"] == "http.disconnect":
                return  # half a request must change nothing
            else:
                receive = _once_again(message, receive)
        await (refusal or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """What is wrong with a request, whatever it asks for."""
        size = sum(len(name) + len(value) for name, value in headers.raw)
        if len(scope["raw_path"]) + len(scope["query_string"]) > _MOST_TARGET_BYTES:
            return problem_of_status(414, f"{_MOST_TARGET_BYTES:,} bytes is the most for a URL.")
        if len(headers.raw) > _MOST_HEADERS or size > _MOST_HEADER_BYTES:
            return problem_of_status(
                431, f"{_MOST_HEADERS} header fields of {_MOST_HEADER_BYTES:,} bytes is the most."
            )
        if "transfer-encoding" in headers and "content-length" in headers:
            return problem_of_status(400, "Send a Content-Length or a Transfer-Encoding, not both.")
        if scope["method"] != "POST" and int(headers.get("content-length", 0)) > _MOST_BODY_BYTES:
            return _too_large()
        return self._misdirected(headers.get("host"))

    def _misdirected(self, host: str | None) -> Response | None:
        if host is None:  # HTTP/1.0: no browser
            return None
        shape = _HOST.fullmatch(host.lower())
        if not shape:
            return problem_of_status(400, "The Host is no name or address.")
        if self._names is None or _is_safe(shape[1]) or shape[1] in self._names:
            return None
        return problem_of_status(
            421,
            "The service does not go by that name here. "
            "Whoever runs it may add the name to DIFFING_HOSTS.",
        )


async def _whole_body(receive: Receive) -> Message | None:
    """A body in one message, or the message that the client is gone; None if it is too large."""
    # Starlette's limit counts only what an endpoint reads: these endpoints read nothing.
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return message
        body += message["body"]
        if len(body) > _MOST_BODY_BYTES:
            return None
        if not message["more_body"]:
            return {**message, "body": body}


def _once_again(message: Message, receive: Receive) -> Receive:
    """Receives a message that came already, and then what follows it."""
    messages = [message]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


def _too_large() -> Response:
    detail = f"{_MOST_BODY_BYTES:,} bytes is the most for this body."
    # nobody reads what is left of it
    return problem_of_status(413, detail, {"Connection": "close"})


def names_of(settings: Settings, *, ask_for_api_keys: bool) -> frozenset[str] | None:
    """The host names that requests may be for, beside addresses and localhost; None for any.

    Without keys a page may not reach the service by a name of its own making that leads here.
    """
    if ask_for_api_keys and not settings.hosts:
        return None
    return frozenset({*settings.hosts.lower().split(","), settings.host.lower()})


def _is_safe(name: str) -> bool:
    """Whether no stranger can let a name lead here: localhost, or an address itself."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _with_headers(raw: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    headers = MutableHeaders(raw=[*raw])
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    # all that is said is for one caller; a result may be kept, if it is asked for again each time
    headers.setdefault("Cache-Control", "private, no-cache" if "etag" in headers else "no-store")
    return headers.raw
