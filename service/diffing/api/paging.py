"""Lists in pages, newest first: their parameters, their cursors, and the link to the next page."""

import base64
import re
from urllib.parse import urlencode

from starlette.requests import Request

from diffing.core.errors import BadArgument
from diffing.store.jobs import LARGEST_ID

_PAGE, _LONGEST_PAGE = 20, 100


def limit_in(text: str | None) -> int:
    """The number of entries of a page.

    Raises:
        BadArgument: it is not a number, or too large.
    """
    if text is None:
        return _PAGE
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= _LONGEST_PAGE:
        raise BadArgument(f"limit must be a number from 1 to {_LONGEST_PAGE}.")
    return int(text)


def cursor_after(last_id: int) -> str:
    """The cursor of the page after an entry."""
    return base64.urlsafe_b64encode(str(last_id).encode()).decode().rstrip("=")


def id_in(cursor: str | None) -> int | None:
    """The id in a cursor. The entries with smaller ids follow.

    Raises:
        BadArgument: it is not a cursor.
    """
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        text = b""
    if not re.fullmatch(rb"[1-9][0-9]{0,18}", text) or int(text) > LARGEST_ID:
        raise BadArgument("cursor must be the `next` of the previous page.")
    return int(text)


def link_to_next(request: Request, following: str | None) -> dict[str, str]:
    """The header with the address of the next page; none after the last page."""
    if following is None:
        return {}
    asked = request.query_params.multi_items()
    query = urlencode([*((n, v) for n, v in asked if n != "cursor"), ("cursor", following)])
    return {"Link": f'<{request.url.path}?{query}>; rel="next"'}
