"""Writes the rest of a CSV file: its records without those that another file shares."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diffing.csvfiles.borders import Borders
from diffing.csvfiles.fields import Numbers
from diffing.csvfiles.stretches import Stretches

# Parts in so many bytes are read at once.
_NEAR = 256 * 1024
_BLOCK = 1024 * 1024


def whole_records(stretches: Stretches, borders: Borders) -> Stretches:
    """Cut each stretch down to its whole records.

    Args:
        stretches: shared lines.
        borders: of old.
    """
    if not borders:
        return stretches
    whole = Stretches()
    for old, new, length in stretches:
        start, end = borders.at_or_after(old), borders.at_or_before(old + length)
        if start is not None and end is not None and start < end:
            whole.add(start, new + start - old, end - start)
    return whole


def without(
    stretches: Stretches, starts: Sequence[int], ends: Sequence[int]
) -> tuple[Stretches, int]:
    """Take records out of the stretches.

    Args:
        stretches: of both files, whole records.
        starts: where each record begins in old, ascending; also of records outside the stretches.
        ends: where the next record begins.

    Returns:
        The rest of the stretches, and the number of records taken out.
    """
    left, taken = Stretches(), 0
    for old, new, length in stretches:
        place = old
        inside = range(bisect_left(starts, old), bisect_left(starts, old + length))
        for number in inside:
            if place < starts[number]:
                left.add(place, new + place - old, starts[number] - place)
            place = ends[number]
        if place < old + length:
            left.add(place, new + place - old, old + length - place)
        taken += len(inside)
    return left, taken


@dataclass(frozen=True)
class Parts:
    """Parts of a file, in order.

    Args:
        starts: where each begins, in bytes.
        ends: where it ends.
    """

    starts: Numbers
    ends: Numbers

    def together(self) -> Iterator[Parts]:
        """Groups of parts that are read at once."""
        first = 0
        while first < len(self.starts):
            within = np.searchsorted(self.ends, self.starts[first] + _NEAR, side="right")
            last = max(first + 1, int(within))
            yield Parts(self.starts[first:last], self.ends[first:last])
            first = last


def left_of_old(stretches: Stretches, body: int, size: int) -> Parts:
    """The parts of old outside the stretches.

    Args:
        stretches: of both files.
        body: the end of the header.
        size: of old, in bytes.
    """
    starts, lengths = np.array(stretches.olds, np.int64), np.array(stretches.lengths, np.int64)
    order = np.argsort(starts)
    return _gaps(starts[order], lengths[order], body, size)


def left_of_new(stretches: Stretches, body: int, size: int) -> Parts:
    """The same for new."""
    starts, lengths = np.array(stretches.news, np.int64), np.array(stretches.lengths, np.int64)
    return _gaps(starts, lengths, body, size)


def _gaps(starts: Numbers, lengths: Numbers, body: int, size: int) -> Parts:
    begins, ends = np.append(body, starts + lengths), np.append(starts, size)
    some = begins < ends
    return Parts(begins[some], ends[some])


def write_parts(source: Path, parts: Parts, header: bytes, path: Path) -> array[int]:
    """Write a header and parts of a file.

    Args:
        source: the file.
        parts: of it.
        header: the first line.
        path: to write to.

    Returns:
        The offset of each part in the new file.
    """
    with ExitStack() as files:
        descriptor = files.enter_context(source.open("rb", buffering=0)).fileno()
        target = files.enter_context(path.open("wb"))
        target.write(header)
        for near in parts.together():
            begin, end = int(near.starts[0]), int(near.ends[-1])
            if end - begin > _NEAR:
                _copy(descriptor, (begin, end), target.write)
                continue
            text = os.pread(descriptor, end - begin, begin)
            places = zip((near.starts - begin).tolist(), (near.ends - begin).tolist(), strict=True)
            target.writelines([text[start:end] for start, end in places])
    lengths = parts.ends - parts.starts
    return array("q", (lengths.cumsum() - lengths + len(header)).tobytes())


@dataclass(frozen=True)
class Writing:
    """Writes the rest of several files, here or in a helper process.

    Args:
        header: their first line.
        rests: the source of each, parts of it, and the path to write to.
    """

    header: bytes
    rests: Sequence[tuple[Path, Parts, Path]]

    @property
    def numbers(self) -> list[tuple[int, int]]:
        """A part of the work for each file."""
        return [(number, number + 1) for number in range(len(self.rests))]

    def __call__(self, part: tuple[int, int], _: Callable[[int], None]) -> tuple[int, array[int]]:
        """Write one; its number, and the offsets that `write_parts` returns."""
        number = part[0]
        source, parts, path = self.rests[number]
        return number, write_parts(source, parts, self.header, path)


def _copy(descriptor: int, part: tuple[int, int], write: Callable[[bytes], object]) -> None:
    start, end = part
    while start < end:
        block = os.pread(descriptor, min(_BLOCK, end - start), start)
        if not block:  # the file was cut short, which `unchanged` reports
            return
        write(block)
        start += len(block)
