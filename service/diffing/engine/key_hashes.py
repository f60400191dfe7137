"""A hash of the key of each record of a file, and the hashes that several records have.

Equal keys have equal hashes. Nothing else is assumed, so a weak hash costs only time.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from diffing.csvfiles.alignment import Irreducible
from diffing.csvfiles.fields import Block, Layout, Numbers, PartOfRecord, blocks
from diffing.csvfiles.scan import Chunk, Portions
from diffing.engine.plain_numbers import without_plain_numbers
from diffing.engine.words import words_of
from diffing.sandbox.helpers import MOST_PARTS, Helpers, Part, Work

Hashes = NDArray[np.uint64]
T = TypeVar("T")

# So many different values that may be numbers or not are kept.
_MOST_DOUBTFUL = 100_000
# A file with less than two parts is read in so much smaller ones.
_PARTS_OF_A_PART = 16
# So many bytes are taken out of a spool at once.
_MOVED = 1 << 20
_HALF = np.uint64(32)
_FACTORS = np.random.default_rng(0).integers(1 << 63, 1 << 64, 256, np.uint64) | np.uint64(1)

FUNCTION = f"1 {hashlib.sha256(_FACTORS.tobytes()).hexdigest()}"
"""The name of the function. Change its number with `hashes_of`; numpy may change the factors."""


@dataclass(frozen=True)
class Shape:
    """The parts of a record that matter.

    Args:
        layout: of the file.
        keys: the key columns, as spans of first and last column.
        values: the value columns of numbers.
    """

    layout: Layout
    keys: Sequence[tuple[int, int]]
    values: Sequence[int]

    @classmethod
    def of(
        cls, header: bytes, columns: Sequence[str], key: Sequence[str], value: Sequence[str]
    ) -> Shape:
        """The shape of a file.

        Args:
            header: its first line.
            columns: the names in it.
            key: the key columns.
            value: the value columns of numbers.
        """
        keys: list[tuple[int, int]] = []
        for number in sorted(map(columns.index, key)):
            if keys and keys[-1][1] == number - 1:
                keys[-1] = keys[-1][0], number
            else:
                keys.append((number, number))
        values = [columns.index(name) for name in value]
        line_end = b"\r\n" if header.endswith(b"\r\n") else b"\n"
        read = [*map(columns.index, key), *values]
        return cls(Layout(len(header), len(columns), line_end, read), keys, values)


@dataclass
class Found:
    """The keys and values of some records.

    Args:
        hashes: 64 bits for each record, in their order.
        folded: the blocks in which a line end is inside a field.
        doubtful: values that may be numbers or not, and their copies.
        no_numbers: other values that are surely neither empty nor a number.
        spooled: hashes that a helper process has put into the spool instead.
    """

    hashes: Hashes = field(default_factory=lambda: np.empty(0, np.uint64))
    folded: list[Chunk] = field(default_factory=list)
    doubtful: Counter[bytes] = field(default_factory=Counter)
    no_numbers: int = 0
    spooled: int = 0

    def add_values(self, block: Block, shape: Shape) -> None:
        """Count the values of a block that are no numbers, and those that may be none.

        Raises:
            Irreducible: too many may be none.
        """
        for column in shape.values:
            starts, lengths = block.span(column, column)
            # no number has a quote; the text of the block lacks it
            quoted = block.with_quotes
            quoted = quoted[quoted % shape.layout.columns == column] // shape.layout.columns
            self.no_numbers += len(quoted)
            lengths[quoted] = 0
            left = without_plain_numbers(block.text, starts, lengths)
            self.no_numbers += left.no_numbers
            places = zip(starts[left.fields].tolist(), lengths[left.fields].tolist(), strict=True)
            self.doubtful.update([block.text[start : start + size] for start, size in places])
        if len(self.doubtful) > _MOST_DOUBTFUL:
            raise Irreducible


def hashes_of(block: Block, shape: Shape) -> Hashes:
    """A hash of the key of each record of a block."""
    hashes = np.zeros(block.rows, np.uint64)
    for span, (first, last) in enumerate(shape.keys):
        words = words_of(block.text, *block.span(first, last))
        for number, (word, records) in enumerate(words):
            # else words that differ in their last bytes alone had sums with few different bits
            word ^= word >> _HALF
            word *= _FACTORS[(17 * span + number) % len(_FACTORS)]
            hashes[records] += word
    return hashes


@dataclass(frozen=True)
class KeyHashes:
    """The hashes of the keys of a file.

    Args:
        hashes: 64 bits for each record, ascending.
        folded: the blocks in which a line end is inside a field.
        doubtful: values that may be numbers or not, and their copies.
        no_numbers: other values that are surely neither empty nor a number.
    """

    hashes: Hashes
    folded: Sequence[Chunk]
    doubtful: Counter[bytes]
    no_numbers: int

    @classmethod
    def of(cls, found: list[Found], spool: int) -> KeyHashes:
        """Put together the parts of a file; their hashes are removed.

        Args:
            found: the parts, in their order.
            spool: the file with those hashes that helper processes found; it is emptied.

        Raises:
            Irreducible: the spool has more or fewer hashes.
        """
        place = sum(part.spooled for part in found)
        all_hashes = np.empty(place + sum(len(part.hashes) for part in found), np.uint64)
        if place:
            _take(spool, all_hashes[:place])
        doubtful: Counter[bytes] = Counter()
        for part in found:
            all_hashes[place : place + len(part.hashes)] = part.hashes
            place += len(part.hashes)
            part.hashes = part.hashes[:0].copy()  # so that all hashes are never there twice
            doubtful.update(part.doubtful)
        all_hashes.sort()
        folded = [chunk for part in found for chunk in part.folded]
        return cls(all_hashes, folded, doubtful, sum(part.no_numbers for part in found))

    def count(self, hashes: Hashes) -> NDArray[np.int64]:
        """The number of records with each of these hashes."""
        ends = np.searchsorted(self.hashes, hashes, side="right")
        return ends - np.searchsorted(self.hashes, hashes, side="left")

    @property
    def repeated(self) -> Hashes:
        """The hashes of several records, each once."""
        return _once(self.hashes[1:][self.hashes[1:] == self.hashes[:-1]])


@dataclass(frozen=True)
class Met:
    """The hashes of shared records that other records have, too.

    Args:
        hashes: each once, ascending.
        pulled: whether a record of a rest has the hash. If not, several shared records have it.
        shared: the number of shared records with a pulled hash.
    """

    hashes: Hashes
    pulled: NDArray[np.bool_]
    shared: int


def met_again(old: KeyHashes, left_of_old: KeyHashes, left_of_new: KeyHashes) -> Met:
    """Find the hashes of shared records that other records have, too.

    Args:
        old: the records of old.
        left_of_old: those of them that are not shared.
        left_of_new: the records of new that are not shared.
    """
    left = np.concatenate([left_of_old.hashes, left_of_new.hashes])
    left.sort()
    left = _once(left)
    shared = old.count(left) - left_of_old.count(left)
    pulled = left[shared > 0]
    others = np.setdiff1d(old.repeated, left, assume_unique=True)
    hashes = np.concatenate([pulled, others])
    order = np.argsort(hashes)
    return Met(hashes[order], order < len(pulled), int(shared.sum()))


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
class Means:
    """The threads and processes that read a file.

    Args:
        threads: number of threads, if there are no helper processes.
        stop: called often; an exception from it ends the reading.
        helpers: processes beside this one.
    """

    threads: int
    stop: Callable[[], None]
    helpers: Helpers = field(default_factory=Helpers)


class Reading:
    """Reads a file in several processes or threads.

    Args:
        source: the file.
        means: processes and threads.

    Attributes:
        source: as given.
    """

    def __init__(self, source: Source, means: Means) -> None:
        self.source, self._means = source, means
        self._threads = ThreadPoolExecutor(means.threads, "fields")
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
        return self._read + (self._means.helpers.bytes_read if self._by_helpers else 0)

    def begin(self, most_rows: int) -> None:
        """Begin to hash the keys.

        Args:
            most_rows: the number of records that the file may have.
        """
        body = self.source.path.stat().st_size - self.source.shape.layout.body
        here = Hashing(self.source, most_rows / max(body, 1))
        self._found = self._begun(here, replace(here, spool=self._means.helpers.spool))

    def hashes(self) -> KeyHashes:
        """Wait for the hashes of the keys.

        Raises:
            Irreducible: the file is not surely well-formed, or too long.
        """
        return KeyHashes.of(self._found(), self._means.helpers.spool)

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
        helpers, parts = self._means.helpers, self.source.parts(self._means.threads)
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
        found, of_helpers = self._means.helpers.results(here, self._on_read, self._means.stop)
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
        self._means.stop()
        self._read += count


def _take(spool: int, hashes: Hashes) -> None:
    """Move hashes out of the spool, from its end, so they are never there twice."""
    target, size = hashes.data.cast("B"), hashes.nbytes
    if os.fstat(spool).st_size != size:
        raise Irreducible
    while size:
        start = max(0, size - _MOVED)
        if os.preadv(spool, [target[start:size]], start) < size - start:
            raise Irreducible
        os.ftruncate(spool, start)
        size = start


def _once(ascending: Hashes) -> Hashes:
    """Each of these hashes once; `np.unique` does not know that they ascend."""
    once: Hashes = ascending[np.r_[True, ascending[1:] != ascending[:-1]][: len(ascending)]]
    return once
