"""What every page shows around its content."""

from dataclasses import dataclass

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


def frame_of(backend: Backend, here: str, *, signed_in: bool = False) -> Frame:
    """The head of a page, with figures of now.

    Raises:
        DatabaseUnavailable: the database cannot be read.
    """
    load = backend.statistics.load()
    return Frame(
        here=here,
        signed_in=signed_in,
        workers=load.crew.workers,
        running=load.jobs[Status.PROCESSING],
        waiting=load.jobs[Status.QUEUED],
    )
