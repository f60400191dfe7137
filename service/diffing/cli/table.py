"""Shows the first rows of a diff as a table, for people at a terminal."""

import csv
import itertools
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from diffing.core.csv_record import fields_of
from diffing.core.text import shown
from diffing.engine.summary import Summary

_MOST_ROWS = 20
_BESIDE_ROWS = 10  # lines for the header, the counts and the prompt
_WIDTH_OF_COLUMN = 16
_LEAST_WIDTH, _MOST_WIDTH = 12, 40
_STYLES = {"added": "green", "changed": "", "old": "red", "new": "green"}


def show(detail: Path, found: Summary) -> None:
    """Print the first rows, with `old → new` in each changed cell, and say how to get all.

    Args:
        detail: the added and changed rows with their old values, CSV.
        found: the summary of the diff.
    """
    if not found.emitted:
        return
    console = Console(highlight=False, emoji=False)
    most = max(5, min(_MOST_ROWS, console.height - _BESIDE_ROWS))
    csv.field_size_limit(sys.maxsize)
    with detail.open(encoding="utf-8", newline="") as file:
        header, *rows = itertools.islice(csv.reader(file), most + 1)
    shape = _Shape(header, found)
    columns = shape.columns(rows, (console.width - _WIDTH_OF_COLUMN) // _WIDTH_OF_COLUMN)
    room = console.width - len("+  ") - _WIDTH_OF_COLUMN
    widths = _fitting({name: shape.width(rows, name) for name in columns}, found.key, room)
    columns = [*widths]
    also = [", ".join(shown(n) for n in shape.changed(row) if n not in columns) for row in rows]
    table = Table(box=None, pad_edge=False, header_style="bold")
    last = {"also changed": console.width - 1 - 2 * (len(widths) + 1) - sum(widths.values())}
    for name, width in {"": 1, **widths, **(last if any(also) else {})}.items():
        table.add_column(Text(shown(name)), no_wrap=True, overflow="ellipsis", max_width=width)
    for row, names in zip(rows, also, strict=True):
        table.add_row(*shape.cells(row, columns), *([Text(names)] if any(also) else []))
    console.print(table)
    parts = []
    if len(rows) < found.emitted:
        parts.append(f"the first {len(rows):,} of {found.emitted:,} rows")
    if hidden := len(shape.names) - len(columns):
        parts.append(f"{hidden:,} {'column' if hidden == 1 else 'columns'} hidden")
    if parts:
        said = ", ".join(parts)
        console.print(f"{said[0].upper()}{said[1:]}. Write all with -o changes.csv.", style="dim")


def _fitting(widths: Mapping[str, int], key: Sequence[str], room: int) -> dict[str, int]:
    """The columns that fit into a line, with their widths: the key, one other, and more.

    Args:
        widths: wanted, by column.
        key: the first columns.
        room: characters of the line for these columns and the gaps between them.
    """
    fitting: dict[str, int] = {}
    for name, width in widths.items():
        left = room - sum(fitting.values()) - 2 * len(fitting)
        if len(fitting) > len(key) and width > left:
            break
        is_value = len(fitting) >= len(key)
        fitting[name] = min(width, max(left, _LEAST_WIDTH)) if is_value else width
    return fitting


@dataclass(frozen=True)
class _Shape:
    """The meaning of the fields of a detailed row.

    Args:
        header: its names: those of new, then the change, the changed columns, and each old value.
        found: the summary of the diff.
    """

    header: Sequence[str]
    found: Summary

    @property
    def names(self) -> Sequence[str]:
        """The columns of new."""
        return self.header[: -len(self.found.value) - 2]

    def changed(self, row: Sequence[str]) -> list[str]:
        """The value columns that differ in a row."""
        _, listed, *_ = row[len(self.names) :]
        return fields_of(listed) if listed else []

    def columns(self, rows: Sequence[Sequence[str]], most: int) -> list[str]:
        """The columns to show: the key, then values that changed in these rows, then others."""
        here = Counter(name for row in rows for name in self.changed(row))
        counts = self.found.columns.changed
        values = sorted(self.found.value, key=lambda name: (-here[name], -counts[name]))
        changed = [name for name in values if counts[name]] or values
        key = list(self.found.key)
        others = [name for name in self.names if name not in (*key, *values)]
        wanted = [*key, *(changed if len(changed) >= most else [*changed, *others])]
        return wanted[: max(most, len(key) + 1)]

    def width(self, rows: Sequence[Sequence[str]], name: str) -> int:
        """The width that shows a column, up to a bound."""
        widths = [self.cells(row, [name])[-1].cell_len for row in rows]
        return min(max(cell_len(shown(name)), *widths), _MOST_WIDTH)

    def cells(self, row: Sequence[str], columns: Sequence[str]) -> list[Text]:
        """The cells of a row."""
        size = len(self.names)
        kind, _, *before = row[size:]
        new = dict(zip(self.names, row, strict=False))
        old = dict(zip(self.found.value, before, strict=True))
        differ = self.changed(row)
        style = _STYLES[kind]
        cells = [Text({"added": "+", "changed": "~"}[kind], style=style)]
        for name in columns:
            if name in differ:
                cells.append(
                    Text.assemble(
                        (_plain(old[name]), _STYLES["old"]),
                        " → ",
                        (_plain(new[name]), _STYLES["new"]),
                    )
                )
            else:
                cells.append(Text(shown(new[name]), style=style))
        return cells


def _plain(field: str) -> str:
    return shown(field) if field else "(empty)"
