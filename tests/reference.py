"""The answer that a diff must give, in plain Python: slow, and without the code under test."""

import csv
import io
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

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


def counts_of(answer: Answer) -> dict[str, Any]:
    """The counts, as a summary has them."""
    return {
        "added": answer.added,
        "changed": answer.changed,
        "removed": answer.removed,
        "unchanged": answer.unchanged,
        "within_tolerance": answer.within_tolerance,
        "within_tolerance_whole": answer.within_tolerance_whole,
        "duplicate_keys": {"old": answer.duplicate_keys_old, "new": answer.duplicate_keys_new},
        "not_numbers": {"old": answer.not_numbers_old, "new": answer.not_numbers_new},
        "columns": {
            "only_old": answer.only_old,
            "only_new": answer.only_new,
            "changed": answer.changed_columns,
        },
    }


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


def place_of(text: str, rel_tol: float | None, abs_tol: float) -> tuple[bool, float, bool, Decimal]:
    """Where a number is among others: by its double, and by its digits where they count."""
    found = number(text)
    assert found is not None
    whole = rel_tol is None and abs(found) >= 1e9 and is_whole(text)
    exact = math.isfinite(found) and (whole or rel_tol == abs_tol == 0)
    of_nan = math.isnan(found)
    return of_nan, 0.0 if of_nan else found, exact, Decimal(text) if exact else Decimal(0)


@dataclass
class Pairing:
    """The rows of old that rows of new take: their texts equal, equal by rule or close, changed."""

    same: dict[int, int] = field(default_factory=dict)
    close: dict[int, int] = field(default_factory=dict)
    changed: dict[int, int] = field(default_factory=dict)

    @property
    def unchanged(self) -> dict[int, int]:
        return self.same | self.close


def first_that(
    old: dict[int, Row], new: dict[int, Row], agree: Callable[[Row, Row], bool]
) -> dict[int, int]:
    """Each row of new takes the first that agrees, and that none took."""
    found: dict[int, int] = {}
    for i, here in new.items():
        for j, there in old.items():
            if j not in found.values() and agree(here, there):
                found[i] = j
                break
    return found


def without(rows: dict[int, Row], taken: Iterable[int]) -> dict[int, Row]:
    left_out = set(taken)
    return {i: row for i, row in rows.items() if i not in left_out}


def pair_up(old: "Rows", new: "Rows", comparison: "Compared") -> Pairing:
    """Pair the rows of one key."""
    pairs = Pairing(same=first_that(old.texts, new.texts, operator.eq))
    olds = without(old.values, pairs.same.values())
    news = without(new.values, pairs.same)
    pairs.close = first_that(olds, news, operator.eq)
    olds, news = without(olds, pairs.close.values()), without(news, pairs.close)
    if comparison.kinds == ["number"]:
        pairs.close |= walk(olds, news, comparison)
    else:
        pairs.close |= first_that(olds, news, comparison.all_equal)
    olds, news = without(olds, pairs.close.values()), without(news, pairs.close)
    pairs.changed = dict(zip(news, olds, strict=False))
    return pairs


def walk(old: dict[int, Row], new: dict[int, Row], comparison: "Compared") -> dict[int, int]:
    """Of two single numbers that are not close, the smaller one is left over."""
    close: dict[int, int] = {}
    heads = []
    for side in (old, new):
        places = {
            j: place_of(text, *comparison.tolerances[0])
            for j, (text,) in side.items()
            if number(text) is not None
        }
        heads.append(sorted(places.items(), key=lambda item: (item[1], item[0])))
    olds, news = heads
    while olds and news:
        (j, there), (i, here) = olds[0], news[0]
        if comparison.all_equal(new[i], old[j]):
            close[i] = j
            del olds[0], news[0]
        else:
            del (news if here < there else olds)[0]
    return close


def free_name(wanted: str, taken: Row) -> str:
    while wanted in taken:
        wanted = "_" + wanted
    return wanted


def pick(header: Row, row: Row, names: list[str]) -> Row:
    return tuple(row[header.index(name)] for name in names)


@dataclass
class Compared:
    """How values are compared, column by column."""

    rules: Rules
    value: list[str]
    tolerances: list[tuple[float | None, float]]

    @property
    def kinds(self) -> list[str]:
        return [self.rules.kind(name) for name in self.value]

    def same(self, column: str, a: str, b: str) -> bool:
        """Whether two values are equal, given the texts that are compared."""
        if a == b:
            return True
        kind = self.rules.kind(column)
        if kind == "time":
            return times_equal(a, b, self.rules.tolerance_of_times)
        tolerance = self.tolerances[self.value.index(column)]
        return kind == "number" and equal(a, b, *tolerance)

    def all_equal(self, here: Row, there: Row) -> bool:
        return all(map(self.same, self.value, here, there))

    def differing(self, here: Row, there: Row) -> list[str]:
        return [
            name
            for name, *pair in zip(self.value, here, there, strict=True)
            if not self.same(name, *pair)
        ]


@dataclass
class Rows:
    """Rows of a file by their place: their fields and values as they are, and as compared."""

    texts: dict[int, Row] = field(default_factory=dict)
    values: dict[int, Row] = field(default_factory=dict)


@dataclass
class Side:
    """The rows of a file; keys and values are as they are compared."""

    rows: list[Row]
    keys: list[Row]
    values: list[Row]
    texts: list[Row]
    own_values: list[Row]

    def by_key(self) -> dict[Row, Rows]:
        found: dict[Row, Rows] = {}
        for i, key in enumerate(self.keys):
            rows = found.setdefault(key, Rows())
            rows.texts[i], rows.values[i] = self.texts[i], self.values[i]
        return found


def side_of(rows: list[Row], header: Row, key: list[str], comparison: Compared) -> Side:
    def compared(row: Row, names: list[str]) -> Row:
        return tuple(map(comparison.rules.form, pick(header, row, names)))

    return Side(
        rows=rows,
        keys=[compared(row, key) for row in rows],
        values=[compared(row, comparison.value) for row in rows],
        texts=[pick(header, row, key + comparison.value) for row in rows],
        own_values=[pick(header, row, comparison.value) for row in rows],
    )


def count(answer: Answer, old: Side, new: Side, comparison: Compared) -> None:
    """Fill in what `duplicates = "count"` gives: each row of new takes one row of old."""
    pairs, olds = Pairing(), old.by_key()
    for this_key, of_new in new.by_key().items():
        found = pair_up(olds.get(this_key, Rows()), of_new, comparison)
        pairs.same |= found.same
        pairs.close |= found.close
        pairs.changed |= found.changed
    answer.unchanged = len(pairs.unchanged)
    answer.within_tolerance = len(pairs.close)
    answer.within_tolerance_whole = sum(
        wholes_differ(new.values[i], old.values[j], comparison.kinds)
        for i, j in pairs.close.items()
    )
    answer.changed = len(pairs.changed)
    answer.added = len(new.rows) - answer.unchanged - answer.changed
    for i, row in enumerate(new.rows):
        if i in pairs.changed:
            j = pairs.changed[i]
            names = comparison.value
            if len(names) > 1:
                names = comparison.differing(new.values[i], old.values[j])
            for name in names:
                answer.changed_columns[name] += 1
            answer.emitted.append(row)
            answer.detail_rows.append((*row, "changed", record_of(names), *old.own_values[j]))
        elif i not in pairs.unchanged:
            answer.emitted.append(row)
            answer.detail_rows.append((*row, "added", "", *[""] * len(comparison.value)))
    taken = {*pairs.unchanged.values(), *pairs.changed.values()}
    answer.removed_rows = [row for j, row in enumerate(old.rows) if j not in taken]
    answer.removed = len(answer.removed_rows)


def diff(
    old: str,
    new: str,
    key: list[str],
    value: list[str],
    rel_tol: float | None = None,
    abs_tol: float = 0.0,
    tolerance: Tolerances | None = None,
    rules: Rules = PLAIN,
    duplicates: str = "allow",
) -> Answer:
    old_header, *old_rows = rows_of(old)
    new_header, *new_rows = rows_of(new)
    own = [(tolerance or {}).get(name, {}) for name in value]
    tolerances = [(t.get("rel_tol", rel_tol), t.get("abs_tol", abs_tol)) for t in own]

    comparison = Compared(rules, value, tolerances)
    kinds = comparison.kinds
    old_side = side_of(old_rows, old_header, key, comparison)
    new_side = side_of(new_rows, new_header, key, comparison)
    old_keys, new_keys = old_side.keys, new_side.keys
    old_values, new_values = old_side.values, new_side.values
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
    if duplicates == "count":
        count(answer, old_side, new_side, comparison)
        return answer
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
        elif close := [there for there, _ in candidates if comparison.all_equal(here, there)]:
            answer.unchanged += 1
            answer.within_tolerance += 1
            answer.within_tolerance_whole += all(
                wholes_differ(here, there, kinds) for there in close
            )
        else:
            answer.changed += 1
            answer.emitted.append(row)
            first, before = candidates[0]
            names = comparison.differing(here, first)
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
