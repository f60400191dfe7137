"""Runs work of the engine so that Ctrl-C can interrupt its SQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def run(work: Callable[[], Result], interrupt: Callable[[], None]) -> Result:
    """Run work in a thread, because Python handles signals between its own steps only.

    Args:
        work: the work.
        interrupt: ends it soon, from another thread.

    Raises:
        KeyboardInterrupt: the work was interrupted, and has ended.
        DiffingError: as from the work.
    """
    with ThreadPoolExecutor(1) as threads:
        try:  # Ctrl-C may come as soon as the thread runs
            return threads.submit(work).result()
        except KeyboardInterrupt:
            interrupt()
            raise
