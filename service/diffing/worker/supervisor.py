"""Runs each order in a child process, so a crash or lack of memory does not hit the worker."""

import math
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import Any, Protocol

from diffing.core.cluster import Join
from diffing.core.errors import (
    STOPPED,
    TAKEN_AWAY,
    DiffFailed,
    DiffingError,
    Failure,
    Interrupted,
    TimedOut,
)
from diffing.core.progress import Progress
from diffing.worker.task import Task

# Each beat is a transaction. Jobs of a few milliseconds need not report all stages.
_BEATS_APART = 0.2
# Between two beats, the job is only read: so soon the child of a cancelled job ends.
_LOOKS_APART = 0.25
# For the start of a child, with the fork server if needed, on a busy machine. A slower child gives
# no sign of life, so another worker takes the job.
_START_SECONDS = 60
# For the end of a killed child. The worker waits no longer, if the kernel blocks it.
_END_SECONDS = 1


class Attempt(Protocol):
    """The caller of an order, during its run."""

    def beat(self, progress: Progress | None) -> bool:
        """Take a sign of life; False stops the run."""

    def is_wanted(self) -> bool:
        """Whether to continue; called more often than `beat`."""


def _no_cluster(_: Join) -> str:
    raise DiffFailed("A diff asked for a cluster without one; this is a fault of the service.")


@dataclass(frozen=True)
class Listener:
    """Takes the messages of a child.

    Args:
        on_progress: called with each progress of the diff.
        on_join: has a cluster join the rows, and returns the answer to the child.
    """

    on_progress: Callable[[Progress], None] = lambda _: None
    on_join: Callable[[Join], str] = _no_cluster


class _Starter:
    """A permanent thread that starts children for the other threads.

    The first child starts the fork server, which dies with the thread that started it.
    """

    def __init__(self) -> None:
        self._asked: SimpleQueue[tuple[BaseProcess, Future[None]]] = SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def start(self, child: BaseProcess) -> Future[None]:
        """Start a child. The future raises the errors of the start."""
        started: Future[None] = Future()
        self._asked.put((child, started))
        return started

    def _work(self) -> None:
        while True:
            child, started = self._asked.get()
            try:
                child.start()
            except Exception as error:  # noqa: BLE001 - the caller gets it
                started.set_exception(error)
            else:
                started.set_result(None)


class ChildCrashed(DiffFailed):
    """The child ended without a report. Another attempt may succeed."""


class ChildFailed(DiffingError):
    """The child reported an error."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self._failure = failure

    @property
    def failure(self) -> Failure:
        """The failure that the child reported."""
        return self._failure


class Runner:
    """Starts children and waits for them. Many threads may call `run` at once.

    Args:
        beat_seconds: time between two signs of life.
        timeout: most seconds of a run.
        preload: modules that its children need, beside those of each.
    """

    def __init__(
        self, beat_seconds: float, timeout: float = math.inf, preload: Sequence[str] = ()
    ) -> None:
        self._beat_seconds = beat_seconds
        self._timeout = timeout
        # a fork server has already loaded DuckDB: a child starts in hundredths of a second
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["__main__", "diffing.worker.preload", *preload])
        self._starter = _Starter()
        self._children: set[BaseProcess] = set()
        self._lock = threading.Lock()
        self._closed = False

    def run(
        self,
        task: Task,
        attempt: Attempt,
        listener: Listener = Listener(),
        since: float | None = None,
    ) -> dict[str, Any]:
        """Run an order to its end.

        Args:
            task: the order.
            attempt: gets a beat every `beat_seconds`, and earlier with new progress.
            listener: gets the messages of the child.
            since: when its time began, by the clock `time.monotonic`; None for now.

        Returns:
            The last message of the child, as JSON values: the summary of a diff, the copies of a
            fetch, the engine of a join; empty for other orders.

        Raises:
            ChildFailed: the child reported a failure.
            ChildCrashed: the child ended without a report.
            TimedOut: the run exceeded its time.
            Interrupted: the attempt stopped the run, or the runner was closed.
        """
        receiver, sender = self._context.Pipe()
        with receiver, self._child(task, sender, attempt) as child:
            sender.close()
            found = self._wait(child, receiver, attempt, listener, since)
        if found is None:
            raise TimedOut(
                f"The {task.spec.word} took longer than {self._timeout:g} s. "
                f"Raise DIFFING_JOB_TIMEOUT, or {task.spec.faster}."
            )
        return found

    def close(self) -> None:
        """End all children. Each running `run` raises Interrupted."""
        with self._lock:
            self._closed = True
            for child in self._children:
                child.kill()

    def _wait(
        self,
        child: BaseProcess,
        receiver: Connection,
        attempt: Attempt,
        listener: Listener,
        since: float | None,
    ) -> dict[str, Any] | None:
        """The summary of a child; None if its time is over."""
        progress = None
        deadline = (time.monotonic() if since is None else since) + self._timeout
        beaten, due, look = -math.inf, 0.0, 0.0
        while True:
            now = time.monotonic()
            if now >= deadline:
                return None
            if now >= due:
                wanted = attempt.beat(progress)
                beaten, due, look = now, now + self._beat_seconds, now + _LOOKS_APART
            elif now >= look:
                wanted = attempt.is_wanted()
                look = now + _LOOKS_APART
            else:
                wanted = True
            if not wanted:
                raise Interrupted(TAKEN_AWAY)
            if not receiver.poll(max(0, min(due, look, deadline) - time.monotonic())):
                continue
            match message := self._heard(child, receiver, listener):
                case Progress():
                    listener.on_progress(message)
                    progress, due = message, min(due, beaten + _BEATS_APART)
                case Failure():
                    raise ChildFailed(message)
                case dict():
                    return message

    def _heard(self, child: BaseProcess, receiver: Connection, listener: Listener) -> object:
        """The next message of a child; None for an order, which is carried out."""
        try:
            message = receiver.recv()
            if not isinstance(message, Join):
                return message
        except (EOFError, OSError):
            raise self._ended(child) from None
        answer = listener.on_join(message)
        with suppress(OSError):  # a dead child is noticed when its line ends
            receiver.send(answer)
        return None

    def _ended(self, child: BaseProcess) -> DiffingError:
        child.join(_END_SECONDS)
        if self._closed:
            return Interrupted(STOPPED)
        if child.exitcode is not None and child.exitcode < 0:
            name = signal.Signals(-child.exitcode).name
            return ChildCrashed(
                f"{name} ended the process that ran the {child.name}. The machine or container may "
                "be short of memory. Give it more, or lower DIFFING_MEMORY_LIMIT."
            )
        return ChildCrashed(
            f"The process that ran the {child.name} crashed. The worker's log has the reason."
        )

    @contextmanager
    def _child(self, task: Task, sender: Connection, attempt: Attempt) -> Iterator[BaseProcess]:
        child = self._context.Process(
            target=_child_main, name=task.spec.word, args=(task, sender), daemon=True
        )
        if self._closed:
            raise Interrupted(STOPPED)
        try:
            self._start(child, attempt)
        except (OSError, EOFError) as error:
            raise ChildCrashed(f"The process of the {child.name} could not be started.") from error
        with self._lock:
            self._children.add(child)
            if self._closed:
                child.kill()
        try:
            yield child
        finally:
            with self._lock:
                self._children.remove(child)
            child.kill()
            child.join(_END_SECONDS)

    def _start(self, child: BaseProcess, attempt: Attempt) -> None:
        started = self._starter.start(child)
        deadline = time.monotonic() + _START_SECONDS
        while not wait([started], self._beat_seconds).done:
            if time.monotonic() < deadline:
                attempt.beat(None)
        started.result()


def _child_main(task: Task, sender: Connection) -> None:
    # imported here: DuckDB is for the child, the worker stays small
    from diffing.worker.child import run

    run(task, sender)
