"""Sentences about what many changes have in common."""

from collections.abc import Mapping, Sequence
from typing import Any

from diffing.api.pages.rendering import shown_share, shown_text
from diffing.api.pages.sections.where import Where

# columns that a sentence names
_NAMED = 4


_PATTERNS = {
    "from_zero": "Came from 0",
    "to_zero": "Went to 0",
    "filled": "Came from an empty field",
    "emptied": "Went to an empty field",
    "turned": "Turned the sign",
    "rounding": "Only another rounding, so one number is the other with fewer decimals",
    "factor": "Multiplied by one factor",
    "difference": "Moved by one number",
}


def findings_of(document: Mapping[str, Any], where: Sequence[Where]) -> list[str]:
    """Sentences about what many changes have in common."""
    rows = "changed" if any(one["cells"] for one in document["columns"]) else "added and removed"
    said = [
        f"{one.few:,} of {one.number:,} values of {shown_text(one.column)} have "
        f"{shown_share(one.share, 1)} of the {rows} rows."
        for one in where
        if one.few
    ]
    turned = [column for column in document["columns"] if column["turned"]]
    if signs := [f"{one['turned']:,} of {shown_text(one['column'])}" for one in turned]:
        said.append(_sentence("turned", signs))
    usual: dict[str, list[str]] = {}
    for found in document["patterns"]:  # the most cells first
        if 2 * found["cells"] >= found["of"] and found["pattern"] != "turned":
            usual.setdefault(found["pattern"], []).append(_usual(found))
    said += [_sentence(pattern, of_columns) for pattern, of_columns in usual.items()]
    return said


def _usual(found: Mapping[str, Any]) -> str:
    """A pattern that half of the changes of a column have."""
    cells, whole = found["cells"], found["of"]
    count = f"all {whole:,}" if cells == whole else f"{cells:,} of {whole:,}"
    number = "" if found["number"] is None else f" ({found['number']:g})"
    return f"{count} changes of {shown_text(found['column'])}{number}"


def _sentence(pattern: str, found: Sequence[str]) -> str:
    more = len(found) - _NAMED
    rest = f", and {more} more columns" if more > 1 else ""
    return f"{_PATTERNS[pattern]}: {', '.join(found[: _NAMED if rest else None])}{rest}."
