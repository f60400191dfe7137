"""Converts results in child processes, once for all waiting requests."""

import asyncio
import json
import logging
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from diffing.api.watch import left
from diffing.core.errors import ConversionFailed, DiffingError, NotAcceptable, ResultGone
from diffing.files.publish import remove_parts

_log = logging.getLogger(__name__)
_MOST_AT_ONCE = 2
_KINDS = {kind.slug(): kind for kind in (NotAcceptable, ResultGone)}


@dataclass(frozen=True)
class Conversion:
    """The order for a conversion.

    Args:
        source: the CSV.
        target: the converted file; its suffix names the format.
        rows: data rows of both.
    """

    source: Path
    target: Path
    rows: int


class Conversions:
    """Runs each conversion once at a time, and ends it when no request waits for it.

    Args:
        stopping: ends all conversions when set.
        timeout: most seconds of one conversion.
    """

    def __init__(self, stopping: asyncio.Event, timeout: float) -> None:
        self._stopping = stopping
        self._timeout = timeout
        self._under_way: dict[Conversion, _Shared] = {}
        self._slots = asyncio.Semaphore(_MOST_AT_ONCE)

    async def made(self, conversion: Conversion, request: Request) -> None:
        """Return when the converted file exists.

        Args:
            conversion: the order.
            request: of the waiting client; the wait ends when it leaves.

        Raises:
            NotAcceptable: the format cannot store the content of the file.
            ResultGone: the CSV was removed.
            ConversionFailed: it timed out, the machine failed, or the API stops.
        """
        shared = self._under_way.get(conversion) or self._begun(conversion)
        shared.waiting += 1
        gone = [asyncio.ensure_future(wait) for wait in (left(request), self._stopping.wait())]
        try:
            await asyncio.wait([shared.task, *gone], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for future in gone:
                future.cancel()
            shared.waiting -= 1
            if not shared.waiting:
                self._end(conversion, shared)
        if not shared.task.done() or shared.task.cancelled():
            raise ConversionFailed("The service is stopping, or the client left. Try again later.")
        shared.task.result()

    def _begun(self, conversion: Conversion) -> "_Shared":
        shared = _Shared(asyncio.create_task(self._run(conversion)))
        self._under_way[conversion] = shared
        return shared

    def _end(self, conversion: Conversion, shared: "_Shared") -> None:
        """End a conversion without waiting requests. The next request starts it again."""
        if self._under_way.get(conversion) is shared:
            del self._under_way[conversion]
        shared.task.cancel()

    async def _run(self, conversion: Conversion) -> None:
        async with self._slots:
            if conversion.target.exists():
                return
            try:
                async with asyncio.timeout(self._timeout):
                    said = await _run_child(conversion)
            except TimeoutError:
                raise ConversionFailed(
                    f"The conversion took longer than {self._timeout:g} s. "
                    "Ask for format=csv, or raise DIFFING_JOB_TIMEOUT."
                ) from None
            except OSError:
                _log.exception("a conversion could not be started")
                raise ConversionFailed("The conversion could not be started.") from None
        if said is not None:
            raise said


class _Shared:
    """A running conversion, and the number of its waiting requests."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.task = task
        self.waiting = 0


async def _run_child(conversion: Conversion) -> DiffingError | None:
    """Run the child to its end, and return its failure. It does not outlive this call."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "diffing.engine.convert"),
        *(str(path.absolute()) for path in (conversion.source, conversion.target)),
        *(str(conversion.rows), str(os.getpid())),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        said, _ = await child.communicate()
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
        if child.returncode:
            remove_parts(conversion.target, child.pid)
    return _failure_in(said) if child.returncode else None


def _failure_in(said: bytes) -> DiffingError:
    try:
        failure = json.loads(said)
    except ValueError:
        return ConversionFailed(
            "The process of the conversion crashed. The server's log has the reason."
        )
    kind = _KINDS.get(failure["type"].rpartition(":")[2], ConversionFailed)
    return kind(failure["detail"])
