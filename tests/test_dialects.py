"""Files that are not plain CSV: other delimiters, quotes, encodings, titles and totals."""

import csv
import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffing import diff as python_diff
from diffing.core.dialect import PLAIN, FullDialect
from diffing.core.input_file import InputFile
from diffing.csvfiles.open import open_csv
from diffing.engine.written import in_dialect
from tests.command_line import diffing, refused_by, run_here
from tests.service_under_test import Client, Service

KEY = ("--key", "id", "--value", "value", "-q")
OUT = ("--old", "old.csv", "--new", "new.csv", *KEY, "--output", "out.csv", "--summary", "s.json")

OLD = "id;name;value\n1;Ärmel;10\n2;Öse;20\n3;x;30\n"
NEW = "id;name;value\n1;Ärmel;10\n2;Öse;25\n4;Preis € 5;40\n"
CHANGED = "id;name;value\n2;Öse;25\n4;Preis € 5;40\n"


def put(folder: Path, old: str | bytes, new: str | bytes) -> None:
    for name, content in (("old.csv", old), ("new.csv", new)):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def diff(folder: Path, *options: str) -> bytes:
    """The result of a diff that must succeed without a word."""
    done = run_here(folder, "diff", *OUT, *options)
    assert (0, "") == (done.returncode, done.stderr)
    return (folder / "out.csv").read_bytes()


def refusal(folder: Path, *options: str) -> str:
    """The one line about a diff that must be refused."""
    done = refused_by(folder, "diff", *OUT, *options)
    assert (2, 1) == (done.returncode, done.stderr.count("\n"))
    assert not (folder / "out.csv").exists()
    return done.stderr.removeprefix("diffing: ").strip()


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "s.json").read_text())
    return found


class TestRealExports:
    def test_semicolons_and_cr_lf(self, tmp_path: Path) -> None:
        put(tmp_path, OLD.replace("\n", "\r\n"), NEW.replace("\n", "\r\n"))

        assert CHANGED.encode() == diff(tmp_path, "--delimiter", ";")
        assert (1, 1, 1, 1) == tuple(
            summary(tmp_path)[name] for name in ("added", "changed", "removed", "unchanged")
        )

    def test_unicode_text_of_a_spreadsheet(self, tmp_path: Path) -> None:
        put(tmp_path, *(t.replace(";", "\t").encode("utf-16") for t in (OLD, NEW)))

        result = diff(tmp_path, "--delimiter", "tab", "--encoding", "utf-16")

        assert CHANGED.replace(";", "\t").encode("utf-16") == result

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    def test_utf_16_without_a_byte_order_mark(self, tmp_path: Path, encoding: str) -> None:
        put(tmp_path, OLD.encode(encoding), NEW.encode(encoding))

        result = diff(tmp_path, "--delimiter", ";", "--encoding", encoding)

        assert CHANGED.encode(encoding) == result

    def test_windows_text_with_a_euro_sign(self, tmp_path: Path) -> None:
        put(tmp_path, OLD.encode("cp1252"), NEW.encode("cp1252"))

        result = diff(tmp_path, "--delimiter", ";", "--encoding", "windows-1252")

        assert CHANGED.encode("cp1252") == result

    @pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"'])
    def test_an_instruction_to_spreadsheets(self, tmp_path: Path, line: str) -> None:
        put(tmp_path, f"{line}\r\n{OLD}", f"{line}\r\n{NEW}")

        assert CHANGED.encode() == diff(tmp_path)
        assert 1 == summary(tmp_path)["new_dialect"]["skip_lines"]

    def test_a_tsv_file_has_tabs(self, tmp_path: Path) -> None:
        (tmp_path / "old.tsv").write_text(OLD.replace(";", "\t"))
        (tmp_path / "new.tsv").write_text(NEW.replace(";", "\t"))

        done = run_here(
            tmp_path, "diff", "--old", "old.tsv", "--new", "new.tsv", *KEY, "--output", "out.tsv"
        )

        assert (0, "") == (done.returncode, done.stderr)
        assert CHANGED.replace(";", "\t") == (tmp_path / "out.tsv").read_text()

    def test_pipes_without_quotes(self, tmp_path: Path) -> None:
        put(
            tmp_path,
            'id|name|value\n1|5" pipe|1\n2|a,b|2\n',
            'id|name|value\n1|5" pipe|3\n2|,"|4\n',
        )

        result = diff(tmp_path, "--delimiter", "|", "--quote", "none")

        assert b'id|name|value\n1|5" pipe|3\n2|,"|4\n' == result

    def test_without_a_quote_names_are_listed_with_semicolons(self, tmp_path: Path) -> None:
        (tmp_path / "old.csv").write_text("id,v,w\n1,1,1\n2,1,1\n")
        (tmp_path / "new.csv").write_text("id,v,w\n1,2,2\n2,1,3\n")
        given = ("old.csv", "new.csv", "-q", "-k", "id", "--quote", "none", "-o", "d.csv")
        run_here(tmp_path, "diff", *given, "--detail")

        assert (tmp_path / "d.csv").read_text() == (
            "id,v,w,_change,_changed,_old_v,_old_w\n1,2,2,changed,v;w,1,1\n2,1,3,changed,w,1,1\n"
        )

    def test_single_quotes(self, tmp_path: Path) -> None:
        put(tmp_path, "id,name,value\n", "id,name,value\n1,'a,''b''',\"\n2,c,d\n")

        assert b"id,name,value\n1,'a,''b''',\"\n2,c,d\n" == diff(tmp_path, "--quote", "'")

    def test_title_lines_and_totals(self, tmp_path: Path) -> None:
        report = 'Report "May\n\n{}Total;;99\nPrinted by x\n\n'
        put(tmp_path, report.format(OLD), report.format(NEW))

        result = diff(tmp_path, "--delimiter", ";", "--skip-lines", "2", "--skip-footer", "2")

        assert CHANGED.encode() == result
        assert 3 == summary(tmp_path)["new"]["rows"]

    def test_one_side_has_its_own_dialect(self, tmp_path: Path) -> None:
        old = OLD.replace(";", ",")
        put(tmp_path, f"\ufeff{old}", b"Title\n" + NEW.encode("cp1252"))
        own = ("--new-delimiter", ";", "--new-encoding", "cp1252", "--new-skip-lines", "1")

        result = diff(tmp_path, *own, "--removed", "removed.csv", "--detail")

        assert (
            "id;name;value;_change;_changed;_old_value\n"
            "2;Öse;25;changed;value;20\n4;Preis € 5;40;added;;\n"
        ).encode("cp1252") == result
        assert b"id,name,value\n3,x,30\n" == (tmp_path / "removed.csv").read_bytes()

    def test_the_result_of_utf_8_sig_has_a_byte_order_mark(self, tmp_path: Path) -> None:
        put(tmp_path, OLD, f"\ufeff{NEW}")

        result = diff(tmp_path, "--delimiter", ";", "--new-encoding", "utf-8-sig")

        assert CHANGED.encode("utf-8-sig") == result

    def test_a_delimiter_may_be_any_character(self, tmp_path: Path) -> None:
        put(tmp_path, OLD.replace(";", "¦"), NEW.replace(";", "¦"))

        assert CHANGED.replace(";", "¦").encode() == diff(tmp_path, "--delimiter", "¦")

    def test_a_missing_old_file(self, tmp_path: Path) -> None:
        put(tmp_path, "", NEW)

        done = run_here(tmp_path, "diff", *OUT, "--delimiter", ";", "--old-may-be-missing")

        assert 0 == done.returncode
        assert NEW == (tmp_path / "out.csv").read_text()


GERMAN = ("--delimiter", ";", "--decimal", ",", "--thousands", ".")


class TestNumbers:
    OLD = (
        "id;value;other\n1;1.234,50;x\n2;0,1;x\n3;7;x\n4;-1.000.000;x\n5;n/a;x\n6;;x\n9;8,25;1,5\n"
    )
    NEW = "id;value;other\n1;1234,5;y\n2;0,2;1,5\n3;7,0;y\n4;-1000000;y\n5;n. a.;y\n6;1.000;y\n"

    def test_are_compared_as_what_they_mean_and_keep_their_text(self, tmp_path: Path) -> None:
        put(tmp_path, self.OLD, self.NEW)

        result = diff(tmp_path, *GERMAN, "--removed", "removed.csv")

        assert b"id;value;other\n2;0,2;1,5\n5;n. a.;y\n6;1.000;y\n" == result
        assert b"id;value;other\n9;8,25;1,5\n" == (tmp_path / "removed.csv").read_bytes()
        found = summary(tmp_path)
        assert (3, 2, {"old": 1, "new": 1}) == (
            found["changed"],
            found["within_tolerance"],
            found["not_numbers"],
        )
        assert {"only_old": [], "only_new": [], "changed": {"value": 3}} == found["columns"]

    def test_old_values_are_written_as_in_new(self, tmp_path: Path) -> None:
        put(tmp_path, "id,value\n1,1234.5\n2,v1.5\n", "id;value\n1;1.234,6\n2;x\n")
        of_new = ("--new-delimiter", ";", "--new-decimal", ",", "--new-thousands", ".")

        result = diff(tmp_path, *of_new, "--detail")

        assert (
            b"id;value;_change;_changed;_old_value\n"
            b"1;1.234,6;changed;value;1234,5\n2;x;changed;value;v1.5\n"
        ) == result

    @pytest.mark.parametrize(("value", "options"), [("1,5", []), ("\u00a0-1,5\u2009", ["--trim"])])
    def test_that_are_texts_in_old_but_not_as_new_writes_them_are_refused(
        self, tmp_path: Path, value: str, options: list[str]
    ) -> None:
        put(tmp_path, f"id;value\n1;1.5\n2;{value}\n3;1,5x\n", "id;value\n1;1,6\n2;1,5\n3;2\n")
        of_new = ("--delimiter", ";", "--new-decimal", ",", *options)

        assert b"id;value\n1;1,6\n2;1,5\n3;2\n" == diff(tmp_path, *of_new)
        (tmp_path / "out.csv").unlink()
        assert refusal(tmp_path, *of_new, "--detail") == (
            f"old.csv: value is {value!r}, a text, but a number in new.csv, whose decimal sign is "
            "','. Give --old-decimal , or leave out the detail."
        )
        text = ("--text", "value")
        assert b"3;2;changed;value;1,5x\n" in diff(tmp_path, *of_new, "--detail", *text)

    @pytest.mark.parametrize(
        ("field", "word"),
        # by the notation, they are -9999, 0, refused, and 1000
        [("-9.999", "-9.999"), ("0,0", "0,0"), ("0.0", "0.0"), ("\u00a01,0E3", "1,0e3")],
    )
    def test_that_mean_an_empty_field_are_none(self, tmp_path: Path, field: str, word: str) -> None:
        put(tmp_path, f"id;value\n1;{field}\n2;{field}\n", "id;value\n1;\n2;1,5\n")
        rules = ("--empty", word, "--trim", "--nocase", *GERMAN)

        result = diff(tmp_path, *rules, "--detail", "--explain", "a.json")

        assert f"2;1,5;changed;value;{field}\n".encode() == result.partition(b"\n")[2]
        [column] = json.loads((tmp_path / "a.json").read_text())["columns"]
        assert (1, 1) == (column["cells"], column["filled"])

    def test_of_old_are_no_empty_field_that_new_writes_otherwise(self, tmp_path: Path) -> None:
        put(tmp_path, "id;value\n1;0.0\n2;0.0\n", "id;value\n1;0,0\n2;1,5\n")
        rules = ("--empty", "0,0", "--delimiter", ";", "--new-decimal", ",")

        result = diff(tmp_path, *rules, "--detail", "--explain", "a.json")

        assert b"1;0,0;changed;value;0.0\n2;1,5;changed;value;0.0\n" == result.partition(b"\n")[2]
        [column] = json.loads((tmp_path / "a.json").read_text())["columns"]
        assert (2, 0, 1) == (column["cells"], column["filled"], column["emptied"])

    def test_of_old_alone(self, tmp_path: Path) -> None:
        put(tmp_path, 'id,value\n1,"1.234,50"\n2,"0,5"\n', "id,value\n1,1234.5\n2,0.6\n")

        result = diff(tmp_path, "--old-decimal", ",", "--old-thousands", ".", "--detail")

        assert b"id,value,_change,_changed,_old_value\n2,0.6,changed,value,0.5\n" == result

    @pytest.mark.parametrize("sign", ["'", " ", "\u202f", ","])
    def test_have_any_sign_between_thousands(self, tmp_path: Path, sign: str) -> None:
        new = f"id;value\n1;1{sign}234{sign}567.5\n2;12{sign}34\n"
        put(tmp_path, "id;value\n1;1234567.50\n2;1234\n", new)

        result = diff(tmp_path, "--delimiter", ";", "--new-thousands", sign)

        assert f"id;value\n2;12{sign}34\n".encode() == result

    @pytest.mark.parametrize(("trim", "emitted"), [(True, [2]), (False, [1, 2, 3])])
    def test_may_have_blanks_around_them_that_are_not_ascii(
        self, tmp_path: Path, trim: bool, emitted: list[int]
    ) -> None:
        # by another notation, 1.234 would be 1,234
        old = "id;value\n1;\u00a01.234\n2;\u00a01.234\n3;5\u2009\n"
        new = {1: "1234", 2: "1,234", 3: "\u200b5,0"}
        rows = [f"{id_};{value}\n" for id_, value in new.items()]
        put(tmp_path, old, "".join(["id;value\n", *rows]))

        result = diff(tmp_path, *GERMAN, *["--trim"] * trim)

        assert "".join(["id;value\n", *(rows[id_ - 1] for id_ in emitted)]).encode() == result

    @pytest.mark.parametrize(
        ("value", "options", "remedy"),
        [
            ("1.5", ["--thousands", "."], "Write it with three digits after each"),
            ("1.234", [], "Give --thousands . if the point separates thousands."),
        ],
    )
    def test_that_would_mean_another_number_are_refused(
        self, tmp_path: Path, value: str, options: list[str], remedy: str
    ) -> None:
        put(tmp_path, "T\n\nid;value\n1;2\n", f"T\n\nid;value\n\n1;2\n2;{value}\n")

        said = refusal(
            tmp_path, "--delimiter", ";", "--decimal", ",", "--skip-lines", "1", *options
        )

        assert said.startswith(f"new.csv, line 6: value is '{value}', but the decimal sign is ','.")
        assert remedy in said

    def test_in_a_header_of_several_lines(self, tmp_path: Path) -> None:
        put(tmp_path, 'id;"val\nue"\n1;1,5\n2;2\n', 'id;"val\nue"\n1;1,6\n2;2,0\n')

        done = run_here(
            tmp_path,
            *("diff", "-q", "--old", "old.csv", "--new", "new.csv", "--key", "id"),
            *("--value", "val\nue", "--output", "out.csv", *GERMAN),
        )

        assert (0, "") == (done.returncode, done.stderr)
        assert 'id;"val\nue"\n1;1,6\n' == (tmp_path / "out.csv").read_text()

    def test_a_missing_old_file(self, tmp_path: Path) -> None:
        (tmp_path / "new.csv").write_text(self.NEW)

        done = run_here(
            tmp_path, "diff", *OUT, *GERMAN, "--old-may-be-missing", "--removed", "r.csv"
        )

        assert 0 == done.returncode
        assert self.NEW == (tmp_path / "out.csv").read_text()
        assert "id;value;other\n" == (tmp_path / "r.csv").read_text()

    @pytest.mark.slow
    def test_many_rows_that_both_files_share(self, tmp_path: Path) -> None:
        rows = [f"{i};{i % 97},{i % 10};{'x' * 150}\n" for i in range(70_000)]
        changed = [*rows]
        changed[33_333] = f"33333;1.234,5;{'x' * 150}\n"
        put(tmp_path, *(f"id;value;t\n{''.join(r)}" for r in (rows, changed)))

        assert f"id;value;t\n{changed[33_333]}".encode() == diff(tmp_path, *GERMAN)


class TestOtherFormats:
    """Results to convert or to show are plain CSV, and numbers keep their text."""

    OLD = "id;value;note\n1;1.234,5;0,5\n2;2;x\n"
    NEW = "id;value;note\n1;1.234,6;0,5\n2;2,0;x\n"

    def test_json_and_removed_rows_as_csv(self, tmp_path: Path) -> None:
        put(tmp_path, self.OLD + "3;7,5;ä\n", self.NEW)
        names = ("--output", "out.json", "--removed", "removed.csv", "--detail")

        done = run_here(tmp_path, "diff", *OUT[:4], *KEY, *GERMAN, *names)

        assert (0, "") == (done.returncode, done.stderr)
        [row] = json.loads((tmp_path / "out.json").read_text())
        assert ("1.234,6", "1234,5", "0,5") == (row["value"], row["_old_value"], row["note"])
        assert ["id", "value", "note", "_change", "_changed", "_old_value"] == list(row)
        assert "id;value;note\n3;7,5;ä\n" == (tmp_path / "removed.csv").read_text()

    def test_only_changed_columns(self, tmp_path: Path) -> None:
        put(tmp_path, self.OLD, self.NEW)
        done = run_here(
            tmp_path,
            *("diff", *OUT[:4], "-q", "-k", "id", "-v", "note,value", *GERMAN, "--detail"),
            *("--only-changed-columns", "--output", "out.csv"),
        )

        assert (0, "") == (done.returncode, done.stderr)
        assert ("id;value;_change;_changed;_old_value\n1;1.234,6;changed;value;1234,5\n") == (
            tmp_path / "out.csv"
        ).read_text()

    def test_columns_of_text_are_not_numbers(self, tmp_path: Path) -> None:
        put(tmp_path, self.OLD, self.OLD.replace("1.234,5", "1234,5"))

        result = diff(tmp_path, *GERMAN, "--text", "value", "--detail")

        assert result.endswith(b"\n1;1234,5;0,5;changed;value;1.234,5\n")

    def test_from_python(self, tmp_path: Path) -> None:
        put(tmp_path, OLD, NEW.encode("cp1252"))
        found = python_diff(
            tmp_path / "old.csv",
            tmp_path / "new.csv",
            "id",
            "value",
            delimiter=";",
            new_dialect={"encoding": "cp1252"},
        )

        with found:
            assert [("2", "Öse", "25"), ("4", "Preis € 5", "40")] == found.rows.fetchall()
        assert "cp1252" == found.summary.new_dialect.encoding

    def test_a_comma_separates_columns_unless_a_file_has_the_name(self, tmp_path: Path) -> None:
        put(tmp_path, "a,b;v\n1;1\n", "a,b;v\n1;2\n")

        done = run_here(
            tmp_path,
            "diff",
            *OUT[:4],
            "-q",
            "-k",
            "a,b",
            "-v",
            "v",
            "--delimiter",
            ";",
            "--output",
            "out.csv",
        )

        assert (0, "") == (done.returncode, done.stderr)
        assert "a,b;v\n1;2\n" == (tmp_path / "out.csv").read_text()


class TestRefusals:
    def test_the_line_and_byte_that_the_encoding_lacks(self, tmp_path: Path) -> None:
        put(tmp_path, OLD, NEW.encode("cp1252"))

        assert refusal(tmp_path, "--delimiter", ";") == (
            "new.csv, line 2: byte 3 of the line (0xC4) is not UTF-8. "
            "Export it again as UTF-8, or give --encoding cp1252 or latin-1."
        )

    def test_the_line_counts_from_the_top_of_the_file(self, tmp_path: Path) -> None:
        put(tmp_path, f"T\n\n{OLD}", b"T\n\n" + NEW.encode() + b"5;\x81;1\n")

        said = refusal(tmp_path, "--delimiter", ";", "--skip-lines", "2", "--encoding", "cp1252")

        assert said.startswith("new.csv, line 7: byte 3 of the line (0x81) is not cp1252.")

    def test_half_a_character_of_utf_16(self, tmp_path: Path) -> None:
        put(tmp_path, OLD.encode("utf-16"), NEW.encode("utf-16") + b"5")

        said = refusal(tmp_path, "--delimiter", ";", "--encoding", "utf-16")

        assert said.startswith("new.csv, line 5: byte 1 of the line (0x35) is not UTF-16.")

    def test_utf_16_of_unknown_byte_order(self, tmp_path: Path) -> None:
        put(tmp_path, OLD.encode("utf-16-le"), NEW)

        assert refusal(tmp_path, "--delimiter", ";", "--encoding", "utf-16") == (
            "old.csv: UTF-16 without a byte order mark. Give --encoding utf-16-le or utf-16-be."
        )

    @pytest.mark.parametrize(
        ("row", "said"),
        [
            ('5;"x;1\n', "line 5: the quote that opens here is not closed."),
            ('5;"x"y;1\n', "line 5: 'y;1' follows a closing quote."),
            ("5;x;1;2\n", "line 5: expected 3 fields as in the header, found 4. "),
            ("5;x\n6;y;1\n", "line 5: expected 3 fields as in the header, found 2: '5;x'. Line 6"),
            ("5;x\r;1\n", "line 5: a carriage return (CR) without a line feed"),
            ('5;"x\ny";1\n6;x\n', "line 7: expected 3 fields as in the header, found 2"),
            ("5;x;1\x1a", "Ctrl-Z (0x1A) ends the file"),
        ],
    )
    def test_a_broken_row_by_its_line(self, tmp_path: Path, row: str, said: str) -> None:
        put(tmp_path, OLD, NEW + row)

        assert said in refusal(tmp_path, "--delimiter", ";")

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--delimiter", ";;"], "--delimiter: must be a single character, or tab."),
            (["--old-delimiter", ""], "--old-delimiter: must be a single character, or tab."),
            (["--quote", "ab"], "--quote: must be a single character, or none."),
            (["--quote", ";", "--delimiter", ";"], "--quote and --delimiter must differ."),
            (["--encoding", "ebcdic"], "--encoding: must be one of utf-8, utf-8-sig, utf-16,"),
            (["--skip-lines", "-1"], "--skip-lines must be a number of lines, 0 or more, not -1."),
            (["--skip-lines", "10001"], "--skip-lines: "),
            (["--decimal", ";"], "--decimal: must be a point or a comma."),
            (["--thousands", "."], "--decimal and --thousands must differ."),
            (["--thousands", "00"], "--thousands: must be a comma, a point, "),
        ],
    )
    def test_an_option_that_cannot_be(self, tmp_path: Path, options: list[str], said: str) -> None:
        put(tmp_path, OLD, NEW)

        assert refusal(tmp_path, *options).startswith(said)

    @pytest.mark.parametrize(
        ("line", "options", "said"),
        [
            ('sep="', [], "--quote and --delimiter must differ."),
            ("sep=\0", [], "delimiter: must be a single character, or tab."),
            ("sep=;", ["--quote", ";"], "--quote and --delimiter must differ."),
            ("title", ["--quote", ";", "--sniff"], "--quote and --delimiter must differ."),
        ],
    )
    def test_a_delimiter_in_the_file_that_cannot_be(
        self, tmp_path: Path, line: str, options: list[str], said: str
    ) -> None:
        put(tmp_path, f"{line}\n{OLD}", NEW)

        assert f"old.csv: {said} Give --delimiter." == refusal(tmp_path, *options)

    def test_skipping_all_lines(self, tmp_path: Path) -> None:
        put(tmp_path, OLD, NEW)

        assert "fewer than 10 lines" in refusal(tmp_path, "--skip-lines", "9")

    def test_an_old_value_that_the_encoding_of_new_lacks(self, tmp_path: Path) -> None:
        put(tmp_path, "id,value\n1,ł\n", "id,value\n1,l\n")

        assert b"id,value\n1,l\n" == diff(tmp_path, "--new-encoding", "latin-1")
        (tmp_path / "out.csv").unlink()
        assert refusal(tmp_path, "--new-encoding", "latin-1", "--detail") == (
            "old.csv: an old value has 'ł' (U+0142), which latin-1 lacks, the encoding of new.csv. "
            "Export new.csv as UTF-8, or leave out the detail."
        )


class TestSniff:
    @pytest.mark.parametrize(
        ("encoding", "title", "found"),
        [
            ("utf-8", "", "delimiter ';'"),
            ("cp1252", "", "encoding 'cp1252', delimiter ';'"),
            ("utf-16", "", "encoding 'utf-16', delimiter ';'"),
            ("utf-16-be", "", "encoding 'utf-16-be', delimiter ';'"),
            ("utf-8", "Report of May\n\n", "skip_lines 2, delimiter ';'"),
        ],
    )
    def test_applies_what_it_finds_and_says_so(
        self, tmp_path: Path, encoding: str, title: str, found: str
    ) -> None:
        put(tmp_path, OLD.replace(";", ","), (title + NEW).encode(encoding))

        done = run_here(tmp_path, "diff", *OUT, "--sniff")

        assert 0 == done.returncode
        assert CHANGED.encode(encoding) == (tmp_path / "out.csv").read_bytes()
        assert done.stderr == (
            f"diffing: warning: The files were read as sniff found them. new.csv: {found}.\n"
        )

    def test_a_byte_far_below_the_header_tells_the_encoding(self, tmp_path: Path) -> None:
        rows = "".join(f"{i};plain;{i}\n" for i in range(10, 20_000))
        put(tmp_path, OLD + rows, (NEW + rows + "20000;é;1\n").encode("cp1252"))

        done = run_here(tmp_path, "diff", *OUT, "--sniff")

        assert (0, 1) == (done.returncode, done.stderr.count("new.csv: encoding 'cp1252'"))

    def test_says_nothing_of_plain_files(self, tmp_path: Path) -> None:
        put(tmp_path, OLD.replace(";", ","), NEW.replace(";", ","))

        assert CHANGED.replace(";", ",").encode() == diff(tmp_path, "--sniff")

    def test_what_is_given_is_not_looked_for(self, tmp_path: Path) -> None:
        put(tmp_path, OLD, NEW)

        assert "separated by a semicolon, not a pipe" in refusal(
            tmp_path, "--sniff", "--delimiter", "|"
        )


SIGNS = st.sampled_from(list("ab1;,|\t\"'\n\r é€"))
FIELDS = st.text(SIGNS, max_size=5)


@st.composite
def written(draw: st.DrawFn) -> tuple[FullDialect, list[list[str]], str]:
    """A dialect, rows, and their text in it, as another program may write it."""
    dialect = FullDialect(
        delimiter=draw(st.sampled_from([";", "\t", "|", "é", ","])),
        quote=draw(st.sampled_from(['"', "'"])),
        encoding=draw(st.sampled_from(["utf-8", "utf-16", "utf-16-be", "cp1252"])),
        skip_lines=draw(st.integers(0, 2)),
        skip_footer=draw(st.integers(0, 2)),
    )
    rows = [["k", "v", "w"], *draw(st.lists(st.lists(FIELDS, min_size=3, max_size=3), max_size=6))]
    text, end = StringIO(), draw(st.sampled_from(["\n", "\r\n"]))
    writer = csv.writer(
        text,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        lineterminator="\r\n",
    )
    for row in rows:
        start = text.tell()
        writer.writerow(row)
        text.seek(start)
        line = text.read().removesuffix("\r\n")
        text.seek(start)
        text.truncate()
        text.write(line + end)
    title, footer = "title\n" * dialect.skip_lines, f"end{end}" * dialect.skip_footer
    return dialect, rows, title + text.getvalue() + footer


@settings(max_examples=300, deadline=None)
@given(case=written())
def test_any_rows_survive_both_ways(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[FullDialect, list[list[str]], str]
) -> None:
    dialect, rows, text = case
    folder = tmp_path_factory.mktemp("any")
    path = folder / "x.csv"
    path.write_bytes(text.encode(dialect.encoding))

    with path.open("rb") as file:
        plain = b"".join(in_dialect(file, "x.csv", dialect, PLAIN))
    assert rows == list(csv.reader(StringIO(plain.decode(), newline=""), strict=True))
    assert "\r" not in re.sub('"[^"]*"', "", plain.decode())

    path.write_bytes(plain)
    with path.open("rb") as file:
        back = b"".join(in_dialect(file, "x.csv", PLAIN, dialect)).decode(dialect.encoding)
    reader = csv.reader(
        StringIO(back, newline=""),
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        strict=True,
    )
    assert rows == list(reader)


@pytest.mark.parametrize("quote", ['"', "none"])
def test_rows_of_many_chunks_are_all_there(tmp_path: Path, quote: str) -> None:
    path = tmp_path / "x.csv"
    rows = [f"{i};{'a,b' if i % 7 == 0 else 'c'};{'x' * (i % 300)}\n" for i in range(20_000)]
    if quote == '"':
        rows[9_000] = f'9000;"{"long; " * 100_000}\n";\n'
    path.write_text("id;name;value\n" + "".join(rows))
    given = FullDialect(delimiter=";", quote=quote)

    plain = open_csv(InputFile.given(path), tmp_path, dialect=given).path.read_text()

    fields = [line.split(",") for line in plain.splitlines()[1:9_000]]
    assert [str(i) for i in range(8_999)] == [line[0] for line in fields]
    assert 20_001 == sum(1 for _ in csv.reader(StringIO(plain, newline=""), strict=True))


@pytest.mark.parametrize(("delimiter", "quote", "field"), [('"', "'", "a,b"), (";", ",", "a;b")])
def test_the_delimiter_of_one_dialect_may_be_the_quote_of_another(
    tmp_path: Path, delimiter: str, quote: str, field: str
) -> None:
    rows = [["k", "v"], *([str(number), field] for number in range(20_000))]
    path, dialect = tmp_path / "x.csv", FullDialect(delimiter=delimiter, quote=quote)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)

    with path.open("rb") as file:
        there = b"".join(in_dialect(file, "x.csv", PLAIN, dialect))
    path.write_bytes(there)
    with path.open("rb") as file:
        back = b"".join(in_dialect(file, "x.csv", dialect, PLAIN)).decode()

    text = StringIO(there.decode(), newline="")
    assert rows == list(csv.reader(text, delimiter=delimiter, quotechar=quote, strict=True))
    assert rows == list(csv.reader(StringIO(back, newline=""), strict=True))


MEMBERS: dict[str, Any] = {
    "old": "semicolons.csv",
    "new": "tabs.csv",
    "key": ["id"],
    "value": ["value"],
    "old_dialect": {"delimiter": ";", "encoding": "cp1252"},
    "new_dialect": {"delimiter": "tab", "encoding": "utf-16"},
}


@pytest.fixture(scope="module")
def client(shared: Service) -> Client:
    shared.write("semicolons.csv", OLD.encode("cp1252"))
    shared.write("tabs.csv", NEW.replace(";", "\t").encode("utf-16"))
    """A client of a service with files of two dialects."""
    client, _ = shared.api_and_worker()
    return client


def started(client: Client, **changes: Any) -> int:
    answer = client.post("/api/diffing/new", json=MEMBERS | changes)
    assert 202 == answer.status_code, answer.text
    return int(answer.json()["job_id"])


def test_json_names_the_dialect_of_each_side(client: Client) -> None:
    job_id = started(client)
    client.wait_for_success(job_id)

    answer = client.get(f"/api/diffing/job/{job_id}")
    removed = client.get(f"/api/diffing/job/{job_id}/removed")

    assert CHANGED.replace(";", "\t").encode("utf-16") == answer.content
    assert "text/csv; charset=utf-16" == answer.headers["content-type"]
    assert b"id;name;value\n3;x;30\n" == removed.content
    assert "text/csv; charset=windows-1252" == removed.headers["content-type"]


def test_a_result_in_another_dialect_is_converted_like_any_other(client: Client) -> None:
    job_id = started(client)
    client.wait_for_success(job_id)

    answer = client.get(f"/api/diffing/job/{job_id}?format=json&detail=1&wait=60")
    parquet = client.get(f"/api/diffing/job/{job_id}/removed?format=parquet&wait=60")

    assert [
        {"id": "2", "name": "Öse", "value": "25"}
        | {"_change": "changed", "_changed": "value", "_old_value": "20"},
        {"id": "4", "name": "Preis € 5", "value": "40"}
        | {"_change": "added", "_changed": None, "_old_value": None},
    ] == answer.json()
    assert parquet.content.startswith(b"PAR1")


def test_a_result_of_a_file_with_skipped_lines_is_converted_whole(
    shared: Service, client: Client
) -> None:
    shared.write("titled.csv", b"Report\nid;value\n1;2\n2;3\nin all;2\n")
    lines = {"delimiter": ";", "skip_lines": 1, "skip_footer": 1}
    shared.write("empty.csv", b"Report\nid;value\nin all;0\n")
    files = {"old": "empty.csv", "new": "titled.csv", "old_dialect": lines, "new_dialect": lines}
    job_id = started(client, **files)
    client.wait_for_success(job_id)

    answer = client.get(f"/api/diffing/job/{job_id}?format=json&wait=60")

    assert [{"id": "1", "value": "2"}, {"id": "2", "value": "3"}] == answer.json()


def test_a_form_has_a_field_for_each_option(client: Client) -> None:
    answer = client.post(
        "/api/diffing/new",
        data={
            "key": "id",
            "value": "value",
            "delimiter": ";",
            "new_encoding": "cp1252",
            "new_skip_lines": "1",
        },
        files={
            "old": ("old.csv", OLD.encode()),
            "new": ("new.csv", b"Title\n" + NEW.encode("cp1252")),
        },
    )
    job_id = answer.json()["job_id"]
    client.wait_for_success(job_id)

    assert CHANGED.encode("cp1252") == client.result_of(job_id)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"delimiter": ";;"}, "delimiter: must be a single character, or tab."),
        ({"new_dialect": {"encoding": "x"}}, "new_dialect.encoding: must be one of utf-8"),
        ({"old_dialect": {"sign": ";"}}, "old_dialect.sign: "),
        ({"skip_lines": None}, "skip_lines: must be left out, or have a value."),
    ],
)
def test_a_wrong_member_is_named(client: Client, members: dict[str, Any], said: str) -> None:
    answer = client.post("/api/diffing/new", json=MEMBERS | members)

    assert 422 == answer.status_code
    assert answer.json()["detail"].startswith(said)


def test_a_metric_names_the_dialects_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "metrics.toml").write_text(
        '[metric.sales]\nold = "old.csv"\nnew = "new.csv"\nkey = ["id"]\nvalue = ["value"]\n'
        'delimiter = ";"\nnew_dialect = {encoding = "cp1252"}\n'
    )
    put(tmp_path, OLD, NEW.encode("cp1252"))
    arguments = ("diff", "-q", "--metric", "sales", "--old", "old.csv", "--new", "new.csv")
    variables = {"DIFFING_METRICS": str(tmp_path / "metrics.toml")}

    done = diffing(tmp_path, *arguments, "--output", "out.csv", **variables)
    other = diffing(
        tmp_path, *arguments, "--new-encoding", "utf-8", "--output", "x.csv", **variables
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert CHANGED.encode("cp1252") == (tmp_path / "out.csv").read_bytes()
    assert (2, 1) == (other.returncode, other.stderr.count("new.csv, line 2: byte 3"))
