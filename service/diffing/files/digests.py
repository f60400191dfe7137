"""Digests of files, taken while a diff reads them."""

import hashlib
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from queue import Full, Queue
from typing import BinaryIO, Literal, NamedTuple, Self, cast

from diffing.core.errors import INTERRUPTED, BadInput, Interrupted
from diffing.core.input_file import InputFile
from diffing.csvfiles.archives import unpacked

Algorithm = Literal["sha256", "blake3"]

_BLOCK = 1024 * 1024
# Blocks that are offered faster than their digests are taken.
_MOST_BLOCKS = 16


class _Block(NamedTuple):
    place: int
    offset: int
    content: bytes


class Digests:
    """Takes the digests of files in another thread, while a diff reads them.

    So the bytes are in the memory of the system already; or the diff gives the blocks that it has
    read. No digest depends on these blocks being all or in order: the thread reads what it lacks.

    Args:
        files: the files; a missing one has no digest. The SHA-256 of another may be known. It is
            checked if the file was fetched.
        interrupted: when set, it ends.
        algorithm: BLAKE3 is several times as fast as SHA-256.
        awaits_blocks: whether to read nothing before `read_on`.
    """

    def __init__(
        self,
        files: Sequence[InputFile],
        interrupted: threading.Event,
        algorithm: Algorithm = "sha256",
        *,
        awaits_blocks: bool = False,
    ) -> None:
        self._files = files
        self._algorithm = algorithm
        self._interrupted = interrupted
        self._ended = threading.Event()
        self._blocks: Queue[_Block | None] = Queue(_MOST_BLOCKS)
        self._reads_on = threading.Event()
        self._begun: dict[int, _Running] = {}
        self._opened = ExitStack()
        self._thread = ThreadPoolExecutor(1, "digests")
        if not awaits_blocks:
            self.read_on()
        self._followed = self._thread.submit(self._follow)
        self._found: list[Future[str | None]] = [
            self._thread.submit(self._digest, place) for place in range(len(files))
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            if isinstance(error, BadInput):  # a damaged file explains any fault in it
                for place, file in enumerate(self._files):
                    if self._known(file) and file.is_fetched:
                        self.wait_for(place)
        finally:
            self._ended.set()
            self.read_on()
            self._thread.shutdown(cancel_futures=True)
            self._opened.close()

    def offer(self, place: int, offset: int, block: bytes) -> None:
        """Give a block that was read of a file, before `read_on`.

        Args:
            place: of the file among all.
            offset: of the block in it.
            block: some bytes of it.
        """
        with suppress(Full):  # then the thread reads them again
            self._blocks.put_nowait(_Block(place, offset, block))

    def read_on(self) -> None:
        """Let the thread read what it lacks, because no more blocks follow."""
        if not self._reads_on.is_set():
            self._reads_on.set()
            with suppress(Full):  # then the thread does not wait for a block
                self._blocks.put_nowait(None)

    def wait(self) -> list[str | None]:
        """Wait for the digest of each file, in hexadecimal; None for a missing one.

        Raises:
            OSError: a file cannot be read.
            BadInput: a fetched file is not the original.
            Interrupted: it was stopped.
        """
        self.read_on()
        return [found.result() for found in self._found]

    def wait_for(self, place: int) -> str | None:
        """Wait for the digest of one of the files; errors are raised as from `wait`."""
        self.read_on()
        return self._found[place].result()

    def is_known(self, place: int) -> bool:
        """Whether `wait_for` returns at once."""
        return self._found[place].done()

    def _follow(self) -> None:
        """Take the blocks that are offered, up to `read_on`."""
        while block := self._blocks.get():
            file = self._files[block.place]
            if file.is_fetched or not self._known(file):
                if block.place not in self._begun:
                    content = self._opened.enter_context(file.path.open("rb", buffering=0))
                    self._begun[block.place] = self._running(cast("BinaryIO", content))
                self._begun[block.place].take(block.offset, block.content)
            if self._reads_on.is_set() and self._blocks.empty():
                return

    def _known(self, file: InputFile) -> str | None:
        return file.sha256 if self._algorithm == "sha256" else None

    def _digest(self, place: int) -> str | None:
        self._followed.result()
        of = self._files[place]
        known = self._known(of)
        if known and not of.is_fetched:
            return known
        if place in self._begun:
            found = self._begun[place].whole()
        else:
            try:
                file = of.path.open("rb", buffering=0)
            except FileNotFoundError:
                return None
            with file:
                found = self._running(cast("BinaryIO", file)).whole()
        if known and found != known:
            self._require_packed(of)
            return known
        return found

    def _require_packed(self, of: InputFile) -> None:
        """Check that a file is the packed original."""
        found = None
        # damage that the packing notices is told in the same words
        with suppress(BadInput), unpacked(of.path, of.name) as content:
            found = self._running(content).whole()
        if found != of.sha256:
            raise BadInput(
                f"{of.name}: the kept file is damaged, because its SHA-256 is not {of.sha256}. "
                "Put a good copy into kept/ of the storage, or accept another job."
            )

    def _running(self, content: BinaryIO) -> "_Running":
        return _Running(content, self._new(), self._require_wanted)

    def _require_wanted(self) -> None:
        if self._ended.is_set() or self._interrupted.is_set():
            raise Interrupted(INTERRUPTED)

    def _new(self) -> "hashlib._Hash":
        if self._algorithm == "sha256":
            return hashlib.sha256()
        from blake3 import blake3  # loaded only for kept hashes

        return cast("hashlib._Hash", blake3())


class _Running:
    """A digest of a file, from its start up to some offset."""

    def __init__(
        self, content: BinaryIO, digest: "hashlib._Hash", require_wanted: Callable[[], None]
    ) -> None:
        self._content, self._digest, self._require_wanted = content, digest, require_wanted
        self._done = 0

    def take(self, offset: int, block: bytes) -> None:
        """Go on to the end of a block of the file, whose part before it may be missing."""
        if offset + len(block) <= self._done:
            return
        if offset > self._done:
            self._content.seek(self._done)
            self._read(offset - self._done)
        self._require_wanted()
        self._digest.update(memoryview(block)[self._done - offset :])
        self._done = offset + len(block)

    def whole(self) -> str:
        """The digest of the whole file."""
        if self._done:
            self._content.seek(self._done)
        self._read(sys.maxsize)
        return self._digest.hexdigest()

    def _read(self, length: int) -> None:
        block = memoryview(bytearray(_BLOCK))
        while length and (
            count := self._content.readinto(block[: min(length, _BLOCK)])  # type: ignore[attr-defined]
        ):
            self._require_wanted()
            self._digest.update(block[:count])
            self._done += count
            length -= count
