"""The document that an analysis must give, in plain Python, from the rows of the plain diff."""

import math
import statistics
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.reference import Answer, Row, equal, number, rows_of

Group = tuple[str | None, ...]
PARTS = ("added", "removed", "up", "down", "other")


@dataclass(frozen=True)
class Cell:
    """A value of a row that was added or removed, or one that differs."""

    kind: str
    group: Group
    column: str
    old: str
    new: str

    @property
    def numbers(self) -> tuple[float, float] | None:
        """Both numbers, if there are two finite ones."""
        old, new = number(self.old), number(self.new)
        if old is None or new is None or not (math.isfinite(old) and math.isfinite(new)):
            return None
        return old, new

    @property
    def part(self) -> str:
        if self.kind != "changed":
            return self.kind
        if not self.numbers or self.numbers[0] == self.numbers[1]:
            return "other"
        return "up" if self.numbers[1] > self.numbers[0] else "down"

    @property
    def relative(self) -> float:
        assert self.numbers
        old, new = self.numbers
        if math.isinf(new - old):
            old, new = old / 2, new / 2
        return abs(new - old) / max(abs(old), abs(new))


def exact(text: str) -> Fraction:
    found = number(text)
    return Fraction(found) if found is not None and math.isfinite(found) else Fraction(0)


def rounded(amount: Fraction) -> float | None:
    try:
        return float(amount)
    except OverflowError:
        return None


def texts(header: Row, row: Row, names: list[str]) -> Group:
    return tuple(row[header.index(name)] or None for name in names)


def cells_of(
    answer: Answer,
    value: list[str],
    by: list[str],
    tolerances: list[tuple[float | None, float]],
) -> list[Cell]:
    """The cells of all rows that a diff found."""
    cells, width = [], len(answer.header)
    for row in answer.detail_rows:
        kind, olds = row[width], row[width + 2 :]
        group = texts(answer.header, row, by)
        for column, old, tolerance in zip(value, olds, tolerances, strict=True):
            new = row[answer.header.index(column)]
            if kind == "added" or not equal(new, old, *tolerance):
                cells.append(Cell(kind, group, column, old, new))
    for row in answer.removed_rows:
        group = texts(answer.old_header, row, by)
        cells += [
            Cell("removed", group, column, row[answer.old_header.index(column)], "")
            for column in value
        ]
    return cells


def bridge_of(cells: list[Cell]) -> dict[tuple[str, Group], dict[str, Any]]:
    """Rows and amount of each part, net, and the values that are in no amount."""
    found: dict[tuple[str, Group], list[Cell]] = defaultdict(list)
    for cell in cells:
        found[cell.column, cell.group].append(cell)
    bridge = {}
    for at, of_group in found.items():
        moved = {part: Fraction(0) for part in PARTS}
        for cell in of_group:
            moved[cell.part] += exact(cell.new) - exact(cell.old)
        numbers = [number(text) for cell in of_group for text in (cell.old, cell.new)]
        bridge[at] = {
            **{
                part: {
                    "rows": sum(cell.part == part for cell in of_group),
                    "amount": rounded(-moved[part] if part in ("removed", "down") else moved[part]),
                }
                for part in PARTS
            },
            "net": rounded(sum(moved.values(), Fraction(0))),
            "left_out": sum(n is not None and not math.isfinite(n) for n in numbers),
        }
    return bridge


def totals_of(
    text: str, value: list[str], by: list[str]
) -> dict[tuple[str, Group], tuple[int, Fraction]]:
    """Rows, and the sum of the finite numbers, of each value column and group of a whole file."""
    header, *rows = rows_of(text)
    found: dict[tuple[str, Group], tuple[int, Fraction]] = {}
    for row in rows:
        for column in value:
            at = column, texts(header, row, by)
            count, amount = found.get(at, (0, Fraction(0)))
            found[at] = count + 1, amount + exact(row[header.index(column)])
    return found


def columns_of(cells: list[Cell]) -> dict[str, dict[str, Any]]:
    """The counts of the cells that differ, by column."""
    found: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.kind == "changed":
            found[cell.column].append(cell)
    return {column: _column(of_column) for column, of_column in found.items()}


def _column(cells: list[Cell]) -> dict[str, Any]:
    moves = [cell for cell in cells if cell.part in ("up", "down")]
    net = sum((exact(cell.new) - exact(cell.old) for cell in moves), Fraction(0))
    return {
        "cells": len(cells),
        "filled": sum(cell.old == "" for cell in cells),
        "emptied": sum(cell.new == "" for cell in cells),
        "text": sum(
            any(text and number(text) is None for text in (cell.old, cell.new)) for cell in cells
        ),
        "from_zero": sum(number(c.old) == 0 and number(c.new) not in (0, None) for c in cells),
        "to_zero": sum(number(c.new) == 0 and number(c.old) not in (0, None) for c in cells),
        "turned": sum(_turned(number(c.old), number(c.new)) for c in cells),
        "up": sum(cell.part == "up" for cell in cells),
        "down": sum(cell.part == "down" for cell in cells),
        "middle": statistics.median_low([m.relative for m in moves]) if moves else None,
        "largest": max((m.relative for m in moves), default=None),
        "net": rounded(net),
    }


def _turned(old: float | None, new: float | None) -> bool:
    return None not in (old, new) and bool((old < 0 < new) or (new < 0 < old))  # type: ignore[operator]


def slices_of(answer: Answer, key: list[str]) -> dict[tuple[str, str | None], dict[str, int]]:
    """Rows of each kind by each text of each key column."""
    width = len(answer.header)
    rows = [(row[width], answer.header, row) for row in answer.detail_rows]
    rows += [("removed", answer.old_header, row) for row in answer.removed_rows]
    found: dict[tuple[str, str | None], dict[str, int]] = {}
    for kind, header, row in rows:
        for column in key:
            [text] = texts(header, row, [column])
            counts = found.setdefault((column, text), {"added": 0, "changed": 0, "removed": 0})
            counts[kind] += 1
    return found
