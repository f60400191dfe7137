"""Runs each diff in a child process: its memory is its own, and no crash reaches the worker."""

import math
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from service.catalogue import Metric
from service.errors import DiffFailed, DiffingError, Failure, Interrupted
from service.limits import Limits
from service.outputs import Outputs
from service.progress import Progress

# Each beat is a transaction: jobs of a few milliseconds need not tell all their stages.
_BEATS_APART = 0.2


@dataclass(frozen=True)
class Request:
    """All that a child needs to know."""

    old: Path
    new: Path
    outputs: Outputs
    metric: Metric
    limits: Limits


class ChildCrashed(DiffFailed):
    """The child ended without a word; another attempt may do better."""


class ChildFailed(DiffingError):
    """The child reported an error."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self._failure = failure

    @property
    def failure(self) -> Failure:
        """As the child reported it."""
        return self._failure


class Runner:
    """Starts children and waits for them; any number of threads may call `run` at once.

    Args:
        beat_seconds: time between two signs of life.
    """

    def __init__(self, beat_seconds: float) -> None:
        self._beat_seconds = beat_seconds
        # a fork server has DuckDB loaded already: a child starts in a few hundredths of a second
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["__main__", "service.child"])
        self._children: set[BaseProcess] = set()
        self._lock = threading.Lock()
        self._closed = False

    def run(self, request: Request, beat: Callable[[Progress | None], bool]) -> dict[str, Any]:
        """Run a diff.

        Args:
            request: what to compare, and where to write.
            beat: called every `beat_seconds`, and sooner when the diff is further; returns
                False when the work is no longer wanted.

        Returns:
            The summary, as JSON values.

        Raises:
            ChildFailed: with the failure the child reported.
            ChildCrashed: it ended without a word.
            Interrupted: `beat` returned False, or the runner was closed.
        """
        receiver, sender = self._context.Pipe(duplex=False)
        with receiver, self._child(request, sender) as child:
            sender.close()
            return self._wait(child, receiver, beat)

    def close(self) -> None:
        """End all children; each `run` under way raises Interrupted."""
        with self._lock:
            self._closed = True
            for child in self._children:
                child.kill()

    def _wait(
        self, child: BaseProcess, receiver: Connection, beat: Callable[[Progress | None], bool]
    ) -> dict[str, Any]:
        progress = None
        beaten, due = -math.inf, 0.0
        while True:
            now = time.monotonic()
            if now >= due:
                if not beat(progress):
                    raise Interrupted("The job was taken away from this worker.")
                beaten, due = now, now + self._beat_seconds
            if not receiver.poll(max(0, due - now)):
                continue
            try:
                message = receiver.recv()
            except EOFError:
                raise self._ended(child) from None
            match message:
                case Progress():
                    progress, due = message, beaten + _BEATS_APART
                case Failure():
                    raise ChildFailed(message)
                case _:
                    return dict(message)

    def _ended(self, child: BaseProcess) -> DiffingError:
        child.join()
        if self._closed:
            return Interrupted("The worker was stopped.")
        if child.exitcode is not None and child.exitcode < 0:
            name = signal.Signals(-child.exitcode).name
            return ChildCrashed(
                f"The process that ran the diff was ended by {name}; the machine may be short of "
                "memory. Set DIFFING_MEMORY_LIMIT lower."
            )
        return ChildCrashed("The process that ran the diff crashed; the worker's log says how.")

    @contextmanager
    def _child(self, request: Request, sender: Connection) -> Iterator[BaseProcess]:
        child = self._context.Process(target=_child_main, args=(request, sender), daemon=True)
        with self._lock:
            if self._closed:
                raise Interrupted("The worker was stopped.")
            child.start()
            self._children.add(child)
        try:
            yield child
        finally:
            with self._lock:
                self._children.remove(child)
            child.kill()
            child.join()


def _child_main(request: Request, sender: Connection) -> None:
    # imported here: DuckDB is for the child, the worker stays small
    from service.child import run_diff

    run_diff(request.old, request.new, request.outputs, request.metric, request.limits, sender)
