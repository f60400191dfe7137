"""What a diff must say, written as plainly as possible: slow, and without the code under test."""

import csv
import io
import math
from dataclasses import dataclass, field

Row = tuple[str, ...]


@dataclass
class Answer:
    """The rows and counts that a diff must give."""

    header: Row
    emitted: list[Row] = field(default_factory=list)
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    within_tolerance: int = 0

    @property
    def csv(self) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.header, *self.emitted])
        return text.getvalue()


def rows_of(text: str) -> list[Row]:
    return [tuple(row) for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]


def number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def equal(a: str, b: str, rel_tol: float, abs_tol: float) -> bool:
    if a == b:
        return True
    x, y = number(a), number(b)
    if x is None or y is None:
        return False
    if math.isnan(x) and math.isnan(y):
        return True
    return math.isclose(x, y, rel_tol=rel_tol, abs_tol=abs_tol)


def diff(
    old: str,
    new: str,
    key: list[str],
    value: list[str],
    rel_tol: float = 1e-9,
    abs_tol: float = 0.0,
) -> Answer:
    old_header, *old_rows = rows_of(old)
    new_header, *new_rows = rows_of(new)

    def pick(header: Row, row: Row, names: list[str]) -> Row:
        return tuple(row[header.index(name)] for name in names)

    old_values: dict[Row, list[Row]] = {}
    for row in old_rows:
        old_values.setdefault(pick(old_header, row, key), []).append(pick(old_header, row, value))
    answer = Answer(new_header)
    for row in new_rows:
        here = pick(new_header, row, value)
        candidates = old_values.get(pick(new_header, row, key))
        if candidates is None:
            answer.added += 1
            answer.emitted.append(row)
        elif here in candidates:
            answer.unchanged += 1
        elif any(
            all(equal(a, b, rel_tol, abs_tol) for a, b in zip(here, there, strict=True))
            for there in candidates
        ):
            answer.unchanged += 1
            answer.within_tolerance += 1
        else:
            answer.changed += 1
            answer.emitted.append(row)
    new_keys = {pick(new_header, row, key) for row in new_rows}
    answer.removed = sum(
        len(rows) for this_key, rows in old_values.items() if this_key not in new_keys
    )
    return answer
