"""Writes the rest of a CSV file: its records without those that another file shares."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from diffing.csvfiles.alignment import Stretches
from diffing.csvfiles.borders import Borders

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


def left_of_old(stretches: Stretches, body: int, size: int) -> Iterator[tuple[int, int]]:
    """The start and end of each part of old outside the stretches.

    Args:
        stretches: of both files.
        body: the end of the header.
        size: of old, in bytes.
    """
    ascending = sorted(zip(stretches.olds, stretches.lengths, strict=True))
    return _gaps(ascending, body, size)


def left_of_new(stretches: Stretches, body: int, size: int) -> Iterator[tuple[int, int]]:
    """The same for new."""
    return _gaps(zip(stretches.news, stretches.lengths, strict=True), body, size)


def _gaps(taken: Iterable[tuple[int, int]], start: int, end: int) -> Iterator[tuple[int, int]]:
    for place, length in taken:
        if start < place:
            yield start, place
        start = place + length
    if start < end:
        yield start, end


def write_parts(
    source: Path, parts: Iterable[tuple[int, int]], header: bytes, path: Path
) -> array[int]:
    """Write a header and parts of a file.

    Args:
        source: the file.
        parts: start and end of each, ascending.
        header: the first line.
        path: to write to.

    Returns:
        The offset of each part in the new file.
    """
    starts, place = array("q"), len(header)
    with ExitStack() as files:
        descriptor = files.enter_context(source.open("rb", buffering=0)).fileno()
        target = files.enter_context(path.open("wb"))
        target.write(header)
        for near in _together(parts):
            begin = near[0][0]
            if near[-1][1] - begin > _NEAR:
                _copy(descriptor, near[0], target.write)
            else:
                text = os.pread(descriptor, near[-1][1] - begin, begin)
                target.writelines([text[start - begin : end - begin] for start, end in near])
            for start, end in near:
                starts.append(place)
                place += end - start
    return starts


def _together(parts: Iterable[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Groups of parts that are read at once, in order."""
    near: list[tuple[int, int]] = []
    for part in parts:
        if near and part[1] - near[0][0] > _NEAR:
            yield near
            near = []
        near.append(part)
    if near:
        yield near


def _copy(descriptor: int, part: tuple[int, int], write: Callable[[bytes], object]) -> None:
    start, end = part
    while start < end:
        block = os.pread(descriptor, min(_BLOCK, end - start), start)
        if not block:  # the file was cut short, which `unchanged` reports
            return
        write(block)
        start += len(block)
