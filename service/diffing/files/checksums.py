"""Checksums of files."""

import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Literal, Self, cast

from diffing.core.errors import BadInput, Interrupted
from diffing.core.input_file import InputFile
from diffing.csvfiles.archives import opened

Algorithm = Literal["sha256", "blake3"]

_BLOCK = 1024 * 1024


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal, as `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(path: Path) -> str:
    """The 128-bit XXH3 of a file, in hexadecimal, as `xxh128sum` prints it.

    It is as fast as reading the file, and distinguishes files. It does not protect against forgery.
    """
    import xxhash  # loaded only if requested

    with path.open("rb") as file:
        # file_digest accepts anything that works like a hashlib object
        return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()


class Digests:
    """Takes the digests of files in another thread, while a diff reads them.

    So the bytes are in the memory of the system already.

    Args:
        files: the files; a missing one has no digest. The SHA-256 of another may be known. It is
            checked if the file was fetched.
        interrupted: when set, it ends.
        algorithm: BLAKE3 is several times as fast as SHA-256.
    """

    def __init__(
        self,
        files: Sequence[InputFile],
        interrupted: threading.Event,
        algorithm: Algorithm = "sha256",
    ) -> None:
        self._files = files
        self._algorithm = algorithm
        self._interrupted = interrupted
        self._ended = threading.Event()
        self._thread = ThreadPoolExecutor(1, "digests")
        self._found: list[Future[str | None]] = [
            self._thread.submit(self._digest, file) for file in files
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
            self._thread.shutdown(cancel_futures=True)

    def wait(self) -> list[str | None]:
        """Wait for the digest of each file, in hexadecimal; None for a missing one.

        Raises:
            OSError: a file cannot be read.
            BadInput: a fetched file is not the original.
            Interrupted: it was stopped.
        """
        return [found.result() for found in self._found]

    def wait_for(self, place: int) -> str | None:
        """Wait for the digest of one of the files; errors are raised as from `wait`."""
        return self._found[place].result()

    def is_known(self, place: int) -> bool:
        """Whether `wait_for` returns at once."""
        return self._found[place].done()

    def _known(self, file: InputFile) -> str | None:
        return file.sha256 if self._algorithm == "sha256" else None

    def _digest(self, of: InputFile) -> str | None:
        known = self._known(of)
        if known and not of.is_fetched:
            return known
        try:
            file = of.path.open("rb", buffering=0)
        except FileNotFoundError:
            return None
        with file:
            found = self._digest_of(cast("BinaryIO", file))
        if known and found != known:
            self._require_packed(of)
            return known
        return found

    def _require_packed(self, of: InputFile) -> None:
        """Check that a file is the packed original."""
        found = None
        # damage that the packing notices is told in the same words
        with suppress(BadInput), opened(of.path, of.name) as content:
            found = self._digest_of(content)
        if found != of.sha256:
            raise BadInput(
                f"{of.name}: the kept file is damaged, because its SHA-256 is not {of.sha256}. "
                "Put a good copy into kept/ of the storage, or accept another job."
            )

    def _digest_of(self, content: BinaryIO) -> str:
        digest, block = self._new(), memoryview(bytearray(_BLOCK))
        while count := content.readinto(block):  # type: ignore[attr-defined]
            if self._ended.is_set() or self._interrupted.is_set():
                raise Interrupted("The diff was interrupted.")
            digest.update(block[:count])
        return digest.hexdigest()

    def _new(self) -> "hashlib._Hash":
        if self._algorithm == "sha256":
            return hashlib.sha256()
        from blake3 import blake3  # loaded only for kept hashes

        return cast("hashlib._Hash", blake3())
