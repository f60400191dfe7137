"""How many rows went through queries, as DuckDB's profiles of them have it."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from service.errors import DiffFailed

Operator = dict[str, Any]


@dataclass(frozen=True)
class Profile:
    """What the operators of queries gave, one of which has a join, and only one.

    Args:
        read: rows that were read, by the name of the file.
        held: rows on the right side of the join, which is held in memory.
        joined: rows that the join gave.
    """

    read: Counter[str]
    held: int
    joined: int

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """Read what DuckDB writes as JSON for each query.

        Raises:
            DiffFailed: it has another form.
        """
        try:
            operators = [o for text in texts for o in _operators(json.loads(text)["operator"])]
            (join,) = (o for o in operators if "JOIN" in o["type"])
            read = Counter[str]()
            for scan in operators:
                if scan["type"] == "TABLE_SCAN" and "Filename(s)" in scan["extra_info"]:
                    read[scan["extra_info"]["Filename(s)"]] += scan["rows_scanned"]
            return cls(read, join["children"][1]["intermediate_rows"], join["intermediate_rows"])
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise DiffFailed("DuckDB does not tell how many rows it read.") from error


def _operators(several: list[Operator]) -> Iterator[Operator]:
    for operator in several:
        yield operator
        yield from _operators(operator.get("children", []))
