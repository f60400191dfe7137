"""Options in messages, written as on the command line."""

import re
import shlex

from diffing.core.errors import BadArgument, DiffingError
from diffing.core.option_texts import FLAGS, NAMES
from diffing.core.text import typed_option

_OPTIONS = (*NAMES, "only_changed_columns")
_ESCAPED = re.compile(r"\\x[0-9a-f]{2}|\\[a-z]")
# an invalid option is the first word of its fault
_FAULTY = re.compile(rf"(^|; )(?:(old|new)_dialect\.)?({'|'.join(_OPTIONS)})(?=[ :])")
_NAMED = re.compile(rf"`({'|'.join(_OPTIONS)})(?:=([^`]+))?`")


def written_error(error: DiffingError) -> str:
    """The text of an error."""
    text = error.detail
    if isinstance(error, BadArgument):
        text = _FAULTY.sub(_faulty, text)
    return written(text)


def written(text: str) -> str:
    """A text in which `skip_lines=2` is --skip-lines 2."""
    return _NAMED.sub(lambda found: _option(found[1], found[2]), text)


def _faulty(found: re.Match[str]) -> str:
    begin, side, name = found.groups()
    return begin + _option(f"{side}_{name}" if side else name)


def _option(name: str, value: str | None = None) -> str:
    option = typed_option(name)
    if value is None or (name in (*FLAGS, "sniff") and value == "true"):
        return option
    quoted = f"$'{value}'" if _ESCAPED.fullmatch(value) else shlex.quote(value)
    return f"{option} {quoted}"
