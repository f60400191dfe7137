"""Queues conversions of results, and waits for their files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from diffing.api.stored import Stored
from diffing.api.watch import Watch
from diffing.core.errors import ConversionFailed, DiffingError, NotAcceptable, ResultGone
from diffing.store.conversions import Conversion, Conversions
from diffing.store.job import Status
from diffing.store.queue import JobQueue

_KINDS = {f"urn:diffing:{kind.slug()}": kind for kind in (NotAcceptable, ResultGone)}


@dataclass(frozen=True)
class WantedFile:
    """A file that a worker makes.

    Args:
        path: the file; its suffix names the format.
        rows: data rows that it must have; 0 if it has none.
        ask: the question that it answers, as JSON values; None for other files.
    """

    path: Path
    rows: int = 0
    ask: dict[str, Any] | None = None


class Formats:
    """Gets results in other formats, and what else is made of results, from the workers.

    Args:
        conversions: the conversions table.
        queue: of conversion ids.
        watch: follows conversions for waiting requests.
        stored: where the files appear.
    """

    def __init__(
        self,
        conversions: Conversions,
        queue: JobQueue,
        watch: Watch[Conversion],
        stored: Stored,
    ) -> None:
        self._conversions = conversions
        self._queue = queue
        self._watch = watch
        self._stored = stored

    async def unfinished(
        self, wanted: WantedFile, request: Request, seconds: float
    ) -> Status | None:
        """Wait for a file; None if it exists, else the status of its conversion.

        Args:
            wanted: the file.
            request: of the waiting client; the wait ends when it leaves.
            seconds: longest wait.

        Raises:
            NotAcceptable: the format cannot store the content of the file.
            ResultGone: the CSV was removed.
            ConversionFailed: it timed out, or the machine failed.
            DatabaseUnavailable: the conversion was not queued.
            StorageUnavailable: the bucket with the files does not answer.
        """
        if await self._stored.exists(wanted.path):
            return None
        conversion = await run_in_threadpool(self._conversion, wanted)
        await self._watch.until_end(conversion.id, request, seconds)
        left = await run_in_threadpool(self._conversions.of_ids, [conversion.id])
        if await self._stored.exists(wanted.path):
            return None
        if not left:  # its worker is stopping
            return Status.QUEUED
        if error := left[0].error:
            raise _error_of(error)
        return left[0].status

    async def refuse_failed(self, target: Path) -> None:
        """Report a conversion that failed within the last minute, so that it is not tried again.

        Args:
            target: the converted file.

        Raises:
            NotAcceptable, ResultGone, ConversionFailed: as from `unfinished`.
            DatabaseUnavailable: the conversions cannot be read.
        """
        if error := await run_in_threadpool(self._conversions.failure_of, target.name):
            raise _error_of(error)

    def _conversion(self, wanted: WantedFile) -> Conversion:
        conversion = self._conversions.want(wanted.path.name, wanted.rows, wanted.ask)
        if conversion.is_new:
            self._queue.put(conversion.id)
        return conversion


def _error_of(error: Mapping[str, str]) -> DiffingError:
    return _KINDS.get(error["type"], ConversionFailed)(error["detail"])
