"""The outputs of a diff as plain CSV, with numbers as SQL reads them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import TypeVar

from diffing.core.comparison import Comparison
from diffing.core.dialect import PLAIN, FullDialect
from diffing.core.errors import BadInput, DiffFailed
from diffing.core.spec import AnalysisSpec, ChangesSpec
from diffing.csvfiles.notation import Notation
from diffing.csvfiles.translate import Translation

Spec = TypeVar("Spec", AnalysisSpec, ChangesSpec)
Altering = Callable[[list[str]], list[str]]


def plain(spec: Spec, comparison: Comparison, scratch: Path) -> Spec:
    """The same order for plain CSV: for copies, where the outputs have another dialect.

    Args:
        spec: the order.
        comparison: of the diff.
        scratch: an existing folder, for the copies.

    Raises:
        DiffFailed: an output is damaged.
        FileNotFoundError: an output was removed.
    """
    copy = scratch / "plain-removed.csv"
    return replace(
        spec,
        detail=plain_detail(spec.detail, spec.detail_dialect, comparison, scratch),
        removed=_plain(spec.removed, spec.removed_dialect, copy, comparison, olds=False),
    )


def plain_detail(source: Path, dialect: FullDialect, comparison: Comparison, scratch: Path) -> Path:
    """A detail as plain CSV: itself, or a copy if it has another dialect.

    Args:
        source: the detail.
        dialect: of the detail.
        comparison: of the diff.
        scratch: an existing folder, for the copy.

    Raises:
        DiffFailed: the detail is damaged.
        FileNotFoundError: it was removed.
    """
    return _plain(source, dialect, scratch / "plain-detail.csv", comparison, olds=True)


def columns_of_detail(source: Path, dialect: FullDialect) -> list[str]:
    """The columns of a detail in any dialect.

    Raises:
        DiffFailed: the detail is damaged.
        FileNotFoundError: it was removed.
    """
    try:
        with source.open("rb") as file:
            return list(_translation(file, dialect).columns or [])
    except BadInput as error:
        raise DiffFailed("The result is damaged. Start a new job.") from error


def _translation(file: BufferedReader, dialect: FullDialect) -> Translation:
    return Translation(file, "the result", dialect, PLAIN)


def _plain(
    source: Path, dialect: FullDialect, copy: Path, comparison: Comparison, *, olds: bool
) -> Path:
    if dialect.is_written_as_it_is:
        return source
    try:
        _translate(source, dialect, copy, comparison, olds=olds)
    except (BadInput, UnicodeEncodeError) as error:
        raise DiffFailed("The result is damaged. Start a new job.") from error
    return copy


def _translate(
    source: Path, dialect: FullDialect, copy: Path, comparison: Comparison, *, olds: bool
) -> None:
    with source.open("rb") as file, copy.open("w", encoding="utf-8", newline="") as target:
        text = _translation(file, dialect)
        if not dialect.has_plain_numbers:
            text.alter = _with_points(text.columns or [], dialect, comparison, olds=olds)
        target.write(f"{text.header}\n")
        target.writelines(text.chunks())


def _with_points(
    columns: Sequence[str], dialect: FullDialect, comparison: Comparison, *, olds: bool
) -> Altering:
    """A function that makes the numbers of a row plain."""
    notation = Notation(dialect, comparison)
    # old values are written without separators of thousands
    of_olds = Notation(dialect.model_copy(update={"thousands": ""}), comparison)
    if not olds:  # removed rows have the names of old
        columns = [comparison.rename.get(name, name) for name in columns]
    places = [(columns.index(name), notation) for name in comparison.numbers]
    if olds:
        first = len(columns) - len(comparison.value)
        places += [(first + comparison.value.index(name), of_olds) for name in comparison.numbers]

    def alter(fields: list[str]) -> list[str]:
        for place, notation in places:
            fields[place] = _number(fields[place], notation)
        return fields

    return alter


def _number(text: str, notation: Notation) -> str:
    try:
        return notation.plain(text)
    except ValueError:  # an old number that stayed as it was
        return text
