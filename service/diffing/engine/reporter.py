"""Reports the progress of a diff: its stages, and how much of the files was read."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from diffing.core.progress import Progress

_REPORT_SECONDS = 0.5


class _Watched(Protocol):
    """Files whose reading is reported."""

    @property
    def bytes_read(self) -> int: ...

    @property
    def bytes_total(self) -> int: ...


class Reporter:
    """Reports progress at the start of a stage, and twice a second during reading."""

    def __init__(self, on_progress: Callable[[Progress], None]) -> None:
        self._on_progress = on_progress
        self._files: Sequence[_Watched] = ()
        self._latest = Progress("")
        self._lock = threading.Lock()

    def stage(self, stage: str) -> None:
        """Begin a stage."""
        with self._lock:
            self._report(stage)

    @contextmanager
    def watching(self, files: Sequence[_Watched]) -> Iterator[None]:
        """Report how much of these files was read, during the block.

        An inner block reports nothing of its own.
        """
        if self._files:
            yield
            return
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(_REPORT_SECONDS):
                with self._lock:
                    self._report(self._latest.stage)

        thread = threading.Thread(target=watch, daemon=True)
        self._files = files
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self._files = ()

    def _report(self, stage: str) -> None:
        progress = Progress(stage)
        if self._files:
            read, total = (
                sum(f.bytes_read for f in self._files),
                sum(f.bytes_total for f in self._files),
            )
            progress = Progress(stage, read, total)
        if progress != self._latest:
            self._latest = progress
            self._on_progress(progress)
