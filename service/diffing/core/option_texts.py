"""Options of a comparison as texts, as on the command line and in forms."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_origin

from diffing.core import dialect
from diffing.core.comparison import Comparison
from diffing.core.csv_record import fields_of, line_of
from diffing.core.errors import BadArgument
from diffing.core.expectations import rule_in, rule_text
from diffing.core.text import shown

TOLERANCES = ("rel_tol", "abs_tol")
FLAGS = ("trim", "nocase", "additive", "totals")
RULES = "expect"
OF_DIALECTS = {
    **{name: ("", name) for name in dialect.NAMES},
    **{f"{side[:3]}_{name}": (side, name) for side in dialect.SIDES for name in dialect.NAMES},
}
"""The options of dialects, each with the field of a side, and the field in it."""

# "tolerance" is part of `rel_tol` and `abs_tol` here, and a dialect is several options
NAMES = (
    *(name for name in Comparison.model_fields if name not in ("tolerance", *dialect.SIDES)),
    *OF_DIALECTS,
)
LISTS = tuple(
    name for name, field in Comparison.model_fields.items() if get_origin(field.annotation) is tuple
)


def read_options(texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Options as fields of `Comparison`. The values are not all checked.

    Args:
        texts: by the name of the field. A list is one or several CSV records. A tolerance is a
            number, or COLUMN=NUMBER for one value column. A rename is one or several OLD=NEW. Of
            `expect`, each text is a rule.

    Raises:
        BadArgument: a text cannot be read, or an option is given twice.
    """
    options: dict[str, Any] = {}
    for name, given in texts.items():
        if name in TOLERANCES:
            for text in given:
                _add_tolerance(options, name, text)
        elif name == RULES:
            options[name] = _rules(given)
        elif name == "rename":
            options[name] = _renames([item for text in given for item in _record(name, text)])
        elif name in LISTS:
            options[name] = [item for text in given for item in _record(name, text)]
        elif len(given) > 1:
            raise _twice(name)
        elif name in OF_DIALECTS:
            side, field = OF_DIALECTS[name]
            target = options.setdefault(side, {}) if side else options
            target[field] = _of_dialect(name, field, given[0])
        else:
            options[name] = _flag(name, given[0]) if name in FLAGS else given[0]
    return options


def _add_tolerance(options: dict[str, Any], name: str, text: str) -> None:
    column, separator, number = text.rpartition("=")
    target = options.setdefault("tolerance", {}).setdefault(column, {}) if separator else options
    label = f"{name} of {shown(column)}" if separator else name
    if name in target:
        raise _twice(label)
    target[name] = _number(label, number)


def _rules(texts: Sequence[str]) -> dict[str, str]:
    rules: dict[str, str] = {}
    for text in texts:
        try:
            name, limit = rule_in(text)
        except ValueError as error:
            raise BadArgument(f"{RULES}: {error}.") from None
        if name in rules:
            raise _twice(f"{RULES} of {shown(name)}")
        rules[name] = limit
    return rules


def _number(label: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        given = shown(text) or "empty"
        raise BadArgument(
            f"{label} must be a number, 0 or more, or COLUMN=NUMBER, not {given}.{_share(text)}"
        )
    return number


def _share(text: str) -> str:
    """A hint for a tolerance in percent."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?%", text)
    return f" {shown(text)} is {float(found[1]) / 100:g}." if found else ""


def _renames(texts: Sequence[str]) -> dict[str, str]:
    renames: dict[str, str] = {}
    for text in texts:
        old, _, new = text.partition("=")
        if not (old and new) or "=" in new:
            raise BadArgument(
                f"rename must be OLD=NEW, names of a column in old and in new, not {shown(text)}."
            )
        if old in renames:
            raise _twice(f"rename of {shown(old)}")
        renames[old] = new
    return renames


def _flag(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise BadArgument(f"{name} must be true or false, not {shown(text)}.")
    return text == "true"


def _of_dialect(name: str, field: str, text: str) -> Any:
    """The value of a field of a dialect; the text itself if it is one."""
    if field == "sniff":
        return _flag(name, text)
    if field in ("skip_lines", "skip_footer"):
        if not (text.isascii() and text.isdigit()):
            raise BadArgument(f"{name} must be a number of lines, 0 or more, not {shown(text)}.")
        return int(text)
    return text


def _record(name: str, text: str) -> list[str]:
    try:
        return fields_of(text)
    except ValueError:
        raise BadArgument(
            f"{name} is not a CSV record: {shown(text)}. Quote names that contain a comma or a "
            'quote, such as "a,b".'
        ) from None


def _twice(label: str) -> BadArgument:
    return BadArgument(f"{label} is given twice.")


def option_texts(options: Mapping[str, Any]) -> dict[str, list[str]]:
    """The texts that `read_options` reads as these options."""
    texts = {
        name: _texts(name, option)
        for name, option in options.items()
        if name in NAMES and name != RULES
    }
    for side in dialect.SIDES:
        for name, option in options.get(side, {}).items():
            texts[f"{side[:3]}_{name}"] = _texts(name, option)
    if rules := options.get(RULES):
        texts[RULES] = [rule_text(name, limit) for name, limit in rules.items()]
    for column, tolerances in options.get("tolerance", {}).items():
        for name, number in tolerances.items():
            texts.setdefault(name, []).append(f"{column}={number!r}")
    return texts


def _texts(name: str, option: object) -> list[str]:
    if name == "rename" and isinstance(option, Mapping):
        return [line_of(f"{old}={new}" for old, new in option.items())]
    if name in LISTS and isinstance(option, Sequence):
        return [line_of(option)]
    if isinstance(option, bool):
        return [str(option).lower()]
    return [repr(option) if isinstance(option, float) else str(option)]
