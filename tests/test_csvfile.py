import bz2
import csv
import errno
import gzip
import io
import lzma
import os
import resource
import string
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffing.core.errors import BadInput, OutOfDisk
from diffing.core.input_file import InputFile
from diffing.csvfiles.borders import Borders
from diffing.csvfiles.csv_file import CsvFile, contents_of
from diffing.csvfiles.open import open_csv
from diffing.csvfiles.rewrite import rewrite
from diffing.csvfiles.scan import PORTIONS, Portions, count_rows
from diffing.engine.sql import query
from tests.conftest import examples, named, one_in

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ROWS = "from csv_rows($path, $side)"
FIELDS = f"select * {ROWS}"
COUNT = f"select count(*) {ROWS}"
REFUSALS = (duckdb.InvalidInputException, duckdb.NotImplementedException)

CONNECTION = duckdb.connect(config={"threads": 4})
CONNECTION.execute(query("read"))

Row = tuple[Any, ...]


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.csv"


def checked(path: Path, scratch: Path, portions: Portions = PORTIONS) -> CsvFile:
    """A file as a diff has it once its bytes were looked over."""
    file = open_csv(named(path), scratch)
    rows = contents_of(file, portions=portions).rows
    return rewrite(file, scratch) if rows is None else replace(file, rows=rows)


def fetch(file: CsvFile, sql: str) -> list[Row]:
    """The rows of a query on a file, which it reads as a diff does."""
    columns = {f"rest_{i}": "VARCHAR" for i in range(len(file.columns))}
    side = {"columns": columns, "rewritten": file.rewritten}
    return CONNECTION.execute(sql, {"path": str(file.path), "side": side}).fetchall()


def records(file: CsvFile) -> list[Row]:
    return [file.columns, *fetch(file, FIELDS)]


def accepted(path: Path, scratch: Path, portions: Portions = PORTIONS) -> CsvFile:
    """A file that DuckDB reads whole; as in the engine, a rewritten one if it would not."""
    file = checked(path, scratch, portions)
    try:
        whole = [(file.rows,)] == fetch(file, COUNT)
    except REFUSALS:
        whole = False
    return file if whole else rewrite(file, scratch)


def read(path: Path, scratch: Path, portions: Portions = PORTIONS) -> list[Row]:
    """All records, the header too, as the engine gets them."""
    return records(accepted(path, scratch, portions))


def count(path: Path, scratch: Path, portions: Portions = PORTIONS) -> int:
    """The rows of a file, which DuckDB and the look at its bytes agree upon."""
    file = accepted(path, scratch, portions)
    assert [(file.rows,)] == fetch(file, COUNT)
    assert file.rows is not None
    return file.rows


def refusal(path: Path, scratch: Path, portions: Portions = PORTIONS) -> str:
    with pytest.raises(BadInput) as caught:
        read(path, scratch, portions)
    assert str(path.parent) not in caught.value.detail
    assert len(caught.value.detail.splitlines()) == 1
    return caught.value.detail


VALID = {
    "plain": (b"a,b\n1,2\n", [("a", "b"), ("1", "2")]),
    "no line end at the end": (b"a,b\n1,2", [("a", "b"), ("1", "2")]),
    "header only": (b"a,b\n", [("a", "b")]),
    "header without line end": (b"a,b", [("a", "b")]),
    "CR LF": (b"a,b\r\n1,2\r\n", [("a", "b"), ("1", "2")]),
    "LF, then CR LF": (b"a,b\n1,2\r\n3,4\n", [("a", "b"), ("1", "2"), ("3", "4")]),
    "CR LF, then LF": (b"a,b\r\n1,2\n3,4\r\n", [("a", "b"), ("1", "2"), ("3", "4")]),
    "BOM": (b"\xef\xbb\xbfa,b\n1,2\n", [("a", "b"), ("1", "2")]),
    "BOM and a quoted name": (b'\xef\xbb\xbf"a",b\n1,2\n', [("a", "b"), ("1", "2")]),
    "name of several lines": (b'"a\nb",c\n1,2\n', [("a\nb", "c"), ("1", "2")]),
    "name of several lines, CR LF": (
        b'"a\n",b\r\n"1\r\n2\r3",4\r\n',
        [("a\n", "b"), ("1\r\n2\r3", "4")],
    ),
    "blank lines": (b"\n\r\na,b\n\n\n1,2\n\r\n\n", [("a", "b"), ("1", "2")]),
    "blank lines in one column": (b'a\n\n1\n""\n\n2\n', [("a",), ("1",), ("",), ("2",)]),
    "names that differ in case": (b"a,A\n1,2\n", [("a", "A"), ("1", "2")]),
    "empty fields": (b'a,b\n,""\n', [("a", "b"), ("", "")]),
    "outer blanks": (b"a,b\n 1 ,\t2\t\n", [("a", "b"), (" 1 ", "\t2\t")]),
    "blanks inside quotes": (b'a,b\n" 1 "," "\n', [("a", "b"), (" 1 ", " ")]),
    "blank before a quote": (b'a,b\n1, "2"\n', [("a", "b"), ("1", ' "2"')]),
    "blank before an empty pair of quotes": (b'a,b\n1, ""\n', [("a", "b"), ("1", ' ""')]),
    "blank before a quote, first field": (b'a,b\n "1",2\n', [("a", "b"), (' "1"', "2")]),
    "blank before a quote, in a row": (b'a\n" "\n "2"\n', [("a",), (" ",), (' "2"',)]),
    "quote inside an unquoted field": (b'a,b\n5",x"y"\n', [("a", "b"), ('5"', 'x"y"')]),
    "doubled quotes": (b'a,b\n"The ""Rest""","""x"""\n', [("a", "b"), ('The "Rest"', '"x"')]),
    "comma, blank and quotes in a field": (
        b'a,b\n"x, ""y"" , z","1, ""2"\n',
        [("a", "b"), ('x, "y" , z', '1, "2')],
    ),
    "backslash": (b'a,b\n\\,"\\"\n', [("a", "b"), ("\\", "\\")]),
    "hash": (b"a,b\n#1,2\n", [("a", "b"), ("#1", "2")]),
    "beyond ASCII": ("ä,b\né😀\u2028,\u0085\n".encode(), [("ä", "b"), ("é😀\u2028", "\u0085")]),
    "BOM twice": ("\ufeff\ufeff\n1\n".encode(), [("\ufeff",), ("1",)]),
    "blank line before a BOM": ("\n\ufeff\n1\n".encode(), [("\ufeff",), ("1",)]),
    "NUL": (b"a,b\n1\x00,2\n", [("a", "b"), ("1\x00", "2")]),
}


@pytest.mark.parametrize(("content", "rows"), VALID.values(), ids=VALID)
def test_a_valid_file_is_read_character_for_character(
    path: Path, scratch: Path, content: bytes, rows: list[Row]
) -> None:
    path.write_bytes(content)

    assert rows == read(path, scratch)
    assert rows[0] == checked(path, scratch).columns
    assert len(rows) - 1 == count(path, scratch)


@pytest.mark.parametrize(("content", "rows"), VALID.values(), ids=VALID)
def test_a_rewritten_file_holds_the_same_records(
    path: Path, scratch: Path, content: bytes, rows: list[Row]
) -> None:
    path.write_bytes(content)

    assert rows == records(rewrite(checked(path, scratch), scratch))


def test_a_rewritten_file_is_not_rewritten_again(path: Path, scratch: Path) -> None:
    path.write_bytes(b"a,b\n1,2\n")
    file = rewrite(checked(path, scratch), scratch)

    assert file == rewrite(file, scratch)


USUAL = {
    "numbers": b"id,x\n" + b"12345,0.125\n" * 20_000,
    "CR LF": b"id,x\r\n" + b"12345,0.125\r\n" * 20_000,
    "text": b'id,text\n1,"The ""Rest"""\n2,"a, b"\n3,"He said, ""yes"" to\n\nme"\n',
    "many lines of text": b"id,text\n" + b'1,"x, ""y"",\nz"\n2,""\n"3","q, "", "" r"\n' * 20_000,
    "all quoted": b'"id","x"\n' + b'"1","2\n"\n' * 20_000,
    "beyond ASCII": b"id,x\n" + "1,é\n".encode() * 50_000,
}


@pytest.mark.parametrize("content", USUAL.values(), ids=USUAL)
def test_a_usual_export_is_read_where_it_lies(path: Path, scratch: Path, content: bytes) -> None:
    path.write_bytes(content)

    file = checked(path, scratch)

    assert (path, False) == (file.path, file.rewritten)
    assert not list(scratch.iterdir())
    assert [(file.rows,)] == fetch(file, COUNT)


BY_NUMPY_AND_WITHOUT = pytest.mark.parametrize(
    "many", [0, PORTIONS.many], ids=["by numpy", "without"]
)
COUNTED = {
    "header": (b"a,b\n", 0),
    "header without line end": (b"a,b", 0),
    "header, then blank lines": (b"a,b\n\n\n", 0),
    "no line end at the end": (b"a,b\n1,2\n3,4", 2),
    "BOM": (b"\xef\xbb\xbfa,b\n1,2\n", 1),
    "blank lines": (b"a,b\n\n1,2\n\n\n3,4\n\n", 2),
    "blank lines, CR LF": (b"a,b\r\n\r\n1,2\r\n\r\n\r\n3,4\r\n\r\n", 2),
    "blank lines, then no line end": (b"a,b\n1,2\n\n\n3,4", 2),
    "line ends in quotes": (b'a,b\n1,"\n2\n"\n3,"4\r\n5"\n', 2),
    "line ends in quotes, then no line end": (b'a,b\n1,"2\n3"', 1),
    "blank lines in quotes": (b'a,b\n1,"\n\n2\n\n"\n3,"\r\n\r\n"\n', 2),
    "blank lines in and after quotes": (b'a,b\n1,"\n\n"\n\n\n3,4\n', 2),
    "line ends between doubled quotes": (b'a,b\n1,"x""\n""y"\n2,"""\n"""\n', 2),
    "all quoted": (b'"a","b"\n"1","2"\n"","3,4"\n', 2),
    "all quoted, CR LF": (b'"a","b"\r\n"1","2"\r\n"""3""","4"\r\n', 2),
    "all quoted, line ends in quotes": (b'"a","b"\n"1\n","2"\n"3","\n\n4"\n', 2),
    "all quoted, blank lines": (b'"a","b"\n\n"1","2"\n\n\n"3","4"\n\n', 2),
    "all quoted, no line end at the end": (b'"a","b"\n"1","2"', 1),
    "all quoted, then not": (b'"a","b"\n"1","2"\n3,4\n"5","6"\n', 3),
    "all quoted, then line ends in quotes": (b'"a","b"\n"1","2"\n3,"\n4"\n', 2),
    "blank lines in one column": (b'a\n""\n\n""\n1\n\n""', 4),
    "blank lines below and above lines": (b"a,b\n1,2\n\n3,4\n", 2),
    "blank lines that end in CR LF": (b"a,b\r\n1,2\r\n\r\n3,4\r\n", 2),
    "a line end in quotes below others": (b'a,b\n1,"2\n"\n3,4\n', 2),
    "lines that end in CR LF": (b"a,b\r\n1,2\r\n3,4\r\n", 2),
    "blank before a quote": (b'a,b\n\n1, "2"\n\n3,4', 2),
}


@BY_NUMPY_AND_WITHOUT
@pytest.mark.parametrize("chunk", [1, 9, PORTIONS.scanned])
@pytest.mark.parametrize(("content", "rows"), COUNTED.values(), ids=COUNTED)
def test_rows_are_records_below_the_header(
    path: Path, scratch: Path, content: bytes, rows: int, chunk: int, many: int
) -> None:
    path.write_bytes(content)
    portions = Portions(scanned=chunk, many=many)

    assert count_rows(path, "data.csv", portions=portions).rows in {rows, None}
    assert rows == count(path, scratch, portions)
    assert rows == rewrite(checked(path, scratch, portions), scratch).rows


@pytest.mark.parametrize(
    "content",
    [
        b'a,b\n1, "2"\n',
        b'a,b\n1,2"\n',
        b'a,b\n1,"2" \n',
        b'a,b\n1,"2"x"3"\n',
        b'a,b\n1,"2\n"x,3\n',
        b'a,b\n"1","2\n',
        b'a,b\n1,"2\n3',
        b"a,b\n1,2\r",
        b"a,b\n\r1,2\n",
        b"a,b\n1,\r2\n",
        b"a,b\n1,2\r\r\n",
        b'a,b\n1,"2\r\n"\r',
        b'a,b\n1,"2\n3"\n\r4,5\n',
    ],
)
@BY_NUMPY_AND_WITHOUT
def test_rows_are_not_counted_where_duckdb_may_read_others(
    path: Path, content: bytes, many: int
) -> None:
    path.write_bytes(content)

    assert count_rows(path, "data.csv", portions=Portions(many=many)).rows is None


@pytest.mark.parametrize("before", [b"1,", b'"1",'])
@pytest.mark.parametrize("text", [b"x\n", b'""x""\n', b"x\n\n"])
def test_a_field_of_many_lines_belongs_to_one_row(
    path: Path, scratch: Path, before: bytes, text: bytes
) -> None:
    path.write_bytes(b"a,b\n" + (before + b'"' + text * 20_000 + b'"\n') * 3)

    file = checked(path, scratch)

    assert (3, False) == (file.rows, file.rewritten)


BROKEN = {
    "empty": (b"", "data.csv: the file is empty. Its first line must name the columns."),
    "BOM only": (b"\xef\xbb\xbf", "data.csv: the file is empty"),
    "blank lines only": (b"\n\r\n\n", "data.csv: the file is empty"),
    "repeated name": (
        b"a,b,a\n1,2,3\n",
        "data.csv: the header in line 1 names 'a' more than once",
    ),
    "too few fields": (
        b"a,b\n1,2\n3\n4,5\n",
        "line 3: expected 2 fields as in the header, found 1",
    ),
    "too few, with what follows": (
        b'a,b\n1,"2\n"\n3\n4,5\n',
        "line 4: expected 2 fields as in the header, found 1: '3'. Line 5 follows: '4,5'. "
        "Quote fields that contain a line end.",
    ),
    "too few, beyond ASCII": (
        "a,b\né\n".encode() + b"x" * 100 + b",1\n",
        f"line 2: expected 2 fields as in the header, found 1: 'é'. Line 3 follows: '{'x' * 60}…'.",
    ),
    "too few, at the end": (
        b"a,b\n1,2\nTotal: 3",
        "line 3: expected 2 fields as in the header, found 1: 'Total: 3'. It is the last line. "
        "Export the file again if it is cut off, or remove the line.",
    ),
    "too many fields": (
        b"a,b\n1,2,\n",
        "line 2: expected 2 fields as in the header, found 3. Quote fields that contain a comma.",
    ),
    "too many for one": (b"a\n1,2\n", "line 2: expected 1 field as in the header, found 2"),
    "too few after lines in quotes": (b'a,b\n"\n\n",2\n3\n', "line 5: expected 2 fields"),
    "blanks only": (b"a,b\n  \n", "line 2: expected 2 fields as in the header, found 1"),
    "not UTF-8": (b"a,b\n1,2\ncaf\xe9,4\n", "line 3: byte 4 of the line (0xE9) is not UTF-8"),
    "not UTF-8, in the header": (b"\xe9,b\n1,2\n", "line 1: byte 1 of the line (0xE9)"),
    "not UTF-8, cut at the end": (b"a,b\n1,\xe2\x82", "line 2: byte 3 of the line (0xE2)"),
    "not UTF-8, twice in the header": (b"\xe9,\xe8\n1,2\n", "line 1: byte 1 of the line (0xE9)"),
    "not UTF-8, and quotes to rewrite": (b'a,b\n1, "2"\n\xff,3\n', "line 3: byte 1 of the line"),
    "unclosed quote": (b'a,b\n1,2\n3,"4\n5,6\n', "line 3: the quote that opens here is not closed"),
    "unclosed quote, in a later line": (
        b'a,b\n"x\n\ny","4\n5,6\n',
        "line 4 (the record begins in line 2): the quote that opens here is not closed",
    ),
    "unclosed quote, one at the end": (b'a,b\n1,2\n"', "line 3: the quote that opens here"),
    "unclosed quote, in the header": (b'a,"b\n1,2\n', "line 1: the quote that opens here"),
    "text after a quote": (b'a,b\n1,2\n"abc"def,3\n', "line 3: 'def,3' follows a closing quote"),
    "text after a quote, in a later line": (
        b'a,b\n1,"2\n3"4\n',
        "line 3 (the record begins in line 2): '4' follows a closing quote",
    ),
    "blank after a quote": (b'a,b\n"1" ,2\n', "line 2: ' ,2' follows a closing quote"),
    "blank after a quote, at the end": (b'a,b\n1,"2"  ', "line 2: '  ' follows a closing quote"),
    "blank between quotes": (b'a,b\n"x" "y",2\n', "line 2: ' \"y\",2' follows a closing quote"),
    "CR as line end": (b"a,b\r1,2\r3,4\r", "line 1: a carriage return (CR) without a line feed"),
    "CR in a field": (b"a,b\n1\r1,2\n", "line 2: a carriage return (CR) without a line feed"),
    "CR CR LF": (
        b"a,b\r\r\n1,2\r\r\n",
        r"data.csv, line 1: the line ends in CR CR LF. Make it CR LF with sed 's/\r*$/\r/'.",
    ),
    "CR CR LF in a row": (b"a,b\n1,2\r\r\n", "line 2: the line ends in CR CR LF."),
    "CR at the end": (b"a,b\n1,2\r", "line 2: a carriage return (CR) without a line feed"),
    "CR first of all": (b"\ra,b\n1,2\n", "line 1: a carriage return (CR) without a line feed"),
    "CR as the first row": (b"a,b\n\r,2\n3,4\n", "line 2: a carriage return (CR) without"),
    "CR before the first row": (b"a,b\n\r1,2\n3,4", "line 2: a carriage return (CR) without"),
    "CR before the last row": (b"a,b\n1,2\n\r3,4", "line 3: a carriage return (CR) without"),
    "CR after blank lines": (b"a,b\n\n\n\r1,2\n", "line 4: a carriage return (CR) without"),
    "CR after a quote": (b'a,b\n1,"2"\r\r\n', "line 2: the line ends in CR CR LF."),
    "CR CR CR LF": (b"a,b\n1,2\r\r\r\n", "line 2: a carriage return (CR) without a line feed"),
    "semicolons": (b"a;b\n1,5;2\n", "data.csv: the fields seem to be separated by a semicolon"),
    "semicolon in a name": (b"a;b,c\n1\n", "line 2: expected 2 fields as in the header, found 1"),
    "semicolon in a broken name": (b'"a;b"c,d\n1,2\n', "line 1: 'c,d' follows a closing quote"),
    "semicolons and quotes": (b'"a";"b"\n1;2\n', "separated by a semicolon"),
    "tabs and quotes": (b'a\tb\n"1"\t2\n', "separated by a tab"),
    "Ctrl-Z at the end": (
        b"a,b\r\n1,2\r\n\x1a",
        r"data.csv: Ctrl-Z (0x1A) ends the file, as in exports of old systems. "
        r"Remove it with tr -d '\032'.",
    ),
    "Ctrl-Z in the last field": (b"a,b\n1,2\x1a", "data.csv: Ctrl-Z (0x1A) ends the file"),
    "Ctrl-Z in a line of its own": (b"a,b\n1,2\n\x1a\n", "line 3: Ctrl-Z (0x1A) ends the file"),
}


@pytest.mark.parametrize(("content", "what"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_refused_with_the_place_of_the_fault(
    path: Path, scratch: Path, content: bytes, what: str
) -> None:
    path.write_bytes(content)

    assert what in refusal(path, scratch)


WITH_A_CR = {
    "LF": b"a,b\n1,2\n3,4\n",
    "no line end at the end": b"a,b\n1,2\n3,4",
    "CR LF": b"a,b\r\n1,2\r\n3,4\r\n",
    "quotes": b'a,b\n"1",2\n3,"4\n5"\n',
    "blank lines": b"a,b\n\n1,2\n\n",
    "BOM": b"\xef\xbb\xbfa,b\n1,2\n",
    "one column": b'a\n1\n""\n2',
}


@pytest.mark.parametrize("content", WITH_A_CR.values(), ids=WITH_A_CR)
def test_a_cr_in_any_place_is_refused_unless_it_is_quoted_or_ends_a_line(
    path: Path, scratch: Path, content: bytes
) -> None:
    for place in range(len(content) + 1):
        with_cr = content[:place] + b"\r" + content[place:]
        path.write_bytes(with_cr)
        try:
            expected = reference(with_cr)
        except NoCsv:
            assert "data.csv" in refusal(path, scratch)
        else:
            assert expected == read(path, scratch)


@pytest.mark.parametrize("chunk", [1, 9, 32 * 1024])
def test_a_quoted_cr_needs_no_copy(path: Path, scratch: Path, chunk: int) -> None:
    path.write_bytes(b'a,b\n1,"2\n\r3"\n"4\r","5\r\n\n\r6"\n' * 9)

    assert not checked(path, scratch, Portions(scanned=chunk)).rewritten


@pytest.mark.parametrize("pad", range(16))
def test_a_cr_after_any_border_of_a_step_is_refused(path: Path, scratch: Path, pad: int) -> None:
    path.write_bytes(b"a,b\n" + b"x" * pad + b",2\n1,2\n\r3,4\n5,6\n")

    assert "line 4: a carriage return" in refusal(path, scratch, Portions(read=16, scanned=8))


PAD = b"\x00" * 600
OTHER_FORMATS = {
    "gzip": (
        gzip.compress(b"a,b\n"),
        "is compressed with gzip, but its name does not end in .gz. "
        "Rename it: mv data.csv data.csv.gz",
    ),
    "zstd": (zstd.compress(b"a,b\n"), "is compressed with zstd, but its name does not end in .zst"),
    "bzip2": (
        bz2.compress(b"a,b\n"),
        "is compressed with bzip2, but its name does not end in .bz2. "
        "Rename it: mv data.csv data.csv.bz2",
    ),
    "bzip2 of nothing": (bz2.compress(b""), "is compressed with bzip2"),
    "xz": (
        lzma.compress(b"a,b\n"),
        "is compressed with xz, but its name does not end in .xz.",
    ),
    "lz4": (b"\x04\x22\x4d\x18" + PAD, "is compressed with lz4."),
    "compress": (b"\x1f\x9d\x90" + PAD, "is compressed with compress."),
    "7z": (b"7z\xbc\xaf\x27\x1c" + PAD, "is a 7z archive. Unpack it first: 7z x data.csv"),
    "tar": (b"o.csv".ljust(257, b"\0") + b"ustar\0" + PAD, "is a tar archive."),
    "zip": (
        b"PK\x03\x04" + b"\0" * 26 + b"o.csv...",
        "is a ZIP archive, but its name does not end in .zip.",
    ),
    "workbook": (
        b"PK\x03\x04" + b"\0" * 26 + b"[Content_Types].xml...",
        "is an Excel workbook. Save it as CSV UTF-8 with commas.",
    ),
    "old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + PAD, "is an old Excel workbook."),
    "OpenDocument": (
        b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
        "is an OpenDocument spreadsheet.",
    ),
    "Parquet": (b"PAR1\x15\x04" + PAD + b"PAR1", "is Parquet, but its name does not end"),
    "SQLite": (b"SQLite format 3\x00" + PAD, "is an SQLite database. Export it as CSV."),
    "DuckDB": (b"\0" * 8 + b"DUCK" + PAD, "is a DuckDB database."),
    "PDF": (b"%PDF-1.7\n", "is a PDF document."),
    "JSON": (b'[{"a": 1,\n"b": 2}]', "is JSON. Export it as CSV."),
    "JSON object": (b'{\n  "a": [1, 2],\n  "b": 2\n}\n', "is JSON. Export it as CSV."),
    "JSON lines": (
        b'{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n',
        "is JSON lines, an object in each line. Export it as CSV.",
    ),
    "HTML": (
        b"\n<!DOCTYPE html>\n<html><head><title>Log in, please</title>",
        "is an HTML page, perhaps an error or a login page. Download the CSV file itself.",
    ),
    "XML": (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', "is XML."),
    "Git LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n",
        "is a Git LFS pointer, not the data. Fetch the data: git lfs pull",
    ),
    "UTF-16": (
        "\ufeffa,b\n".encode("utf-16-le"),
        "is UTF-16, not UTF-8. Give `encoding=utf-16`.",
    ),
    "UTF-16, big end first": ("\ufeffa,b\n".encode("utf-16-be"), "is UTF-16, not UTF-8"),
    "UTF-16 without BOM": (
        "a,b\n1,2\n".encode("utf-16-le"),
        "is UTF-16 without a byte order mark, not UTF-8. Give `encoding=utf-16-le`.",
    ),
    "UTF-16 without BOM, big end first": (
        "a,b\n1,2\n".encode("utf-16-be"),
        "is UTF-16 without a byte order mark, not UTF-8. Give `encoding=utf-16-be`.",
    ),
    "UTF-16 without BOM, beyond ASCII": (
        "ключ,a\n1,2\n".encode("utf-16-le"),
        "is UTF-16 without a byte order mark",
    ),
    "UTF-32": ("\ufeffa,b\n".encode("utf-32-le"), "is UTF-32, not UTF-8"),
}


@pytest.mark.parametrize(("content", "what"), OTHER_FORMATS.values(), ids=OTHER_FORMATS)
def test_a_file_of_another_format_is_called_by_its_name(
    path: Path, scratch: Path, content: bytes, what: str
) -> None:
    path.write_bytes(content)

    with pytest.raises(BadInput) as caught:
        open_csv(named(path), scratch, ["a", "b"])

    assert what in caught.value.detail
    assert caught.value.detail.startswith("data.csv: is ")
    assert [caught.value.detail] == caught.value.detail.splitlines()


@pytest.mark.parametrize("name", [name for name in OTHER_FORMATS if name not in ("gzip", "zstd")])
@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_so_it_is_under_the_name_of_a_packed_file(
    tmp_path: Path, scratch: Path, name: str, suffix: str
) -> None:
    content, what = OTHER_FORMATS[name]
    path = tmp_path / f"data.csv{suffix}"
    path.write_bytes(content)

    with pytest.raises(BadInput) as caught:
        open_csv(named(path), scratch, ["a", "b"])

    assert what.partition(".")[0] in caught.value.detail


def test_the_command_names_a_file_with_blanks(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "my data.csv.lz4"
    path.write_bytes(b"\x04\x22\x4d\x18" + PAD)

    with pytest.raises(BadInput, match=r"Unpack it first: unlz4 'my data\.csv\.lz4'$"):
        open_csv(named(path), scratch)


PLAIN_TEXT = {
    "brackets": b"[id],[value]\n1,2\n",
    "braces": b"{id},{value}\n1,2\n",
    "PAR1": b"PAR1,value\n1,2\n",
    "ORC": b"ORC,PK\n1,2\n",
    "BZh": b"BZh91,7z\n1,2\n",
    "HTML in quotes": b'"<html>",value\n1,2\n',
    "a tag": b"<html>,value\n1,2\n",
    "JSON": b'"{""a"": 1}",value\n1,2\n',
}


@pytest.mark.parametrize("content", PLAIN_TEXT.values(), ids=PLAIN_TEXT)
def test_a_name_may_look_like_another_format(path: Path, scratch: Path, content: bytes) -> None:
    path.write_bytes(content)

    assert reference(content) == read(path, scratch)


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b"\n\r\n"])
def test_many_blank_lines_count_as_lines(path: Path, scratch: Path, blank: bytes) -> None:
    lines = (blank * 100_000).count(b"\n")
    path.write_bytes(blank * 100_000 + b"a,b\n" + blank * 100_000 + b"1\r\n2,3\n")

    assert f"data.csv, line {2 * lines + 2}: expected 2 fields" in refusal(path, scratch)


def test_what_is_not_utf8_is_found_far_down(path: Path, scratch: Path) -> None:
    path.write_bytes(b"a,b\n" + "é,2\n".encode() * 100_000 + b"1,\xff\n")

    assert "line 100002: byte 3 of the line (0xFF)" in refusal(path, scratch)


def test_a_refused_file_leaves_no_copy_behind(path: Path, scratch: Path) -> None:
    path.write_bytes(b'a,b\n1, "2"\n3\n')

    assert "line 3" in refusal(path, scratch)
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    "field", [b"x" * 10_000_000, b'"' + b'yyyyyyyyyyyyyyyyyyyyy\n"",' * 400_000 + b'"']
)
def test_a_field_may_take_10_mb(path: Path, scratch: Path, field: bytes) -> None:
    path.write_bytes(b"a,b\n1,2\n1," + field + b"\n3,4\n")

    rows = read(path, scratch)

    assert len(rows) == 4
    assert field.decode().strip('"').replace('""', '"') == rows[2][1]


@pytest.mark.parametrize(
    ("rest", "what"),
    [
        (b"x" * 20_000_000, "line 3: the record is longer than 16,000,000 bytes"),
        (b"x" + b'"' * 9_000_000, "line 3: the record is longer than 16,000,000 bytes"),
        (b'"' + b"yyyyyyyyy\n" * 2_000_000, "line 3: the quote that opens here is not closed"),
        (b'"%s\n",' % (b"y" * 200) * 100_000, "(the record begins in line 3): the quote that"),
        (b"y\r" * 10**7, "line 3: a carriage return (CR) without a line feed"),
    ],
)
def test_a_longer_record_is_refused_with_its_line(
    path: Path, scratch: Path, rest: bytes, what: str
) -> None:
    path.write_bytes(b"a,b\n1,2\n1," + rest + b"\n3,4\n")

    assert what in refusal(path, scratch)


@pytest.mark.parametrize("begun", [b"", b"a,b\n1,", b'a,b\n1,"', b"a,b\n" + b"1,2\n" * 30])
def test_an_endless_line_is_refused_with_little_memory(
    path: Path, scratch: Path, begun: bytes
) -> None:
    path.write_bytes(begun)
    os.truncate(path, 200_000_000)

    with allocating_at_most(100_000_000):
        assert "data.csv, line " in refusal(path, scratch, Portions(scanned=1))


def test_there_may_be_2000_columns(path: Path, scratch: Path) -> None:
    names = [f"c{i}" for i in range(2000)]
    path.write_text(f"{','.join(names)}\n" + f"{','.join('x' * 2000)}\n" * 10)

    assert [tuple(names), *[tuple("x" * 2000)] * 10] == read(path, scratch)


class TestBorders:
    """Where DuckDB's buffers begin, a broken record can take all that follow with it."""

    @pytest.mark.parametrize("border", one_in(2, [16_000_000, 32_000_000]))
    @pytest.mark.parametrize("broken", [b"x", b"1,2,3", b'"x'])
    @pytest.mark.parametrize("rows_behind", [0, 50])
    def test_a_broken_record_past_a_border_is_refused(
        self, path: Path, scratch: Path, border: int, broken: bytes, rows_behind: int
    ) -> None:
        behind = b"\n" + ROW * rows_behind if rows_behind else b""
        path.write_bytes(filled(border + 3) + broken + behind)

        assert "data.csv, line " in refusal(path, scratch)

    @pytest.mark.parametrize("border", [4_000_000, 16_000_000])
    def test_a_cr_past_a_border_is_refused(self, path: Path, scratch: Path, border: int) -> None:
        content = filled(border + 2)
        path.write_bytes(content + b"\r1,2\n" + ROW * 50)

        line = content.count(b"\n") + 1
        assert f"data.csv, line {line}: a carriage return" in refusal(path, scratch)

    @pytest.mark.parametrize("border", one_in(2, [16_000_000, 32_000_000]))
    @pytest.mark.parametrize("line_end", [b"", b"\n"])
    @pytest.mark.parametrize(
        "record", [b'"a,b\nc,d\ne,f\ng,h",i', b'"\r\n,"",""\r""\n\n\nx",', b'y,"a\nb,c\nd,e"']
    )
    @pytest.mark.parametrize("before", one_in(2, [1, 9]))
    def test_a_record_of_several_lines_across_a_border_counts_once(
        self, path: Path, scratch: Path, border: int, line_end: bytes, record: bytes, before: int
    ) -> None:
        content = filled(border - before)
        path.write_bytes(content + record + line_end)

        rows = count(path, scratch)

        assert content.count(b"\n") == rows

    @pytest.mark.parametrize("line_end", [b"", b"\n"])
    def test_so_it_does_in_a_file_of_one_column(
        self, path: Path, scratch: Path, line_end: bytes
    ) -> None:
        content = b"h\n" + b"a" * 789 + b"\n" + (b"a" * 799 + b"\n") * 39_999
        path.write_bytes(content + b'"a\nb\nc\nd\ne\nf\ng\nh\ni"' + line_end)

        rows = count(path, scratch)

        assert content.count(b"\n") == rows


@BY_NUMPY_AND_WITHOUT
class TestCuts:
    """A file may be read in pieces, which must end and begin between records."""

    HEADER = b"a,b\n"
    ROWS = b'1,2\n"3\n,""4","5"\n\n6,7\n'

    @pytest.fixture(autouse=True, params=[1, 9, PORTIONS.scanned])
    def _portions(self, request: pytest.FixtureRequest, many: int) -> None:
        self.portions = Portions(request.param + 3, request.param, many)

    def counted(self, path: Path, cuts: list[int]) -> int | None:
        path.write_bytes(self.HEADER + self.ROWS * 20)
        contents = count_rows(path, "data.csv", portions=self.portions)
        return contents.rows if Borders(path, contents.folded).are_lines_at(cuts) else None

    @pytest.mark.parametrize("after", [b"", b"1,2\n", b'1,2\n"3\n,""4","5"\n', ROWS, ROWS * 20])
    def test_between_records_they_change_nothing(self, path: Path, after: bytes) -> None:
        cut = len(self.HEADER + after)

        assert 60 == self.counted(path, [cut])
        assert 60 == self.counted(path, sorted({cut, len(self.HEADER + self.ROWS * 10)}))

    @pytest.mark.parametrize("after", [b'1,2\n"3\n', b"1,2", b'1,2\n"3\n,"', ROWS * 9 + b"1"])
    def test_elsewhere_the_file_is_not_sure_to_be_read_right(
        self, path: Path, after: bytes
    ) -> None:
        assert self.counted(path, [len(self.HEADER + after)]) is None

    def test_a_last_record_without_an_end_hides_no_line_end_in_quotes(self, path: Path) -> None:
        path.write_bytes(self.HEADER.replace(b"a,b", b'"a","b"') + b'"1","2\n3"\n"4","5"')
        contents = count_rows(path, "data.csv", portions=self.portions)

        assert 2 == contents.rows
        assert not Borders(path, contents.folded).are_lines_at([len(b'"a","b"\n"1","2\n')])


ROW = b"a" * 400 + b"," + b"b" * 398 + b"\n"


def filled(size: int) -> bytes:
    """A header and rows of two columns, of this size."""
    rows = (size - 100) // len(ROW)
    return b"h1,h2\n" + b"p" * (size - 12 - rows * len(ROW)) + b"p,bbb\n" + ROW * rows


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": zstd.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def zstd_frame(window: int, content: bytes) -> bytes:
    """A frame that is unpacked with a window of 2 ** `window` bytes."""
    block = (len(content) << 3 | 1).to_bytes(3, "little") + content
    return b"\x28\xb5\x2f\xfd" + bytes([0, window - 10 << 3]) + block


@pytest.mark.parametrize("suffix", PACK)
class TestPacked:
    @pytest.mark.parametrize("name", ["data.csv{}", "data", "data.csv"])
    @pytest.mark.parametrize("case", [str.lower, str.upper])
    def test_it_is_unpacked_into_scratch(
        self, tmp_path: Path, scratch: Path, suffix: str, name: str, case: Callable[[str], str]
    ) -> None:
        path = tmp_path / f"{name}{case(suffix)}"
        path.write_bytes(PACK[suffix](b"a,b\n1,2\n") + PACK[suffix](b"3,4\n"))

        file = checked(path, scratch)

        assert (path.name, path.stat().st_size, 2) == (file.name, file.bytes, file.rows)
        assert (scratch, b"a,b\n1,2\n3,4\n") == (file.path.parent, file.path.read_bytes())

    def test_old_and_new_may_have_the_same_name(
        self, tmp_path: Path, scratch: Path, suffix: str
    ) -> None:
        paths = [tmp_path / side / f"data.csv{suffix}" for side in ("old", "new")]
        for path in paths:
            path.parent.mkdir()
            path.write_bytes(PACK[suffix](path.parent.name.encode()))

        assert [("old",), ("new",)] == [row for path in paths for row in read(path, scratch)]

    def test_what_duckdb_would_misread_is_rewritten(
        self, tmp_path: Path, scratch: Path, suffix: str
    ) -> None:
        path = tmp_path / f"data.csv{suffix}"
        path.write_bytes(PACK[suffix](b'a,b\n1, "2"\n'))

        assert [("a", "b"), ("1", ' "2"')] == read(path, scratch)

    def test_it_is_unpacked_bit_by_bit(self, tmp_path: Path, scratch: Path, suffix: str) -> None:
        path = tmp_path / f"data.csv{suffix}"
        path.write_bytes(PACK[suffix]((b"x" * 1_000_000 + b"\n") * 40))

        with allocating_at_most(20_000_000):
            file = checked(path, scratch)

        assert 39 == file.rows

    @pytest.mark.parametrize("content", [b"", b"\n"])
    def test_it_may_be_empty(
        self, tmp_path: Path, scratch: Path, suffix: str, content: bytes
    ) -> None:
        path = tmp_path / f"data.csv{suffix}"

        for packed in (content.strip(), PACK[suffix](content)):
            path.write_bytes(packed)
            assert f"data.csv{suffix}: the file is empty" in refusal(path, scratch)

    def test_a_cr_in_it_has_its_line(self, tmp_path: Path, scratch: Path, suffix: str) -> None:
        path = tmp_path / f"data.csv{suffix}"
        path.write_bytes(PACK[suffix](b"k,x,v\n\r,1,5\na,1,1\n"))

        assert f"data.csv{suffix}, line 2: a carriage return" in refusal(path, scratch)

    def test_a_fault_in_it_has_its_line(self, tmp_path: Path, scratch: Path, suffix: str) -> None:
        path = tmp_path / f"data.csv{suffix}"
        path.write_bytes(PACK[suffix](b"a,b\n1\n"))

        assert f"data.csv{suffix}, line 2: expected 2 fields" in refusal(path, scratch)


NUMBERS = b"a,b\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(500))
GZIP = gzip.compress(NUMBERS)
ZSTD = zstd.compress(NUMBERS, options={zstd.CompressionParameter.checksum_flag: 1})
PZSTD = b"\x50\x2a\x4d\x18\4\0\0\0size" + ZSTD

BZIP2 = bz2.compress(NUMBERS)
XZ = lzma.compress(NUMBERS)

BADLY_PACKED = {
    "not bzip2": (".bz2", b"a\n1\n", "is not compressed with bzip2, but its name ends in .bz2."),
    "gzip named xz": (".xz", GZIP, "is compressed with gzip, but its name does not end in .gz"),
    "bzip2 without its end": (".bz2", BZIP2[:-1], "the bzip2 file ends too early"),
    "bzip2 without its half": (".bz2", BZIP2[:500], "the bzip2 file ends too early"),
    "bzip2 with a hole": (
        ".bz2",
        BZIP2[:300] + b"\xff" * 50 + BZIP2[350:],
        "the bzip2 file is damaged",
    ),
    "bzip2 and more": (".bz2", BZIP2 + b"rest", "the bzip2 file is damaged"),
    "xz without its end": (".xz", XZ[:-1], "the xz file ends too early"),
    "xz without its half": (".xz", XZ[:500], "the xz file ends too early"),
    "xz with a hole": (".xz", XZ[:300] + b"\xff" * 50 + XZ[350:], "the xz file is damaged"),
    "xz and more": (".xz", XZ + b"not a stream", "the xz file is damaged"),
    "xz of too large a window": (
        ".xz",
        lzma.compress(NUMBERS, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 2**28}]),
        "needs more than 128 MiB of memory to unpack. Compress it with xz -9 at most",
    ),
    "not gzip": (
        ".gz",
        b"a\n1\n",
        "is not compressed with gzip, but its name ends in .gz. Rename it: mv data.csv.gz data.csv",
    ),
    "zstd named gzip": (".gz", ZSTD, "is compressed with zstd, but its name does not end in .zst"),
    "gzip without its end": (".gz", GZIP[:-1], "the gzip file ends too early"),
    "gzip without its half": (".gz", GZIP[:500], "the gzip file ends too early"),
    "gzip of another checksum": (
        ".gz",
        GZIP[:-8] + b"\0\0\0\0" + GZIP[-4:],
        "the gzip file is damaged",
    ),
    "gzip of another length": (".gz", GZIP[:-4] + b"\0\0\0\0", "the gzip file is damaged"),
    "gzip with a hole": (
        ".gz",
        GZIP[:300] + b"\xff" * 50 + GZIP[350:],
        "the gzip file is damaged",
    ),
    "gzip with a hole at its beginning": (
        ".gz",
        GZIP[:10] + b"\xff" * 50 + GZIP[60:],
        "the gzip file is damaged",
    ),
    "gzip and more": (".gz", GZIP + b"rest", "the gzip file is damaged"),
    "not zstd": (
        ".zst",
        b"a\n1\n",
        "is not compressed with zstd, but its name ends in .zst. Rename",
    ),
    "gzip named zstd": (".ZST", GZIP, "is compressed with gzip, but its name does not end in .gz"),
    "zstd without its end": (".zst", ZSTD[:-1], "the zstd file ends too early"),
    "zstd without its half": (".zst", ZSTD[:500], "the zstd file ends too early"),
    "zstd without all but 3 bytes": (".zst", ZSTD[:3], "the zstd file ends too early"),
    "zstd without the end of a frame": (".zst", ZSTD + ZSTD[:9], "the zstd file ends too early"),
    "zstd of another checksum": (".zst", ZSTD[:-4] + b"\0\0\0\0", "the zstd file is damaged"),
    "zstd with a hole": (
        ".zst",
        ZSTD[:300] + b"\xff" * 50 + ZSTD[350:],
        "the zstd file is damaged",
    ),
    "zstd and more": (".zst", ZSTD + b"rest", "the zstd file is damaged"),
    "pzstd and more": (".zst", PZSTD + b"rest", "the zstd file is damaged"),
    "zstd of too large a window": (
        ".zst",
        zstd_frame(28, NUMBERS),
        "needs more than 128 MiB of memory to unpack. Compress it with zstd --long=27 at most",
    ),
}


@pytest.mark.parametrize(("suffix", "content", "what"), BADLY_PACKED.values(), ids=BADLY_PACKED)
def test_what_is_badly_packed_is_refused(
    tmp_path: Path, scratch: Path, suffix: str, content: bytes, what: str
) -> None:
    path = tmp_path / f"data.csv{suffix}"
    path.write_bytes(content)

    assert f"data.csv{suffix}: {what}" in refusal(path, scratch)
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("content", [ZSTD, PZSTD, ZSTD + PZSTD, zstd_frame(27, NUMBERS)])
def test_zstd_may_have_frames_of_all_kinds(tmp_path: Path, scratch: Path, content: bytes) -> None:
    path = tmp_path / "data.csv.zst"
    path.write_bytes(content)

    assert checked(path, scratch).path.read_bytes().startswith(NUMBERS)


@contextmanager
def allocating_at_most(size: int) -> Iterator[None]:
    """Let Python objects never take more than this at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


class TestWhatIsNoFile:
    def test_a_file_must_exist(self, path: Path, scratch: Path) -> None:
        assert refusal(path, scratch) == "data.csv: no such file."

    @pytest.mark.parametrize(
        ("name", "what"),
        [
            ("https://host/o.csv", "https://host/o.csv: addresses such as https:// are not taken."),
            ("s3://bucket/o.csv", "Download the file first, and name the copy."),
            ("file:///tmp/o.csv", "addresses are not taken. Name the path: /tmp/o.csv"),
        ],
    )
    def test_it_must_not_be_an_address(self, scratch: Path, name: str, what: str) -> None:
        with pytest.raises(BadInput) as caught:
            open_csv(InputFile.given(Path(name)), scratch)

        assert what in caught.value.detail

    def test_it_must_not_lie_below_a_file(self, path: Path, scratch: Path) -> None:
        path.write_text("a\n")

        assert refusal(path / "x.csv", scratch) == "x.csv: no such file."

    def test_its_name_must_be_possible(self, tmp_path: Path, scratch: Path) -> None:
        assert "no such file" in refusal(tmp_path / "a\0b\n.csv", scratch)
        assert "cannot be read: File name too long" in refusal(tmp_path / ("a" * 300), scratch)

    def test_it_must_not_be_a_folder(self, path: Path, scratch: Path) -> None:
        path.mkdir()

        assert refusal(path, scratch) == "data.csv: is a folder. Name a CSV file."

    def test_it_must_not_be_a_pipe(self, path: Path, scratch: Path) -> None:
        os.mkfifo(path)

        assert "data.csv: is not a regular file." in refusal(path, scratch)

    def test_it_must_be_readable(
        self, path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path.write_text("a\n")
        # root, who runs the tests in a container, may read everything
        monkeypatch.setattr(
            io, "open", refusing(PermissionError(errno.EACCES, "Permission denied"))
        )

        assert refusal(path, scratch) == (
            f"data.csv: cannot be read: Permission denied. Let the user {os.geteuid()} read it, "
            "say with chmod a+r."
        )


def refusing(error: OSError) -> object:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise error

    return refuse


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file become larger, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("full", ["ENOSPC", "EDQUOT"])
@pytest.mark.parametrize("suffix", ["", *PACK])
def test_a_full_disk_is_told_from_a_broken_file(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, full: str
) -> None:
    path = tmp_path / f"data.csv{suffix}"
    content = b'a,b\n1, "2"\n' * 100_000
    path.write_bytes(PACK[suffix](content) if suffix else content)
    monkeypatch.setattr(errno, full, errno.EFBIG)

    with largest_file(10_000), pytest.raises(OutOfDisk, match="The disk is full"):
        checked(path, scratch)
    assert not list(scratch.iterdir())


class TestWantedColumns:
    def of(self, path: Path, scratch: Path, content: bytes | str, *wanted: str) -> str:
        """The refusal of a file that must have these columns."""
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(BadInput) as caught:
            open_csv(named(path), scratch, wanted)
        assert [caught.value.detail] == caught.value.detail.splitlines()
        return caught.value.detail

    def test_columns_that_are_there_are_fine(self, path: Path, scratch: Path) -> None:
        path.write_text("a,b\n")

        assert ("a", "b") == open_csv(named(path), scratch, ["b", "a"]).columns

    def test_missing_ones_are_named_with_those_of_line_1(self, path: Path, scratch: Path) -> None:
        assert self.of(path, scratch, "total,day\n", "day", "totl", "x") == (
            "data.csv: no column 'totl', 'x'. Did you mean 'total'? "
            "Line 1 names the columns 'total', 'day'."
        )

    def test_the_header_may_follow_blank_lines(self, path: Path, scratch: Path) -> None:
        said = self.of(path, scratch, "\n\na,b\n", "x")

        assert said == "data.csv: no column 'x'. Line 3 names the columns 'a', 'b'."

    def test_of_many_columns_the_first_20_are_named(self, path: Path, scratch: Path) -> None:
        header = ",".join(f"c{i}" for i in range(25))

        assert self.of(path, scratch, header, "x").endswith(" 'c19' and 5 more.")

    @pytest.mark.parametrize(
        ("delimiter", "word", "given"),
        [
            (";", "a semicolon", ";"),
            ("\t", "a tab", "tab"),
            ("|", "a pipe", "|"),
            ("~", "a tilde (~)", "~"),
            ("\x01", "^A (Ctrl-A, 0x01)", r"\x01"),
            ("\x1f", "the unit separator (0x1F)", r"\x1f"),
            (" ", "a space", " "),
        ],
    )
    @pytest.mark.parametrize("rest", ["c", "price, EUR", '"x"'])
    def test_another_delimiter_is_named(
        self, path: Path, scratch: Path, delimiter: str, word: str, given: str, rest: str
    ) -> None:
        content = delimiter.join(["a", "b", rest]) + "\n" + delimiter.join("123") + "\n"

        assert self.of(path, scratch, content, "a", "b") == (
            f"data.csv: the fields seem to be separated by {word}, not a comma. "
            f"Give `delimiter={given}`, or `sniff=true` to apply what is found."
        )

    @pytest.mark.parametrize("delimiter", [",", ";"])
    def test_a_blank_after_a_name_is_no_delimiter(
        self, path: Path, scratch: Path, delimiter: str
    ) -> None:
        said = self.of(path, scratch, f"id {delimiter}v\n1{delimiter}2\n", "id")

        assert "a space" not in said
        assert ("Did you mean 'id '?" if delimiter == "," else "by a semicolon") in said

    def test_a_name_may_hold_what_others_take_for_a_delimiter(
        self, path: Path, scratch: Path
    ) -> None:
        said = self.of(path, scratch, "a;b,c\n", "a", "x")

        assert said == "data.csv: no column 'a', 'x'. Line 1 names the columns 'a;b', 'c'."

    @pytest.mark.parametrize("title", ["Report of May", '"Report" of May', "Report,,", "1,2,3", ""])
    def test_lines_before_the_header_are_counted(
        self, path: Path, scratch: Path, title: str
    ) -> None:
        said = self.of(path, scratch, f"{title or 'x'}\n\nk,x,v\na,1,1\n", "k", "v")

        assert said == (
            f"data.csv: line 1, {title or 'x'!r}, is not the header; line 3 has the columns. "
            "Give `skip_lines=2`."
        )

    def test_so_they_are_with_another_delimiter(self, path: Path, scratch: Path) -> None:
        said = self.of(path, scratch, "Report\nk;x;v\na;1;1\n", "k", "v")

        assert said.endswith("line 2 has the columns. Give `skip_lines=1` and `delimiter=;`.")

    @pytest.mark.parametrize(
        "row", ["a,1,1", "1,2,3", "2026-01-02,-1.5,1e3", "2026-01-02 10:00:00,5,", "y,y,7", ",,a"]
    )
    def test_a_missing_header_is_suspected(self, path: Path, scratch: Path, row: str) -> None:
        assert self.of(path, scratch, f"{row}\nb,4,4\n", "k", "x", "v") == (
            f"data.csv: the header seems to be missing: line 1 is {row!r}. "
            "Add a line above it that names the columns."
        )

    def test_columns_named_by_years_are_no_row(self, path: Path, scratch: Path) -> None:
        said = self.of(path, scratch, "id,2025,2026\na,1,2\n", "ID", "2026")

        assert "no column 'ID'. Did you mean 'id'? Line 1 names" in said

    def test_the_name_of_a_file_says_what_its_content_does_not(
        self, tmp_path: Path, scratch: Path
    ) -> None:
        said = self.of(tmp_path / "data.xlsx", scratch, "no,workbook\n", "k")

        assert said == ("data.xlsx: is not CSV, and its name ends in .xlsx. Export it as CSV.")

    def test_it_says_nothing_if_the_columns_are_there(self, tmp_path: Path, scratch: Path) -> None:
        path = tmp_path / "data.json"
        path.write_text("k,v\n1,2\n")

        assert ("k", "v") == open_csv(named(path), scratch, ["k", "v"]).columns


class NoCsv(Exception):
    pass


def reference(content: bytes) -> list[Row]:
    """The records of a CSV file, read character by character."""
    try:
        text = content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise NoCsv from None
    records, place = [], 0
    while place < len(text):
        record, place = _record(text, place)
        if record is not None:
            records.append(record)
    if not records or len(set(records[0])) < len(records[0]):
        raise NoCsv
    if any(len(record) != len(records[0]) for record in records):
        raise NoCsv
    return records


def _record(text: str, place: int) -> tuple[Row | None, int]:
    start, fields = place, []
    while True:
        field, place = _field(text, place)
        fields.append(field)
        if text[place : place + 1] != ",":
            break
        place += 1
    blank = place == start
    for line_end in ("\n", "\r\n"):
        if text.startswith(line_end, place):
            return None if blank else tuple(fields), place + len(line_end)
    if place < len(text):
        raise NoCsv
    return tuple(fields), place


def _field(text: str, place: int) -> tuple[str, int]:
    field = ""
    if text[place : place + 1] != '"':
        while place < len(text) and text[place] not in ",\r\n":
            field += text[place]
            place += 1
        return field, place
    place += 1
    while True:
        if place == len(text):
            raise NoCsv
        if text.startswith('""', place):
            field += '"'
            place += 2
        elif text[place] == '"':
            return field, place + 1
        else:
            field += text[place]
            place += 1


# what CSV is made of, in the pieces that go wrong together
pieces = st.sampled_from(
    [*'"", \n\rx1é\ufeff\0\t', '""', "\r\n", '", "', '" ', ' "', '"a, ""b"""', '"x\ny"', "a,b\n"]
)
anything = st.lists(pieces, max_size=30).map(lambda parts: "".join(parts).encode())
fields = st.text(st.sampled_from("ab\"', \n\r\té;"), max_size=6)


@st.composite
def nearly_valid(draw: st.DrawFn) -> bytes:
    width = draw(st.integers(1, 3))
    line_end = draw(st.sampled_from(["\n", "\r\n"]))
    text = line_end.join(
        ",".join(_written(draw(fields), draw(st.booleans())) for _ in range(width))
        for _ in range(draw(st.integers(1, 6)))
    )
    header = ",".join(string.ascii_lowercase[:width]) + line_end
    content = (header + text + draw(st.sampled_from(["", line_end]))).encode()
    place = draw(st.integers(0, len(content)))
    wrong = draw(st.sampled_from([b"", b"", b"", b" ", b'"', b",", b"\n", b"\r", b"\xff", b'" "']))
    return content[:place] + wrong + content[place:]


def _written(field: str, quoted: bool) -> str:
    if quoted or set('"\r\n,') & set(field):
        return '"' + field.replace('"', '""') + '"'
    return field


@settings(max_examples=examples(300), deadline=None, derandomize=True)
@given(content=anything | nearly_valid())
def test_any_file_is_read_as_the_reference_reads_it_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = folder / "any.csv"
    path.write_bytes(content)
    try:
        expected = reference(content)
    except NoCsv:
        with pytest.raises(BadInput):
            read(path, folder)
    else:
        assert expected == read(path, folder)
        assert len(expected) - 1 == count(path, folder)
        assert expected == records(rewrite(checked(path, folder), folder))


line_ends = st.sampled_from(["\n", "\r\n"])
written_fields = st.builds(_written, fields | st.just("\n\n"), st.booleans())


@st.composite
def exports(draw: st.DrawFn) -> str:
    """A file with blank lines and line ends of both kinds, in all places."""
    row = st.tuples(written_fields, written_fields).map(",".join)
    blank = st.sampled_from(["", "", "", "\n", "\n\n", "\r\n", "\n\r\n"])
    text = "".join(draw(st.lists(st.tuples(row, line_ends, blank).map("".join), max_size=8)))
    return f"a,b{draw(line_ends)}{draw(blank)}{text}{draw(st.just('') | row)}"


@settings(max_examples=examples(300), deadline=None, derandomize=True)
@given(text=exports(), chunk=st.sampled_from([1, 10, 100]), many=st.sampled_from([0, 10**9]))
def test_rows_are_as_many_as_the_csv_module_finds(
    tmp_path_factory: pytest.TempPathFactory, text: str, chunk: int, many: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    path.write_text(text, newline="")
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]

    counted = count_rows(path, "rows.csv", portions=Portions(scanned=chunk, many=many)).rows

    assert counted == len(rows) - 1
