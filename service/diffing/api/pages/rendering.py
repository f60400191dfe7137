"""Templates, and the answers with them."""

import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import wraps
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from diffing.api.http.problems import headers_of_error, problem_of_http, status_of_error
from diffing.core.errors import DiffingError, ResultGone
from diffing.core.figures import CELLS, PARTS
from diffing.core.row_query import query_of_key
from diffing.core.text import shown

# Forms of the pages need a Referrer-Policy that sends Origin: with no-referrer, it would be "null".
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_UNITS = ("B", "KB", "MB", "GB", "TB")
_NONE = "\u2013"  # a dash
_MINUS, _NOTHING = "\u2212", "\u00b7"
_PLAIN_BLANKS = " \t\r\n"
_INVISIBLE = ("Cc", "Cf", "Zl", "Zp", "Zs")
_AGES = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def shown_bytes(size: int | None) -> str:
    """A size, such as 13.1 MB; a dash for None."""
    if size is None:
        return _NONE
    number, unit = float(size), 0
    while number >= 999.95 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.0f} {_UNITS[unit]}" if unit == 0 else f"{number:.1f} {_UNITS[unit]}"


def shown_number(number: float | None) -> str:
    """A whole number with separators; a dash for None."""
    return _NONE if number is None else f"{number:,}"


def shown_share(part: float, whole: float) -> str:
    """A share in percent, which is 0 % or 100 % only if it is exactly that."""
    if not whole:
        return _NONE
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.0f} %" if percent in (0, 100) else f"{percent:.1f} %"


def shown_amount(amount: float | None) -> str:
    """A number of any size; a dash for None."""
    if amount is None:
        return _NONE
    size = abs(amount)
    if size >= 1e15 or 0 < size < 1e-4:
        text = f"{amount:.3g}"
    else:
        text = f"{amount:,.0f}" if size >= 1000 else f"{amount:.4g}"
    return text.replace("-", _MINUS, 1) if amount < 0 else text


def shown_move(amount: float | None) -> str:
    """A number with its sign; a dot for 0."""
    if amount == 0:
        return _NOTHING
    return f"+{shown_amount(amount)}" if amount and amount > 0 else shown_amount(amount)


def shown_count(number: int) -> str:
    """A whole number with separators; a dot for 0."""
    return f"{number:,}" if number else _NOTHING


def shown_change(change: float | None) -> str:
    """A relative change: in percent, unless it is tiny."""
    if change is None:
        return _NONE
    return f"{change:.1e}" if 0 < abs(change) < 1e-5 else f"{100 * change:.3g} %"


def shown_text(text: str, most: int = 80) -> str:
    """A text without its end, if it is long."""
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


def shown_marks(text: str) -> list[tuple[str, bool]]:
    """The parts of a text: as it is, or a mark such as `U+200B` for what nobody would see."""
    parts = []
    for is_mark, characters in groupby(text, _is_invisible):
        part = "".join(characters)
        parts += [(f"U+{ord(c):04X}", True) for c in part] if is_mark else [(part, False)]
    return parts


def _is_invisible(character: str) -> bool:
    """Whether a character looks like nothing, like a blank, or turns the text after it."""
    if character in _PLAIN_BLANKS:
        return False
    kind = unicodedata.category(character)
    return kind in _INVISIBLE or "\ufe00" <= character <= "\ufe0f"


def looks_alike(old: str | None, new: str | None) -> bool:
    """Whether two texts are the same letters in other forms of Unicode."""
    texts = (unicodedata.normalize("NFC", text or "") for text in (old, new))
    return old != new and len(set(texts)) == 1


def shown_column(name: str, most: int = 80) -> str:
    """The name of a column without its end, if it is long."""
    return shown_text(name, most) if name else "(no name)"


def shown_age(time: datetime | None) -> str:
    """A time as its distance from now, such as `3 minutes ago`."""
    if time is None:
        return "never"
    seconds = max((datetime.now(UTC) - time).total_seconds(), 0)
    for unit, length in _AGES:
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'' if number == 1 else 's'} ago"
    return "just now"


def shown_time(time: datetime | None) -> str:
    """A time to the second, in UTC."""
    return f"{time:%d %B %Y, %H:%M:%S} UTC" if time else _NONE


def shown_seconds(seconds: float | timedelta | None) -> str:
    """A duration, such as `8.3 s` or `2 min 5 s`."""
    if seconds is None:
        return _NONE
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,  # everywhere, not only in files of some suffixes
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {
    "number": shown_number,
    "bytes": shown_bytes,
    "age": shown_age,
    "time": shown_time,
    "seconds": shown_seconds,
    "amount": shown_amount,
    "move": shown_move,
    "count_of": shown_count,
    "change": shown_change,
    "cut": shown_text,
    "column": shown_column,
    "marked": shown_marks,
}
_TEMPLATES.globals |= {
    "share": shown_share,
    "rows_with": query_of_key,
    "looks_alike": looks_alike,
    "parts_of_bridge": PARTS,
    "counts_of_cells": CELLS,
}


def rendered(template: str, values: Mapping[str, Any]) -> str:
    """The HTML of a template.

    Args:
        template: its name, without the suffix.
        values: by the names in the template.
    """
    return _TEMPLATES.get_template(f"{template}.html").render(values)


def page(template: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """An HTML page, or a part of one.

    Args:
        template: its name, without the suffix.
        values: by the names in the template.
        status: of the answer.
    """
    return HTMLResponse(rendered(template, values), status_code=status, headers=_HEADERS)


def with_error_page(
    endpoint: Callable[[Any, Request], Awaitable[Response]],
) -> Callable[[Any, Request], Awaitable[Response]]:
    """An endpoint of a page, whose errors are pages, too."""

    @wraps(endpoint)
    async def run(self: Any, request: Request) -> Response:
        try:
            return await endpoint(self, request)
        except DiffingError as error:
            values = {
                "title": error.failure.title,
                "detail": error.detail,
                "frame": None,
                "has_history": isinstance(error, ResultGone),
            }
            response = await run_in_threadpool(page, "error", values, status_of_error(error))
            response.headers.update(headers_of_error(error))
            return response

    return run


def page_of_http(request: Request, error: Exception) -> Response:
    """The answer to an unknown route or method: for a person a page, for a program a problem."""
    answer = problem_of_http(request, error)
    if "text/html" not in request.headers.get("Accept", "") or request.url.path.startswith("/api/"):
        return answer
    detail = f"This service has no page {shown(request.url.path)}."
    values = {"title": "Unknown page", "detail": detail, "frame": None, "has_history": False}
    shown_page = page("error", values, answer.status_code)
    if allowed := answer.headers.get("Allow"):
        shown_page.headers["Allow"] = allowed
    return shown_page
