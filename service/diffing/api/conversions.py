"""Has results written in other formats by a worker, and waits for the files."""

from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from diffing.api.watch import Watch
from diffing.core.errors import ConversionFailed, NotAcceptable, ResultGone
from diffing.store.conversions import Conversion, Conversions
from diffing.store.job import Status
from diffing.store.queue import JobQueue

_KINDS = {f"urn:diffing:{kind.slug()}": kind for kind in (NotAcceptable, ResultGone)}


class Formats:
    """Asks for conversions.

    Args:
        conversions: their table.
        queue: carries their ids.
        watch: looks at them for those who wait.
    """

    def __init__(self, conversions: Conversions, queue: JobQueue, watch: Watch[Conversion]) -> None:
        self._conversions = conversions
        self._queue = queue
        self._watch = watch

    async def unfinished(
        self, target: Path, rows: int, request: Request, seconds: float
    ) -> Status | None:
        """Wait for a file; returns None once it is there, else how its conversion stands.

        Args:
            target: a result in another format, whose suffix says which.
            rows: data rows that it must have.
            request: of the client that waits; when it goes away, it waits no more.
            seconds: to wait, at most.

        Raises:
            NotAcceptable: the format has no room for what is in the file.
            ResultGone: the CSV was removed.
            ConversionFailed: it took too long, or the machine was not up to it.
            DatabaseUnavailable: the conversion could not be asked for.
        """
        if await run_in_threadpool(target.exists):
            return None
        wanted = await run_in_threadpool(self._wanted, target.name, rows)
        await self._watch.until_end(wanted.id, request, seconds)
        left = await run_in_threadpool(self._conversions.of_ids, [wanted.id])
        if await run_in_threadpool(target.exists):
            return None
        if not left:  # the worker that had it stops
            return Status.QUEUED
        if error := left[0].error:
            raise _KINDS.get(error["type"], ConversionFailed)(error["detail"])
        return left[0].status

    def _wanted(self, name: str, rows: int) -> Conversion:
        wanted = self._conversions.want(name, rows)
        if wanted.is_new:
            self._queue.put(wanted.id)
        return wanted
