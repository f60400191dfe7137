"""Whether the service can do its work, looked at part by part."""

import asyncio
import logging
import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue

from diffing.core.errors import DiffingError, Unavailable
from diffing.core.settings import Settings
from diffing.store.queue import JobQueue
from diffing.store.statistics import Census

_log = logging.getLogger(__name__)

# A part that does not answer within that is not ready; its next look is the one under way.
_PATIENCE_SECONDS = 2.0

Checks = dict[str, dict[str, str]]


class Readiness:
    """Looks at database, queue, disk and workers, each in a thread of its own.

    Args:
        settings: the folders, and what must be free there.
        census: counts the workers.
        queue: of the jobs.
    """

    def __init__(self, settings: Settings, census: Census, queue: JobQueue) -> None:
        self._settings = settings
        self._census = census
        self._queue = queue
        self._looks = {
            "database": _Look(self._database),
            "queue": _Look(self._can_be_read),
            "disk": _Look(self._disk),
            "worker": _Look(self._worker),
        }

    async def checks(self) -> Checks:
        """For each part its status, ok or failed, and a detail for a person."""
        answers = await asyncio.gather(*(look.answer() for look in self._looks.values()))
        return dict(zip(self._looks, answers, strict=True))

    def _database(self) -> str:
        self._census.try_to_write()
        return "It can be read and written."

    def _can_be_read(self) -> str:
        return f"It can be read; {self._queue.depth():,} ids are in it."

    def _disk(self) -> str:
        settings = self._settings
        written = (settings.results_dir, settings.tmp_dir, settings.uploads_dir)
        free = min(shutil.disk_usage(folder).free for folder in written)
        if free < settings.least_free:
            raise Unavailable(
                f"{free / 1e6:,.0f} MB are free, which is less than DIFFING_MIN_FREE. "
                "Free some space."
            )
        if not all(os.access(folder, os.W_OK | os.X_OK) for folder in written):
            raise Unavailable("A folder cannot be written to. Look at its permissions.")
        return f"{free / 1e6:,.0f} MB are free."

    def _worker(self) -> str:
        crew = self._census.crew()
        if not crew.workers:
            raise Unavailable(
                f"No worker was seen within {self._settings.stale_after:g} s. Start one."
            )
        return f"{crew.workers} seen lately, for {crew.slots} jobs at once."


class _Look:
    """Looks at one part in a thread that lives on, and never more than once at a time."""

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
        except DiffingError as error:
            return _failed(error.detail)
        except OSError as error:
            return _failed(f"It cannot be looked at: {error.strerror}.")
        except Exception:  # noqa: BLE001 - whatever it is, the part is not ready, and said to be so
            _log.exception("could not look whether all is ready")
            return _failed("An error that was not foreseen; the server's log has it.")


def _failed(detail: str) -> dict[str, str]:
    return {"status": "failed", "detail": detail}
