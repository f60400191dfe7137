"""A report as a workbook, by the extra XlsxWriter.

Texts stay texts, also if they look like formulas, numbers or links. Nothing is cut: what a sheet
cannot store is refused, and a number that Excel would change is a text.
"""

from collections.abc import Iterable, Sequence
from io import BufferedWriter, FileIO
from pathlib import Path
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError, FileSizeError

from diffing.cli import sheets
from diffing.cli.sheets import DIGITS, Cell, Json, Row
from diffing.core.errors import NotAcceptable

# the numbers that Excel stores, without their sign
_LEAST, _MOST = 2.3e-308, 9.99e307
_NARROWEST, _OF_NUMBER, _WIDEST = 8, 12, 60
_EVERYWHERE = "A1:XFD1048576"
# XlsxWriter takes a text between these for XML of its own
_RICH = ("<r>", "</r>")
# what its functions return
_REFUSALS = {
    -1: "needs more columns or rows than a sheet has",
    -2: "contains a text of more than 32,767 characters",
}
_INSTEAD = "Write the values with --cells FILE, and the report as .html or .md."


def write_workbook(target: Path, summary: Json, document: Json, cells: Path, folder: Path) -> None:
    """Write the workbook.

    Args:
        target: the file to write.
        summary: of the diff, as JSON values.
        document: of its analysis.
        cells: CSV of each value that differs.
        folder: for temporary files.

    Raises:
        NotAcceptable: a sheet cannot store all of it.
        OSError: the file, or a temporary one, cannot be written.
    """
    file = _Part(target)
    book = Workbook(file, {"constant_memory": True, "tmpdir": str(folder)})
    _Sheet(book, "counts").fill(sheets.FIGURES, sheets.counts(summary, document))
    if summary["verdict"]:
        _Sheet(book, "verdict").fill(sheets.RULES, sheets.rules(summary["verdict"]))
    _Sheet(book, "bridge").fill(*sheets.bridge(document))
    _Sheet(book, "columns").fill(sheets.COLUMNS, sheets.columns(summary, document))
    _Sheet(book, "movers").fill(*sheets.movers(document))
    with cells.open(encoding="utf-8", newline="") as lines:
        _Sheet(book, "cells").fill(*sheets.cells(lines))
    try:
        book.close()
        file.close()
    except FileSizeError:
        file.give_up()
        raise NotAcceptable(f"The workbook is too large. {_INSTEAD}") from None
    except FileCreateError as error:
        file.give_up()
        raise error.args[0] from None


class _Part(BufferedWriter):
    """A file that can be given up: after a failure, ZipFile still writes when it is deleted."""

    def __init__(self, path: Path) -> None:
        super().__init__(FileIO(path, "w"))
        self._end: int | None = None  # where it was given up

    def give_up(self) -> None:
        """Write nothing from now on."""
        self._end = self.tell()

    def write(self, data: Any) -> int:
        """Write, unless it is given up; the same for the others."""
        return super().write(data) if self._end is None else len(data)

    def seek(self, place: int, whence: int = 0) -> int:
        """The new place."""
        return super().seek(place, whence) if self._end is None else place

    def tell(self) -> int:
        """The place."""
        return super().tell() if self._end is None else self._end

    def flush(self) -> None:
        """Write what is buffered."""
        if self._end is None:
            super().flush()


class _Sheet:
    """A sheet with one table."""

    def __init__(self, book: Workbook, name: str) -> None:
        self._sheet = book.add_worksheet(name)
        self._name = name
        self._bold = book.add_format({"bold": True})
        self._plain = book.add_format()
        self._count = book.add_format({"num_format": "#,##0"})
        self._widths: dict[int, int] = {}

    def fill(self, heads: Sequence[str], rows: Iterable[Row]) -> None:
        """Write a head, which stays in sight, and all rows."""
        self._sheet.freeze_panes(1, 0)
        self._sheet.ignore_errors({"number_stored_as_text": _EVERYWHERE})
        for place, head in enumerate(heads):
            self._write_text(0, place, head, self._bold)
        last = 0
        for last, row in enumerate(rows, start=1):
            for place, cell in enumerate(row):
                self._write(last, place, cell)
        self._sheet.autofilter(0, 0, last, len(heads) - 1)
        for place, width in self._widths.items():
            self._sheet.set_column(place, place, min(width + 2, _WIDEST))

    def _write(self, row: int, place: int, cell: Cell) -> None:
        if cell is None or cell == "":
            return
        if isinstance(cell, str):
            self._write_text(row, place, cell, None)
        elif _is_stored(cell):
            self._widen(place, _OF_NUMBER)
            style = self._count if isinstance(cell, int) else None
            self._require(self._sheet.write_number(row, place, cell, style))
        else:
            self._write_text(row, place, repr(cell), None)

    def _write_text(self, row: int, place: int, text: str, style: Any) -> None:
        self._widen(place, len(text))
        if text.startswith(_RICH[0]) and text.endswith(_RICH[1]):
            done = self._sheet.write_rich_string(row, place, text[0], self._plain, text[1:])
        else:
            done = self._sheet.write_string(row, place, text, style)
        self._require(done)

    def _widen(self, place: int, width: int) -> None:
        self._widths[place] = max(self._widths.get(place, _NARROWEST), width)

    def _require(self, done: int) -> None:
        if done:
            raise NotAcceptable(f"The sheet {self._name} {_REFUSALS[done]}. {_INSTEAD}")


def _is_stored(number: float) -> bool:
    """Whether Excel stores a number; of a whole one, all digits."""
    if isinstance(number, int):
        return len(str(abs(number))) <= DIGITS
    return number == 0 or _LEAST <= abs(number) <= _MOST
