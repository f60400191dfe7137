"""Walks through two files, line by line where they differ, for the stretches that they share.

No answer depends on how many are found. All other lines are compared as rows.
"""

from __future__ import annotations

import os
from bisect import bisect, insort
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from diffing.csvfiles.first_difference import first_difference
from diffing.csvfiles.stretches import Irreducible, Stretches

_SMALLEST_BLOCK, _BLOCK = 32 * 1024, 512 * 1024
# If so many bytes after a line are the same in both files, only that line differs.
_NEXT = 240
# Bytes of both files that are searched for the same lines, one size after the other.
_NEAR, _WINDOWS = 1024, (8 * 1024, 64 * 1024, 512 * 1024)
# So many lines in a row must be the same: a line alone may be in many places.
_RUN = 3
# Lines of old by which stretches that moved are found: at most so many, at least so far apart.
_ANCHORS, _APART = 16 * 1024, 16 * 1024
# With so many differences in a block, the next one is compared line by line; but not so many blocks
# after one into which lines were inserted.
_MANY, _PAUSE = 120, 16
# One difference in so many bytes still pays. A file may begin with as many differences as 1/100 of
# it may have. Small files are always worth a try.
_BYTES_OF_DIFFERENCE, _AT_ONCE = 1200, 100
_SHARE_WANTED = 0.6
SMALL = 4 * 1024 * 1024
"""Files of fewer bytes are always worth a try."""


@dataclass
class Text:
    """A part of a file, the position in it, and the offset at which its free part ends."""

    descriptor: int
    at: int
    end: int
    limit: int

    def read(self, length: int, at: int | None = None) -> bytes:
        """Bytes from an offset on, or from the position, in the free part."""
        start = self.at if at is None else at
        return os.pread(self.descriptor, min(length, self.limit - start), start)

    def lines(self, length: int) -> list[bytes]:
        """The next whole lines, without their ends."""
        return self.read(length).split(b"\n")[:-1]


@contextmanager
def opened(path: Path, start: int, end: int | None = None) -> Iterator[Text]:
    """Open a file to walk through a part of it.

    Args:
        path: the file.
        start: the offset of the part.
        end: its end; None for that of the file.
    """
    with path.open("rb", buffering=0) as file:
        end = os.fstat(file.fileno()).st_size if end is None else end
        yield Text(file.fileno(), start, end, limit=end)


@dataclass(frozen=True)
class Anchors:
    """Lines from all over a file, by which the same lines of another file are found.

    Args:
        places: the offset of each.
        apart: bytes from one to the next.
    """

    places: dict[bytes, int]
    apart: int

    @classmethod
    def of(cls, text: Text) -> Anchors:
        """Take them from a file."""
        apart = max(_APART, (text.end - text.at) // _ANCHORS)
        places = {}
        for near in range(text.at, text.end, apart):
            lines = text.read(1024, near)
            start = lines.find(b"\n") + 1
            end = lines.find(b"\n", start)
            if 0 < start < end:
                places[lines[start:end]] = near + start
        return cls(places, apart)


class Walk:
    """Goes through a part of new from start to end, and through one of old along with it.

    At a difference it searches both files nearby for the same lines. If there are none, anchors may
    find them anywhere in a part of old without stretches.

    Args:
        old: the part of old.
        new: the part of new.
        anchors: of old.
    """

    def __init__(self, old: Text, new: Text, anchors: Anchors) -> None:
        self._old, self._new, self._apart = old, new, anchors.apart
        self._start, self._length = new.at, new.end - new.at
        self._found = Stretches()
        self._shared = self._differences = 0
        self._lost = False
        self._pause = 0
        self._anchors = {
            line: place for line, place in anchors.places.items() if old.at <= place < old.end
        }
        # used parts of old, ascending, and the start and end of the current one
        self._used: list[tuple[int, int]] = []
        self._from = self._end = old.at

    def same_lines_near(self, place: int) -> tuple[int, int] | None:
        """The offsets in old and new of lines that both have, near an offset of new."""
        self._new.at = place
        first, *lines = self._new.lines(6 * self._apart) or [b""]
        self._new.at = self._start
        found = self._anchored(lines)
        return found and (found[1], place + len(first) + 1 + found[0])

    def run(
        self,
        on_read: Callable[[int], None],
        on_block: Callable[[int, int, bytes], None],
    ) -> Stretches:
        """Find the stretches.

        Args:
            on_read: called often, with the bytes of new that were passed since.
            on_block: called with most blocks that are read: 0 for old or 1 for new, the offset, and
                the bytes.

        Raises:
            Irreducible: the parts share too little.
        """
        old, new = self._old, self._new
        passed = new.at
        block = _BLOCK
        many = False
        while new.at < new.end:
            on_read(new.at - passed)
            passed = new.at
            self._require_little_difference()
            before = self._differences
            a, b = old.read(block), new.read(block)
            on_block(0, old.at, a)
            on_block(1, new.at, b)
            if a == b:
                ended = old.at + len(a) == old.end and new.at + len(b) == new.end
                self._share(len(a) if ended else a.rfind(b"\n") + 1)
                goes_on = ended or b"\n" in a
            else:
                goes_on = (many and self._by_line(a, b)) or self._compare(a, b)
            many = self._differences - before >= _MANY
            if goes_on:
                block = min(2 * block, _BLOCK)
            elif self._find_again():
                block = _SMALLEST_BLOCK
            else:
                break
        return self._found

    def _compare(self, a: bytes, b: bytes) -> bool:
        """Go through two blocks of lines, as long as only a few lines differ.

        Returns:
            Whether the next blocks can be compared.
        """
        old, new = self._old, self._new
        i = j = 0
        while True:
            start = first_difference(a, b, i, j)
            whole = a.rfind(b"\n", i, start) + 1
            if whole > i:
                self._share(whole - i)
                i, j = whole, whole - i + j
            end_a, end_b = a.find(b"\n", i) + 1, b.find(b"\n", j) + 1
            if not end_a or not end_b or len(a) < end_a + _NEXT or len(b) < end_b + _NEXT:
                return i > 0
            next_a, next_b = a[end_a : end_a + _NEXT], b[end_b : end_b + _NEXT]
            self._differences += 1
            if next_a == next_b:
                old.at, new.at = old.at + end_a - i, new.at + end_b - j
                i, j = end_a, end_b
            elif b.startswith(next_a, j):
                old.at += end_a - i
                i = end_a
            elif a.startswith(next_b, i):
                new.at += end_b - j
                j = end_b
            elif met := _nearest(_lines(a, i), _lines(b, j)):
                old.at, new.at = old.at + met[0], new.at + met[1]
                i, j = i + met[0], j + met[1]
            else:
                return False

    def _by_line(self, a: bytes, b: bytes) -> bool:
        """Compare two blocks line by line.

        Returns:
            Whether the next blocks can be compared: most of these lines were the same.
        """
        if self._pause:
            self._pause -= 1
            return False
        # numpy takes long to import, and few differences need it not
        from diffing.csvfiles.line_by_line import same_lines

        old, new, same = self._old, self._new, same_lines(a, b)
        self._differences += len(same.parts)
        start_old, start_new = old.at, new.at
        for i, j, length in same.parts:
            old.at, new.at = start_old + i, start_new + j
            self._share(length)
        old.at, new.at = start_old + same.ends[0], start_new + same.ends[1]
        if same.ends[0] < len(a) // 2:
            self._pause = _PAUSE
        return same.ends[0] > 0

    def _share(self, length: int) -> None:
        old, new = self._old, self._new
        if length:
            self._found.add(old.at, new.at, length)
            self._shared += length
            self._lost = False
            old.at += length
            new.at += length
            self._end = old.at

    def _find_again(self) -> bool:
        """Go to the next lines that both files have; whether new has more lines."""
        old, new = self._old, self._new
        self._differences += 10  # it takes as long
        for size in _WINDOWS[-1:] if self._lost else _WINDOWS:
            a, b = old.lines(size), new.lines(size)
            met = _nearest(a, b)
            if met and max(met) <= self._apart:
                old.at, new.at = old.at + met[0], new.at + met[1]
                return True
            if met:
                break
        # the lines between may be elsewhere in the other file
        if (place := self._anchored(b)) and (not met or place[0] < met[1]):
            met = place[1] - old.at, place[0]
        if met:
            self._jump(old.at + met[0])
            new.at += met[1]
            return True
        # the files may be the same again after this window
        old.at += _bytes_of(a)
        new.at += _bytes_of(b)
        self._lost = True
        return bool(b)

    def _require_little_difference(self) -> None:
        passed, size = self._new.at - self._start, self._length
        many = self._differences * _BYTES_OF_DIFFERENCE > passed + size // _AT_ONCE
        if many and size > SMALL:
            raise Irreducible
        if passed * 16 > size > SMALL and self._shared < passed * _SHARE_WANTED:
            raise Irreducible

    # -- places far away

    def _anchored(self, lines: Sequence[bytes]) -> tuple[int, int] | None:
        """The bytes before the first line whose run is in old, and its offset there."""
        for number, place in enumerate(map(self._anchors.get, lines)):
            if place is not None and number + _RUN <= len(lines):
                run = b"\n".join(lines[number : number + _RUN]) + b"\n"
                free = self._free_from(place) - place
                if len(run) <= free and os.pread(self._old.descriptor, len(run), place) == run:
                    return _bytes_of(lines[:number]), place
        return None

    def _free_from(self, place: int) -> int:
        """The end of the free part of old from an offset on."""
        if self._from <= place < self._end:
            return place
        number = bisect(self._used, (place, self._old.end))
        if number and place < self._used[number - 1][1]:
            return place
        limit = self._used[number][0] if number < len(self._used) else self._old.end
        return min(limit, self._from) if place < self._from < self._end else limit

    def _jump(self, place: int) -> None:
        """Continue at an offset of old, up to the next used part."""
        limit = self._free_from(place)
        if self._from < self._end:
            insort(self._used, (self._from, self._end))
        self._old.limit = limit
        self._old.at = self._from = self._end = place


def _lines(text: bytes, start: int) -> list[bytes]:
    """A few whole lines from an offset on."""
    return text[start : start + _NEAR].split(b"\n")[:-1]


def _nearest(a: Sequence[bytes], b: Sequence[bytes]) -> tuple[int, int] | None:
    """The bytes before the nearest run of lines that both lists have."""
    first = dict(zip(reversed(a), range(len(a) - 1, -1, -1), strict=True))
    best, cost = None, len(a) + len(b)
    for j, i in enumerate(map(first.get, b)):
        if j >= cost:
            break
        if i is not None and i + j < cost and a[i : i + _RUN] == b[j : j + _RUN]:
            best, cost = (i, j), i + j
    return best and (_bytes_of(a[: best[0]]), _bytes_of(b[: best[1]]))


def _bytes_of(lines: Sequence[bytes]) -> int:
    return sum(map(len, lines)) + len(lines)
