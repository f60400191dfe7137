"""The head of every page."""

from dataclasses import dataclass

from starlette.requests import Request

from diffing.api.access import caller_of
from diffing.api.backend import Backend
from diffing.store.job import Status


@dataclass(frozen=True)
class Frame:
    """The head of a page.

    Args:
        here: the entry of the navigation that is marked; empty for none.
        signed_in: whether a session may be ended.
        workers: number of live workers.
        running, waiting: numbers of jobs.
    """

    here: str
    signed_in: bool
    workers: int
    running: int
    waiting: int


def frame_of(backend: Backend, request: Request, here: str) -> Frame:
    """The head of a page, with figures of now.

    Args:
        backend: of the API.
        request: for the page.
        here: the entry of the navigation to mark.

    Raises:
        DatabaseUnavailable: the database cannot be read.
    """
    load = backend.statistics.load()
    return Frame(
        here=here,
        signed_in=caller_of(request).signed_in,
        workers=load.crew.workers,
        running=load.jobs[Status.PROCESSING],
        waiting=load.jobs[Status.QUEUED],
    )
