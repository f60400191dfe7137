"""Reads a file for the hashes of its keys, in several processes or threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Self, TypeVar

import numpy as np

from diffing.csvfiles.fields import Block, Numbers, PartOfRecord, blocks
from diffing.csvfiles.scan import Chunk, Portions
from diffing.csvfiles.stretches import Irreducible
from diffing.engine.key_hashes import Found, Hashes, KeyHashes, Shape, hashes_of
from diffing.sandbox.helpers import MOST_PARTS, Helpers, Part, Work

T = TypeVar("T")

# A file with less than two parts is read in so much smaller ones.
_PARTS_OF_A_PART = 16


@dataclass(frozen=True)
class Places:
    """Records of a file.

    Args:
        starts: where each begins, in bytes.
        ends: where the next one begins.
        numbers: of the hash of each.
    """

    starts: Numbers
    ends: Numbers
    numbers: Numbers


@dataclass(frozen=True)
class Source:
    """A file whose records are read, here or in a helper process.

    Args:
        path: an uncompressed file.
        shape: of its records.
        portions: bytes per part, which one thread or process reads, and per block.
    """

    path: Path
    shape: Shape
    portions: Portions

    def parts(self, threads: int) -> list[Part]:
        """Parts of the file that begin and end between lines, for each thread as many."""
        body, size = self.shape.layout.body, self.path.stat().st_size
        rounds = max(1, (size - body) // self.portions.read // threads)
        smallest = self.portions.read // _PARTS_OF_A_PART
        number = min(rounds * threads, MOST_PARTS, (size - body) // smallest)
        cuts = [body]
        with self.path.open("rb") as file:
            for place in range(1, number):
                file.seek(body + (size - body) * place // number)
                file.readline()
                if cuts[-1] < file.tell() < size:
                    cuts.append(file.tell())
        return [part for part in pairwise([*cuts, size]) if part[0] < part[1]]

    def blocks(self, part: Part, on_read: Callable[[int], None]) -> Iterator[tuple[int, Block]]:
        """The offset and the records of each block of a part.

        Raises:
            Irreducible: the text is not surely well-formed.
            PartOfRecord: the part ends inside a record.
        """
        with self.path.open("rb", buffering=0) as file:
            layout, size = self.shape.layout, self.portions.scanned
            for place, block in blocks(file.fileno(), part, layout, size):
                yield place, block
                on_read(int(block.record_ends[-1]))


@dataclass(frozen=True)
class Hashing:
    """Hashes the keys of a part of a file.

    Args:
        source: the file.
        most: records per byte of the file, at most.
        spool: a file to which the hashes are appended; None to return them.
    """

    source: Source
    most: float
    spool: int | None = None

    def __call__(self, part: Part, on_read: Callable[[int], None]) -> tuple[Part, Found]:
        """Hash the keys of a part."""
        found, rows = Found(), 0
        hashes = [found.hashes]
        shape = self.source.shape
        for place, block in self.source.blocks(part, on_read):
            hashes.append(hashes_of(block, shape))
            found.add_values(block, shape)
            if block.folded:
                found.folded.append(Chunk(place, place + int(block.record_ends[-1]), inside=False))
            rows += block.rows
            if rows > self.most * (part[1] - part[0]) + len(block.text):
                raise Irreducible
        if self.spool is None:
            found.hashes = np.concatenate(hashes)
            return part, found
        found.spooled = rows
        if os.write(self.spool, np.concatenate(hashes).data) < rows * found.hashes.itemsize:
            raise Irreducible
        return part, found


@dataclass(frozen=True)
class _Having:
    """Finds the records of a part of a file whose key has one of these hashes.

    Args:
        source: the file.
        hashes: ascending.
    """

    source: Source
    hashes: Hashes

    def __call__(
        self, part: Part, on_read: Callable[[int], None]
    ) -> tuple[Part, list[tuple[Numbers, Numbers, Numbers]]]:
        """Find the records of a part."""
        found = []
        for place, block in self.source.blocks(part, on_read):
            of_block = hashes_of(block, self.source.shape)
            numbers = np.searchsorted(self.hashes, of_block)
            numbers[numbers == len(self.hashes)] = 0
            records = np.flatnonzero(self.hashes[numbers] == of_block)
            ends = block.record_ends + place
            starts = np.concatenate([[place], ends[:-1]])
            found.append((starts[records], ends[records], numbers[records]))
        return part, found


@dataclass(frozen=True)
class Parallelism:
    """The threads and processes that read a file.

    Args:
        threads: number of threads, if there are no helper processes.
        on_step: called often; an exception from it ends the reading.
        helpers: processes beside this one.
    """

    threads: int
    on_step: Callable[[], None]
    helpers: Helpers = field(default_factory=Helpers)


class Reading:
    """Reads a file in several processes or threads.

    Args:
        source: the file.
        parallelism: processes and threads.

    Attributes:
        source: as given.
    """

    def __init__(self, source: Source, parallelism: Parallelism) -> None:
        self.source, self._parallelism = source, parallelism
        self._threads = ThreadPoolExecutor(parallelism.threads, "fields")
        self._ended = threading.Event()
        self._read = 0
        self._by_helpers = False
        self._found: Callable[[], list[Found]] = list

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._threads.shutdown(cancel_futures=True)

    @property
    def bytes_read(self) -> int:
        """The bytes that were read, by this process and by helpers."""
        return self._read + (self._parallelism.helpers.bytes_read if self._by_helpers else 0)

    def begin(self, most_rows: int) -> None:
        """Begin to hash the keys.

        Args:
            most_rows: the number of records that the file may have.
        """
        body = self.source.path.stat().st_size - self.source.shape.layout.body
        here = Hashing(self.source, most_rows / max(body, 1))
        self._found = self._begun(here, replace(here, spool=self._parallelism.helpers.spool))

    def hashes(self) -> KeyHashes:
        """Wait for the hashes of the keys.

        Raises:
            Irreducible: the file is not surely well-formed, or too long.
        """
        return KeyHashes.of(self._found(), self._parallelism.helpers.spool)

    def places(self, hashes: Hashes) -> Places:
        """Find the records whose key has one of these hashes, in order.

        Args:
            hashes: ascending.

        Raises:
            Irreducible: the file is not surely well-formed.
        """
        read = _Having(self.source, hashes)
        found = self._begun(read, read)()
        columns = zip(*[found_there for part in found for found_there in part], strict=True)
        return Places(*map(np.concatenate, columns))

    def _begun(
        self, here: Work[tuple[Part, T]], there: Work[tuple[Part, T]]
    ) -> Callable[[], list[T]]:
        """Begin to read the parts; the function returned waits for their results.

        Args:
            here: reads a part in this process.
            there: reads it in a helper.
        """
        helpers, parts = self._parallelism.helpers, self.source.parts(self._parallelism.threads)
        self._by_helpers = len(helpers) > 0 and len(parts) > 1
        if self._by_helpers:
            helpers.begin(there, parts)
            results = partial(self._shared, here)
        else:
            work = [self._threads.submit(here, part, self._on_read) for part in parts]
            results = partial(self._by_threads, work)

        def in_order() -> list[T]:
            try:
                return [found for _, found in sorted(results(), key=itemgetter(0))]
            except PartOfRecord:
                whole = parts[0][0], parts[-1][1]
                return [here(whole, self._on_read)[1]]

        return in_order

    def _shared(self, here: Work[tuple[Part, T]]) -> list[tuple[Part, T]]:
        found, of_helpers = self._parallelism.helpers.results(
            here, self._on_read, self._parallelism.on_step
        )
        return found + of_helpers

    def _by_threads(self, work: Sequence[Future[tuple[Part, T]]]) -> list[tuple[Part, T]]:
        try:
            return [part.result() for part in work]
        except PartOfRecord:
            for part in work:
                part.cancel()
            raise

    def _on_read(self, count: int) -> None:
        if self._ended.is_set():
            raise Irreducible
        self._parallelism.on_step()
        self._read += count
