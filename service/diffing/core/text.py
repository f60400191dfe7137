"""Text from outside, made safe for messages."""

import re

from pydantic import ValidationError


def faults(error: Exception) -> str:
    """The faults that pydantic found, in one line."""
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        ": ".join(
            filter(
                None, [shown(".".join(map(str, e["loc"]))), e["msg"].removeprefix("Value error, ")]
            )
        )
        for e in error.errors()
    )


def shown(name: str, limit: int = 80) -> str:
    """A name from outside, made safe and short enough for a message."""
    plain = re.sub(r"[^\x20-\x7e\xa1-\ud7ff\ue000-\U0010ffff]", "?", name)
    return plain if len(plain) <= limit else f"{plain[:limit]}…"
