"""Small forms of the pages."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from diffing.core.errors import TooLarge

_MOST_BYTES = 8 * 1024


async def fields_of_form(request: Request) -> dict[str, str]:
    """The fields of a small form, also empty ones.

    Raises:
        TooLarge: it is not small.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise TooLarge(f"The form has more than {_MOST_BYTES:,} bytes.")
    return dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))


def lines_of(text: str) -> list[str]:
    """The lines of a field that are not blank."""
    return [line.strip() for line in text.splitlines() if line.strip()]
