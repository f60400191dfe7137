"""`diffing diff --report`: what changed as one file for people."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, Page, expect

from diffing.api.pages.markdown import code, escaped
from diffing.core.csv_record import line_of
from tests.browser import HOSTILE, visit_of, wait_until_it_fits
from tests.command_line import diffing, refused_by
from tests.conftest import one_in
from tests.test_pages_of_changes import count, move, named, rows_of

SCRIPT = "<script>fail()</script>"
KEY, VALUE = ["day", SCRIPT], [HOSTILE, "javascript:fail()", "note"]
OPTIONS = ("-q", "-k", line_of(KEY), "-v", line_of(VALUE), "-o", "changes.csv")
# a file's name contains no slash
OLD, NEW = "<img src=x onerror=fail()>.csv", "<svg onload=fail()>.csv"
KINDS = ("added", "removed", "up", "down", "other")


def hostile(change: int) -> str:
    """Rows whose names and texts all are HTML and JavaScript."""
    lines = [line_of([*KEY, *VALUE])]
    for place in range(2 * change, 40 + change):
        for shop in ("<b onmouseover=fail()>b</b>", "';fail();//", ""):
            number = place + change * (place % 3 - 1)
            note = f"<a href='javascript:fail()'>{change * (place % 5)}</a>"
            when = f"2026-{1 + place % 12:02}-{1 + place // 12:02}"
            lines.append(line_of([when, shop, str(number), str(change * number), note]))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two files, and all reports of their diff."""
    folder = tmp_path_factory.mktemp("reports")
    (folder / OLD).write_text(hostile(0))
    (folder / NEW).write_text(hostile(1))
    files = ("--report", "r.html", "--report", "r.md", "--explain", "e.json", "--summary", "s.json")
    done = diffing(folder, OLD, NEW, *OPTIONS, *files, "--by", SCRIPT, "--expect", "changed <= 1%")
    assert (0, "") == (done.returncode, done.stdout), done.stderr
    return folder


@pytest.fixture(scope="module")
def document(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "e.json").read_text()))


def opened(browser: Browser, path: Path, **options: Any) -> Iterator[Page]:
    """The page of a file, which fails if it makes another request, or anything goes wrong."""
    with visit_of(browser, path.as_uri(), **options) as visit:
        yield visit.goes_to("")
        assert [] == visit.faults


def test_a_report_has_the_numbers_of_the_analysis(
    browser: Browser, folder: Path, document: dict[str, Any]
) -> None:
    for page in opened(browser, folder / "r.html"):
        tables = {
            name: rows_of(page, name)
            for name in ("Which columns", "From old to new", "By how much", "What moved most")
        }

        assert tables["Which columns"] == [
            [one["column"], *(count(one[name]) for name in ("cells", "up", "down")), *row[4:]]
            for one, row in zip(document["columns"], tables["Which columns"], strict=True)
        ]
        signs = {"added": 1, "removed": -1, "up": 1, "down": -1, "other": 1}
        assert sorted(tables["From old to new"]) == sorted(
            [
                one["column"],
                *map(named, one["group"].values()),
                *(move(sign * one[kind]["amount"]) for kind, sign in signs.items()),
                move(one["net"]),
            ]
            for one in document["bridge"]
            if any(one[kind]["amount"] for kind in signs)
        )
        (curve,) = (row for row in tables["By how much"] if row[0] == "rows still changed")
        assert [f"{one['rows']:,}" for one in document["curve"]] == curve[1:]
        movers = [one["column"] for one in document["movers"][:15]]
        assert movers == [row[0] for row in tables["What moved most"]]
        expect(page.get_by_text("not as expected")).to_be_visible()


def test_names_and_values_of_html_are_text_in_a_report(browser: Browser, folder: Path) -> None:
    for page in opened(browser, folder / "r.html"):
        for text in (HOSTILE, SCRIPT, "<b onmouseover=fail()>b</b>", "';fail();//"):
            expect(page.get_by_text(text, exact=True).first).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"What changed in {NEW}")
        assert 0 == page.locator("script, form, img, link, a[href^=javascript], [onload]").count()


def test_a_report_names_no_service(folder: Path) -> None:
    text = (folder / "r.html").read_text()

    assert "href" not in text
    assert "curl" not in text


def test_a_report_says_how_to_get_what_it_leaves_out(tmp_path: Path) -> None:
    for name, number in (("old.csv", 1), ("new.csv", 2)):
        rows = "".join(f"{place},{number * place}\n" for place in range(1, 40))
        (tmp_path / name).write_text(f"id,value\n{rows}")

    diffing(tmp_path, "old.csv", "new.csv", "-q", "-k", "id", "--report", "r.html")

    said = "The first 15 of 39 in the whole analysis, which <code>--explain FILE</code> writes."
    assert said in (tmp_path / "r.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_use_a_report(browser: Browser, folder: Path, scheme: str) -> None:
    for page in opened(browser, folder / "r.html", color_scheme=scheme):
        found = Axe().run(page)

        assert 0 == found.violations_count, found.generate_report()


@pytest.mark.parametrize("width", [360, 768])
def test_a_report_needs_not_be_moved_sideways(browser: Browser, folder: Path, width: int) -> None:
    for page in opened(browser, folder / "r.html", viewport={"width": width, "height": 700}):
        wait_until_it_fits(page, width)


def test_a_printed_report_has_all_columns(browser: Browser, folder: Path) -> None:
    # A4 without its margins
    for page in opened(browser, folder / "r.html", viewport={"width": 718, "height": 1000}):
        page.emulate_media(media="print")

        expect(page.get_by_role("heading", name="Which columns")).to_be_visible()
        edges = page.locator(".columns thead th").evaluate_all(
            "heads => heads.map(head => head.getBoundingClientRect().right)"
        )
        assert 13 == len(edges)
        assert max(edges) <= 718


def test_a_report_of_texts_alone_has_no_amounts_and_no_tolerances(
    browser: Browser, tmp_path: Path
) -> None:
    (tmp_path / "old.csv").write_text("id,note\n1,a\n2,b\n")
    (tmp_path / "new.csv").write_text("id,note\n1,x\n2,b\n")

    done = diffing(tmp_path, "old.csv", "new.csv", "-q", "-k", "id", "--report", "r.html")

    assert (0, "") == (done.returncode, done.stderr)
    for page in opened(browser, tmp_path / "r.html"):
        assert [
            *("Every row accounted for", "Which columns", "Where: id"),
            "How to check and repeat this",
        ] == page.get_by_role("heading", level=2).all_text_contents()


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    one_in(
        3,
        [
            ["secret/a.csv", "secret/b.csv", ("a.csv", "b.csv")],
            ["secret/a.csv", "a.csv", ("a.csv (old)", "a.csv (new)")],
            ["secret/a.csv", "secret/secret/a.csv", ("a.csv (old)", "a.csv (new)")],
        ],
    ),
)
def test_a_report_names_no_folder(
    tmp_path: Path, old: str, new: str, shown: tuple[str, str]
) -> None:
    for name in (old, new):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("id,value\n1,2\n1,2\n")
    reports = [tmp_path / f"r.{suffix}" for suffix in ("html", "md")]

    done = diffing(
        tmp_path, old, new, "-q", "-k", "id", *(f"--report={path.name}" for path in reports)
    )

    assert f"1 of 2 rows of {old} and 1 of 2 rows of {new} repeat" in done.stderr
    for report in reports:
        text = report.read_text()
        assert "1 of 2 rows of {} and 1 of 2 rows of {} repeat".format(*shown) in text
        assert "secret" not in text


def test_a_report_names_options_as_they_are_typed(tmp_path: Path) -> None:
    for name in ("old.csv", "new.csv"):
        (tmp_path / name).write_text("id,value\n1,2\n1,2\n")
    reports = [tmp_path / f"r.{suffix}" for suffix in ("html", "md")]

    diffing(tmp_path, "old.csv", "new.csv", "-k", "id", *(f"--report={it}" for it in reports))

    for report in reports:
        assert "one by one: --duplicates count." in report.read_text()


def test_a_report_of_equal_files_says_so(browser: Browser, tmp_path: Path) -> None:
    for name in ("old.csv", "new.csv"):
        (tmp_path / name).write_text("id,value\n1,2\n")

    done = diffing(tmp_path, "old.csv", "new.csv", "-q", "-k", "id", "--report", "r.html")

    assert (0, "") == (done.returncode, done.stderr)
    for page in opened(browser, tmp_path / "r.html"):
        expect(page.get_by_text("Nothing changed.")).to_be_visible()
        assert 0 == page.get_by_text("From old to new").count()


def read_as_markdown(path: Path) -> str:
    """The HTML of a Markdown file, by a reader that lets HTML in it through."""
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return str(reader.render(path.read_text(encoding="utf-8")))


def test_names_and_values_of_html_are_text_in_markdown(
    browser: Browser, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "md.html").write_text(f"<meta charset=utf-8>{read_as_markdown(folder / 'r.md')}")

    for page in opened(browser, tmp_path / "md.html"):
        for text in (HOSTILE, SCRIPT, "<b onmouseover=fail()>b</b>", "';fail();//"):
            expect(page.get_by_text(text, exact=True).first).to_be_visible()
        expect(page.get_by_role("heading", level=2)).to_have_text(f"Changes in {NEW}")
        assert 0 == page.locator("script, img, a, svg, b, [onload], [onmouseover]").count()


def test_markdown_has_the_numbers_of_the_page(
    browser: Browser, folder: Path, tmp_path: Path
) -> None:
    for page in opened(browser, folder / "r.html"):
        columns, bridge, movers = (
            rows_of(page, name) for name in ("Which columns", "From old to new", "What moved most")
        )
        notes = page.locator(".notes li").all_text_contents()
        rules = page.locator(".verdict tbody tr").all_text_contents()
    (tmp_path / "md.html").write_text(f"<meta charset=utf-8>{read_as_markdown(folder / 'r.md')}")

    for page in opened(browser, tmp_path / "md.html"):
        tables = page.locator("table").evaluate_all(
            "tables => tables.map(table => [...table.tBodies[0].rows].map("
            "row => [...row.cells].map(cell => cell.textContent)))"
        )
        assert 4 == len(tables)
        assert rules == ["".join(row) for row in tables[0]]
        assert columns == tables[1]
        assert bridge == tables[2]
        # without the dates
        assert [[*row[:3], *row[5:]] for row in movers] == tables[3]
        for note in notes:
            expect(page.get_by_text(note)).to_be_visible()


@pytest.mark.parametrize(
    "text",
    [
        "a|b",
        "a\\|b|",
        "`",
        "a `` b`",
        " a ",
        "\\",
        "\\`<i>",
        "|`|<i>|",
        "*a* _b_ ~~c~~ [d](e) ![f](g) <h> &amp; &#64;",
        "@team #12 https://x.example www.x.example",
    ],
)
def test_each_text_is_shown_as_it_is_in_markdown(text: str, tmp_path: Path) -> None:
    table = f"| a | b |\n| --- | --- |\n| {code(text)} | {escaped(text)} |\n"
    (tmp_path / "t.md").write_text(table, encoding="utf-8")

    html = read_as_markdown(tmp_path / "t.md")
    first, second = re.findall("<td>(.*?)</td>", html)

    assert text == unescape(re.sub("</?code>", "", first))
    assert {"<code>", "</code>"} == set(re.findall("<.*?>", first))
    # a pipe in a sentence is escaped for a sentence, not for a table
    if "|" not in text:
        assert text.strip() == unescape(second).replace("\u2060", "").strip()
        assert [] == re.findall("<.*?>", second)
        assert not re.search(r"@\w|#\w|://|www\.", second)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (("--report", "r.pdf"), "r.pdf: unknown format of a report. Use .html, .md, .xlsx"),
        (("--report", "r.html", "--report", "r.html"), "Two outputs are the same file, r.html."),
    ],
)
def test_a_report_that_cannot_be_written_is_refused(
    tmp_path: Path, options: tuple[str, ...], fault: str
) -> None:
    for name in ("old.csv", "new.csv"):
        (tmp_path / name).write_text("day,value\n1,2\n")

    done = refused_by(tmp_path, "old.csv", "new.csv", "-q", "-k", "day", *options)

    assert 2 == done.returncode
    assert fault in done.stderr
    assert ["new.csv", "old.csv"] == sorted(path.name for path in tmp_path.iterdir())


def test_a_report_goes_with_other_outputs(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("id,value,note\n1,2,a\n2,3,b\n3,4,c\n")
    (tmp_path / "new.csv").write_text("id,value,note\n1,5,a\n2,3,b\n4,4,c\n")
    plain = ("-q", "-k", "id", "--detail", "--only-changed-columns", "--removed", "gone.csv")
    alone = diffing(tmp_path, "old.csv", "new.csv", *plain)
    gone = (tmp_path / "gone.csv").read_text()

    files = ("--cells", "cells.csv", "--summary", "s.json", "--report", "r.html")
    done = diffing(tmp_path, "old.csv", "new.csv", *plain, *files)

    assert (alone.stdout, "") == (done.stdout, done.stderr)
    assert gone == (tmp_path / "gone.csv").read_text()
    digest = json.loads((tmp_path / "s.json").read_text())["result"]["sha256"]
    assert digest in (tmp_path / "r.html").read_text()


def test_a_diff_without_a_report_does_not_load_what_makes_one() -> None:
    loads = (
        "import sys, diffing.cli.main, diffing.cli.diff, diffing.engine.diff; print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", loads], check=True, capture_output=True, text=True
    ).stdout.split()

    assert set() == {"jinja2", "rich", "starlette", "sqlalchemy", "xlsxwriter"} & set(loaded)
