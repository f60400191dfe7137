"""A hash of the key of each record of a file, and the hashes that several records have.

Equal keys have equal hashes. Nothing else is assumed, so a weak hash costs only time.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from diffing.csvfiles.fields import Block, Layout
from diffing.csvfiles.scan import Chunk
from diffing.csvfiles.stretches import Irreducible
from diffing.engine.plain_numbers import without_plain_numbers
from diffing.engine.words import words_of

Hashes = NDArray[np.uint64]

# So many different values that may be numbers or not are kept.
_MOST_DOUBTFUL = 100_000
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
        starts = np.searchsorted(self.hashes, hashes)
        ends = starts + self._are_at(starts, hashes)
        again = np.flatnonzero(self._are_at(ends, hashes))  # few: most keys do not repeat
        ends[again] = np.searchsorted(self.hashes, hashes[again], side="right")
        return ends - starts

    def _are_at(self, places: NDArray[np.int64], hashes: Hashes) -> NDArray[np.bool_]:
        """Whether each of these hashes is at its place."""
        at_place = places < len(self.hashes)
        at_place[at_place] = self.hashes[places[at_place]] == hashes[at_place]
        return at_place

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
