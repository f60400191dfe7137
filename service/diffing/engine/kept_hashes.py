"""Keeps the key hashes of a file for the next diff: tonight's new is tomorrow's old.

The hashes of new need no pass over it. They are those of old, without those of the rows that new
lacks, and with those of its own rows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from diffing import __version__
from diffing.engine.connection import ENGINE
from diffing.engine.key_hashes import FUNCTION, Hashes, KeyHashes, Shape
from diffing.engine.sql import query

# So many hashes are put together at once.
_AT_ONCE = 1 << 20


class Unsuitable(Exception):
    """Kept hashes are not those of a file, or are damaged."""


@dataclass(frozen=True)
class Change:
    """The hashes of two files whose other records are the same.

    Args:
        old: of all records of old.
        left_of_old: of the records that new lacks.
        left_of_new: of the records that old lacks.
        kept: the file from which those of old were read; None if they were not kept.
        at_once: number of hashes of old that are put together with others at once.
    """

    old: KeyHashes
    left_of_old: KeyHashes
    left_of_new: KeyHashes
    kept: Path | None = None
    at_once: int = _AT_ONCE

    def of_new(self) -> HashesOfNew | None:
        """The hashes of new; None if a line end may be inside a field."""
        old, left_of_old, left_of_new = parts = self.old, self.left_of_old, self.left_of_new
        if any(part.folded for part in parts):
            return None
        doubtful = old.doubtful.copy()
        doubtful.subtract(left_of_old.doubtful)
        doubtful.update(left_of_new.doubtful)
        about = {
            "rows": len(old.hashes) - len(left_of_old.hashes) + len(left_of_new.hashes),
            "no_numbers": old.no_numbers - left_of_old.no_numbers + left_of_new.no_numbers,
            "doubtful": [[text.decode("latin-1"), n] for text, n in doubtful.items() if n],
        }
        blocks = (
            _kept_blocks(self.kept, self.at_once)
            if self.kept
            else _blocks(old.hashes, self.at_once)
        )
        return HashesOfNew(about, blocks, left_of_old.hashes, left_of_new.hashes)


@dataclass(frozen=True)
class HashesOfNew:
    """The hashes of new, which are found while they are written.

    Args:
        about: their number, and the values of new that may be no numbers.
        old: the hashes of old, in blocks that ascend.
        lacked: those of the records that new lacks.
        added: those of the records that old lacks.
    """

    about: dict[str, object]
    old: Iterator[Hashes]
    lacked: Hashes
    added: Hashes

    def write(self, path: Path, shape: Shape, on_step: Callable[[], None]) -> None:
        """Write them, once.

        Args:
            path: to write to.
            shape: of both files.
            on_step: called often; an exception from it ends the writing.

        Raises:
            Unsuitable: old lacks a hash that is left of it, or its kept hashes are damaged.
            OSError: a file cannot be read or written.
        """
        digest = blake3()
        with path.open("wb") as file:

            def put(piece: bytes | memoryview) -> None:
                on_step()
                digest.update(piece)
                file.write(piece)

            put(json.dumps(_head(shape) | self.about).encode() + b"\n")
            for hashes in self._ascending():
                put(hashes.view(np.uint8).data)
            file.write(digest.digest())

    def _ascending(self) -> Iterator[Hashes]:
        lacked, added = self.lacked, self.added
        for block in self.old:
            kept = np.ones(len(block), np.bool_)
            taken = _places(block, lacked[: np.searchsorted(lacked, block[-1], side="right")])
            kept[taken] = False
            lacked = lacked[len(taken) :]
            end = int(np.searchsorted(added, block[-1], side="right"))
            hashes = np.concatenate([block[kept], added[:end]])
            added = added[end:]
            hashes.sort(kind="stable")  # two runs that ascend
            yield hashes
        if len(lacked):
            raise Unsuitable
        yield added


def read(path: Path, shape: Shape, most_rows: int) -> KeyHashes:
    """Read the hashes of a file.

    Args:
        path: as `Change.write` wrote it.
        shape: of the file.
        most_rows: the number of records that it may have.

    Raises:
        Unsuitable: they are of another shape, too many, or damaged.
        OSError: they cannot be read.
    """
    with path.open("rb") as file:
        about = _about(file.readline())
    fit = {name: about.get(name) for name in _head(shape)} == _head(shape)
    if not fit or about["rows"] > most_rows:
        raise Unsuitable
    # in one block, which needs no copy; none if the file has no records
    hashes, *_ = [*_kept_blocks(path, max(about["rows"], 1)), np.empty(0, np.uint64)]
    doubtful = Counter({text.encode("latin-1"): copies for text, copies in about["doubtful"]})
    return KeyHashes(hashes, [], doubtful, about["no_numbers"])


def _about(line: bytes) -> dict[str, Any]:
    """The first line of a file of hashes.

    Raises:
        Unsuitable: it is damaged.
    """
    try:
        about: dict[str, Any] = json.loads(line)
        return about | {"rows": int(about["rows"])}
    except (ValueError, KeyError, TypeError):
        raise Unsuitable from None


def _head(shape: Shape) -> dict[str, object]:
    """The hashes of a file depend on its records, and on these.

    Copies of files that are not plain CSV depend on the release, those of Parquet on DuckDB and on
    the SQL that copies them, too.
    """
    return {
        "function": FUNCTION,
        "release": __version__,
        "engine": ENGINE,
        "parquet": blake3(query("parquet_as_csv").encode()).hexdigest(),
        "body": shape.layout.body,
        "columns": shape.layout.columns,
        "line_end": shape.layout.line_end.decode(),
        "keys": [list(span) for span in shape.keys],
        "values": list(shape.values),
    }


def _blocks(hashes: Hashes, at_once: int) -> Iterator[Hashes]:
    for start in range(0, len(hashes), at_once):
        yield hashes[start : start + at_once]


def _kept_blocks(path: Path, at_once: int) -> Iterator[Hashes]:
    """The same from a file, which need not be in memory as a whole.

    Raises:
        Unsuitable: it is damaged.
    """
    with path.open("rb") as file:
        line = file.readline()
        digest, rows = blake3(line), _about(line)["rows"]
        for start in range(0, rows, at_once):
            block = np.fromfile(file, np.uint64, min(at_once, rows - start))
            if not len(block):
                raise Unsuitable
            digest.update(block.view(np.uint8).data)
            yield block
        if digest.digest() != file.read():
            raise Unsuitable


def _places(ascending: Hashes, some: Hashes) -> NDArray[np.int64]:
    """The places of the first of some hashes, which ascend, too.

    A copy has the place after the one before. The copies of the last hash may be too few.

    Raises:
        Unsuitable: another hash is missing.
    """
    first = np.searchsorted(some, some, side="left")
    places = np.searchsorted(ascending, some) + np.arange(len(some)) - first
    found = places < len(ascending)
    found[found] = ascending[places[found]] == some[found]
    number = np.count_nonzero(found)
    if not found[:number].all():
        raise Unsuitable
    return places[:number]
