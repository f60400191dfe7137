"""Scans the bytes of the files in another thread, while DuckDB reads them."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from diffing.core.errors import INTERRUPTED, Interrupted
from diffing.csvfiles.csv_file import CsvFile, contents_of
from diffing.csvfiles.scan import Contents


class Inspection:
    """Counts the rows of files without DuckDB, to verify its counts.

    Args:
        files: the files.
        interrupted: when set, it ends.
    """

    def __init__(self, files: Sequence[CsvFile], interrupted: threading.Event) -> None:
        self._interrupted = interrupted
        self._ended = threading.Event()
        self._thread = ThreadPoolExecutor(1, "inspection")
        self._contents: dict[CsvFile, Future[Contents]] = {
            file: self._thread.submit(contents_of, file, self._stop) for file in files
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.shutdown(cancel_futures=True)

    def contents(self, file: CsvFile) -> Contents:
        """Wait for the contents of a file.

        Raises:
            BadInput: the file is not UTF-8.
            Interrupted: the inspection was stopped.
        """
        return self._contents[file].result()

    def _stop(self) -> None:
        if self._ended.is_set() or self._interrupted.is_set():
            raise Interrupted(INTERRUPTED)
