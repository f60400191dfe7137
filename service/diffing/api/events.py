"""The endpoint that follows a job: a server-sent event for each change of its status."""

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse, SendTimeoutError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from diffing.api.access import Caller, caller_of
from diffing.api.backend import Backend
from diffing.api.jobs import NOT_STORED, job_of, status_as_json
from diffing.core.errors import DatabaseUnavailable, NotAuthorized, TooManyStreams
from diffing.store.job import FINISHED, Job

_log = logging.getLogger(__name__)
# Each needs a file descriptor, of which a process has 1,024 by default.
_MOST_STREAMS = 200
_PING_SECONDS = 15
# The stream of a client that reads nothing for so long ends.
_SEND_SECONDS = 30
# More than the streams need to end when the API stops.
_GRACE_SECONDS = 5


class Events:
    """Follows jobs."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._streams = 0

    def routes(self) -> list[Route]:
        """The routes of these endpoints."""
        return [Route("/api/diffing/job/{job_id}/events", self.events)]

    async def events(self, request: Request) -> Response:
        """The status of a job now and at each change, up to its end."""
        job = await run_in_threadpool(job_of, request, self._backend)
        if job.status in FINISHED and request.headers.get("last-event-id") == _id_of(job):
            return Response(
                status_code=204, headers=NOT_STORED
            )  # which keeps a browser from reconnecting
        if self._streams >= _MOST_STREAMS:
            raise TooManyStreams(f"{_MOST_STREAMS:,} clients already follow jobs. Try again later.")
        self._streams += 1
        return _Stream(self._changes(job, caller_of(request)), self._ended)

    def _ended(self) -> None:
        self._streams -= 1

    async def _changes(self, job: Job, caller: Caller) -> AsyncIterator[ServerSentEvent]:
        said = status_as_json(job)
        yield _event(job)
        if job.status in FINISHED:
            return
        async with aclosing(self._backend.watch.looks_at(job.id)) as looks:
            async for latest in looks:
                if not await _may_follow(caller):
                    return
                if (status := status_as_json(latest)) != said:
                    said = status
                    yield _event(latest)
                if latest.status in FINISHED:
                    return


class _Stream(EventSourceResponse):
    """Sends events, and calls `ended` at the end in any case."""

    def __init__(self, events: AsyncIterator[ServerSentEvent], ended: Callable[[], None]) -> None:
        super().__init__(
            events,
            headers=NOT_STORED,
            ping=_PING_SECONDS,
            sep="\n",
            send_timeout=_SEND_SECONDS,
            shutdown_grace_period=_GRACE_SECONDS,
        )
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            _log.info("a client of an event stream read nothing for %d s", _SEND_SECONDS)
        finally:
            self._ended()


async def _may_follow(caller: Caller) -> bool:
    try:
        await caller.require_access()
    except NotAuthorized:
        return False
    except DatabaseUnavailable:
        pass  # the next look may know
    return True


def _event(job: Job) -> ServerSentEvent:
    # in ASCII: for some clients, U+2028 and similar characters end a line
    data = json.dumps(status_as_json(job), separators=(",", ":"))
    return ServerSentEvent(data, event="status", id=_id_of(job), sep="\n")


def _id_of(job: Job) -> str:
    return f"{job.attempt}-{job.status}"
