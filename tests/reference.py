"""What a diff must say, written as plainly as possible: slow, and without the code under test."""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tests.rules import PLAIN, Rules, times_equal

Row = tuple[str, ...]
Tolerances = Mapping[str, Mapping[str, float]]


@dataclass
class Answer:
    """The rows and counts that a diff must give."""

    header: Row
    old_header: Row
    detail_header: Row
    emitted: list[Row] = field(default_factory=list)
    detail_rows: list[Row] = field(default_factory=list)
    removed_rows: list[Row] = field(default_factory=list)
    old_rows: int = 0
    new_rows: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    within_tolerance: int = 0
    within_tolerance_whole: int = 0
    duplicate_keys_old: int = 0
    duplicate_keys_new: int = 0
    not_numbers_old: int = 0
    not_numbers_new: int = 0
    changed_columns: dict[str, int] = field(default_factory=dict)
    only_old: Row = ()
    only_new: Row = ()

    @property
    def csv(self) -> str:
        return csv_of([self.header, *self.emitted])

    @property
    def detail_csv(self) -> str:
        return csv_of([self.detail_header, *self.detail_rows])

    @property
    def removed_csv(self) -> str:
        return csv_of([self.old_header, *self.removed_rows])


def rows_of(text: str) -> list[Row]:
    return [tuple(row) for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]


def csv_of(rows: list[Row]) -> str:
    return "".join(",".join(map(written, row)) + "\n" for row in rows)


def written(text: str) -> str:
    """A field as RFC 4180 has it, in quotes only where it needs them."""
    # csv.writer leaves a lone CR unquoted before Python 3.13
    if any(character in text for character in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def record_of(names: list[str]) -> str:
    return ",".join(written(name) or '""' for name in names)


def number(text: str) -> float | None:
    try:
        found = float(text) if text.isascii() else None
    except ValueError:
        return None
    lost = found is not None and (found == 0 or math.isinf(found))
    if lost and set("123456789") & set(text.lower().partition("e")[0]):
        return None
    return found


def is_whole(text: str) -> bool:
    return number(text) is not None and not set(".en") & set(text.lower())


def equal(a: str, b: str, rel_tol: float | None, abs_tol: float) -> bool:
    if a == b:
        return True
    x, y = number(a), number(b)
    if x is None or y is None:
        return False
    if math.isnan(x) and math.isnan(y):
        return True
    if rel_tol is None and is_whole(a) and is_whole(b):
        return Decimal(a) == Decimal(b) or 0 < abs(x - y) <= abs_tol
    rel_tol = 1e-9 if rel_tol is None else rel_tol
    if rel_tol == 0 and abs_tol == 0:
        return Decimal(a) == Decimal(b)
    return math.isclose(x, y, rel_tol=rel_tol, abs_tol=abs_tol)


def has_whole_value(text: str) -> bool:
    found = number(text)
    if found is None or not math.isfinite(found):
        return False
    return found == int(found) if abs(found) < 2**53 else is_whole(text)


def wholes_differ(here: Row, there: Row, kinds: Sequence[str]) -> bool:
    return any(
        (float(a) != float(b) or (abs(float(a)) >= 2**53 and Decimal(a) != Decimal(b)))
        for a, b, kind in zip(here, there, kinds, strict=True)
        if kind == "number" and has_whole_value(a) and has_whole_value(b)
    )


def not_numbers(rows: list[Row], kinds: Sequence[str]) -> int:
    return sum(
        number(text) is None
        for row in rows
        for text, kind in zip(row, kinds, strict=True)
        if text != "" and kind == "number"
    )


def free_name(wanted: str, taken: Row) -> str:
    while wanted in taken:
        wanted = "_" + wanted
    return wanted


def pick(header: Row, row: Row, names: list[str]) -> Row:
    return tuple(row[header.index(name)] for name in names)


def equality(
    rules: Rules, value: list[str], tolerances: list[tuple[float | None, float]]
) -> Callable[[str, str, str], bool]:
    """Whether two values of a column are equal, as they are compared."""
    tolerance_of = dict(zip(value, tolerances, strict=True))

    def same(column: str, a: str, b: str) -> bool:
        if a == b:
            return True
        kind = rules.kind(column)
        if kind == "time":
            return times_equal(a, b, rules.tolerance_of_times)
        return kind == "number" and equal(a, b, *tolerance_of[column])

    return same


def diff(
    old: str,
    new: str,
    key: list[str],
    value: list[str],
    rel_tol: float | None = None,
    abs_tol: float = 0.0,
    tolerance: Tolerances | None = None,
    rules: Rules = PLAIN,
) -> Answer:
    old_header, *old_rows = rows_of(old)
    new_header, *new_rows = rows_of(new)
    own = [(tolerance or {}).get(name, {}) for name in value]
    tolerances = [(t.get("rel_tol", rel_tol), t.get("abs_tol", abs_tol)) for t in own]

    kinds = [rules.kind(name) for name in value]

    def compared(header: Row, row: Row, names: list[str]) -> Row:
        return tuple(map(rules.form, pick(header, row, names)))

    same = equality(rules, value, tolerances)
    old_keys = [compared(old_header, row, key) for row in old_rows]
    new_keys = [compared(new_header, row, key) for row in new_rows]
    old_values = [compared(old_header, row, value) for row in old_rows]
    new_values = [compared(new_header, row, value) for row in new_rows]
    rows_of_key: dict[Row, list[tuple[Row, Row]]] = {}
    for this_key, values, row in zip(old_keys, old_values, old_rows, strict=True):
        rows_of_key.setdefault(this_key, []).append((values, row))

    extra = [
        free_name(name, new_header)
        for name in ["_change", "_changed", *(f"_old_{v}" for v in value)]
    ]
    answer = Answer(
        header=new_header,
        old_header=old_header,
        detail_header=(*new_header, *extra),
        old_rows=len(old_rows),
        new_rows=len(new_rows),
        duplicate_keys_old=len(old_keys) - len(set(old_keys)),
        duplicate_keys_new=len(new_keys) - len(set(new_keys)),
        not_numbers_old=not_numbers(old_values, kinds),
        not_numbers_new=not_numbers(new_values, kinds),
        changed_columns=dict.fromkeys(value, 0),
        only_old=tuple(name for name in old_header if name not in new_header),
        only_new=tuple(name for name in new_header if name not in old_header),
    )
    for row, this_key, here in zip(new_rows, new_keys, new_values, strict=True):
        candidates = rows_of_key.get(this_key)
        if candidates is None:
            answer.added += 1
            answer.emitted.append(row)
            answer.detail_rows.append((*row, "added", "", *[""] * len(value)))
        elif pick(new_header, row, key + value) in [
            pick(old_header, before, key + value) for _, before in candidates
        ]:
            answer.unchanged += 1
        elif close := [there for there, _ in candidates if all(map(same, value, here, there))]:
            answer.unchanged += 1
            answer.within_tolerance += 1
            answer.within_tolerance_whole += all(
                wholes_differ(here, there, kinds) for there in close
            )
        else:
            answer.changed += 1
            answer.emitted.append(row)
            first, before = candidates[0]
            names = [
                name
                for name, *pair in zip(value, here, first, strict=True)
                if not same(name, *pair)
            ]
            for name in names:
                answer.changed_columns[name] += 1
            was = pick(old_header, before, value)
            answer.detail_rows.append((*row, "changed", record_of(names), *was))
    still_there = set(new_keys)
    answer.removed_rows = [
        row for row, this_key in zip(old_rows, old_keys, strict=True) if this_key not in still_there
    ]
    answer.removed = len(answer.removed_rows)
    return answer
