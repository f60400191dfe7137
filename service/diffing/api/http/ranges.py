"""What a request has to say of the file it asks for: whether it has it, and which part it wants."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime

from diffing.core.errors import BadArgument, RangeNotSatisfiable

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_MOST_RANGES = 100
_BEYOND = 10**18

Range = tuple[int, int]


def http_date(time: datetime) -> str:
    """A time as headers have it."""
    return format_datetime(time, usegmt=True)


def is_known(headers: Mapping[str, str], etag: str, modified: datetime) -> bool:
    """Whether the client has that very file: it named its tag, or a time since which it stands.

    Args:
        headers: of the request.
        etag: of the file, strong.
        modified: when the file came to be, UTC.
    """
    tags = headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or etag in _TAG.findall(tags)
    since = _time_in(headers.get("if-modified-since", ""))
    return since is not None and modified.replace(microsecond=0) <= since


def ranges_of(
    headers: Mapping[str, str], etag: str, modified: datetime, size: int
) -> list[Range] | None:
    """The parts that the client wants, ascending, none over another; None for the whole file.

    Args:
        headers: of the request.
        etag: of the file, strong.
        modified: when the file came to be, UTC.
        size: bytes of the file.

    Returns:
        For each the first byte, and the one after the last.

    Raises:
        BadArgument: the Range header makes no sense.
        RangeNotSatisfiable: the file has none of those bytes.
    """
    asked = headers.get("range")
    only_of = headers.get("if-range")
    if asked is None or (only_of is not None and only_of not in (etag, http_date(modified))):
        return None
    unit, equals, text = asked.partition("=")
    if equals and unit.strip().lower() not in ("bytes", ""):
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > _MOST_RANGES:
        return None
    ranges = [_range_in(part, size) for part in parts if part]
    if not ranges:
        raise BadArgument("Range must be like bytes=0-99, bytes=100- or bytes=-100.")
    there = sorted((start, end) for start, end in ranges if start < end)
    if not there:
        raise RangeNotSatisfiable(f"The file has {size:,} bytes, and none of those asked for.")
    return _merged(there)


def _range_in(text: str, size: int) -> Range:
    """One range, cut to the size; an empty one where the file has none of it."""
    found = re.fullmatch(r"([0-9]*)[ \t]*-[ \t]*([0-9]*)", text)
    if not found or not (found[1] or found[2]):
        raise BadArgument("Range must be like bytes=0-99, bytes=100- or bytes=-100.")
    if not found[1]:
        return max(size - _number(found[2]), 0), size
    first, last = _number(found[1]), _number(found[2]) if found[2] else _BEYOND
    if last < first:
        raise BadArgument("A range ends before it begins.")
    return first, min(last + 1, size)


def _number(digits: str) -> int:
    return int(digits) if len(digits) <= len(str(_BEYOND)) else _BEYOND


def _merged(ranges: list[Range]) -> list[Range]:
    merged = ranges[:1]
    for start, end in ranges[1:]:
        if start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def _time_in(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
