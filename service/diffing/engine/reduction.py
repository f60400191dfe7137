"""Reduces a diff to the rows that the two files do not share.

A row that both files have, byte for byte, is unchanged. It matters only to other rows of its key.
So most shared rows are left out. A hash of each key of old finds those whose key may be in another
row: they stay in both files.

If anything does not add up, the whole files are compared.
"""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

from diffing.core.comparison import Comparison
from diffing.core.errors import DiffingError, Interrupted
from diffing.core.sizes import bytes_in
from diffing.csvfiles.alignment import Irreducible, shared_stretches
from diffing.csvfiles.borders import Borders
from diffing.csvfiles.csv_file import CsvFile, contents_of
from diffing.csvfiles.leftovers import (
    append,
    left_of_new,
    left_of_old,
    whole_records,
    write_parts,
)
from diffing.csvfiles.split import PIECES, Cutting, Pieces
from diffing.engine.compare import Counts, roles, side_parameters
from diffing.engine.connection import Session
from diffing.sandbox.limits import Limits

if TYPE_CHECKING:
    from diffing.engine.key_hashes import KeyHashes, Met

_PIECE_BYTES = 24_000_000
# DuckDB starts after this part of the walk. Most pairs without shared rows do not come so far.
_WALKED_FIRST = 1 / 32
# The part of old whose keys may be in other rows. If it is larger, the whole files cost less.
_MOST_MET = 0.4


@dataclass(frozen=True)
class Reduction:
    """Two files without most of their shared rows, and the counts of these rows.

    Args:
        old: the rest of the old file.
        new: the rest of the new file.
        new_cuts: offsets in `new` at which a record must begin.
        whole_old: rows of the old file, and values that are neither empty nor a number.
        left_rows: rows of `old` and of `new`.
        surplus: rows in neither rest that repeat the key of another such row.
    """

    old: CsvFile
    new: CsvFile
    new_cuts: Sequence[int]
    whole_old: tuple[int, int]
    left_rows: tuple[int, int]
    surplus: int

    def whole(self, left: Counts) -> Counts:
        """The counts of the whole files.

        Args:
            left: those of `old` and `new`.

        Raises:
            Irreducible: they count other rows than the rest has.
        """
        if (left.old_rows, left.new_rows) != self.left_rows:
            raise Irreducible
        old_rows, not_numbers = self.whole_old
        new_rows = old_rows - left.old_rows + left.new_rows
        return replace(
            left,
            old_rows=old_rows,
            new_rows=new_rows,
            old_surplus=left.old_surplus + self.surplus,
            new_surplus=left.new_surplus + self.surplus,
            old_not_numbers=not_numbers,
            new_not_numbers=not_numbers - left.old_not_numbers + left.new_not_numbers,
            unchanged=new_rows - left.added - left.changed,
        )


@dataclass(frozen=True)
class Means:
    """The folder, sessions and limits of a reduction.

    Args:
        scratch: an existing folder for the rest of each file.
        connect: opens a session that may read these pieces and write these files.
        limits: threads, memory and disk of the diff.
        cutting: sizes of pieces.
        interrupted: when set, the reduction ends.
    """

    scratch: Path
    connect: Callable[[Sequence[Pieces], Sequence[Path]], Session]
    limits: Limits
    cutting: Cutting
    interrupted: threading.Event

    def stop(self) -> None:
        """Stop if the diff was interrupted.

        Raises:
            Interrupted: it was.
        """
        if self.interrupted.is_set():
            raise Interrupted("The diff was interrupted.")

    @property
    def most_rows(self) -> int:
        """The number of rows whose hashes fit in half of the memory."""
        return bytes_in(self.limits.memory) // 2 // 8


class Reducer:
    """Leaves the shared rows out of two files.

    Args:
        files: the old one and the new one.
        comparison: the columns.
        means: folder, sessions and limits.
        in_order: whether rows of old must keep their order.
    """

    def __init__(
        self,
        files: tuple[CsvFile, CsvFile],
        comparison: Comparison,
        means: Means,
        in_order: bool,
    ) -> None:
        self.files = files
        self.comparison = comparison
        self.means = means
        self._in_order = in_order
        self.bytes_total = sum(map(_size, files))
        self._walked = 0
        self._reading: _Reading | None = None

    @property
    def bytes_read(self) -> int:
        """The bytes of both files that were read."""
        of_old = self._reading.bytes_read if self._reading else 0
        return of_old + self._walked

    def run(self) -> Reduction | None:
        """Reduce the files; None if the whole files must be compared, or cost less.

        Raises:
            Interrupted: the diff was.
        """
        header, other = map(_header, self.files)
        if not header or header != other:
            return None
        try:
            with ExitStack() as stack:
                return self._reduced(header, stack)
        except Interrupted:
            raise
        except (Irreducible, DiffingError, MemoryError, OSError):
            # the diff of the whole files reports any fault of theirs
            self.means.stop()
            return None

    def _reduced(self, header: bytes, stack: ExitStack) -> Reduction:
        old, new = self.files
        first = _size(new) * _WALKED_FIRST

        def on_step(done: int) -> None:
            self._walked = done
            self.means.stop()
            if not self._reading and done > first:
                self._reading = stack.enter_context(_Reading(self))

        stretches = shared_stretches(old.path, new.path, len(header), on_step)
        on_step(_size(new))
        reading = self._reading
        assert reading, "the walk has ended"  # noqa: S101
        # after the walk: two threads of Python only wait for each other
        contents = contents_of(old, self.means.stop)
        if contents.rows is None:
            raise Irreducible
        borders = Borders(old.path, contents.folded)
        stretches = whole_records(stretches, borders)
        of_old = left_of_old(stretches, len(header), _size(old))
        of_new = left_of_new(stretches, len(header), _size(new))
        left_old, _ = self._write(old, of_old, header)
        left_new, cuts = self._write(new, of_new, header)
        whole = reading.hashes(contents.rows, borders)
        left = [self._hashed(file) for file in (left_old, left_new)]
        met = _keys().met_again(whole, *left)
        counts = len(whole.hashes), whole.not_numbers
        pulled = surplus = 0
        if len(met.hashes):
            if whole.count(met.hashes).sum() > _MOST_MET * len(whole.hashes):
                raise Irreducible
            del whole  # DuckDB may need the memory
            pulled, surplus = self._pull((left_old, left_new), met, header)
        return Reduction(
            left_old,
            left_new,
            cuts,
            counts,
            (len(left[0].hashes) + pulled, len(left[1].hashes) + pulled),
            surplus,
        )

    def parameters(self, file: CsvFile) -> Callable[[Sequence[str]], dict[str, Any]]:
        """The parameters of `shared.sql` for four pieces of a file."""
        counts = 1 << len(self.comparison.value).bit_length()

        def of(pieces: Sequence[str]) -> dict[str, Any]:
            both = side_parameters("side", file, pieces, self.comparison)
            return {"side": both["side"], "roles": both["side_roles"], "counts": counts}

        return of

    def pieces(self, file: CsvFile, protocol: str = "side") -> Pieces:
        """A file in pieces."""
        most = max(self.means.limits.threads, _size(file) // _PIECE_BYTES)
        return Pieces(file, protocol, most, self.means.cutting)

    def session(self, pieces: Sequence[Pieces], outputs: Sequence[Path] = ()) -> Session:
        """A session with the macros that `shared.sql` needs."""
        session = self.means.connect(pieces, outputs)
        try:
            for section in ("read", "read_in_order", "four_pieces", "key", "number"):
                session.run(section)
        except BaseException:
            session.close()
            raise
        return session

    def _write(
        self, file: CsvFile, parts: Iterable[tuple[int, int]], header: bytes
    ) -> tuple[CsvFile, Sequence[int]]:
        path = self.means.scratch / f"left-{self.files.index(file)}.csv"
        cuts = write_parts(file.path, parts, header, path)
        temp = self.means.limits.temp
        if temp and path.stat().st_size > bytes_in(temp):
            raise Irreducible
        return replace(file, path=path), cuts

    def _hashed(self, file: CsvFile) -> KeyHashes:
        pieces = self.pieces(file)
        with self.session([pieces]) as session:
            most = self.means.most_rows
            found: KeyHashes = _keys().key_hashes(
                session, pieces.names, self.parameters(file), most
            )
            return found

    def _pull(self, left: tuple[CsvFile, CsvFile], met: Met, header: bytes) -> tuple[int, int]:
        """Add the shared rows whose key may be in another row to both files.

        Returns:
            The number of rows added, and of rows left out that repeat a key.

        Raises:
            Irreducible: rows would lose their order, or files would mix line ends.
        """
        old = self.files[0]
        if met.shared and (self._in_order or header.endswith(b"\r\n")):
            raise Irreducible
        sides = [(old, self.pieces(old)), (left[0], self.pieces(left[0], "left"))]
        path = self.means.scratch / "pulled.csv"
        with self.session([pieces for _, pieces in sides], [path]) as session:
            session.add_view("hashes_met", {"hash": met.hashes, "pulled": met.pulled})
            session.run("rows_met", self.parameters(old)(sides[0][1].names[:PIECES]))
            for (file, pieces), section in zip(
                sides, ("add_rows_met", "add_rows_left"), strict=True
            ):
                for number in range(0, len(pieces.names), PIECES):
                    names = pieces.names[number : number + PIECES]
                    session.run(section, self.parameters(file)(names))
            others = session.run("count_met")
            of_file = roles(old, self.comparison)
            written = session.run("pulled", {"header": of_file, "output": str(path)})["Count"]
        if written != met.shared:
            raise Irreducible
        for file in left:
            append(path, file.path)
        return written, others["rows"] - others["keys"]


class _Reading:
    """DuckDB reads all of old during the walk, and hashes its keys."""

    def __init__(self, reducer: Reducer) -> None:
        file = reducer.files[0]
        self._pieces = reducer.pieces(file)
        self._session = reducer.session([self._pieces])
        self._thread = ThreadPoolExecutor(1, "key-hashes")
        self._hashes: Future[KeyHashes] | None = self._thread.submit(
            _keys().key_hashes,
            self._session,
            self._pieces.names,
            reducer.parameters(file),
            reducer.means.most_rows,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        # a query of DuckDB that outlives Python ends the process
        self._session.interrupt()
        self._thread.shutdown()
        self._session.close()
        self._hashes = None

    @property
    def bytes_read(self) -> int:
        """The bytes that DuckDB has read."""
        return self._pieces.bytes_read

    def hashes(self, rows: int, borders: Borders) -> KeyHashes:
        """Wait for the hashes of old, once.

        Args:
            rows: the number of rows without DuckDB.
            borders: the borders of its records.

        Raises:
            Irreducible: DuckDB has read other rows.
        """
        assert self._hashes, "it goes on"  # noqa: S101
        found, self._hashes = self._hashes.result(), None
        if len(found.hashes) != rows or not borders.are_lines_at(self._pieces.cuts):
            raise Irreducible
        return found


def _keys() -> ModuleType:
    # numpy takes long to import, and most pairs without shared rows do not come so far
    from diffing.engine import key_hashes

    return key_hashes


def _header(file: CsvFile) -> bytes:
    """The line of the column names; empty if they take several lines."""
    if file.rewritten:
        return b""
    with file.path.open("rb") as text:
        line = text.readline()
    try:
        (names,) = csv.reader([line.decode("utf-8-sig")], strict=True)
    except (csv.Error, ValueError):
        return b""
    return line if tuple(names) == file.columns and line.endswith(b"\n") else b""


def _size(file: CsvFile) -> int:
    return file.path.stat().st_size
