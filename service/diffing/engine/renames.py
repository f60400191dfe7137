"""Finds columns that seem to have another name in the other file."""

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from diffing.core.comparison import REL_TOL

MOST_COLUMNS = 30
"""Most columns of each file whose fields are compared, each with each."""

# fewer rows, or fewer different fields, may agree by chance
_FEWEST_ROWS, _FEWEST_FIELDS = 5, 3
_AGREEING = 0.9
_CLOSE = 0.8

Fields = Sequence[str]


@dataclass(frozen=True)
class Rename:
    """Two columns that seem to be the same.

    Args:
        old, new: their names.
        by_fields: whether their fields agree; else their names are close.
    """

    old: str
    new: str
    by_fields: bool


def likely_renames(
    old: Sequence[str], new: Sequence[str], rows: Sequence[Mapping[str, Fields]]
) -> tuple[Rename, ...]:
    """Pair the columns that one file alone has.

    Args:
        old: names of columns that old alone has.
        new: the same of new.
        rows: of both files with the same key, with the fields of the first columns.

    Returns:
        Each column at most once.
    """
    found: list[Rename] = []
    used_old: set[str] = set()
    used_new: set[str] = set()
    for rename in (*_by_fields(old, new, rows), *_by_name(old, new)):
        if rename.old not in used_old and rename.new not in used_new:
            used_old.add(rename.old)
            used_new.add(rename.new)
            found.append(rename)
    return tuple(found)


def _by_fields(
    old: Sequence[str], new: Sequence[str], rows: Sequence[Mapping[str, Fields]]
) -> Iterator[Rename]:
    """Columns whose fields agree in most rows, the best first."""
    if not rows:
        return
    of_old = [[row["old"][place] for row in rows] for place in range(len(rows[0]["old"]))]
    of_new = [[row["new"][place] for row in rows] for place in range(len(rows[0]["new"]))]
    agreeing = [
        (_agreement(a, b), old_name, new_name)
        for old_name, a in zip(old, of_old, strict=False)
        for new_name, b in zip(new, of_new, strict=False)
    ]
    for part, old_name, new_name in sorted(agreeing, reverse=True, key=lambda one: one[0]):
        if part >= _AGREEING:
            yield Rename(old_name, new_name, by_fields=True)


def _agreement(a: Fields, b: Fields) -> float:
    """The part of the rows in which two columns agree; 0 if they say too little."""
    filled = [(x, y) for x, y in zip(a, b, strict=True) if x or y]
    same = [x for x, y in filled if x == y or _close(x, y)]
    if len(filled) < _FEWEST_ROWS or len(set(same)) < _FEWEST_FIELDS:
        return 0
    return len(same) / len(filled)


def _close(x: str, y: str) -> bool:
    try:
        return math.isclose(float(x), float(y), rel_tol=REL_TOL)
    except ValueError:
        return False


def _by_name(old: Sequence[str], new: Sequence[str]) -> Iterator[Rename]:
    """Columns whose names differ in case and signs alone, then those whose names are close."""
    plain = {_plain(name): name for name in reversed(new)}
    for name in old:
        if other := plain.get(_plain(name)):
            yield Rename(name, other, by_fields=False)
    for name in old[:MOST_COLUMNS]:
        for other in difflib.get_close_matches(name, new[:MOST_COLUMNS], n=3, cutoff=_CLOSE):
            yield Rename(name, other, by_fields=False)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold())) or name
