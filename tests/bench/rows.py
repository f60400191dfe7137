"""Compares two results by their rows."""

import csv
from collections import Counter
from pathlib import Path


def compared(expected: Path, found: Path) -> str:
    """How the rows of a file differ from those expected, whatever their order."""
    header, wanted = _rows(expected)
    other_header, rows = _rows(found)
    if sorted(header) != sorted(other_header):
        return "other columns"
    if header != other_header:
        places = [other_header.index(name) for name in header]
        rows = Counter({tuple(row[place] for place in places): rows[row] for row in rows})
    too_many, missing = (rows - wanted).total(), (wanted - rows).total()
    if not too_many and not missing:
        return "same rows"
    return f"{too_many:,} rows too many, {missing:,} missing"


def _rows(path: Path) -> tuple[list[str], Counter[tuple[str, ...]]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        return next(reader, []), Counter(map(tuple, reader))
