"""Uvicorn's HTTP/1.1, with bounds on time and number, and with our own answers to errors."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, cast

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from diffing.api.http.middleware import SECURITY_HEADERS
from diffing.api.http.problems import ProblemResponse, problem_of_status

# connections above the bound that still get an answer
_SPARE = 100
_LATER_SECONDS = 5
_DETAILS = {
    400: "The request is not valid HTTP/1.1.",
    408: "The request arrived too slowly.",
    431: "The head of the request is too large.",
    501: "Unsupported Transfer-Encoding.",
    503: "Too many connections. Try again later.",
}


@dataclass(frozen=True)
class Patience:
    """Seconds that a client has. They must differ, for the protocol identifies each wait by them.

    Args:
        head: to send the head of a request.
        body: to send each piece of its body.
        linger: to read the answer to a request that it did not send to the end.
    """

    head: float = 10.0
    body: float = 30.0
    linger: float = 2.0


class _Lingering:
    """A transport with another `close`.

    Args:
        transport: does everything else.
        close: ends the connection.
    """

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self._transport = transport
        self.close = close

    def __getattr__(self, name: str) -> Any:
        """Any other attribute, of the transport."""
        return getattr(self._transport, name)


class BoundedProtocol(H11Protocol):
    """A connection with bounds. Uvicorn's `limit_concurrency` is the most connections at once.

    Attributes:
        patience: with its client.
    """

    patience: ClassVar[Patience] = Patience()

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        # else uvicorn would answer in plain text
        self.limit_concurrency = None
        self._refused = False
        self._waits_for: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        lingering = _Lingering(transport, lambda: self._close(transport))
        super().connection_made(cast(asyncio.Transport, lingering))
        most = self.config.limit_concurrency
        if most is not None and len(self.connections) > most:
            self.app = _crowded
            if len(self.connections) > most + _SPARE:
                transport.abort()
                return
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the wait."""
        self._wait_for(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Process the bytes, unless the request was refused."""
        if not self._refused:
            super().data_received(data)
            self._wait(again=True)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._wait()

    def send_400_response(self, _: str) -> None:
        """Refuse bytes that are not HTTP."""
        error = sys.exception()
        self._refuse(getattr(error, "error_status_hint", HTTPStatus.BAD_REQUEST))

    def _close(self, transport: asyncio.Transport) -> None:
        """End the connection. A client that still sends may first read the answer."""
        if self._refused or transport.is_closing() or self.conn.their_state is not h11.SEND_BODY:
            transport.close()
            return
        self._refused = True
        self._linger()

    def _linger(self) -> None:
        # after an immediate close, a client that still sends could lose the answer
        try:
            self.transport.write_eof()
        except OSError:
            self.transport.abort()  # the client left
            return
        self._wait_for(self.patience.linger, again=True)

    def _wait(self, *, again: bool = False) -> None:
        """Wait for the next bytes of the client, if any are due.

        Args:
            again: whether bytes just came.
        """
        if self._refused:
            return
        state, answered = self.conn.their_state, self.conn.our_state in (h11.DONE, h11.MUST_CLOSE)
        if state is h11.IDLE:
            self._wait_for(self.patience.head)
        elif state is not h11.SEND_BODY:
            self._wait_for(None)
        elif answered:
            self._wait_for(self.patience.linger)
        else:
            self._wait_for(self.patience.body, again=again)

    def _wait_for(self, seconds: float | None, *, again: bool = False) -> None:
        if seconds == self._waits_for and not again:
            return  # the timer already runs
        if self._timer:
            self._timer.cancel()
        self._waits_for = seconds
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        waited, self._waits_for, self._timer = self._waits_for, None, None
        if self.flow.read_paused and not self._refused and waited == self.patience.body:
            self._wait()  # the server itself does not read
        elif self._refused or waited == self.patience.linger:
            self.transport.abort()
        elif self.conn.trailing_data[0] or waited == self.patience.body:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()  # it sent no request

    def _refuse(self, status: int) -> None:
        """Answer without the application, and end the connection."""
        self._refused = True
        if self.cycle and not self.cycle.response_complete:
            if not self.cycle.more_body:
                return  # the request is complete, so it gets its answer
            # the rest of the application's answer is dropped
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()  # an answer was begun or sent
            return
        problem = _problem(status)
        head = h11.Response(
            status_code=status,
            headers=problem.raw_headers,
            reason=HTTPStatus(status).phrase.encode(),
        )
        to_head = self.conn.our_state is h11.SEND_RESPONSE and self.scope["method"] == "HEAD"
        body = [] if to_head else [h11.Data(data=bytes(problem.body))]
        for event in (head, *body, h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self._linger()


async def _crowded(scope: Scope, receive: Receive, send: Send) -> None:
    """The application for connections above the bound."""
    problem = _problem(HTTPStatus.SERVICE_UNAVAILABLE)
    problem.headers["Retry-After"] = str(_LATER_SECONDS)
    await problem(scope, receive, send)


def _problem(status: int) -> ProblemResponse:
    detail = _DETAILS.get(status, _DETAILS[400])
    return problem_of_status(
        status, detail, {**SECURITY_HEADERS, "Cache-Control": "no-store", "Connection": "close"}
    )
