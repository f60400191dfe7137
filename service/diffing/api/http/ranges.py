"""Conditions and ranges in the headers of a request for a file."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime

from diffing.core.errors import BadArgument, PreconditionFailed, RangeNotSatisfiable

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_STRONG_OR_WEAK = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_MOST_RANGES = 100
_BEYOND = "9" * 19


def http_date(time: datetime) -> str:
    """A time in the format of headers."""
    return format_datetime(time, usegmt=True)


def require_meant(headers: Mapping[str, str], etag: str, modified: datetime) -> None:
    """Check that a file is the one that the client means, by its tag or its time.

    Args:
        headers: of the request.
        etag: of the file, strong.
        modified: time of the creation of the file, UTC.

    Raises:
        PreconditionFailed: it is another one.
    """
    tags = headers.get("if-match")
    if tags is not None:
        is_meant = tags.strip() == "*" or etag in _STRONG_OR_WEAK.findall(tags)
    else:
        until = _time_in(headers.get("if-unmodified-since", ""))
        is_meant = until is None or modified.replace(microsecond=0) <= until
    if not is_meant:
        raise PreconditionFailed(
            "The file is not the one of If-Match or If-Unmodified-Since. Fetch it anew."
        )


def is_known(headers: Mapping[str, str], etag: str, modified: datetime) -> bool:
    """Whether the client already has the file, by its tag or its time.

    Args:
        headers: of the request.
        etag: of the file, strong.
        modified: time of the creation of the file, UTC.
    """
    tags = headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or etag in _TAG.findall(tags)
    since = _time_in(headers.get("if-modified-since", ""))
    return since is not None and modified.replace(microsecond=0) <= since


def wanted_ranges(
    headers: Mapping[str, str], etag: str, modified: datetime, size: int
) -> str | None:
    """The Range header, without ranges beyond the file; None for the whole file.

    Args:
        headers: of the request.
        etag: of the file, strong.
        modified: time of the creation of the file, UTC.
        size: bytes of the file.

    Raises:
        BadArgument: the Range header is malformed.
        RangeNotSatisfiable: the file has none of the requested bytes.
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
    there = [f"{first}-{last}" for first, last in ranges if first <= last]
    if not there:
        raise RangeNotSatisfiable(f"The file has {size:,} bytes, and none of the requested ones.")
    return f"bytes={','.join(there)}"


def _range_in(text: str, size: int) -> tuple[int, int]:
    """The first and last byte of a range; the last is before the first if the range is empty."""
    found = re.fullmatch(r"([0-9]*)[ \t]*-[ \t]*([0-9]*)", text)
    if not found or not (found[1] or found[2]):
        raise BadArgument("Range must be like bytes=0-99, bytes=100- or bytes=-100.")
    if not found[1]:
        return max(size - _number(found[2]), 0), size - 1
    first, last = _number(found[1]), _number(found[2] or _BEYOND)
    if last < first:
        raise BadArgument("A range ends before it begins.")
    return first, min(last, size - 1)


def _number(digits: str) -> int:
    # more digits than the size of any file are irrelevant
    return int(digits.lstrip("0")[: len(_BEYOND)] or 0)


def _time_in(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
