"""The query parameters of each operation; a request with others is refused."""

from collections import Counter
from collections.abc import Mapping
from urllib.parse import parse_qsl

from diffing.core.errors import BadArgument
from diffing.core.text import near, shown


def require_known(query: bytes, known: Mapping[str, bool]) -> None:
    """Check the names of query parameters.

    Args:
        query: as it came.
        known: names that the operation takes, and whether each may repeat.

    Raises:
        BadArgument: a name is unknown, and the text lists those there are; or it is repeated.
    """
    names = sorted(known)
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    for name, times in Counter(name for name, _ in given).items():
        if name not in known:
            there = f"It may have {', '.join(names)}." if names else "It has none."
            hint = near(name, names)
            raise BadArgument(f"This request has no query parameter {shown(name)}.{hint} {there}")
        if times > 1 and not known[name]:
            raise BadArgument(f"{name} is given {times} times. Give it once.")
