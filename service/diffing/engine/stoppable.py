"""Work on SQL that another thread can stop."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from diffing.csvfiles.named_files import NamedFiles
from diffing.engine.connection import Session
from diffing.sandbox.limits import Limits


class Stoppable:
    """Work that another thread can stop. Its present session is `_session`."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._interrupted = threading.Event()

    def interrupt(self) -> None:
        """Stop the work from another thread. It then raises Interrupted."""
        self._interrupted.set()
        if self._session:
            self._session.interrupt()

    def connect(
        self,
        kind: type[Session],
        limits: Limits,
        scratch: Path,
        outputs: Iterable[Path] = (),
        pieces: Sequence[NamedFiles] = (),
    ) -> Session:
        """Open a session, which is the present one from now on.

        Args:
            kind: of the session.
            limits: threads, memory and disk.
            scratch: an existing, private folder.
            outputs: files that it may write, and read.
            pieces: files that it may read.
        """
        self._session = kind(limits, scratch, outputs, pieces, self._interrupted)
        return self._session

    @contextmanager
    def session(
        self, kind: type[Session], limits: Limits, scratch: Path, files: Iterable[Path]
    ) -> Iterator[Session]:
        """A session of one thread, so rows keep their order, and sums are the same each time.

        Args:
            kind: of the session.
            limits: memory and disk.
            scratch: an existing, private folder.
            files: that it may reach.
        """
        with self.connect(kind, replace(limits, threads=1), scratch, files) as session:
            yield session
