"""Queues conversions of results, and waits for their files."""

from collections.abc import Mapping
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from diffing.api.watch import Watch
from diffing.core.errors import ConversionFailed, DiffingError, NotAcceptable, ResultGone
from diffing.store.conversions import Conversion, Conversions
from diffing.store.job import Status
from diffing.store.queue import JobQueue

_KINDS = {f"urn:diffing:{kind.slug()}": kind for kind in (NotAcceptable, ResultGone)}


class Formats:
    """Gets results in other formats from the workers.

    Args:
        conversions: the conversions table.
        queue: of conversion ids.
        watch: follows conversions for waiting requests.
    """

    def __init__(self, conversions: Conversions, queue: JobQueue, watch: Watch[Conversion]) -> None:
        self._conversions = conversions
        self._queue = queue
        self._watch = watch

    async def unfinished(
        self, target: Path, rows: int, request: Request, seconds: float
    ) -> Status | None:
        """Wait for a converted file; None if it exists, else the status of its conversion.

        Args:
            target: the converted file; its suffix names the format.
            rows: data rows that it must have.
            request: of the waiting client; the wait ends when it leaves.
            seconds: longest wait.

        Raises:
            NotAcceptable: the format cannot store the content of the file.
            ResultGone: the CSV was removed.
            ConversionFailed: it timed out, or the machine failed.
            DatabaseUnavailable: the conversion was not queued.
        """
        if await run_in_threadpool(target.exists):
            return None
        wanted = await run_in_threadpool(self._wanted, target.name, rows)
        await self._watch.until_end(wanted.id, request, seconds)
        left = await run_in_threadpool(self._conversions.of_ids, [wanted.id])
        if await run_in_threadpool(target.exists):
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

    def _wanted(self, name: str, rows: int) -> Conversion:
        wanted = self._conversions.want(name, rows)
        if wanted.is_new:
            self._queue.put(wanted.id)
        return wanted


def _error_of(error: Mapping[str, str]) -> DiffingError:
    return _KINDS.get(error["type"], ConversionFailed)(error["detail"])
