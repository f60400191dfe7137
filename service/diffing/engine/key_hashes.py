"""A hash of the key of each row, and the hashes that several rows have.

Equal keys have equal hashes. Nothing else is assumed, so a weak hash costs only time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffing.csvfiles.alignment import Irreducible
from diffing.csvfiles.split import PIECES
from diffing.engine.connection import Session

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class KeyHashes:
    """The hashes of the keys of a file.

    Args:
        hashes: 64 bits for each row, ascending.
        not_numbers: number of values that are neither empty nor a number.
    """

    hashes: Hashes
    not_numbers: int

    def count(self, hashes: Hashes) -> NDArray[np.int64]:
        """The number of rows with each of these hashes."""
        ends = np.searchsorted(self.hashes, hashes, side="right")
        return ends - np.searchsorted(self.hashes, hashes, side="left")

    @property
    def repeated(self) -> Hashes:
        """The hashes of several rows, each once."""
        return _once(self.hashes[1:][self.hashes[1:] == self.hashes[:-1]])


def key_hashes(
    session: Session,
    pieces: Sequence[str],
    bound: Callable[[Sequence[str]], dict[str, Any]],
    most_rows: int,
) -> KeyHashes:
    """Read a file and hash its keys.

    Args:
        session: has the macros of `1_read.sql`.
        pieces: the names of its pieces, a multiple of four.
        bound: gives the parameters for four of them.
        most_rows: the number of rows it may have.

    Raises:
        Irreducible: it has more.
        CsvRefused: the file is not what DuckDB takes for CSV.
        OutOfMemory, OutOfDisk, DiffFailed: the machine was not up to it.
        Interrupted: the session was.
    """
    hashes = np.empty(0, np.uint64)
    rows = not_numbers = 0
    for number in range(0, len(pieces), PIECES):
        parameters = bound(pieces[number : number + PIECES])
        found: Hashes = session.columns("key_hashes", parameters)["hash_and_count"]
        lowest = np.uint64(parameters["counts"] - 1)
        not_numbers += int((found & lowest).sum())
        if rows + len(found) > len(hashes):
            # in place, and enough for all the rest in most files
            share = (number + PIECES) / len(pieces)
            expected = int((rows + len(found)) / share * 1.02)
            if expected > most_rows:
                raise Irreducible
            hashes.resize(expected, refcheck=False)
        np.bitwise_and(found, ~lowest, out=hashes[rows : rows + len(found)])
        rows += len(found)
    hashes.resize(rows, refcheck=False)
    hashes.sort()
    return KeyHashes(hashes, not_numbers)


@dataclass(frozen=True)
class Met:
    """The hashes of shared rows that other rows have, too.

    Args:
        hashes: each once.
        pulled: whether a row of a rest has the hash. If not, several shared rows have it.
        shared: the number of shared rows with a pulled hash.
    """

    hashes: Hashes
    pulled: NDArray[np.bool_]
    shared: int


def met_again(old: KeyHashes, left_of_old: KeyHashes, left_of_new: KeyHashes) -> Met:
    """Find the hashes of shared rows that other rows have, too.

    Args:
        old: the rows of old.
        left_of_old: those of them that are not shared.
        left_of_new: the rows of new that are not shared.
    """
    left = np.concatenate([left_of_old.hashes, left_of_new.hashes])
    left.sort()
    left = _once(left)
    shared = old.count(left) - left_of_old.count(left)
    pulled = left[shared > 0]
    others = np.setdiff1d(old.repeated, left, assume_unique=True)
    return Met(
        np.concatenate([pulled, others]),
        np.arange(len(pulled) + len(others)) < len(pulled),
        int(shared.sum()),
    )


def _once(ascending: Hashes) -> Hashes:
    """Each of these hashes once; `np.unique` does not know that they ascend."""
    once: Hashes = ascending[np.r_[True, ascending[1:] != ascending[:-1]][: len(ascending)]]
    return once
