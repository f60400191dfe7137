"""The query parameters of each operation; a request with others is refused."""

from collections.abc import Iterable
from urllib.parse import parse_qsl

from diffing.core.errors import BadArgument
from diffing.core.text import near, shown


def require_known(query: bytes, known: Iterable[str]) -> None:
    """Check the names of query parameters.

    Args:
        query: as it came.
        known: names that the operation takes.

    Raises:
        BadArgument: a name is unknown. The text lists those there are.
    """
    names = sorted(known)
    for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name in names:
            continue
        there = f"It may have {', '.join(names)}." if names else "It has none."
        hint = near(name, names)
        raise BadArgument(f"This request has no query parameter {shown(name)}.{hint} {there}")
