"""Runs a diff so that Ctrl-C can interrupt its SQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from diffing.core.progress import Progress
from diffing.engine.diff import Diff
from diffing.engine.summary import Summary
from diffing.files.results import Outputs


def run(
    work: Diff, outputs: Outputs, on_progress: Callable[[Progress], None] = lambda _: None
) -> Summary:
    """Run a diff in a thread, because Python handles signals between its own steps only.

    Raises:
        KeyboardInterrupt: the diff was interrupted, and has ended.
        DiffingError: as from `Diff.run`.
    """
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(work.run, outputs, on_progress=on_progress)
        try:
            return future.result()
        except KeyboardInterrupt:
            work.interrupt()
            raise
