"""The order for a reduction of two files, and its result."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from diffing.core.errors import INTERRUPTED, Interrupted
from diffing.core.sizes import bytes_in
from diffing.csvfiles.csv_file import CsvFile
from diffing.csvfiles.split import Cutting, Pieces
from diffing.csvfiles.stretches import Irreducible
from diffing.engine.connection import Session
from diffing.engine.counts import Counts
from diffing.engine.last_night import LastNight
from diffing.sandbox.helpers import Helpers
from diffing.sandbox.limits import Limits


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
class ReductionContext:
    """The folder, sessions and limits of a reduction.

    Args:
        scratch: an existing folder for the rest of each file.
        connect: opens a session that may read these pieces.
        limits: threads, memory and disk of the diff.
        cutting: sizes of pieces.
        interrupted: when set, the reduction ends.
        last_night: has the key hashes of old, perhaps, and takes those of new.
        helpers: processes that hash keys beside this one.
    """

    scratch: Path
    connect: Callable[[Sequence[Pieces]], Session]
    limits: Limits
    cutting: Cutting
    interrupted: threading.Event
    last_night: LastNight
    helpers: Helpers = field(default_factory=Helpers)

    def raise_if_interrupted(self) -> None:
        """Raise an error if the diff was interrupted.

        Raises:
            Interrupted: it was.
        """
        if self.interrupted.is_set():
            raise Interrupted(INTERRUPTED)

    @property
    def most_rows(self) -> int:
        """The number of rows whose hashes fit in half of the memory."""
        return bytes_in(self.limits.memory) // 2 // 8
