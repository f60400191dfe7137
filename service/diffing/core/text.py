"""Text from outside: checked, and made safe for messages."""

import difflib
import re
from collections.abc import Iterable, Sequence

from pydantic import AfterValidator, ValidationError
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
    "int_parsing_size": "must be a smaller number",
    "finite_number": "must be a finite number",
}
_BOUNDS = {
    "literal_error": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_long": "must have at most {max_length} entries",
}


def written_as(pattern: str, words: str) -> AfterValidator:
    """A check of a text by a regular expression, for pydantic.

    Args:
        pattern: of the whole text.
        words: of the error, after the name of the field.
    """

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(words)
        return text

    return AfterValidator(check)


def faults(error: Exception, names: Iterable[str] = ()) -> str:
    """The faults that pydantic found, in one line and in plain words.

    Args:
        error: of pydantic, or another one.
        names: that are known, for an unknown one.
    """
    if not isinstance(error, ValidationError):
        return str(error)
    known = [*names]
    return "; ".join(_fault(fault, known) for fault in error.errors())


def words_of_fault(fault: ErrorDetails) -> str:
    """A fault that pydantic found, in plain words, without its place."""
    kind = fault["type"]
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**fault["ctx"])
    return _WORDS.get(kind, fault["msg"].removeprefix("Value error, "))


def _fault(fault: ErrorDetails, known: Sequence[str]) -> str:
    kind, place = fault["type"], fault["loc"]
    words = words_of_fault(fault)
    if kind == "extra_forbidden" and len(place) == 1 and known:
        meant = like(str(place[0]), known)
        hint = f", perhaps {meant} is meant" if meant else ""
        words = f"unknown{hint}, not one of {', '.join(known)}"
    return ": ".join(filter(None, [shown(".".join(map(str, place))), words]))


def like(name: str, names: Iterable[str]) -> str | None:
    """The name that is most like one, in letters of any case; None if none is like it."""
    folded = {known.casefold(): known for known in names}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    return folded[close[0]] if close else None


def near(name: str, names: Iterable[str]) -> str:
    """A sentence, after a blank, that suggests one of these names; empty if none is like it."""
    meant = like(name, names)
    return f" Did you mean {meant}?" if meant else ""


def shown(name: str, limit: int = 80) -> str:
    """A name from outside, made safe and short enough for a message."""
    plain = re.sub(r"[^\x20-\x7e\xa1-\ud7ff\ue000-\U0010ffff]", "?", name)
    return plain if len(plain) <= limit else f"{plain[:limit]}…"


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names from outside in quotes, the first ones alone if there are many."""
    quoted = ", ".join(repr(name[:80]) for name in names[:most])
    return quoted if len(names) <= most else f"{quoted} and {len(names) - most} more"


def option(name: str, value: object = None) -> str:
    """An option of a comparison in a message, as the API and the forms name it.

    The command line writes it in its own way: see `cli/written.py`.

    Args:
        name: of the option.
        value: to give it; None for the option alone.
    """
    if value is None:
        return f"`{name}`"
    text = {"\t": "tab"}.get(str(value), str(value))
    return f"`{name}={text if text.isprintable() else repr(text)[1:-1]}`"


def typed_option(name: str) -> str:
    """An option as it is typed on the command line: `skip_lines` is --skip-lines."""
    return f"--{name.replace('_', '-')}"
