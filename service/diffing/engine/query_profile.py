"""Counts of rows in the operators of queries, from DuckDB's profiles."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from diffing.core.errors import DiffFailed

Operator = dict[str, Any]
Path = tuple[Operator, ...]


@dataclass(frozen=True)
class Profile:
    """Counts of rows in the operators of queries, the last of which has exactly one join.

    Args:
        read: rows that were read, by the name of the file.
        held: rows on the right side of the join, which is kept in memory.
        joined: rows that the join returned.
        filtered: rows after each filter, from the join to the result.
    """

    read: Counter[str]
    held: int
    joined: int
    filtered: tuple[int, ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """Read DuckDB's JSON profile of each query.

        Raises:
            DiffFailed: a profile has an unknown form.
        """
        try:
            queries = [list(_paths(json.loads(text)["operator"])) for text in texts]
            operators = [path[-1] for paths in queries for path in paths]
            ((*above, join),) = (path for path in queries[-1] if "JOIN" in path[-1]["type"])
            read = Counter[str]()
            for scan in operators:
                if scan["type"] == "TABLE_SCAN" and "Filename(s)" in scan["extra_info"]:
                    read[scan["extra_info"]["Filename(s)"]] += scan["rows_scanned"]
            return cls(
                read,
                held=join["children"][1]["intermediate_rows"],
                joined=join["intermediate_rows"],
                filtered=tuple(
                    o["intermediate_rows"] for o in reversed(above) if o["type"] == "FILTER"
                ),
            )
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise DiffFailed("DuckDB does not report how many rows it read.") from error


def _paths(operators: list[Operator], above: tuple[Operator, ...] = ()) -> Iterator[Path]:
    """The path from the result to each operator, which is its last element."""
    for operator in operators:
        path = (*above, operator)
        yield path
        yield from _paths(operator.get("children", []), path)
