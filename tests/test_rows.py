"""The rows of a result that a person asks for: in pages, and as one file."""

import csv
import io
import json
import math
import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from diffing.core.comparison import Comparison
from diffing.core.csv_record import fields_of
from diffing.core.row_query import Given, RowQuery, query_of_key
from diffing.core.spec import ChangesSpec, RowsSpec
from diffing.engine.analysis.changes import Changes
from diffing.engine.analysis.rows import Rows
from diffing.engine.diff import Diff
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits
from diffing.store.baselines import Baselines
from diffing.store.conversions import Conversion
from diffing.store.database import open_file
from diffing.store.history import History
from diffing.store.job import Status
from diffing.store.jobs import Jobs
from diffing.worker.sweeper import Sweeper
from tests.browser import HOSTILE, WIDTHS, Visit, visits, wait_until_it_fits
from tests.conftest import one_in, spec_of
from tests.service_under_test import Client, Service
from tests.test_api import assert_problem
from tests.test_pages_of_changes import sales

KEY = ["day", "shop", "product"]
VALUE = ["amount", HOSTILE, "note"]
METRICS = f"""
[metric.sales]
old = "old.csv"
new = "new.csv"
key = {json.dumps(KEY)}
value = {json.dumps(VALUE)}

[metric.amount]
old = "old.csv"
new = "new.csv"
key = {json.dumps(KEY)}
value = ["amount"]
nocase = true
"""


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("rows") / "data") as service:
        service.write("old.csv", sales(0))
        service.write("new.csv", sales(1))
        yield service


@pytest.fixture(scope="module")
def client(working: Service) -> Client:
    client, _ = working.api_and_worker(metrics=working.write("metrics.toml", METRICS))
    return client


@pytest.fixture(scope="module")
def jobs(client: Client) -> dict[str, int]:
    """A job of each metric that succeeded, with its pages of rows."""
    made = {metric: client.new_job(metric) for metric in ("sales", "amount")}
    for job_id in made.values():
        client.wait_for_success(job_id)
        assert client.get(f"/api/diffing/job/{job_id}/rows").is_success
    return made


@pytest.fixture
def visit(browser: Browser, client: Client) -> Iterator[Visit]:
    yield from visits(browser, client)


Query = list[tuple[str, str]]


def pages_of(
    client: Client, job_id: int, query: Query, most: float = math.inf
) -> list[dict[str, Any]]:
    """The pages, one after the other; all, or so many."""
    pages: list[dict[str, Any]] = []
    cursor: Query = []
    while True:
        answer = client.get(f"/api/diffing/job/{job_id}/rows", params=(*query, *cursor))
        assert 200 == answer.status_code, answer.text
        pages.append(answer.json())
        if pages[-1]["next"] is None or len(pages) == most:
            return pages
        cursor = [("cursor", pages[-1]["next"])]


def lines_of(client: Client, path: str, query: Query = ()) -> list[dict[str, str]]:  # type: ignore[assignment]
    answer = client.get(path, params=tuple(query))
    assert 200 == answer.status_code, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def found_in_outputs(client: Client, job_id: int, value: list[str]) -> list[dict[str, Any]]:
    """The rows of the detail, then the removed ones: plainly, without the code under test."""
    path = f"/api/diffing/job/{job_id}"
    rows = [
        {
            "kind": line["_change"],
            "key": [line[name] for name in KEY],
            "old": [line[f"_old_{name}"] for name in value],
            "new": [line[name] for name in value],
        }
        for line in lines_of(client, path, [("detail", "1")])
    ]
    return rows + [
        {
            "kind": "removed",
            "key": [line[name] for name in KEY],
            "old": [line[name] for name in value],
            "new": ["" for _ in value],
        }
        for line in lines_of(client, f"{path}/removed")
    ]


def change(old: str, new: str) -> float | None:
    """The relative change of two texts; None if they are equal."""
    if old == new:
        return None
    try:
        numbers = float(old), float(new)
    except ValueError:
        return math.nan
    return abs(numbers[1] - numbers[0]) / max(map(abs, numbers)) if numbers[0] != numbers[1] else 0


def size(row: dict[str, Any], place: int | None) -> float:
    """The size of a changed row: of a value, or the largest; NaN without one."""
    if row["kind"] != "changed":
        return math.nan
    pairs = list(zip(row["old"], row["new"], strict=True))
    sizes = [change(*pair) for pair in (pairs if place is None else [pairs[place]])]
    return max((one for one in sizes if one is not None and one == one), default=math.nan)


def differs(row: dict[str, Any], place: int) -> bool:
    return row["kind"] == "changed" and bool(row["old"][place] != row["new"][place])


def moved(row: dict[str, Any], place: int) -> float:
    return float(row["new"][place]) - float(row["old"][place])


QUERIES: list[tuple[Query, Any, Any]] = [
    ([], lambda _: True, None),
    ([("kind", "removed")], lambda row: row["kind"] == "removed", None),
    (
        [("kind", "added"), ("kind", "changed")],
        lambda row: row["kind"] != "removed",
        None,
    ),
    ([("key", ""), ("key", "north")], lambda row: row["key"][1] == "north", None),
    ([("key", ""), ("key", HOSTILE)], lambda row: row["key"][1] == HOSTILE, None),
    ([("key", ""), ("key", '""')], lambda row: row["key"][1] == "", None),
    (
        [("key", ""), ("key", "north"), ("key", "2"), ("kind", "changed")],
        lambda row: row["key"][1:] == ["north", "2"] and row["kind"] == "changed",
        None,
    ),
    ([("key", "2026-01-05")], lambda row: row["key"][0] == "2026-01-05", None),
    ([("key", "nothing")], lambda _: False, None),
    ([("column", "amount")], lambda row: differs(row, 0), None),
    (
        [("column", "amount"), ("direction", "down")],
        lambda row: differs(row, 0) and moved(row, 0) < 0,
        None,
    ),
    (
        [("column", "amount"), ("least", "0.01"), ("below", "0.05")],
        lambda row: differs(row, 0) and 0.01 <= size(row, 0) < 0.05,
        None,
    ),
    ([("least", "1")], lambda row: size(row, None) >= 1, None),
    (
        [("column", "amount"), ("order", "moved")],
        lambda row: differs(row, 0),
        lambda row: -abs(moved(row, 0)),
    ),
    (
        [("order", "relative")],
        lambda _: True,
        lambda row: math.inf if math.isnan(size(row, None)) else -size(row, None),
    ),
]


@pytest.mark.parametrize(
    ("query", "wanted", "rank"), one_in(8, map(list, QUERIES)), ids=[str(q[0]) for q in QUERIES]
)
def test_pages_and_download_have_the_rows_that_are_asked_for(
    client: Client, jobs: dict[str, int], query: Query, wanted: Any, rank: Any
) -> None:
    job_id = jobs["sales"]
    rows = [row for row in found_in_outputs(client, job_id, VALUE) if wanted(row)]
    if rank:
        rows.sort(key=rank)  # a stable sort: equal rows stay in the order of the files

    # a page follows from the one before it: a filter can add nothing to that after two borders
    most = math.inf if rank or not query else 3
    pages = pages_of(client, job_id, query, most)
    whole = lines_of(client, f"/api/diffing/job/{job_id}/rows", [*query, ("format", "csv")])

    keys = [row["key"] for row in rows]
    found = [row for page in pages for row in page["rows"]]
    assert min(len(keys), most * 50) == len(found)
    assert keys[: len(found)] == [[text or "" for text in row["key"].values()] for row in found]
    assert keys == [[line[name] for name in KEY] for line in whole]
    assert [row["kind"] for row in rows] == [line["_change"] for line in whole]
    kinds = ("added", "changed", "removed")
    counts = {kind: sum(row["kind"] == kind for row in rows) for kind in kinds}
    assert [counts] * len(pages) == [page["matched"] for page in pages]
    assert all(len(page["rows"]) == 50 for page in pages[:-1])


def test_the_kinds_of_a_row_add_up_to_the_summary(client: Client, jobs: dict[str, int]) -> None:
    for job_id in jobs.values():
        summary = client.get(f"/api/diffing/job/{job_id}/summary").json()

        matched = client.get(f"/api/diffing/job/{job_id}/rows").json()["matched"]

        assert {kind: summary[kind] for kind in matched} == matched
        assert sum(matched.values()) > 500


def test_cells_of_a_row_are_those_that_differ(client: Client, jobs: dict[str, int]) -> None:
    [line, *_] = lines_of(client, f"/api/diffing/job/{jobs['sales']}", [("detail", "1")])

    [row, *_] = client.get(f"/api/diffing/job/{jobs['sales']}/rows").json()["rows"]

    old, new = line[f"_old_{HOSTILE}"], line[HOSTILE]
    assert fields_of(line["_changed"]) == [cell["column"] for cell in row["cells"]]
    assert {
        "column": HOSTILE,
        "old": old,
        "new": new,
        "difference": float(new) - float(old),
        "relative": change(old, new),
    } == row["cells"][-1]


def test_all_rows_of_new_are_the_detail_itself(client: Client, jobs: dict[str, int]) -> None:
    for job_id in jobs.values():
        path = f"/api/diffing/job/{job_id}"

        rows = client.get(
            f"{path}/rows", params=[("kind", "added"), ("kind", "changed"), ("format", "csv")]
        )

        assert client.get(path, params={"detail": "1"}).content == rows.content
        assert f'_rows_{job_id}.csv"' in rows.headers["content-disposition"]


def test_a_removed_row_has_its_fields_as_old_ones(client: Client, jobs: dict[str, int]) -> None:
    path = f"/api/diffing/job/{jobs['amount']}"
    removed = lines_of(client, f"{path}/removed")

    rows = lines_of(client, f"{path}/rows", [("kind", "removed"), ("format", "csv")])

    assert [line["amount"] for line in removed] == [line["_old_amount"] for line in rows]
    assert {""} == {line["amount"] for line in rows}
    # it is not compared, so it is in its own column
    assert [line["note"] for line in removed] == [line["note"] for line in rows]


def test_keys_are_found_as_they_are_compared(client: Client, jobs: dict[str, int]) -> None:
    path = f"/api/diffing/job/{jobs['amount']}/rows"

    exact, other = (client.get(path, params={"key": ["", shop]}) for shop in ("north", "NoRTH"))

    assert exact.json()["matched"] == other.json()["matched"]
    assert exact.json()["rows"]
    assert not client.get(f"/api/diffing/job/{jobs['sales']}/rows?key=&key=NoRTH").json()["rows"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("kind=within", "kind must be one of added, changed, removed; it is within."),
        ("key=1&key=2&key=3&key=4", "key: 4 texts for 3 key columns."),
        ("key=&key=%22", "key: the text of shop begins with a quote, but is not a CSV field."),
        ("key=%00", "key: the text of day contains a NUL character."),
        ("column=day", "column: day is not a value column. Value columns: amount"),
        ("least=-1", "least must be a number from 0"),
        ("below=nan", "below must be a number from 0"),
        ("least=1&least=2", "least is given 2 times. Give it once."),
        ("direction=sideways", "direction must be one of up, down; it is sideways."),
        ("direction=up", "direction: name a column too"),
        ("order=moved", "order: name a column too"),
        ("order=size", "order must be one of file, relative, moved; it is size."),
        ("cursor=x", "cursor must be the `next` of the previous page."),
        ("cursor=W251bGwsIDBd", "cursor must be the `next` of the previous page."),
        ("format=parquet", "format must be one of json, csv."),
        ("kinds=added", "Did you mean kind?"),
    ],
)
def test_a_wrong_parameter_is_named(
    client: Client, jobs: dict[str, int], query: str, said: str
) -> None:
    assert_problem(client.get(f"/api/diffing/job/{jobs['sales']}/rows?{query}"), 400, said)


def test_numbers_whose_difference_is_no_double_moved_farthest_and_long_ones_exactly(
    service: Service,
) -> None:
    client, _ = service.api_and_worker()
    files = {
        "old": (
            "old.csv",
            "id,value\n0,x\n1,1\n2,1e308\n3,-1e308\n4,9007199254740992\n5,9007199254740992\n",
        ),
        "new": (
            "new.csv",
            "id,value\n0,1\n1,3\n2,-1e308\n3,1e308\n4,9007199254740993\n5,-2\n",
        ),
    }
    asked = {"key": "id", "value": "value"}
    job_id = client.post("/api/diffing/new", data=asked, files=files).json()["job_id"]
    client.wait_for_success(job_id)

    def found(name: str, text: str) -> list[tuple[str, float | None]]:
        [page] = pages_of(client, job_id, [(name, text)])
        return [(row["key"]["id"], row["cells"][0]["difference"]) for row in page["rows"]]

    assert [("1", 2.0), ("3", None), ("4", 1.0)] == found("direction", "up")
    large = ("5", -9007199254740994.0)
    assert [("2", None), large] == found("direction", "down")
    assert [("2", None), ("3", None), large, ("1", 2.0), ("4", 1.0), ("0", None)] == found(
        "order", "moved"
    )


def test_a_download_has_all_changed_rows_before_removed_ones(tmp_path: Path) -> None:
    texts = {"old": range(45_000), "new": range(22_500)}
    for place, (name, ids) in enumerate(texts.items()):
        lines = (f"{i},{i + place}\n" for i in ids)
        (tmp_path / f"{name}.csv").write_text("".join(["id,value\n", *lines]))
    comparison = Comparison.of(key=["id"], value=["value"])
    spec = spec_of(tmp_path / "old.csv", tmp_path / "new.csv", comparison)
    result, detail, removed, changes, target = (
        tmp_path / name for name in ("r.csv", "d.csv", "g.csv", "c.parquet", "rows.csv")
    )
    limits = Limits(1, "1GB", tmp_path)
    summary = Diff(spec, limits).run(Outputs(result, detail, removed)).model_dump(mode="json")
    changes.touch()
    target.touch()

    Changes(ChangesSpec(detail, removed, summary), limits).write(changes)
    Rows(RowsSpec(changes, detail, summary, RowQuery()), limits).write(target)

    found = [line.partition(",")[0] for line in target.read_text().splitlines()]
    assert ["id", *map(str, range(45_000))] == found


@pytest.mark.parametrize("value", [["value"], ["other", "value"]])
def test_a_column_that_is_asked_for_stays_in_the_form(service: Service, value: list[str]) -> None:
    client, _ = service.api_and_worker()
    files = {
        "old": ("old.csv", "id,value,other\n1,1,1\n2,2,2\n"),
        "new": ("new.csv", "id,value,other\n1,9,1\n3,3,3\n"),
    }
    asked = {"key": "id", "value": value}
    job_id = client.post("/api/diffing/new", data=asked, files=files).json()["job_id"]
    client.wait_for_success(job_id)

    page = client.get(f"/jobs/{job_id}/rows?column=value").text
    assert '<option value="value" selected>' in page


def test_long_texts_are_cut_on_a_page_and_whole_in_the_download(service: Service) -> None:
    long = "x" * 5_000
    service.write("old.csv", "id,value\n1,a\n")
    service.write("new.csv", f"id,value\n1,{long}\n")
    client, _ = service.api_and_worker()
    body = {"old": "old.csv", "new": "new.csv", "key": ["id"], "value": ["value"]}
    job_id = client.post("/api/diffing/new", json=body).json()["job_id"]
    client.wait_for_success(job_id)

    path = f"/api/diffing/job/{job_id}/rows"
    [row] = client.get(path).json()["rows"]
    [line] = lines_of(client, path, [("format", "csv")])

    assert ["x" * 999 + "…"] == [cell["new"] for cell in row["cells"]]
    assert long == line["value"]


def test_files_of_another_dialect_have_plain_rows(service: Service) -> None:
    service.write("old.csv", "id;value;more\n1;1,5;a\n2;2,5;b\n")
    service.write("new.csv", "id;value;more\n1;1,75;c\n")
    client, _ = service.api_and_worker()
    dialect = {"delimiter": ";", "decimal": ","}
    body = {"old": "old.csv", "new": "new.csv", "key": ["id"], "value": ["value"], **dialect}
    job_id = client.post("/api/diffing/new", json=body).json()["job_id"]
    client.wait_for_success(job_id)

    rows = client.get(f"/api/diffing/job/{job_id}/rows?format=csv").text

    header = "id,value,more,_change,_changed,_old_value"
    assert [header, "1,1.75,c,changed,value,1.5", "2,,b,removed,,2.5"] == rows.splitlines()


def test_without_its_files_a_page_is_gone(client: Client, working: Service) -> None:
    job_id = client.new_job("amount")
    client.wait_for_success(job_id)
    Outputs.of_attempt(working.settings.results_dir, job_id, 1).detail.unlink()  # type: ignore[union-attr]

    assert_problem(client.get(f"/api/diffing/job/{job_id}/rows"), 410, "Start a new job.")


def test_before_success_there_are_no_rows(service: Service) -> None:
    service.write_small_pair()
    client = service.api()
    job_id = client.new_job()

    answer = client.get(f"/api/diffing/job/{job_id}/rows")
    page = client.get(f"/jobs/{job_id}/rows")

    assert (404, "queued") == (answer.status_code, answer.json()["status"])
    assert (409, True) == (page.status_code, "has not succeeded" in page.text)


def test_few_answers_are_kept_and_none_for_long(service: Service) -> None:
    service.write_small_pair()
    client, worker = service.api_and_worker()
    job_id = client.new_job()
    client.wait_for_success(job_id)
    worker.signal(15)
    worker.ended()
    settings, folder = service.settings, service.settings.results_dir
    engine = open_file(settings.jobs_file)
    sweeper = Sweeper(settings, Jobs(engine), History(engine), Baselines(engine))
    pages = [Outputs.rows(folder, job_id, 1, f"{place:024x}") for place in range(205)]
    files = [path.with_suffix(".csv") for path in pages[:5]]
    now = time.time()
    for place, path in enumerate([*pages, *files]):
        path.touch()
        os.utime(path, (now - place, now - place))
    result = folder / f"{job_id}.1.csv"

    sweeper.thin(conversion_of(pages[0]))

    assert pages[:200] == [path for path in pages if path.exists()]
    assert files[:3] == [path for path in files if path.exists()]
    for path in (pages[0], result):
        os.utime(path, (now - 4000, now - 4000))
    sweeper.sweep()
    assert [False, True, True] == [path.exists() for path in (pages[0], pages[1], result)]


def conversion_of(path: Path) -> Conversion:
    now = datetime.now(UTC)
    return Conversion(1, path.name, 0, Status.PROCESSING, 1, now, now, None)


def test_a_query_survives_the_way_to_the_worker() -> None:
    pairs = [
        ("kind", "added"),
        ("key", '""'),
        ("key", "a"),
        ("least", "1e-3"),
        ("order", "relative"),
    ]

    query = RowQuery.of(Given(pairs), ["k", "l"], ["v"])

    assert query == RowQuery.of_json(json.loads(json.dumps(query.as_json())))
    assert query.digest == RowQuery.of(Given(pairs), ["k", "l"], ["v"]).digest
    assert query.digest != RowQuery.of(Given(pairs[1:]), ["k", "l"], ["v"]).digest


def texts_of(page: Any) -> list[list[str]]:
    return list(
        page.locator("table.rows tbody tr").evaluate_all(
            "rows => rows.map(row => [...row.cells].map(cell => cell.textContent.trim()))"
        )
    )


@pytest.mark.parametrize("scripts", one_in(2, [True, False]), ids=["with scripts", "without"])
def test_rows_are_filtered_and_followed(
    browser: Browser, client: Client, jobs: dict[str, int], scripts: bool
) -> None:
    job_id = jobs["amount"]
    query = [("kind", "changed"), ("order", "moved"), ("key", ""), ("key", HOSTILE)]
    pages = pages_of(client, job_id, query)
    for visit in visits(browser, client, java_script_enabled=scripts):
        page = visit.goes_to(f"/jobs/{job_id}")

        page.get_by_label("kind").select_option("changed")
        page.get_by_label("shop", exact=True).last.fill(HOSTILE)
        page.get_by_label("order").select_option("largest difference")
        page.locator("#filter").get_by_role("button", name="Show").click()

        expect(page.get_by_text(f"{pages[0]['matched']['changed']:,} rows match")).to_be_visible()
        assert wanted_keys(pages[0]) == [row[1:4] for row in texts_of(page)]
        page.get_by_role("link", name="Next 50 rows").click()
        expect(page.get_by_role("link", name="First rows")).to_be_visible()
        assert wanted_keys(pages[1]) == [row[1:4] for row in texts_of(page)]
        assert "cursor=" in page.url
        expect(page.get_by_label("shop", exact=True)).to_have_value(HOSTILE)
        assert 0 == page.locator("main img, main script").count()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download these rows").click()
        lines = download.value.path().read_text().splitlines()
        assert pages[0]["matched"]["changed"] == len(lines) - 1


def wanted_keys(page: dict[str, Any]) -> list[list[str]]:
    return [[text or "empty" for text in row["key"].values()] for row in page["rows"]]


@pytest.mark.slow
def test_a_value_and_a_column_lead_to_their_rows(
    visit: Visit, client: Client, jobs: dict[str, int]
) -> None:
    job_id = jobs["sales"]
    assert client.get(f"/api/diffing/job/{job_id}/analysis").is_success
    for section, name, query in (
        ("Where: shop", HOSTILE, [("key", ""), ("key", HOSTILE)]),
        ("Where: shop", "empty", [("key", ""), ("key", '""')]),
        ("Which columns", "amount", [("column", "amount")]),
    ):
        matched = pages_of(client, job_id, query)[0]["matched"]
        page = visit.goes_to(f"/jobs/{job_id}")
        head = page.get_by_role("heading", name=section, exact=True)

        page.locator("section", has=head).get_by_role("link", name=name, exact=True).click()

        said = f"{sum(matched.values()):,} rows match"
        expect(page.get_by_text(said)).to_be_visible()


@pytest.fixture(scope="module")
def of_texts(client: Client) -> int:
    """A job whose files have Hebrew names, a column without a name, blanks and an infinity."""
    files = {
        "old": ("\u05d9\u05e9\u05df.csv", "id,\u05e9\u05dd,amount,\n1,-5,1,x\n"),
        "new": ("\u05d7\u05d3\u05e9.csv", "id,\u05e9\u05dd,amount,\n1,5,inf,x  \n"),
    }
    job_id: int = client.post("/api/diffing/new", files=files, data={"key": "id"}).json()["job_id"]
    client.wait_for_success(job_id)
    assert client.get(f"/api/diffing/job/{job_id}/analysis").is_success
    return job_id


def test_the_old_value_is_before_the_new_one_in_any_writing(visit: Visit, of_texts: int) -> None:
    page = visit.goes_to(f"/jobs/{of_texts}/rows")
    old, new = (page.locator(f"td.values {element}").first for element in ("del", "b"))
    old_name, new_name = (page.locator(".facts bdi").nth(place) for place in (0, 1))

    for first, second in ((old, new), (old_name, new_name)):
        left, right = first.bounding_box(), second.bounding_box()
        assert left
        assert right
        assert left["x"] + left["width"] < right["x"]


def test_a_minus_and_blanks_of_a_value_are_seen(visit: Visit, of_texts: int) -> None:
    page = visit.goes_to(f"/jobs/{of_texts}/rows")
    old, new = (page.locator(f"td.values {element}") for element in ("del", "b"))

    expect(old.first).to_have_css("text-decoration-line", "none")
    assert ["x", "x  "] == [old.last.inner_text(), new.last.inner_text()]
    expect(new.last).to_have_attribute("title", "with blanks at an end")
    expect(old.last).not_to_have_attribute("title", re.compile(""))


def test_what_nobody_would_see_in_a_value_is_marked(visit: Visit, client: Client) -> None:
    old, new = ("caf\u00e9", "10\u00a0", "abc"), ("cafe\u0301", "10", "a\u200bb\u202ec")
    files = {
        side: (f"{side}.csv", "id,v\n" + "".join(f"{n},{text}\n" for n, text in enumerate(texts)))
        for side, texts in (("old", old), ("new", new))
    }
    job_id = client.post("/api/diffing/new", files=files, data={"key": "id"}).json()["job_id"]
    client.wait_for_success(job_id)

    cells = visit.goes_to(f"/jobs/{job_id}/rows").locator("td.change")

    expect(cells).to_have_text(
        [
            "caf\u00e9 \u2192 cafe\u0301 the same letters in another form of Unicode",
            "10U+00A0 \u2192 10",
            "abc \u2192 aU+200BbU+202Ec",
        ]
    )


def test_a_column_without_a_name_is_called_so(visit: Visit, of_texts: int) -> None:
    page = visit.goes_to(f"/jobs/{of_texts}")

    expect(page.locator("table.columns").get_by_role("rowheader", name="(no name)")).to_be_visible()
    expect(page.locator("select[name=column] option:checked")).to_have_text("any")
    expect(page.locator("#proof ~ details pre")).to_have_count(2)  # SQL cannot name it


def test_a_sum_beyond_all_numbers_is_not_said_to_be_checked(visit: Visit, client: Client) -> None:
    files = {"old": ("o.csv", "id,v\n1,-1e308\n"), "new": ("n.csv", "id,v\n1,1e308\n")}
    job_id = client.post("/api/diffing/new", files=files, data={"key": "id"}).json()["job_id"]
    client.wait_for_success(job_id)
    assert client.get(f"/api/diffing/job/{job_id}/analysis").is_success

    page = visit.goes_to(f"/jobs/{job_id}")

    expect(page.get_by_text("1 line could not be checked, because a sum is beyond")).to_be_visible()


def test_parquet_is_offered_if_it_can_store_the_names_of_the_columns(
    visit: Visit, client: Client, jobs: dict[str, int], of_texts: int
) -> None:
    for job_id, status in ((jobs["sales"], 200), (of_texts, 406)):
        answer = client.get(f"/api/diffing/job/{job_id}", params={"format": "parquet"})
        assert status == answer.status_code

        link = visit.goes_to(f"/jobs/{job_id}").get_by_role("link", name="Parquet")

        expect(link).to_have_count(int(status == 200))


def test_values_without_a_size_are_named_apart(visit: Visit, of_texts: int) -> None:
    page = visit.goes_to(f"/jobs/{of_texts}")

    expect(page.get_by_text("adds up to its net. 1 infinite or NaN values")).to_be_visible()
    expect(page.get_by_text("2 further values are not finite numbers")).to_be_visible()


def test_the_form_of_a_page_gone_back_to_is_that_of_its_rows(
    visit: Visit, jobs: dict[str, int]
) -> None:
    page = visit.goes_to(f"/jobs/{jobs['sales']}/rows")
    page.get_by_label("kind").select_option("added")
    page.locator("#filter").get_by_role("button", name="Show").click()
    expect(page.get_by_role("link", name="Show all rows")).to_be_visible()

    page.go_back()

    expect(page.get_by_role("link", name="Show all rows")).not_to_be_visible()
    expect(page.get_by_label("kind")).to_have_value("")


def test_a_page_of_rows_says_what_is_wrong(visit: Visit, jobs: dict[str, int]) -> None:
    page = visit.goes_to(f"/jobs/{jobs['sales']}/rows?kind=added&below=2&least=much")

    expect(page.get_by_text("least must be a number from 0")).to_be_visible()
    expect(page.get_by_label("kind")).to_have_value("added")
    page.get_by_label("relative change from").fill("")
    page.get_by_label("kind").select_option("changed")
    page.locator("#filter").get_by_role("button", name="Show").click()
    expect(page.get_by_role("region", name="Table of rows")).to_be_visible()
    assert "kind=changed" in page.url
    assert "below=2" in page.url


def test_the_form_keeps_two_kinds(visit: Visit, jobs: dict[str, int]) -> None:
    page = visit.goes_to(f"/jobs/{jobs['sales']}/rows?kind=removed&kind=added")
    expect(page.get_by_label("kind")).to_have_value("added,removed")
    said = page.get_by_text("rows match:").inner_text()

    page.locator("#filter").get_by_role("button", name="Show").click()

    expect(page.get_by_label("kind")).to_have_value("added,removed")
    assert said == page.get_by_text("rows match:").inner_text()
    assert {"added", "removed"} >= {row[0] for row in texts_of(page)}


def test_rows_without_a_match_are_none(visit: Visit, jobs: dict[str, int]) -> None:
    page = visit.goes_to(f"/jobs/{jobs['sales']}/rows?key=nothing")

    expect(page.get_by_text("0 rows match: none.")).to_be_visible()
    page.get_by_role("link", name="Show all rows").click()
    expect(page.get_by_role("link", name="Next 50 rows")).to_be_visible()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_use_the_rows(
    browser: Browser, client: Client, jobs: dict[str, int], scheme: str
) -> None:
    for visit in visits(browser, client, color_scheme=scheme):
        page = visit.goes_to(f"/jobs/{jobs['sales']}/rows?order=relative")

        found = Axe().run(page)

        expect(page.get_by_role("region", name="Table of rows")).to_be_visible()
        assert 0 == found.violations_count, found.generate_report()


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_the_rows_need_not_be_moved_sideways(
    browser: Browser, client: Client, jobs: dict[str, int], width: int
) -> None:
    for visit in visits(browser, client, viewport={"width": width, "height": 700}):
        page = visit.goes_to(f"/jobs/{jobs['sales']}/rows")

        wait_until_it_fits(page, width)


@pytest.mark.slow
def test_rows_take_their_place_when_they_are_ready(browser: Browser, service: Service) -> None:
    service.write("old.csv", sales(0))
    service.write("new.csv", sales(1))
    client, worker = service.api_and_worker(metrics=service.write("metrics.toml", METRICS))
    job_id = client.new_job("amount")
    client.wait_for_success(job_id)
    worker.signal(15)
    worker.ended()
    for visit in visits(browser, client):
        page = visit.goes_to(f"/jobs/{job_id}/rows?wait=0&kind=removed")
        expect(page.get_by_text("The rows are being made ready.")).to_be_visible()
        page.evaluate("() => { document.body.dataset.same = 'yes'; }")

        service.worker()

        expect(page.get_by_role("region", name="Table of rows")).to_be_visible()
        assert "yes" == page.evaluate("document.body.dataset.same")
        assert {"removed"} == {row[0] for row in texts_of(page)}


def test_a_link_asks_for_one_text() -> None:
    key = ["a", "b"]

    assert "key=&key=x%26y" == query_of_key("b", "x&y", key)
    assert "key=%22%22" == query_of_key("a", "", key) == query_of_key("a", None, key)
    quoted = parse_qsl(query_of_key("a", '"q', key))
    assert ((1, '"q'),) == RowQuery.of(Given(quoted), key, ["v"]).key
