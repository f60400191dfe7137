"""Counts the records of many lines at once, with numpy, if each line is one."""

import numpy as np

from diffing.csvfiles.fields import AFTER_QUOTES, BEFORE_QUOTES

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


def _are_in_line(given: np.ndarray, ends: np.ndarray) -> bool:
    """Whether all quotes are around a field or doubled, with no line end between them."""
    hits = given == _QUOTE
    hits |= ends
    found = np.flatnonzero(hits)
    numbers = np.flatnonzero(given[found] == _QUOTE)
    if len(numbers) % 2 or (numbers[1::2] - numbers[0::2] > 1).any():
        return False
    quotes = found[numbers]
    # before the first byte is the last one, a line end
    before, after = given[quotes[0::2] - 1], given[quotes[1::2] + 1]
    return bool(BEFORE_QUOTES[before].all() and AFTER_QUOTES[after].all())
