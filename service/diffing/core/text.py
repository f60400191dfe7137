"""Text from outside, made safe for messages."""

import re
from collections.abc import Iterable, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

# the words of pydantic are those of Python
_WORDS = {
    "missing": "missing",
    "extra_forbidden": "unknown",
    "too_short": "must not be empty",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must have names and values",
    "model_type": "must have names and values",
    "model_attributes_type": "must have names and values",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
}


def faults(error: Exception, names: Iterable[str] = ()) -> str:
    """The faults that pydantic found, in one line and in plain words.

    Args:
        error: of pydantic, or another one.
        names: that are known, for an unknown one.
    """
    if not isinstance(error, ValidationError):
        return str(error)
    known = ", ".join(names)
    return "; ".join(_fault(fault, known) for fault in error.errors())


def _fault(fault: ErrorDetails, known: str) -> str:
    kind, place = fault["type"], fault["loc"]
    if kind == "literal_error":
        words = f"must be {fault['ctx']['expected']}"
    else:
        words = _WORDS.get(kind, fault["msg"].removeprefix("Value error, "))
    if kind == "extra_forbidden" and len(place) == 1 and known:
        words = f"unknown, not one of {known}"
    return ": ".join(filter(None, [shown(".".join(map(str, place))), words]))


def shown(name: str, limit: int = 80) -> str:
    """A name from outside, made safe and short enough for a message."""
    plain = re.sub(r"[^\x20-\x7e\xa1-\ud7ff\ue000-\U0010ffff]", "?", name)
    return plain if len(plain) <= limit else f"{plain[:limit]}…"


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names from outside in quotes, the first ones alone if there are many."""
    quoted = ", ".join(repr(name[:80]) for name in names[:most])
    return quoted if len(names) <= most else f"{quoted} and {len(names) - most} more"
