"""Reads texts of many fields at once, eight bytes at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from diffing.csvfiles.fields import Numbers

Words = NDArray[np.uint64]
BYTES = 8
NONE = np.uint64(0)
_FIRST = np.array([(1 << 8 * count) - 1 for count in range(BYTES + 1)], np.uint64)


def words_of(
    text: bytes, starts: Numbers, lengths: Numbers, filler: np.uint64 = NONE
) -> Iterator[tuple[Words, Numbers | slice]]:
    """The bytes of fields, as little-endian words.

    Args:
        text: has BYTES more bytes than the last field.
        starts: the offset of each field.
        lengths: their sizes in bytes.
        filler: eight bytes of it follow the end of each field.

    Yields:
        The first words of the fields, then the second ones, and so on. Also which fields go so far;
        only these have a word.
    """
    words = np.ndarray((len(text) - BYTES + 1,), "<u8", text, strides=(1,))
    fields: Numbers | slice = slice(None)
    shortest, longest = (int(lengths.min()), int(lengths.max())) if len(lengths) else (0, 0)
    for place in range(0, longest, BYTES):
        if shortest <= place:
            longer = np.flatnonzero(lengths > place)
            starts, lengths = starts[longer], lengths[longer]
            fields = longer if isinstance(fields, slice) else fields[longer]
            shortest = int(lengths.min())
        word: Words = words[starts + place] if place else words[starts]
        if shortest < place + BYTES:
            word ^= filler
            word &= _FIRST[np.minimum(lengths - place, BYTES)]
            word ^= filler
        yield word, fields
