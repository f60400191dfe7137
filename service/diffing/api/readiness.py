"""Checks whether each part of the service works."""

import asyncio
import logging
import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue

from diffing.api.backend import Backend
from diffing.core.errors import DiffingError, StorageUnavailable, Unavailable

_log = logging.getLogger(__name__)

# A slower part is not ready. Its next check waits for the running one.
_PATIENCE_SECONDS = 2.0

Checks = dict[str, dict[str, str]]


class Readiness:
    """Checks database, queue, disk, workers and more, each in its own thread.

    Args:
        backend: these parts.
    """

    def __init__(self, backend: Backend) -> None:
        self._settings = backend.settings
        self._statistics = backend.statistics
        self._queue = backend.queue
        self._metrics = backend.catalogue
        self._files = backend.kept
        self._storage = backend.storage
        self._looks = {
            "database": _Look(self._database),
            "queue": _Look(self._can_be_read),
            "disk": _Look(self._disk),
            "kept": _Look(self._kept),
            "worker": _Look(self._worker),
            "catalogue": _Look(self._catalogue),
        }
        if self._settings.storage:
            self._looks["storage"] = _Look(self._storage.look)

    async def checks(self) -> Checks:
        """The status of each part, ok, warning or failed, with a detail for people."""
        answers = await asyncio.gather(*(look.answer() for look in self._looks.values()))
        return dict(zip(self._looks, answers, strict=True))

    def _database(self) -> str:
        self._statistics.try_to_write()
        return "Readable and writable."

    def _can_be_read(self) -> str:
        return f"Readable, with {self._queue.depth():,} ids."

    def _disk(self) -> str:
        settings = self._settings
        written = (
            settings.results_dir,
            settings.tmp_dir,
            settings.uploads_dir,
            settings.kept_dir,
        )
        free = min(shutil.disk_usage(folder).free for folder in written)
        if free < settings.least_free:
            raise Unavailable(
                f"{free / 1e6:,.0f} MB free, less than DIFFING_MIN_FREE. Free some space."
            )
        if not all(os.access(folder, os.W_OK | os.X_OK) for folder in written):
            raise Unavailable("A folder is not writable. Check its permissions.")
        return f"{free / 1e6:,.0f} MB free."

    def _kept(self) -> str:
        try:
            used = self._files.used()
        except StorageUnavailable:
            raise _Doubtful("Unknown: the bucket did not list the kept files.") from None
        return f"{used.files:,} files, {used.bytes / 1e6:,.1f} MB."

    def _worker(self) -> str:
        crew = self._statistics.crew()
        if not crew.workers:
            raise Unavailable(
                "No worker has given a sign of life "
                f"for {self._settings.stale_after:g} s. Start one."
            )
        return f"{crew.workers} alive, for {crew.slots} jobs at once."

    def _catalogue(self) -> str:
        if self._metrics.is_broken:
            raise _Doubtful(
                "The file is broken since its last change, so the metrics before it are used. "
                "The server's log has the fault."
            )
        return f"{len(self._metrics.metrics):,} metrics."


class _Doubtful(Exception):
    """A part works, but an operator should look at it."""


class _Look:
    """Checks one part in a permanent thread, never more than once at a time."""

    def __init__(self, look: Callable[[], str]) -> None:
        self._look = look
        self._asked: SimpleQueue[Future[dict[str, str]]] = SimpleQueue()
        self._under_way: Future[dict[str, str]] | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    async def answer(self) -> dict[str, str]:
        if self._under_way is None or self._under_way.done():
            self._under_way = Future()
            self._asked.put(self._under_way)
        if not self._thread.ident:
            self._thread.start()
        asked = asyncio.wrap_future(self._under_way)
        try:
            return await asyncio.wait_for(asyncio.shield(asked), _PATIENCE_SECONDS)
        except TimeoutError:
            return _failed(f"No answer within {_PATIENCE_SECONDS:g} s.")

    def _work(self) -> None:
        while True:
            self._asked.get().set_result(self._result())

    def _result(self) -> dict[str, str]:
        try:
            return {"status": "ok", "detail": self._look()}
        except _Doubtful as doubt:
            return {"status": "warning", "detail": str(doubt)}
        except DiffingError as error:
            return _failed(error.detail)
        except OSError as error:
            return _failed(f"The check failed: {error.strerror}.")
        except Exception:  # noqa: BLE001 - after any error, the part is not ready
            _log.exception("a readiness check failed")
            return _failed("Unexpected error. The server's log has the details.")


def _failed(detail: str) -> dict[str, str]:
    return {"status": "failed", "detail": detail}
