"""Security headers for every answer, and bounds for every request."""

import ipaddress
import re
from collections.abc import Collection, Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from diffing.api.http.problems import problem_of_status
from diffing.core.settings import Settings

# A route may set its own values. Strict-Transport-Security is for the proxy that speaks TLS.
# Permissions-Policy has no effect on answers without scripts.
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
# of requests without a needed body; POST endpoints have their own bounds
_MOST_BODY_BYTES = 64 * 1024
_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(:[0-9]{1,5})?")


class Guards:
    """Wraps an application with bounds and security headers.

    Args:
        app: the application.
        names: allowed host names; None for any.
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
                return  # an incomplete request must change nothing
            else:
                receive = _once_again(message, receive)
        await (refusal or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """The refusal of a request that breaks a bound; None otherwise."""
        size = sum(len(name) + len(value) for name, value in headers.raw)
        if len(scope["raw_path"]) + len(scope["query_string"]) > _MOST_TARGET_BYTES:
            return problem_of_status(414, f"The URL has more than {_MOST_TARGET_BYTES:,} bytes.")
        if len(headers.raw) > _MOST_HEADERS or size > _MOST_HEADER_BYTES:
            return problem_of_status(
                431,
                f"The request has more than {_MOST_HEADERS} header fields, or more than "
                f"{_MOST_HEADER_BYTES:,} bytes of them.",
            )
        if "transfer-encoding" in headers and "content-length" in headers:
            return problem_of_status(400, "Send a Content-Length or a Transfer-Encoding, not both.")
        if scope["method"] != "POST" and int(headers.get("content-length", 0)) > _MOST_BODY_BYTES:
            return _too_large()
        return self._misdirected(headers.get("host"))

    def _misdirected(self, host: str | None) -> Response | None:
        if host is None:  # HTTP/1.0, which no browser uses
            return None
        shape = _HOST.fullmatch(host.lower())
        if not shape:
            return problem_of_status(400, "Invalid Host header.")
        if self._names is None or _is_safe(shape[1]) or shape[1] in self._names:
            return None
        return problem_of_status(
            421,
            "The service does not have that name. The operator can add it to DIFFING_HOSTS.",
        )


async def _whole_body(receive: Receive) -> Message | None:
    """The body in one message, or the message that the client left; None if it is too large."""
    # Starlette's limit counts only bytes that an endpoint reads. These endpoints read none.
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
    """Receives a given message first, and then the messages after it."""
    messages = [message]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


def _too_large() -> Response:
    detail = f"The body has more than {_MOST_BODY_BYTES:,} bytes."
    # the rest of the body stays unread
    return problem_of_status(413, detail, {"Connection": "close"})


def names_of(settings: Settings, *, ask_for_api_keys: bool) -> frozenset[str] | None:
    """The allowed host names, in addition to addresses and localhost; None for any.

    Without API keys, this prevents DNS rebinding by the page of another site.
    """
    if ask_for_api_keys and not settings.hosts:
        return None
    return frozenset({*settings.hosts.lower().split(","), settings.host.lower()})


def _is_safe(name: str) -> bool:
    """Whether a name is localhost or an address, which DNS rebinding cannot use."""
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
    # each answer is for one caller; caches may store a result if they revalidate it
    headers.setdefault("Cache-Control", "private, no-cache" if "etag" in headers else "no-store")
    return headers.raw
