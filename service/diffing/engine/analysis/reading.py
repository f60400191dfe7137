"""How the queries read what a diff wrote: its files by role, and the rules of its comparison."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from diffing.core.comparison import Comparison
from diffing.core.errors import DiffFailed, ResultGone
from diffing.engine.connection import CsvRefused, as_pattern


@contextmanager
def reading_result(files: Sequence[Path]) -> Iterator[None]:
    """A block that reads files of a diff, which may be removed meanwhile.

    Raises:
        ResultGone: one was removed. This replaces any other error of the block.
        DiffFailed: one is damaged, or the machine failed.
    """
    try:
        yield
    except CsvRefused:
        raise DiffFailed("The result is damaged. Start a new job.") from None
    except (FileNotFoundError, DiffFailed):
        if all(path.exists() for path in files):
            raise
        raise ResultGone("The result was removed. Start a new job.") from None


def comparison_in(summary: Mapping[str, Any]) -> Comparison:
    """The comparison in a summary, of this release or an earlier one."""
    return Comparison.of(
        **{name: summary[name] for name in Comparison.model_fields if name in summary}
    )


def rules_of(comparison: Comparison) -> dict[str, Any]:
    """The parameters that say when two values are equal."""
    return {
        "rules": {
            "trim": comparison.trim,
            "nocase": comparison.nocase,
            "empty": list(comparison.empty),
            "numbers": [kind == "number" for kind in comparison.kinds],
            "time_tols": list(comparison.time_tols),
        },
        "rel_tols": [rel_tol for rel_tol, _ in comparison.tolerances],
        "abs_tols": [abs_tol for _, abs_tol in comparison.tolerances],
    }


def detail_of(file: Path, comparison: Comparison) -> dict[str, Any]:
    """The parameter for the CSV of added and changed rows with their old values."""
    return _written(file, roles_of_detail(_header(file), comparison), comparison)


def roles_of_detail(columns: Sequence[str], comparison: Comparison) -> list[str]:
    """The role of each column of a detail.

    Args:
        columns: of the detail, all of them.
        comparison: of the diff.
    """
    old_values = [f"old_value_{i}" for i in range(len(comparison.value))]
    of_new = columns[: -2 - len(old_values)]
    return [*_roles(of_new, _known(comparison)), "kind", "changed", *old_values]


def removed_of(file: Path, comparison: Comparison) -> dict[str, Any]:
    """The parameter for the CSV of removed rows, whose columns have the names of old."""
    columns = [comparison.rename.get(name, name) for name in _header(file)]
    return _written(file, _roles(columns, _known(comparison)), comparison)


def removed_beside_detail(file: Path, detail: Path, comparison: Comparison) -> dict[str, Any]:
    """The same, with the roles of detail for the columns that are not compared."""
    columns = [comparison.rename.get(name, name) for name in _header(file)]
    known = _known(comparison)
    names = columns_of_new(detail, comparison)
    roles = dict(zip(names, _roles(names, known), strict=True)) | known
    of_old = [roles.get(name, f"only_{place}") for place, name in enumerate(columns)]
    return _written(file, of_old, comparison)


def columns_of_new(detail: Path, comparison: Comparison) -> list[str]:
    """The columns of new in a detail, without those that the diff added."""
    return _header(detail)[: -2 - len(comparison.value)]


def _known(comparison: Comparison) -> dict[str, str]:
    known = {name: f"key_{i}" for i, name in enumerate(comparison.key)}
    return known | {name: f"value_{i}" for i, name in enumerate(comparison.value)}


def _written(file: Path, roles: Sequence[str], comparison: Comparison) -> dict[str, Any]:
    return {
        "file": str(as_pattern(file)),
        "columns": dict.fromkeys(roles, "VARCHAR"),
        "keys": _places(roles, "key_", len(comparison.key)),
        "values": _places(roles, "value_", len(comparison.value)),
    }


def _places(roles: Sequence[str], prefix: str, number: int) -> list[int]:
    """The place of each column of a kind among those of the file, from 1."""
    places = {
        role: place
        for place, role in enumerate((r for r in roles if r.startswith(prefix)), start=1)
    }
    return [places[f"{prefix}{i}"] for i in range(number)]


def _roles(names: Sequence[str], known: Mapping[str, str]) -> list[str]:
    return [known.get(name, f"rest_{i}") for i, name in enumerate(names)]


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file, strict=True))
