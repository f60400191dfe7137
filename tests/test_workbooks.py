"""`diffing diff --report FILE.xlsx`: a report as a workbook, as another library reads it."""

import csv
import json
import math
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.utils.escape import unescape

from diffing.core.csv_record import line_of
from tests.command_line import diffing, refused_by
from tests.conftest import Mount, one_in

KEY, VALUE = ["day", "=cmd|'/c calc'!A0"], ["<r><t>v</t></r>", "note", "5"]
OPTIONS = ("-q", "-k", line_of(KEY), "-v", line_of(VALUE), "-o", "changes.csv", "--by", KEY[1])
TEXTS = (
    "=1+1",
    '=HYPERLINK("https://x.example","x")',
    "+1-2",
    "-2+3",
    "@SUM(A1)",
    "https://x.example/",
    "mailto:a@x.example",
    "<r><t>x</t></r>",
    "<script>alert(1)</script>",
    "0042",
    "1e5",
    "1/2",
    "TRUE",
    "#N/A",
    "_x000D_",
    " blank ",
    "a\nb\tc",
    "",
)


def texts(change: int) -> str:
    """Rows whose names and texts look like formulas, links, numbers and XML."""
    lines = [line_of([*KEY, *VALUE])]
    for place, text in enumerate(TEXTS[change:]):
        when = f"2026-01-{1 + place:02}"
        number = str(10 * place + change * (-1) ** place * 0.1)
        whole = str(place + (10**20 if place == 3 else 7) * change)
        lines.append(line_of([when, TEXTS[-1 - place], number, f"{text}" * (1 + change), whole]))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the workbook of a diff, and the same figures as other files."""
    folder = tmp_path_factory.mktemp("workbooks")
    (folder / "old.csv").write_text(texts(0))
    (folder / "=new.csv").write_text(texts(1))
    files = ("--report", "r.xlsx", "--explain", "e.json", "--cells", "c.csv", "--summary", "s.json")
    done = diffing(folder, "old.csv", "=new.csv", *OPTIONS, *files, "--expect", "removed = 0")
    assert (0, "") == (done.returncode, done.stdout), done.stderr
    return folder


@pytest.fixture(scope="module")
def book(folder: Path) -> Iterator[Workbook]:
    with closing(load_workbook(folder / "r.xlsx")) as book:
        yield book


def rows_of(book: Workbook, name: str) -> list[list[Any]]:
    rows = book[name].iter_rows(values_only=True)
    return [[unescape(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]


def document_of(folder: Path, name: str = "e.json") -> dict[str, Any]:
    return dict(json.loads((folder / name).read_text()))


def is_same(one: Any, other: Any) -> bool:
    """Whether two cells are the same; a workbook has 16 digits of a number."""
    if isinstance(one, float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-15)
    return other is None if one == "" else bool(one == other)


def assert_same(wanted: Sequence[Sequence[Any]], found: Sequence[Sequence[Any]]) -> None:
    assert [len(row) for row in wanted] == [len(row) for row in found]
    pairs = [pair for rows in zip(wanted, found, strict=True) for pair in zip(*rows, strict=True)]
    assert [] == [pair for pair in pairs if not is_same(*pair)]


def test_the_sheets_are_in_order(book: Workbook) -> None:
    assert ["counts", "verdict", "bridge", "columns", "movers", "cells"] == book.sheetnames


def test_the_cells_are_those_of_the_list_of_cells(book: Workbook, folder: Path) -> None:
    with (folder / "c.csv").open(newline="") as file:
        head, *lines = csv.reader(file)

    found = rows_of(book, "cells")

    assert [*KEY, "_column", "_old", "_new", "_difference", "_relative"] == head == found[0]
    whole = "100000000000000000000"  # has too many digits for Excel
    wanted = [
        [*line[:-2], *(text if text in ("", whole) else float(text) for text in line[-2:])]
        for line in lines
    ]
    assert len(wanted) > 30
    assert_same(wanted, found[1:])


def test_texts_stay_texts(book: Workbook) -> None:
    cells = [cell for row in book["cells"].iter_rows(max_col=5) for cell in row]

    values = {unescape(str(cell.value)) for cell in cells}
    assert {text * 2 for text in TEXTS[1:-1]} <= values
    assert {"10", "0042", "1e5"} <= values
    assert {"s", "n"} == {cell.data_type for cell in cells}  # n is that of empty cells
    assert [] == [cell for cell in cells if cell.data_type == "n" and cell.value is not None]
    assert [] == [cell for sheet in book for row in sheet for cell in row if cell.hyperlink]


def test_a_workbook_has_no_formulas_and_no_links(folder: Path) -> None:
    with zipfile.ZipFile(folder / "r.xlsx") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}

    assert [] == [name for name in parts if "external" in name or "sheets/_rels" in name]
    assert not any(b"<f>" in part for part in parts.values())


def test_differences_are_numbers_unless_excel_would_change_them(book: Workbook) -> None:
    found = {(row[2], row[3]): row[5] for row in rows_of(book, "cells")[1:]}

    assert 7 == found["5", "1"]
    assert is_same(0.1, round(found[VALUE[0], "0.0"], 9))
    # the difference of two whole numbers is exact
    assert "100000000000000000000" in {row[5] for row in rows_of(book, "cells")[1:]}


def test_the_bridge_is_that_of_the_analysis(book: Workbook, folder: Path) -> None:
    document = document_of(folder)
    moves = ("added", "removed", "up", "down", "other")
    wanted = [
        [
            step["column"],
            *step["group"].values(),
            step["groups"],
            *(step[move][figure] for move in moves for figure in ("rows", "amount")),
            step["net"],
        ]
        for step in document["bridge"]
    ]

    head, *found = rows_of(book, "bridge")

    heads = [head for move in moves for head in (f"{move}, rows", move)]
    assert ["column", KEY[1], "groups", *heads, "net"] == head
    assert len(wanted) > 10
    assert_same(wanted, found)


@pytest.mark.parametrize(
    ("rows", "amounts"),
    [
        (("1,a", "1,x"), []),
        (("1,5", "1,n/a"), [[0, 0, 0, 0, -5]]),
        (("1,a\n2,10", "1,x\n3,100"), [[100, 10, 0, 0, 0]]),
    ],
)
def test_a_bridge_lacks_columns_of_texts_alone(
    rows: tuple[str, str], amounts: list[list[float]], tmp_path: Path
) -> None:
    for name, row in zip(("old.csv", "new.csv"), rows, strict=True):
        (tmp_path / name).write_text(f"id,v\n{row}\n")

    report = ("-q", "-o", "x.csv", "--report", "r.xlsx", "--report", "r.md")
    done = diffing(tmp_path, "old.csv", "new.csv", "-k", "id", "-v", "v", *report)

    assert (0, "") == (done.returncode, done.stderr)
    with closing(load_workbook(tmp_path / "r.xlsx")) as book:
        assert amounts == [row[3:-1:2] for row in rows_of(book, "bridge")[1:]]
    assert bool(amounts) == ("### From old to new" in (tmp_path / "r.md").read_text())


def test_columns_and_movers_are_those_of_the_analysis(book: Workbook, folder: Path) -> None:
    document = document_of(folder)
    of_mover = ("cells", "first", "last", "largest", "net", "gross", "times_usual")

    columns, movers = rows_of(book, "columns"), rows_of(book, "movers")

    renamed = {"from_0": "from_zero", "to_0": "to_zero", "sign_turned": "turned"}
    names = [name.replace(" ", "_").removesuffix("_change") for name in columns[0]]
    names = [renamed.get(name, name) for name in names]
    assert_same([[one[name] for name in names] for one in document["columns"]], columns[1:])
    wanted = [
        [one["column"], *one["series"].values(), *(one[name] for name in of_mover)]
        for one in document["movers"]
    ]
    assert ["column", KEY[1], *of_mover[:1], "from", "to", "largest", "net"] == movers[0][:7]
    assert_same(wanted, movers[1:])


def test_the_counts_are_those_of_the_summary(book: Workbook, folder: Path) -> None:
    summary = document_of(folder, "s.json")

    rows = rows_of(book, "counts")

    found = {row[0]: row[1] for row in rows}
    for name in ("added", "changed", "removed", "unchanged", "emitted"):
        assert summary[name] == found[name]
    assert ("=new.csv", summary["new"]["rows"]) == (found["new file"], found["rows of new"])
    assert KEY == [row[1] for row in rows if row[0] == "key column"]
    assert document_of(folder)["notes"] == [row[1] for row in rows if row[0] == "note"][:-1]
    assert ["removed", "= 0", summary["removed"], None, "no"] == rows_of(book, "verdict")[1]


def test_totals_are_in_the_bridge(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("id,value\n1,2.5\n2,3\n")
    (tmp_path / "new.csv").write_text("id,value\n1,5\n2,3\n")

    done = diffing(
        tmp_path, "old.csv", "new.csv", "-q", "-k", "id", "--totals", "--report", "r.xlsx"
    )

    assert (0, "") == (done.returncode, done.stderr)
    head, row = rows_of(load_workbook(tmp_path / "r.xlsx"), "bridge")
    assert {"net": 2.5, "old total": 5.5, "new total": 8, "residual": 0} == {
        name: figure for name, figure in zip(head, row, strict=True) if name in head[-4:]
    }


def test_columns_without_an_analysis_have_their_cells(tmp_path: Path) -> None:
    names = [f"v{place}" for place in range(60)]
    for name, number in (("old.csv", "1"), ("new.csv", "2")):
        (tmp_path / name).write_text(f"id,{','.join(names)}\n1,{','.join([number] * 60)}\n")

    done = diffing(tmp_path, "old.csv", "new.csv", "-q", "-k", "id", "--report", "r.xlsx")

    assert (0, "") == (done.returncode, done.stderr)
    book = load_workbook(tmp_path / "r.xlsx")
    found = {row[0]: row[1:3] for row in rows_of(book, "columns")[1:]}
    assert dict.fromkeys(names, 1) == {name: cells for name, (cells, _) in found.items()}
    assert [1, None] == found["v59"]
    said = "The last 10 columns have only the number of their cells."
    assert ["note", said] in rows_of(book, "counts")
    assert 61 == len(rows_of(book, "cells"))


def test_a_workbook_of_equal_files_has_no_cells(tmp_path: Path) -> None:
    for name in ("old.csv", "new.csv"):
        (tmp_path / name).write_text("id,value\n1,2\n")

    done = diffing(tmp_path, "old.csv", "new.csv", "-q", "-k", "id", "--report", "r.xlsx")

    assert (0, "") == (done.returncode, done.stderr)
    assert 1 == len(rows_of(load_workbook(tmp_path / "r.xlsx"), "cells"))


@pytest.mark.slow
def test_more_cells_than_a_sheet_has_rows_are_refused(tmp_path: Path) -> None:
    rows = 1_048_576
    for name, number in (("old.csv", 1), ("new.csv", 2)):
        lines = "".join(f"{place},{number}\n" for place in range(rows))
        (tmp_path / name).write_text(f"id,value\n{lines}")

    done = diffing(
        tmp_path, "old.csv", "new.csv", "-q", "-k", "id", "-o", "c.csv", "--report", "r.xlsx"
    )

    assert 2 == done.returncode
    assert "1,048,576 values differ, and a sheet has room for 1,048,575." in done.stderr
    assert ["new.csv", "old.csv"] == sorted(path.name for path in tmp_path.iterdir())


def test_a_text_that_is_too_long_for_excel_is_refused(tmp_path: Path) -> None:
    for name, text in (("old.csv", "a"), ("new.csv", "b" * 32_768)):
        (tmp_path / name).write_text(f"id,note\n1,{text}\n")

    done = diffing(
        tmp_path, "old.csv", "new.csv", "-q", "-k", "id", "-o", "c.csv", "--report", "r.xlsx"
    )

    assert 2 == done.returncode
    assert "The sheet cells contains a text of more than 32,767 characters." in done.stderr
    assert ["new.csv", "old.csv"] == sorted(path.name for path in tmp_path.iterdir())


def test_without_the_extra_a_workbook_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("old.csv", "new.csv"):
        (tmp_path / name).write_text("id,value\n1,2\n")
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)

    done = refused_by(tmp_path, "old.csv", "new.csv", "-q", "-k", "id", "--report", "r.xlsx")

    assert 2 == done.returncode
    assert (
        "the extra for workbooks is not installed. Run pip install 'diffing[xlsx]'" in done.stderr
    )


@pytest.mark.slow
@pytest.mark.parametrize("full", one_in(2, ["folder", "temporary"]))
def test_a_full_disk_is_said_in_one_line(tmp_path: Path, mount: Mount, full: str) -> None:
    mount(tmp_path / "small", "1m" if full == "folder" else "8m")
    for name, number in (("old.csv", 1), ("new.csv", 2)):
        lines = "".join(f"{place},{number}\n" for place in range(60_000))
        (tmp_path / name).write_text(f"id,value\n{lines}")
    report = {"folder": "small/r.xlsx", "temporary": "r.xlsx"}[full]
    folder = {} if full == "folder" else {"TMPDIR": str(tmp_path / "small")}

    options = ("-q", "-k", "id", "-o", "/dev/null", "--report", report)
    done = diffing(tmp_path, "old.csv", "new.csv", *options, **folder)

    said = "diffing: The disk is full. Free some space and try again.\n"
    assert (2, said) == (done.returncode, done.stderr)
    assert [] == list((tmp_path / "small").iterdir())
    assert not (tmp_path / report).exists()
