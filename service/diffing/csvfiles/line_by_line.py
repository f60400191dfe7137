"""Finds what two texts share if most lines of one are at the same place in the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffing.csvfiles.first_difference import first_difference

# Lines were inserted or removed where so many of so many lines have another length, or so many in a
# row differ.
_OTHERS, _LINES = 16, 32


@dataclass(frozen=True)
class SameLines:
    """The parts of two texts that are the same bytes.

    Args:
        parts: the offset of each in both texts, and its size; whole lines.
        ends: the offsets at which the comparison ended. Beyond them, lines were perhaps inserted.
    """

    parts: list[tuple[int, int, int]]
    ends: tuple[int, int]


def same_lines(a: bytes, b: bytes) -> SameLines:
    """Compare the first line of a with the first one of b, the second with the second, and so on.

    The lengths of lines tell where most of them differ. Of the others, all bytes are compared.
    """
    starts_a, starts_b = _line_starts(a), _line_starts(b)
    lines = min(len(starts_a), len(starts_b)) - 1
    others = np.flatnonzero(np.diff(starts_a[: lines + 1]) != np.diff(starts_b[: lines + 1]))
    many = np.flatnonzero(others[_OTHERS:] - others[:-_OTHERS] < _LINES)
    if len(many):
        lines = int(others[many[0]])
        others = others[: many[0]]
    first, last = np.r_[0, others + 1], np.r_[others, lines]
    parts: list[tuple[int, int, int]] = []
    for i, j, end in zip(
        starts_a[first].tolist(), starts_b[first].tolist(), starts_a[last].tolist(), strict=True
    ):
        if a[i:end] == b[j : j + end - i]:
            if i < end:
                parts.append((i, j, end - i))
        elif (ended := _add_same(parts, a, b, (i, end), j - i)) < end:
            return SameLines(parts, (ended, ended + j - i))
    return SameLines(parts, (int(starts_a[lines]), int(starts_b[lines])))


def _add_same(
    parts: list[tuple[int, int, int]], a: bytes, b: bytes, lines: tuple[int, int], shift: int
) -> int:
    """Add the same parts of lines that have the same lengths.

    Args:
        parts: to add to.
        a: a text.
        b: another one.
        lines: where the first one begins in a, and where the last one ends.
        shift: from an offset in a to the same line in b.

    Returns:
        Where it ended: at `end`, or before many lines in a row that differ.
    """
    i, end = lines
    differ, first = 0, i
    while i < end:
        start = min(first_difference(a, b, i, i + shift), end)
        whole = a.rfind(b"\n", i, start) + 1
        if whole:
            parts.append((i, i + shift, whole - i))
            i = first = whole
            differ = 0
        if i < end:
            differ += 1
            if differ > _OTHERS:
                return first
            i = a.index(b"\n", i) + 1
    return end


def _line_starts(text: bytes) -> NDArray[np.int64]:
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord(b"\n"))
    starts: NDArray[np.int64] = np.r_[0, ends + 1]
    return starts
