"""Runs SQL so that Ctrl-C can interrupt it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from diffing.core.progress import Progress
from diffing.engine.diff import Diff
from diffing.engine.summary import Summary
from diffing.files.results import Outputs

Returned = TypeVar("Returned")


def run(
    work: Diff, outputs: Outputs, on_progress: Callable[[Progress], None] = lambda _: None
) -> Summary:
    """Run a diff in a thread, because Python handles signals between its own steps only.

    Raises:
        KeyboardInterrupt: the diff was interrupted, and has ended.
        DiffingError: as from `Diff.run`.
    """
    return in_thread(partial(work.run, outputs, on_progress=on_progress), work.interrupt)


def in_thread(run: Callable[[], Returned], interrupt: Callable[[], None]) -> Returned:
    """Run work in a thread, and interrupt it when a signal comes.

    Raises:
        KeyboardInterrupt: the work was interrupted, and has ended.
    """
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(run)
        try:
            return future.result()
        except KeyboardInterrupt:
            interrupt()
            raise
