"""Keeps the key hashes of a file for the next diff: tonight's new is tomorrow's old.

The hashes of new need no pass over it. They are those of old, without those of the rows that new
lacks, and with those of its own rows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
    """

    old: KeyHashes
    left_of_old: KeyHashes
    left_of_new: KeyHashes

    def write(self, path: Path, shape: Shape) -> None:
        """Write the hashes of new, unless a line end may be inside a field.

        Args:
            path: to write to.
            shape: of both files.

        Raises:
            Unsuitable: old lacks a hash that is left of it.
            OSError: the file cannot be written.
        """
        parts = self.old, self.left_of_old, self.left_of_new
        if any(part.folded for part in parts):
            return
        old, left_of_old, left_of_new = parts
        doubtful = old.doubtful.copy()
        doubtful.subtract(left_of_old.doubtful)
        doubtful.update(left_of_new.doubtful)
        about = {
            **_head(shape),
            "rows": len(old.hashes) - len(left_of_old.hashes) + len(left_of_new.hashes),
            "no_numbers": old.no_numbers - left_of_old.no_numbers + left_of_new.no_numbers,
            "doubtful": [[text.decode("latin-1"), n] for text, n in doubtful.items() if n],
        }
        digest = blake3()
        with path.open("wb") as file:

            def put(piece: bytes | memoryview) -> None:
                digest.update(piece)
                file.write(piece)

            put(json.dumps(about).encode() + b"\n")
            for hashes in self._of_new():
                put(hashes.view(np.uint8).data)
            file.write(digest.digest())

    def _of_new(self) -> Iterator[Hashes]:
        """The hashes of new, ascending."""
        old, added = self.old.hashes, self.left_of_new.hashes
        kept = np.ones(len(old), np.bool_)
        kept[_places(old, self.left_of_old.hashes)] = False
        begin = 0
        for start in range(0, max(len(old), 1), _AT_ONCE):
            following = old[start + _AT_ONCE : start + _AT_ONCE + 1]
            end = int(np.searchsorted(added, following[0])) if len(following) else len(added)
            part = slice(start, start + _AT_ONCE)
            hashes = np.concatenate([old[part][kept[part]], added[begin:end]])
            hashes.sort(kind="stable")  # two runs that ascend
            yield hashes
            begin = end


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
        line = file.readline()
        try:
            about = json.loads(line)
            rows = about["rows"]
            fit = {name: about[name] for name in _head(shape)} == _head(shape)
        except (ValueError, KeyError, TypeError):
            raise Unsuitable from None
        if not fit or rows > most_rows:
            raise Unsuitable
        hashes = np.fromfile(file, np.uint64, rows)
        expected = file.read()
    digest = blake3(line)
    digest.update(hashes.view(np.uint8).data)
    if digest.digest() != expected:
        raise Unsuitable
    doubtful = Counter({text.encode("latin-1"): copies for text, copies in about["doubtful"]})
    return KeyHashes(hashes, [], doubtful, about["no_numbers"])


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


def _places(ascending: Hashes, some: Hashes) -> NDArray[np.int64]:
    """The places of some hashes, which ascend, too: a copy has the place after the one before."""
    first = np.searchsorted(some, some, side="left")
    places = np.searchsorted(ascending, some) + np.arange(len(some)) - first
    found = places < len(ascending)
    if not found.all() or (ascending[places] != some).any():
        raise Unsuitable
    return places
