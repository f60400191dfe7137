"""Reduces a diff to the rows that the two files do not share.

A row that both files have, byte for byte, is unchanged. It matters only to other rows of its key.
So most shared rows are left out. A hash of each key of old finds those whose key may be in another
row: they stay in both files.

If anything does not add up, the whole files are compared.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from diffing.core.comparison import Comparison
from diffing.core.errors import DiffingError, Interrupted
from diffing.core.sizes import bytes_in
from diffing.csvfiles.alignment import Alignment, Walking, together
from diffing.csvfiles.borders import Borders
from diffing.csvfiles.csv_file import CsvFile
from diffing.csvfiles.split import Pieces
from diffing.csvfiles.stretches import Irreducible, Stretches
from diffing.engine.parameters import side_parameters
from diffing.engine.reduction import Reduction, ReductionContext

if TYPE_CHECKING:
    from diffing.csvfiles.leftovers import Writing
    from diffing.engine.kept_hashes import Change
    from diffing.engine.key_hashes import KeyHashes, Met, Shape
    from diffing.engine.key_reading import Places, Reading

_log = logging.getLogger(__name__)

# All of old is read after this part of the walk. Most pairs without shared rows do not come so far.
_WALKED_FIRST = 1 / 32
# The part of old whose keys may be in other rows. If it is larger, the whole files cost less.
_MOST_MET = 0.4


class Reducer:
    """Leaves the shared rows out of two files.

    Args:
        files: the old one and the new one.
        comparison: the columns.
        context: folder, sessions and limits.
    """

    def __init__(
        self,
        files: tuple[CsvFile, CsvFile],
        comparison: Comparison,
        context: ReductionContext,
    ) -> None:
        self.files = files
        self.comparison = comparison
        self.context = context
        self.bytes_total = sum(map(_size, files))
        self._walked = 0
        self._reading: Reading | None = None
        self._kept: tuple[Path, KeyHashes] | None = None

    @property
    def bytes_read(self) -> int:
        """The bytes of both files that were read."""
        of_old = self._reading.bytes_read if self._reading else 0
        of_old = _size(self.files[0]) if self._kept else of_old
        return min(of_old + self._walked, self.bytes_total)

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
        except Irreducible:
            return None
        except (DiffingError, MemoryError, OSError) as error:
            # the diff of the whole files reports any fault of theirs
            self.context.raise_if_interrupted()
            _log.info("the whole files are compared: %s", str(error) or type(error).__name__)
            return None

    def _reduced(self, header: bytes, stack: ExitStack) -> Reduction:
        last_night = self.context.last_night
        try:
            stretches = self._shared(header, stack)
        finally:
            last_night.read_on()
        self._walked = _size(self.files[1])
        reading = self._reading or self._begin(header, stack)
        kept, whole = self._kept or (None, reading.hashes())
        self._kept = None
        borders = Borders(self.files[0].path, whole.folded)
        stretches = _leftovers().whole_records(stretches, borders)
        left = self._left(stretches, header)
        hashes = [self._hashes(file, header) for file in left.files]
        if kept and not last_night.is_of_old(kept):
            raise Irreducible
        if last_night.keeps:
            self._keep(_kept().Change(whole, *hashes, kept), reading.source.shape)
        counts = len(whole.hashes), self._no_numbers(whole)
        met = _keys().met_again(whole, *hashes)
        pulled = surplus = 0
        if len(met.hashes):
            if whole.count(met.hashes).sum() > _MOST_MET * len(whole.hashes):
                raise Irreducible
            del whole  # DuckDB may need the memory
            left, pulled, surplus = self._with_met(met, stretches, header, reading)
        rows = len(hashes[0].hashes) + pulled, len(hashes[1].hashes) + pulled
        return Reduction(*left.files, left.cuts, counts, rows, surplus)

    def _with_met(
        self, met: Met, stretches: Stretches, header: bytes, reading: Reading
    ) -> tuple[_Left, int, int]:
        """The rest of each file with the shared records whose key may be in another record.

        Returns:
            The rests; the number of these records; and the surplus of a `Reduction`.
        """
        places = reading.places(met.hashes)
        wanted = met.pulled[places.numbers]
        stretches, pulled = _leftovers().without(
            stretches, places.starts[wanted].tolist(), places.ends[wanted].tolist()
        )
        if pulled != met.shared:
            raise Irreducible
        return self._left(stretches, header), pulled, self._surplus(met, places, header)

    def _shared(self, header: bytes, stack: ExitStack) -> Stretches:
        """The stretches that the files share. Meanwhile the keys of old are read."""
        old, new = self.files
        helpers, last_night = self.context.helpers, self.context.last_night
        first = _size(new) * _WALKED_FIRST
        reads_old = not last_night.may_have_old
        parts = 1 if reads_old else 1 + len(helpers)
        alignment = Alignment.of(old.path, new.path, len(header), parts)

        def on_read(count: int) -> None:
            self._walked += count
            self.context.raise_if_interrupted()
            if reads_old and not self._reading and self._walked > first:
                self._begin(header, stack)

        if len(alignment.parts) == 1:
            return Walking(alignment, last_night.offer)(alignment.parts[0], on_read)[1]
        last_night.read_on()  # helpers give no blocks
        walking = Walking(alignment)
        helpers.begin(walking, alignment.parts)
        here, there = helpers.results(walking, on_read, self.context.raise_if_interrupted)
        return together(here + there)

    def _begin(self, header: bytes, stack: ExitStack) -> Reading:
        """Begin to read the keys of old, if no earlier diff has kept their hashes."""
        self._reading = stack.enter_context(self._read(self.files[0], header))
        self._kept = self._kept_hashes(self._reading.source.shape)
        if not self._kept:
            self._reading.begin(self.context.most_rows)
        return self._reading

    def _read(self, file: CsvFile, header: bytes) -> Reading:
        reader, context = _key_reading(), self.context
        shape = _keys().Shape.of(header, file.columns, self.comparison.key, self.comparison.numbers)
        reading: Reading = reader.Reading(
            reader.Source(file.path, shape, context.cutting.blocks),
            reader.Parallelism(
                context.limits.threads, context.raise_if_interrupted, context.helpers
            ),
        )
        return reading

    def _kept_hashes(self, shape: Shape) -> tuple[Path, KeyHashes] | None:
        """The hashes that an earlier diff kept, probably of old, and their file."""
        if not (path := self.context.last_night.of_old()):
            return None
        kept = _kept()
        try:
            hashes: KeyHashes = kept.read(path, shape, self.context.most_rows)
        except (kept.Unsuitable, OSError):  # removed or damaged: old is read
            return None
        return path, hashes

    def _keep(self, change: Change, shape: Shape) -> None:
        """Keep the hashes of new for a later diff."""
        if change.old.hashes.nbytes <= self.context.limits.most_temp / 2:
            self.context.last_night.keep(change, shape, self.context.raise_if_interrupted)

    def _hashes(self, file: CsvFile, header: bytes) -> KeyHashes:
        with self._read(file, header) as reading:
            reading.begin(self.context.most_rows)
            return reading.hashes()

    def _left(self, stretches: Stretches, header: bytes) -> _Left:
        old, new = self.files
        leftovers, body, scratch = _leftovers(), len(header), self.context.scratch
        left_old = replace(old, path=scratch / "left-old.csv")
        left_new = replace(new, path=scratch / "left-new.csv")
        of_old = leftovers.left_of_old(stretches, body, _size(old))
        of_new = leftovers.left_of_new(stretches, body, _size(new))
        _, cuts = self._written(
            leftovers.Writing(
                header, [(old.path, of_old, left_old.path), (new.path, of_new, left_new.path)]
            )
        )
        self._require_room(left_old.path)
        self._require_room(left_new.path)
        return _Left((left_old, left_new), cuts)

    def _written(self, writing: Writing) -> list[Sequence[int]]:
        """Write the rest of each file, one of them in a helper; the offsets of its parts."""
        helpers = self.context.helpers
        if helpers:
            helpers.begin(writing, writing.numbers)
            here, there = helpers.results(writing, _ignore, self.context.raise_if_interrupted)
            return [places for _, places in sorted(here + there, key=itemgetter(0))]
        return [writing(number, _ignore)[1] for number in writing.numbers]

    def _surplus(self, met: Met, places: Places, header: bytes) -> int:
        """The rows in neither rest that repeat the key of another such row."""
        others = ~met.pulled[places.numbers]
        if not others.any():
            return 0
        old = self.files[0]
        parts = _leftovers().Parts(places.starts[others], places.ends[others])
        file = replace(old, path=self.context.scratch / "met.csv")
        _leftovers().write_parts(old.path, parts, header, file.path)
        self._require_room(file.path)
        pieces = Pieces(file, "side", self.context.limits.threads, self.context.cutting)
        with self.context.connect([pieces]) as session:
            bound = side_parameters("side", file, pieces.names, self.comparison)
            found = session.run("keys_met", bound)
        if found["rows"] != int(others.sum()):
            raise Irreducible
        file.path.unlink()
        surplus: int = found["rows"] - found["keys"]
        return surplus

    def _no_numbers(self, hashes: KeyHashes) -> int:
        """The number of values that are neither empty nor a number."""
        if not hashes.doubtful:
            return hashes.no_numbers
        texts = [text.decode() for text in hashes.doubtful]
        with self.context.connect([]) as session:
            found = session.run(
                "no_numbers", {"texts": texts, "copies": list(hashes.doubtful.values())}
            )
        return hashes.no_numbers + int(found["no_numbers"])

    def _require_room(self, path: Path) -> None:
        temp = self.context.limits.temp
        if temp and path.stat().st_size > bytes_in(temp):
            raise Irreducible


@dataclass(frozen=True)
class _Left:
    """The rest of each file, and the offsets in that of new at which a record must begin."""

    files: tuple[CsvFile, CsvFile]
    cuts: Sequence[int]


# numpy takes long to import, and most pairs without shared rows do not come so far


def _keys() -> ModuleType:
    from diffing.engine import key_hashes

    return key_hashes


def _key_reading() -> ModuleType:
    from diffing.engine import key_reading

    return key_reading


def _kept() -> ModuleType:
    from diffing.engine import kept_hashes

    return kept_hashes


def _leftovers() -> ModuleType:
    from diffing.csvfiles import leftovers

    return leftovers


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
    # if columns are renamed, equal lines may mean other rows
    return line if tuple(names) == file.columns and line.endswith(b"\n") else b""


def _ignore(_: int) -> None:
    """Count nothing: to write is quick."""


def _size(file: CsvFile) -> int:
    return file.path.stat().st_size
