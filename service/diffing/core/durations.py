"""Durations as texts, such as `500ms`."""

import re
from decimal import Decimal

_MICROSECONDS = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
_TEXT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)(us|ms|s|min|h|d)")
_MOST = 366 * 1_000 * _MICROSECONDS["d"]


def microseconds(text: str) -> int:
    """The whole microseconds of a duration.

    Raises:
        ValueError: the text is not one.
    """
    found = _TEXT.fullmatch(text)
    duration = Decimal(found[1]) * _MICROSECONDS[found[2]] if found else Decimal(-1)
    if not 0 <= duration <= _MOST or duration % 1:
        raise ValueError(
            "must be a number with us, ms, s, min, h or d, such as 500ms, and at most 1,000 years"
        )
    return int(duration)
