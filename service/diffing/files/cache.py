"""A bounded cache of objects on the disk of this machine, for the threads of one process."""

import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from diffing.core.errors import DISK_FULL, DiskUnavailable, is_disk_full
from diffing.files.publish import at_rest, new_locked_folder

_MOST_MARKS = 100_000

Fetch = Callable[[str, Path, Callable[[int], None]], None]
"""Copies the object of a name to a path, after it asked for room for its bytes."""


@dataclass
class _Flight:
    """A fetch under way, and those who wait for it.

    Args:
        ended: set at its end.
        waiting: number of waiting threads.
        opened: a handle for each of them.
        error: of the fetch.
    """

    ended: threading.Event = field(default_factory=threading.Event)
    waiting: int = 0
    opened: list[BinaryIO] = field(default_factory=list)
    error: Exception | None = None


@dataclass(frozen=True)
class Bounds:
    """The bounds of a cache.

    Args:
        bytes: most bytes of the files.
        seconds: for which a file stays at most.
        least_free: bytes of the disk that must stay free.
    """

    bytes: int
    seconds: float
    least_free: int


@dataclass(frozen=True)
class _Cached:
    """A file, and when it is removed at the latest, by the clock `time.monotonic`."""

    size: int
    until: float


class Cache:
    """Keeps objects that never change. It starts empty.

    Those used longest ago are removed first. A removed file stays readable where it is open.

    Args:
        folder: of the caches of all processes; what an ended one left is removed.
        bounds: of the files.
        fetch: gets an object.

    Raises:
        DiskUnavailable: the folder cannot be used.
    """

    def __init__(self, folder: Path, bounds: Bounds, fetch: Fetch) -> None:
        self._bounds, self._fetch = bounds, fetch
        self._lock = threading.Lock()
        self._files: OrderedDict[str, _Cached] = OrderedDict()
        self._bytes = 0  # of all files, and of those that are fetched
        self._flights: dict[str, _Flight] = {}
        self._marks: OrderedDict[str, str] = OrderedDict()
        try:
            _remove_abandoned(folder)
            self._folder, self._handle = new_locked_folder(folder)
        except OSError as error:
            raise _unavailable(error) from error

    def expect(self, start: str, mark: str) -> None:
        """Forget objects that another owner had under the same names.

        Args:
            start: of the names.
            mark: of their owner.
        """
        with self._lock:
            if self._marks.get(start) == mark:
                return
            if start in self._marks:
                self._forget(start)
            self._marks[start] = mark
            if len(self._marks) > _MOST_MARKS:
                self._forget(next(iter(self._marks)))

    def _forget(self, start: str) -> None:
        del self._marks[start]
        for name in [name for name in self._files if name.startswith(start)]:
            self._drop(name)

    def has(self, name: str) -> bool:
        """Whether an object is here."""
        with self._lock:
            return self._is_cached(name)

    def open(self, name: str) -> BinaryIO:
        """Open an object. Those who ask for it at the same time fetch it once.

        Args:
            name: of the object, which may be a name of a file.

        Raises:
            DiskUnavailable: the disk is full, or cannot be written.
            Exception: any from the fetch.
        """
        with self._lock:
            if file := self._opened(name):
                return file
            flight = self._flights.get(name)
            if flight:
                flight.waiting += 1
            else:
                mine = self._flights[name] = _Flight()
        if flight is None:
            return self._fetched(name, mine)
        flight.ended.wait()
        if flight.error:
            raise flight.error
        with self._lock:
            return flight.opened.pop()

    def _opened(self, name: str) -> BinaryIO | None:
        if not self._is_cached(name):
            return None
        try:
            file = (self._folder / name).open("rb")
        except FileNotFoundError:  # an operator removed it
            self._drop(name)
            return None
        self._files.move_to_end(name)
        return file

    def _is_cached(self, name: str) -> bool:
        found = self._files.get(name)
        if found and time.monotonic() > found.until:
            self._drop(name)
            return False
        return found is not None

    def _drop(self, name: str) -> None:
        self._bytes -= self._files.pop(name).size
        (self._folder / name).unlink(missing_ok=True)

    def _fetched(self, name: str, flight: _Flight) -> BinaryIO:
        part, size = self._folder / f".{name}", 0

        def reserve(wanted: int) -> None:
            nonlocal size
            self._reserve(wanted)
            size = wanted

        try:
            self._fetch(name, part, reserve)
            return self._landed(name, size, flight)
        except Exception as error:
            flight.error = _unavailable(error) if isinstance(error, OSError) else error
            with self._lock:
                self._bytes -= size
                self._flights.pop(name, None)
            part.unlink(missing_ok=True)
            raise flight.error from error
        finally:
            flight.ended.set()

    def _landed(self, name: str, size: int, flight: _Flight) -> BinaryIO:
        with self._lock:
            path = (self._folder / f".{name}").rename(self._folder / name)
            flight.opened += [path.open("rb") for _ in range(flight.waiting + 1)]
            del self._flights[name]
            self._files[name] = _Cached(size, time.monotonic() + self._bounds.seconds)
            self._shrink_to(self._bounds.bytes)
            return flight.opened.pop()

    def _reserve(self, size: int) -> None:
        with self._lock:
            self._shrink_to(self._bounds.bytes - size)
            if self._free() - size < self._bounds.least_free:
                self._shrink_to(0)
            if self._free() - size < self._bounds.least_free:
                raise DiskUnavailable(DISK_FULL)
            self._bytes += size

    def _shrink_to(self, most: int) -> None:
        while self._files and self._bytes > most:
            self._drop(next(iter(self._files)))

    def _free(self) -> int:
        return shutil.disk_usage(self._folder).free


def _remove_abandoned(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.iterdir():
        with at_rest(left) as is_at_rest:
            if is_at_rest:
                shutil.rmtree(left, ignore_errors=True)


def _unavailable(error: OSError) -> DiskUnavailable:
    if is_disk_full(error):
        return DiskUnavailable(DISK_FULL)
    return DiskUnavailable(
        f"The cache cannot be used: {error.strerror}. Check its permissions and the disk."
    )
