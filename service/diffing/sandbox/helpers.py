"""Helper processes, forked from this one, which share a long piece of its work."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import signal
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from mmap import mmap
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar

from diffing.sandbox.parent_death import die_with_parent
from diffing.sandbox.process import SIGNALS, ignore_signals, status_of

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

T = TypeVar("T")
Part = tuple[int, int]
Work = Callable[[Part, Callable[[int], None]], T]
"""Does one part of a piece of work, and calls back with the bytes that it has read."""

MOST_PARTS = 2_000
"""So many parts fit in a pipe at once."""

_PART = struct.Struct("=qq")
_NO_PART = -1, -1
_COUNTER = struct.Struct("=q")
_LOOK_SECONDS = 0.1
# Most memory that a helper takes for itself, as measured.
_MEMORY = 64_000_000


class Helpers:
    """Helper processes, and the work that they share with this process.

    They are forked before this process has threads. In a forked process, a lock that another thread
    had at the time is never released.

    They die with this process, and `end` kills them: they keep no state, and write no file but in
    the scratch folder.

    Attributes:
        spool: an anonymous file, to which helpers append bytes; -1 without helpers.
    """

    def __init__(self) -> None:
        self._helpers: list[_Helper] = []
        self._counters: mmap
        self._claims = self._offers = self.spool = -1
        self._descriptors: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def __len__(self) -> int:
        return len(self._helpers)

    def fork(self, threads: int, memory: int) -> None:
        """Fork one helper for each thread beside this one; none if this process has more threads.

        Args:
            threads: those of this process and of all helpers.
            memory: bytes for all helpers.
        """
        number = min(threads - 1, memory // _MEMORY)
        if number < 1 or status_of("Threads") != 1:
            return
        try:
            self._counters = mmap(-1, number * _COUNTER.size)
            self._claims, self._offers = self._descriptors = [*os.pipe()]
            # all parts are offered at once: an empty pipe has no more
            os.set_blocking(self._claims, False)
            os.set_blocking(self._offers, False)
            self.spool = os.memfd_create("spool")
            self._descriptors.append(self.spool)
            # so writes of several processes follow one another
            fcntl.fcntl(self.spool, fcntl.F_SETFL, os.O_APPEND)
            for place in range(number):
                self._fork(place)
        except OSError:  # too many processes or files: this process does all
            self.end()

    def _fork(self, place: int) -> None:
        from multiprocessing import Pipe  # most diffs are too small for helpers

        here, there = Pipe()
        parent = os.getpid()
        with there, _signals_blocked():
            child = os.fork()
            if not child:
                here.close()
                self._serve(place, parent, there)
        self._helpers.append(_Helper(child, here))

    def begin(self, work: Work[T], parts: Sequence[Part]) -> None:
        """Let the helpers do parts of some work.

        Args:
            work: what a helper does; it can be pickled.
            parts: at most MOST_PARTS.

        Raises:
            OSError: a helper has died.
        """
        os.ftruncate(self.spool, 0)
        self._counters[:] = bytes(len(self._counters))
        offer = b"".join(_PART.pack(*part) for part in parts)
        if os.write(self._offers, offer) < len(offer):
            raise BlockingIOError("The pipe of the helpers is full.")
        order = pickle.dumps(work)
        for helper in self._helpers:
            helper.connection.send_bytes(order)

    def results(
        self, work: Work[T], on_read: Callable[[int], None], on_step: Callable[[], None]
    ) -> tuple[list[T], list[T]]:
        """Do the parts that no helper has begun, and wait for the others.

        After an error all helpers have ended. If several parts fail, the error of the first is
        raised, in the order in which `begin` was given them.

        Args:
            work: what this process does with a part.
            on_read: called with the bytes that this process has read.
            on_step: called often; an exception from it ends the work.

        Returns:
            The results of this process, then those of the helpers.

        Raises:
            ChildProcessError: a helper has died.
        """
        try:
            outcomes = [self._outcome(work, on_read)]
            outcomes += [helper.outcome(on_step) for helper in self._helpers]
            if failed := [outcome.failure for outcome in outcomes if outcome.failure]:
                raise min(failed, key=itemgetter(0))[1]
            here, *there = [outcome.results for outcome in outcomes]
            return here, [*chain.from_iterable(there)]
        except BaseException:
            self.end()
            raise

    @property
    def bytes_read(self) -> int:
        """The bytes that the helpers have read of the present work."""
        return sum(count for (count,) in _COUNTER.iter_unpack(self._counters)) if self else 0

    def end(self) -> None:
        """Kill the helpers, and wait for their end."""
        helpers, self._helpers = self._helpers, []
        for helper in helpers:
            helper.kill()
        descriptors, self._descriptors = self._descriptors, []
        for descriptor in descriptors:
            os.close(descriptor)

    def _claimed(self) -> Iterator[Part]:
        """The parts of the present work that no other process has taken."""
        with contextlib.suppress(BlockingIOError):
            while True:
                yield _PART.unpack(os.read(self._claims, _PART.size))

    def _serve(self, place: int, parent: int, connection: Connection) -> NoReturn:
        """Do as this helper what the parent asks for, up to its end."""
        try:
            ignore_signals()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            die_with_parent(parent)
            os.close(self._offers)
            for helper in self._helpers:
                helper.connection.close()
            while True:
                connection.send_bytes(self._done(place, connection.recv_bytes()))
        finally:
            os._exit(1)

    def _done(self, place: int, order: bytes) -> bytes:
        """The pickled outcome of the parts that this helper took."""
        read = 0

        def on_read(count: int) -> None:
            nonlocal read
            read += count
            _COUNTER.pack_into(self._counters, place * _COUNTER.size, read)

        try:
            work = pickle.loads(order)  # noqa: S301 - from the parent
            return pickle.dumps(self._outcome(work, on_read))
        except Exception as error:  # noqa: BLE001 - the parent raises it
            return pickle.dumps(_Outcome([], (_NO_PART, error)))

    def _outcome(self, work: Work[T], on_read: Callable[[int], None]) -> _Outcome[T]:
        """Do parts that no other process has taken. After an error, nobody takes one."""
        part, results = _NO_PART, []
        try:
            for part in self._claimed():
                results.append(work(part, on_read))
        except Exception as error:  # noqa: BLE001 - `results` raises it
            for _ in self._claimed():
                pass
            return _Outcome([], (part, error))
        return _Outcome(results)


@dataclass(frozen=True)
class _Outcome(Generic[T]):
    """The results of the parts that a process took, or the error of one."""

    results: list[T]
    failure: tuple[Part, Exception] | None = None


@dataclass(frozen=True)
class _Helper:
    """A helper process, and the connection to it."""

    pid: int
    connection: Connection

    def outcome(self, on_step: Callable[[], None]) -> _Outcome[Any]:
        """Wait for what became of its parts."""
        while not self.connection.poll(_LOOK_SECONDS):
            on_step()
        try:
            outcome: _Outcome[Any] = pickle.loads(self.connection.recv_bytes())  # noqa: S301
        except (EOFError, ConnectionError):
            raise ChildProcessError("A helper process has ended.") from None
        return outcome

    def kill(self) -> None:
        """Kill it, and wait for its end."""
        self.connection.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    """A helper must not handle a signal like its parent, before it ignores them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
