"""Counts the records of many lines at once, with numpy, if each line is one."""

import numpy as np
from numpy.typing import NDArray

from diffing.csvfiles.fields import Bytes, are_around_fields

_QUOTE, _RETURN, _LINE_END = b'"\r\n'


def count_records(lines: bytes) -> int | None:
    """The number of records in whole lines, which begin outside quotes.

    Returns:
        The number of lines; None if one may be blank or no record, or if a quote or a CR may be
        misplaced.
    """
    given = np.frombuffer(lines, np.uint8)
    ends = given == _LINE_END
    if not len(lines) or not ends[-1] or ends[0]:
        return None
    if b"\r" in lines:
        returns = given == _RETURN
        # a line of one byte is taken for a blank one, which ends in LF CR LF
        if returns[0] or (returns[:-1] > ends[1:]).any() or (ends[2:] & ends[:-2]).any():
            return None
    if (ends[1:] & ends[:-1]).any():
        return None
    if b'"' in lines and not _are_in_line(given, ends):
        return None
    return int(np.count_nonzero(ends))


def _are_in_line(given: Bytes, ends: NDArray[np.bool_]) -> bool:
    """Whether all quotes are around a field or doubled, with no line end between them."""
    hits = given == _QUOTE
    hits |= ends
    found = np.flatnonzero(hits)
    numbers = np.flatnonzero(given[found] == _QUOTE)
    if not are_around_fields(given, found[numbers]):
        return False
    return not (numbers[1::2] - numbers[0::2] > 1).any()
