"""Finds the columns of a comparison in the headers of two files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from diffing.core.comparison import AUTO, ColumnTolerance, Comparison
from diffing.core.errors import BadInput
from diffing.core.text import listed


@dataclass(frozen=True)
class Header:
    """The columns of a file.

    Args:
        name: of the file, for the user.
        columns: their names, each once.
    """

    name: str
    columns: tuple[str, ...]

    def renamed(self, rename: Mapping[str, str]) -> Self:
        """The same file, with the names that new has.

        Raises:
            BadInput: two columns would have the same name.
        """
        columns = tuple(rename.get(column, column) for column in self.columns)
        if len(set(columns)) < len(columns):
            twice = [name for name in rename.values() if columns.count(name) > 1]
            raise BadInput(
                f"{self.name}: has a column {listed(twice)} already, so no other column can be "
                "renamed to it. Rename that one, too, or leave out the option."
            )
        return replace(self, columns=columns)


def wanted(comparison: Comparison) -> tuple[list[str], list[str]]:
    """The columns that old and new must have, each by its name in that file."""
    new = list(dict.fromkeys([*comparison.names, *comparison.rename.values()]))
    names_in_old = {new_name: old_name for old_name, new_name in comparison.rename.items()}
    return [names_in_old.get(name, name) for name in new], new


def resolved(comparison: Comparison, old: Header, new: Header) -> Comparison:
    """The same comparison with its columns by name, and without patterns.

    The value columns are in the order of new if a pattern selects some of them.

    Args:
        comparison: as it was asked for. A key that is AUTO stays so.
        old: has the names of new: see `Header.renamed`.
        new: the other file.

    Raises:
        BadInput: a file lacks a column, a pattern matches nothing, or no value column is left.
    """
    common = shared_columns(old, new)
    for file in (old, new):
        columns = set(file.columns)
        if missing := [name for name in comparison.names if name not in columns]:
            raise BadInput(f"{file.name}: no column {listed(missing)}. {_has(file)}")
    _require_names_of_new(comparison)
    value = _without(_selected(comparison, common, (old, new)), comparison.ignore)
    if not value:
        raise BadInput(
            "No value column is left: each column that both files have is part of the key, or "
            "ignored. Leave one out of `key` or `ignore`. If all of them identify a row, add a "
            f"column with the same text in each row to both files. {_has(old)} {_has(new)}"
        )
    for kind, named in (("text", comparison.text), ("time", comparison.time)):
        if others := sorted(set(named) - set(value)):
            raise BadInput(
                f"{kind} names {listed(others)}, not a value column. The value columns are "
                f"{listed(value)}."
            )
    found = comparison.model_copy(
        update={"value": tuple(value), "tolerance": _tolerance(comparison, value)}
    )
    try:
        found.require_columns_of_rules()
    except ValueError as error:
        raise BadInput(f"{error}. The value columns are {listed(value)}.") from None
    return found


def shared_columns(old: Header, new: Header) -> dict[str, None]:
    """The columns that both files have, in the order of new."""
    of_old = set(old.columns)
    return {column: None for column in new.columns if column in of_old}


def key_candidates(comparison: Comparison, old: Header, new: Header) -> list[str]:
    """The columns of both files that may be part of a key: neither value columns nor ignored.

    Value columns that only `*` selects may be.
    """
    shared = shared_columns(old, new)
    narrow = [name for name in comparison.value if name.strip("*")]
    others = {*matching(narrow, shared), *matching(comparison.ignore, shared)}
    return [column for column in shared if column not in others]


def unused(patterns: Iterable[str], *headers: Header) -> list[str]:
    """The names and patterns that match no column of any file."""
    columns = {column for header in headers for column in header.columns}
    return [pattern for pattern in patterns if not any(matching([pattern], columns))]


def matching(patterns: Sequence[str], columns: Iterable[str]) -> Iterator[str]:
    """The columns with one of these names, or that match one of these patterns."""
    columns = dict.fromkeys(columns)
    for pattern in patterns:
        if pattern in columns:
            yield pattern
        elif "*" in pattern:
            yield from (column for column in columns if _matches(pattern, column))


def is_auto(comparison: Comparison, old: Header, new: Header) -> bool:
    """Whether the key is to be found: it is AUTO, and no column of both files has that name."""
    return comparison.key == AUTO and AUTO[0] not in shared_columns(old, new)


def _require_names_of_new(comparison: Comparison) -> None:
    """Refuse to ignore a renamed column by its name in old, which would ignore nothing."""
    rename = comparison.rename
    for name in comparison.ignore:
        if name in rename and name not in rename.values():
            raise BadInput(
                f"{listed([name])} is to be ignored, but has another name in new. Ignore it by "
                f"that name: `ignore={rename[name]}`."
            )


def _selected(
    comparison: Comparison, common: Mapping[str, None], files: tuple[Header, Header]
) -> list[str]:
    """The value columns, before some are ignored."""
    literal = {column for file in files for column in file.columns}
    patterns = [name for name in comparison.value if "*" in name and name not in literal]
    named = [name for name in comparison.value if name not in patterns]
    for name in named:
        if name not in common:
            raise BadInput(f"Only one file has the column {name[:80]!r}. {_has_all(files)}")
    if not patterns:
        return named
    others = [column for column in common if column not in comparison.key]
    found = {*named}
    for pattern in patterns:
        selected = list(matching([pattern], others))
        if not selected and pattern.strip("*"):
            raise BadInput(f"No column of both files matches {pattern[:80]!r}. {_has_all(files)}")
        found.update(selected)
    return [column for column in common if column in found]


def _tolerance(comparison: Comparison, value: Sequence[str]) -> dict[str, ColumnTolerance]:
    """The tolerances by column. That of a name replaces that of a pattern, which skips texts."""
    numbers = [name for name in value if name not in (*comparison.text, *comparison.time)]
    found: dict[str, ColumnTolerance] = {}
    for pattern, own in sorted(comparison.tolerance.items(), key=lambda item: item[0] in value):
        columns = list(matching([pattern], numbers))
        if not columns:
            raise BadInput(
                f"A tolerance is set for {listed([pattern])}, not a value column of numbers. "
                f"Those are {listed(numbers)}."
            )
        given = own.model_dump(exclude_none=True)
        for name in columns:
            found[name] = found.get(name, ColumnTolerance()).model_copy(update=given)
    return found


def _without(columns: Sequence[str], ignored: Sequence[str]) -> list[str]:
    out = set(matching(ignored, columns))
    return [column for column in columns if column not in out]


def _matches(pattern: str, name: str) -> bool:
    """Whether a name matches a pattern, in linear time."""
    first, *middle, last = pattern.split("*")
    place, end = len(first), len(name) - len(last)
    if place > end or not (name.startswith(first) and name.endswith(last)):
        return False
    for part in middle:
        place = name.find(part, place, end)
        if place < 0:
            return False
        place += len(part)
    return True


def _has(file: Header) -> str:
    return f"{file.name} has the columns {listed(file.columns)}."


def _has_all(files: Iterable[Header]) -> str:
    return " ".join(map(_has, files))
