"""The changes on the page of a job: the numbers of its analysis, in a real browser."""

import json
import random
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from diffing.core.csv_record import line_of
from diffing.files.results import Outputs
from tests.browser import HOSTILE, WIDTHS, Visit, visits, wait_until_it_fits
from tests.conftest import one_in
from tests.service_under_test import Client, Service
from tests.test_access import make_api_key

KEY = ["day", "shop", "product"]
VALUE = ["amount", HOSTILE, "note"]
KINDS = ("changed", "added", "removed")
MOVES = ("added", "removed", "up", "down", "other")
HEADINGS = ("Which columns", "From old to new", "When", "By how much", "What moved most")
SHOPS = ["north", HOSTILE, ""]
METRICS = f"""
[metric.sales]
old = "old.csv"
new = "new.csv"
key = {json.dumps(KEY)}
value = {json.dumps(VALUE)}

[metric.whole]
old = "old.csv"
new = "new.csv"
key = {json.dumps(KEY)}
value = ["amount"]
measure = "shop"
totals = true
period = "day"
settled_after = "1d"

[metric.same]
old = "old.csv"
new = "same.csv"
key = {json.dumps(KEY)}
value = {json.dumps(VALUE)}
"""


def sales(change: int) -> str:
    """Sales of 60 days: with a change, some numbers move, and some rows come and go."""
    lines = [line_of([*KEY, *VALUE])]
    for day in range(60):
        for place, shop in enumerate(SHOPS):
            for product in range(4):
                number = 10 * day + 3 * place + product
                gone = change and number % 31 == 0
                came = not change and number % 37 == 0
                if gone or came:
                    continue
                amount = number + change * (number % 5) * (-1) ** place
                zero = change * number
                when = str(date(2026, 1, 1) + timedelta(days=day))
                lines.append(line_of([when, shop, str(product), f"{amount}.5", str(zero), "a"]))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("changes") / "data") as service:
        service.write("old.csv", sales(0))
        service.write("same.csv", sales(0))
        service.write("new.csv", sales(1))
        yield service


@pytest.fixture(scope="module")
def client(working: Service) -> Client:
    client, _ = working.api_and_worker(metrics=working.write("metrics.toml", METRICS))
    return client


@pytest.fixture(scope="module")
def job(client: Client) -> int:
    """A job that succeeded, with its analyses."""
    job_id = client.new_job("sales")
    client.wait_for_success(job_id)
    for by in ("", "shop"):
        assert client.get(f"/api/diffing/job/{job_id}/analysis", params={"by": by or []}).is_success
    return job_id


@pytest.fixture
def visit(browser: Browser, client: Client) -> Iterator[Visit]:
    yield from visits(browser, client)


def analysis_of(client: Client, job_id: int, *by: str) -> dict[str, Any]:
    answer = client.get(f"/api/diffing/job/{job_id}/analysis", params={"by": list(by)})
    return dict(answer.json())


def rows_of(page: Page, heading: str) -> list[list[str]]:
    """The texts of a section's table, without pictures."""
    section = page.locator("section", has=page.get_by_role("heading", name=heading, exact=True))
    return [
        [cell for cell in row if cell]
        for row in section.locator("tbody tr").evaluate_all(
            "rows => rows.map(row => [...row.cells].map("
            "cell => cell.querySelector('svg') ? '' : cell.textContent.trim()))"
        )
    ]


def count(number: int) -> str:
    return f"{number:,}" if number else "·"


def move(amount: float) -> str:
    if not amount:
        return "·"
    size = f"{abs(amount):,.0f}" if abs(amount) >= 1000 else f"{abs(amount):.4g}"
    return ("+" if amount > 0 else "\u2212") + size


def named(text: str | None) -> str:
    return text or "empty"


def counts(one: Mapping[str, Any]) -> list[str]:
    return [count(one[kind]) for kind in KINDS]


@pytest.mark.slow
def test_the_columns_are_those_of_the_analysis(visit: Visit, client: Client, job: int) -> None:
    columns = analysis_of(client, job)["columns"]

    rows = rows_of(visit.goes_to(f"/jobs/{job}"), "Which columns")

    names = ("cells", "up", "down", "from_zero", "to_zero", "filled", "emptied", "turned")
    assert ["amount", HOSTILE] == sorted((c["column"] for c in columns), reverse=True)
    assert [[c["column"], *(count(c[name]) for name in names)] for c in columns] == [
        row[:9] for row in rows
    ]
    assert [move(c["net"]) for c in columns] == [row[-1] for row in rows]


@pytest.mark.parametrize("by", one_in(2, [("shop",), ()]))
def test_the_bridge_is_that_of_the_analysis(
    visit: Visit, client: Client, job: int, by: tuple[str, ...]
) -> None:
    entries = analysis_of(client, job, *by)["bridge"]

    page = visit.goes_to(f"/jobs/{job}?{'&'.join(f'by={name}' for name in by)}")

    signs = {"added": 1, "removed": -1, "up": 1, "down": -1, "other": 1}
    assert sorted(
        [
            entry["column"],
            *map(named, entry["group"].values()),
            *(move(sign * entry[kind]["amount"]) for kind, sign in signs.items()),
            move(entry["net"]),
        ]
        for entry in entries
        if any(entry[kind]["amount"] for kind in signs)
    ) == sorted(rows_of(page, "From old to new"))
    expect(page.get_by_text("Checked: each line adds up to its net.")).to_be_visible()


@pytest.fixture(scope="module")
def whole(client: Client) -> int:
    """A job with totals of the whole files, and with periods."""
    job_id = client.new_job("whole")
    client.wait_for_success(job_id)
    assert client.get(f"/api/diffing/job/{job_id}/analysis").is_success
    return job_id


def test_a_bridge_leads_from_total_to_total(visit: Visit, client: Client, whole: int) -> None:
    entries = analysis_of(client, whole)["bridge"]

    page = visit.goes_to(f"/jobs/{whole}")

    table = page.get_by_role("region", name="Table of amounts", exact=True).locator("tbody tr")
    rows = table.evaluate_all(
        "rows => rows.map(row => [...row.cells].map(c => c.textContent.trim()))"
    )
    assert sorted(
        (
            named(entry["group"]["shop"]),
            total(entry["totals"]["old"]["amount"]),
            move(entry["net"]),
            total(entry["totals"]["new"]["amount"]),
        )
        for entry in entries
    ) == sorted((row[0], row[1], row[7], row[8]) for row in rows)
    said = "each line adds up to its net, and leads from the old total to the new one."
    expect(page.get_by_text(said)).to_be_visible()


def test_each_state_of_periods_has_its_bridge(visit: Visit, client: Client, whole: int) -> None:
    periods = analysis_of(client, whole)["periods"]

    page = visit.goes_to(f"/jobs/{whole}")

    shown = [
        state
        for state, found in periods.items()
        if any(entry[kind]["amount"] for entry in found["bridge"] for kind in MOVES)
    ]
    assert len(shown) >= 1
    for state in periods:
        rows = page.get_by_role("region", name=f"Table of amounts: {state}").locator("tbody tr")
        nets = rows.evaluate_all("rows => rows.map(row => row.cells[7].textContent.trim())")
        wanted = [move(entry["net"]) for entry in periods[state]["bridge"]]
        assert sorted(wanted if state in shown else []) == sorted(nets)


def total(amount: float) -> str:
    return move(amount).removeprefix("+").replace("·", "0")


def test_the_calendar_has_each_group(visit: Visit, client: Client, job: int) -> None:
    entries = analysis_of(client, job, "shop")["calendar"]

    rows = rows_of(visit.goes_to(f"/jobs/{job}?by=shop"), "When")

    groups = [[e for e in entries if e["group"] == {"shop": shop or None}] for shop in SHOPS]
    wanted = [
        [named(shop), *(count(sum(e[kind] for e in group)) for kind in KINDS)]
        for shop, group in zip(SHOPS, groups, strict=True)
    ]
    assert sorted(wanted) == sorted(rows)


def test_the_curve_is_that_of_the_analysis(visit: Visit, client: Client, job: int) -> None:
    curve = analysis_of(client, job)["curve"]

    rows = rows_of(visit.goes_to(f"/jobs/{job}"), "By how much")

    [still] = [row for row in rows if row[0] == "rows still changed"]
    assert [f"{point['rows']:,}" for point in curve] == still[1:]


def test_the_histogram_adds_up_to_the_columns(visit: Visit, client: Client, job: int) -> None:
    document = analysis_of(client, job)
    sums = {way: sum(c[way] for c in document["columns"]) for way in ("up", "down")}

    page = visit.goes_to(f"/jobs/{job}")
    rows = rows_of(page, "By how much")

    said = f"{sums['up']:,} went up, {sums['down']:,} went down"
    expect(page.locator("section", has=page.locator("#how-much"))).to_contain_text(said)
    for way, number in sums.items():
        [row] = [row for row in rows if row[0] == f"values that went {way}"]
        assert number == sum(int(text.replace(",", "").replace("·", "0")) for text in row[1:])
        bars = page.locator(f".histogram rect.{way}")
        heights = bars.evaluate_all("bars => bars.map(bar => Number(bar.getAttribute('height')))")
        titles = page.locator(".histogram g title").all_text_contents()
        counts = [
            int(found[1].replace(",", ""))
            for title in titles
            if (found := re.search(rf"([\d,]+) {way}", title))
        ]
        assert number == sum(counts)
        scale = max(heights) / max(counts)
        assert pytest.approx([scale * count for count in counts], abs=0.11) == heights
    expect(page.locator(".histogram").get_by_text("tolerance 1e-9")).to_be_visible()


def test_a_mover_has_a_picture_of_its_course(visit: Visit, client: Client, job: int) -> None:
    [mover, *_] = analysis_of(client, job)["movers"]

    page = visit.goes_to(f"/jobs/{job}")

    course = page.locator(".course svg").first
    for way, sign in (("up", 1), ("down", -1)):
        parts = sum(mean is not None and sign * mean > 0 for mean in mover["course"])
        assert parts == course.locator(f"rect.{way}").count()
    up = sum((mean or 0) > 0 for mean in mover["course"])
    expect(course).to_have_attribute("aria-label", re.compile(f"^{up} of 40 parts"))


def test_keys_lead_to_filters_and_sections(visit: Visit, job: int) -> None:
    page = visit.goes_to(f"/jobs/{job}")
    heads = page.locator("main h2[id]").evaluate_all("heads => heads.map(head => head.id)")

    def reached() -> str:
        return str(page.evaluate("document.activeElement.id"))

    seen = []
    for key in "jjk":
        page.keyboard.press(key)
        seen.append(reached())
    assert heads.index(seen[0]) + 1 == heads.index(seen[1])
    assert seen[0] == seen[2]
    page.keyboard.press("/")
    kind = page.locator("#filter").get_by_label("kind")
    expect(kind).to_be_focused()
    page.locator("#filter input").first.focus()
    page.keyboard.type("j/k")
    assert "j/k" == page.locator("#filter input").first.input_value()


def test_values_of_a_key_are_those_of_the_analysis(visit: Visit, client: Client, job: int) -> None:
    slices = [one for one in analysis_of(client, job)["slices"] if one["column"] == "product"]

    rows = rows_of(visit.goes_to(f"/jobs/{job}"), "Where: product")

    assert [[named(one["value"]), *counts(one)] for one in slices] == [row[:4] for row in rows]


def test_other_values_are_counted_together(visit: Visit, client: Client, job: int) -> None:
    days = [one for one in analysis_of(client, job)["slices"] if one["column"] == "day"]

    rows = rows_of(visit.goes_to(f"/jobs/{job}"), "Where: day")

    others = {kind: sum(one[kind] for one in days[10:]) for kind in KINDS}
    assert [f"{sum(one['values'] for one in days[10:])} others", *counts(others)] == rows[-1][:4]


def test_the_movers_are_those_of_the_analysis(visit: Visit, client: Client, job: int) -> None:
    movers = analysis_of(client, job)["movers"]

    rows = rows_of(visit.goes_to(f"/jobs/{job}"), "What moved most")

    assert [
        [
            mover["column"],
            *map(named, mover["series"].values()),
            str(mover["cells"]),
            mover["first"],
            mover["last"],
            move(mover["largest"]),
            move(mover["net"]),
        ]
        for mover in movers[:15]
    ] == [row[:-1] for row in rows]


def test_what_changes_have_in_common_is_a_sentence(visit: Visit, client: Client, job: int) -> None:
    found = analysis_of(client, job)["patterns"]
    of_zero = next(one for one in found if one["pattern"] == "from_zero")

    page = visit.goes_to(f"/jobs/{job}")

    said = f"Came from 0: all {of_zero['of']:,} changes of {HOSTILE}."
    expect(page.locator(".notes li", has_text="Came from 0")).to_have_text(said)
    for note in analysis_of(client, job)["notes"]:
        expect(page.locator(".notes")).to_contain_text(note)


@pytest.mark.slow
def test_rows_are_grouped_without_scripts(browser: Browser, client: Client, job: int) -> None:
    for visit in visits(browser, client, java_script_enabled=False):
        page = visit.goes_to(f"/jobs/{job}")

        page.locator("#by").get_by_label("shop", exact=True).check()
        page.locator("#by").get_by_role("button", name="Show").click()

        assert page.url.endswith(f"/jobs/{job}?by=shop")
        expect(page.locator("#by").get_by_label("shop", exact=True)).to_be_checked()
        expect(page.get_by_role("columnheader", name="shop").first).to_be_visible()


def test_an_unknown_column_to_group_by_is_refused(client: Client, visit: Visit, job: int) -> None:
    page = visit.goes_to(f"/jobs/{job}?by=amount")

    assert 400 == client.get(f"/jobs/{job}?by=amount").status_code
    expect(page.get_by_text("by: amount is not a key column.")).to_be_visible()


def test_names_and_values_of_html_are_text(visit: Visit, job: int) -> None:
    page = visit.goes_to(f"/jobs/{job}?by=shop")

    expect(page.get_by_role("cell", name=HOSTILE).first).to_be_visible()
    assert 0 == page.locator("main img, main script").count()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_use_the_page(browser: Browser, client: Client, job: int, scheme: str) -> None:
    for visit in visits(browser, client, color_scheme=scheme):
        page = visit.goes_to(f"/jobs/{job}?by=shop")

        found = Axe().run(page)

        expect(page.get_by_role("heading", name="What moved most")).to_be_visible()
        assert 0 == found.violations_count, found.generate_report()


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_needs_not_be_moved_sideways(
    browser: Browser, client: Client, job: int, width: int
) -> None:
    for visit in visits(browser, client, viewport={"width": width, "height": 700}):
        page = visit.goes_to(f"/jobs/{job}?by=shop")

        wait_until_it_fits(page, width)


def without_analysis(service: Service) -> tuple[Client, int]:
    """A client of an API without a worker, and a job that succeeded."""
    service.write("old.csv", sales(0))
    service.write("new.csv", sales(1))
    client, worker = service.api_and_worker(metrics=service.write("metrics.toml", METRICS))
    job_id = client.new_job("sales")
    client.wait_for_success(job_id)
    worker.signal(15)
    worker.ended()
    return client, job_id


@pytest.mark.slow
def test_an_analysis_takes_its_place_when_it_is_ready(browser: Browser, service: Service) -> None:
    client, job_id = without_analysis(service)
    for visit in visits(browser, client):
        page = visit.goes_to(f"/jobs/{job_id}")
        expect(page.get_by_text("The analysis is being made")).to_be_visible()
        expect(page.get_by_text("No worker runs.")).to_be_visible()
        page.evaluate("() => { document.body.dataset.same = 'yes'; }")

        service.worker()

        expect(page.get_by_role("heading", name="What moved most")).to_be_visible()
        assert "yes" == page.evaluate("document.body.dataset.same")


@pytest.mark.slow
def test_an_analysis_is_asked_for_again_when_the_service_is_busy(
    browser: Browser, service: Service
) -> None:
    client, job_id = without_analysis(service)
    for visit in visits(browser, client):
        visit.page.route("**/analysis", lambda route: route.fulfill(status=503), times=1)
        visit.goes_to(f"/jobs/{job_id}")

        service.worker()

        expect(visit.page.get_by_role("heading", name="What moved most")).to_be_visible()


@pytest.mark.slow
def test_an_analysis_that_is_refused_is_a_sentence(browser: Browser, service: Service) -> None:
    client, job_id = without_analysis(service)
    for visit in visits(browser, client):
        visit.page.route("**/analysis", lambda route: route.fulfill(status=410))
        page = visit.goes_to(f"/jobs/{job_id}")

        expect(page.get_by_text("This part cannot be shown.")).to_be_visible()


def ends_session(route: Route) -> None:
    route.request.frame.page.context.clear_cookies()
    route.continue_()


@pytest.mark.slow
def test_the_end_of_a_session_leads_to_the_page_that_begins_one(
    browser: Browser, service: Service
) -> None:
    _, job_id = without_analysis(service)
    token = make_api_key(service.folder, "admin")
    metrics = service.settings.input_dir / "metrics.toml"
    api = service.start("api", "--port", "0", API_KEYS="on", metrics=metrics)
    client = service.client_of(api)
    for visit in visits(browser, client):
        page = visit.goes_to("/login")
        page.get_by_label("token").fill(token)
        page.get_by_role("button", name="Sign in").click()
        page.route("**/analysis", ends_session)

        visit.goes_to(f"/jobs/{job_id}")

        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_analysis_appears_without_scripts(browser: Browser, service: Service) -> None:
    client, job_id = without_analysis(service)
    for visit in visits(browser, client, java_script_enabled=False):
        page = visit.goes_to(f"/jobs/{job_id}")
        expect(page.get_by_text("The analysis is being made")).to_be_visible()

        service.worker()

        expect(page.get_by_role("heading", name="What moved most")).to_be_visible()


def test_the_part_of_an_analysis_that_is_not_ready_says_so(service: Service) -> None:
    client, job_id = without_analysis(service)

    answer = client.get(f"/jobs/{job_id}/analysis?wait=0")

    assert 202 == answer.status_code
    assert "The analysis is being made" in answer.text


@pytest.mark.slow
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
@pytest.mark.parametrize("lost", one_in(2, ["result", "detail"]))
def test_an_analysis_that_cannot_be_made_is_a_sentence(
    browser: Browser, client: Client, working: Service, lost: str, scripts: bool
) -> None:
    job_id = client.new_job("sales")
    client.wait_for_success(job_id)
    outputs = Outputs.of_attempt(working.settings.results_dir, job_id, 1)
    Path(getattr(outputs, lost)).unlink()
    for visit in visits(browser, client, java_script_enabled=scripts):
        page = visit.goes_to(f"/jobs/{job_id}")

        sentence = page.locator("#changes").get_by_text("was removed. Start a new job.")
        expect(sentence).to_be_visible()
        expect(page.get_by_role("heading", name="Every row accounted for")).to_be_visible()


def test_without_changes_there_is_no_analysis(visit: Visit, client: Client) -> None:
    job_id = client.new_job("same")
    client.wait_for_success(job_id)

    page = visit.goes_to(f"/jobs/{job_id}")

    expect(page.get_by_text("Nothing changed.")).to_be_visible()
    assert 0 == page.get_by_text("analysis").count()
    assert 409 == client.get(f"/jobs/{job_id}/analysis").status_code


@pytest.fixture
def report(client: Client, job: int, tmp_path: Path) -> Path:
    """The report of a job, saved as a file."""
    answer = client.get(f"/jobs/{job}/report.html?by=shop")
    assert (
        f'attachment; filename="sales_report_{job}.html"' == answer.headers["content-disposition"]
    )
    path = tmp_path / "report.html"
    path.write_bytes(answer.content)
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_shows_the_page_and_makes_no_request(
    browser: Browser, client: Client, job: int, report: Path, scheme: str
) -> None:
    requests: list[str] = []
    for visit in visits(browser, client, color_scheme=scheme):
        visit.page.goto(f"{client.base_url}/jobs/{job}?by=shop")
        tables = {name: rows_of(visit.page, name) for name in HEADINGS}
        visit.page.remove_listener("request", visit.watch)
        visit.page.on("request", lambda request: requests.append(request.url))

        visit.page.goto(report.as_uri())

        assert [report.as_uri()] == requests
        assert tables == {name: rows_of(visit.page, name) for name in HEADINGS}
        assert 0 == visit.page.locator("script, form, img, link").count()
        # its style counts
        assert "8px" == visit.page.locator(".card").first.evaluate(
            "card => getComputedStyle(card).borderTopLeftRadius"
        )


def test_a_report_as_markdown_has_the_numbers_and_the_address(client: Client, job: int) -> None:
    bridge = analysis_of(client, job, "shop")["bridge"]

    answer = client.get(f"/jobs/{job}/report.md?by=shop")

    assert f'attachment; filename="sales_report_{job}.md"' == answer.headers["content-disposition"]
    assert "text/markdown; charset=utf-8" == answer.headers["content-type"]
    assert f"<{client.base_url.join(f'/jobs/{job}')}>" in answer.text
    rows = re.findall(r"^\| `amount` \| .* \| \*\*(.*)\*\* \|$", answer.text, re.MULTILINE)
    assert sorted(rows) == sorted(move(one["net"]) for one in bridge if one["column"] == "amount")


def test_a_script_gets_reports_with_its_api_key_alone(service: Service) -> None:
    service.write("old.csv", sales(0))
    service.write("new.csv", sales(1))
    token = make_api_key(service.folder, "submit", "read")
    metrics = service.write("metrics.toml", METRICS)
    stranger, _ = service.api_and_worker(metrics=metrics, API_KEYS="on")
    client = service.client_at(str(stranger.base_url), token)
    job_id = client.new_job("sales")
    client.wait_for_success(job_id)
    paths = [f"/jobs/{job_id}/report.{suffix}?wait=60" for suffix in ("html", "md")]

    answers = [client.get(path) for path in paths]

    assert [200, 200] == [answer.status_code for answer in answers]
    assert ["From old to new" in answer.text for answer in answers] == [True, True]
    assert not any(stranger.get(path).is_success for path in paths)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["html", "md"])
def test_a_report_waits_for_the_analysis(service: Service, suffix: str) -> None:
    client, job_id = without_analysis(service)

    answer = client.get(f"/jobs/{job_id}/report.{suffix}?wait=0")

    assert 503 == answer.status_code
    assert answer.headers["retry-after"].isdigit()
    assert "The analysis is being made." in answer.text


@pytest.mark.parametrize("suffix", ["html", "md"])
def test_without_its_analysis_a_report_is_refused(
    client: Client, working: Service, suffix: str
) -> None:
    job_id = client.new_job("sales")
    client.wait_for_success(job_id)
    detail = Outputs.of_attempt(working.settings.results_dir, job_id, 1).detail
    assert detail
    detail.unlink()

    answer = client.get(f"/jobs/{job_id}/report.{suffix}?wait=60")

    assert 410 == answer.status_code
    assert "was removed. Start a new job." in answer.text


@pytest.mark.parametrize("suffix", ["html", "md"])
def test_a_job_that_failed_has_no_report(client: Client, suffix: str) -> None:
    files = {"old": ("o.csv", "k,v\n1,2\n"), "new": ("n.csv", 'k,v\n1,2\n2,"\n')}
    form = {"key": "k", "value": "v"}
    job_id = client.post("/api/diffing/new", files=files, data=form).json()["job_id"]
    client.wait_for_failure(job_id)

    answer = client.get(f"/jobs/{job_id}/report.{suffix}")

    assert 409 == answer.status_code
    assert "nothing to report" in answer.text


@pytest.mark.slow
def test_a_report_of_many_groups_days_and_columns_is_small(client: Client) -> None:
    keys = ["day", "group", *(f"key_{place}" for place in range(8))]
    values = [f"a_long_name_of_a_column_of_values_{place}" for place in range(60)]
    numbers = random.Random(1)
    rows = [
        [str(date(2026, 1, 1) + timedelta(days=day)), f"a long name of a group {group}", *picked]
        for day in range(90)
        for group in range(25)
        for picked in [
            [str(numbers.randrange(100)) for _ in range(8)] for _ in range(numbers.randrange(1, 4))
        ]
    ]
    header = line_of([*keys, *values])
    files = {
        side: (f"{side}.csv", "\n".join([header, *(",".join([*row, *cells]) for row in rows), ""]))
        for side, cells in (("old", ["1"] * 60), ("new", ["2.5"] * 60))
    }
    fields = {"key": line_of(keys), "value": line_of(values)}
    job_id = client.post("/api/diffing/new", files=files, data=fields).json()["job_id"]
    client.wait_for_success(job_id)

    report = client.get(f"/jobs/{job_id}/report.html?by=group&wait=60")
    markdown = client.get(f"/jobs/{job_id}/report.md?by=group&wait=60")

    assert [200, 200] == [report.status_code, markdown.status_code]
    assert "2 further key columns are in the" in report.text
    assert len(report.content) < 300_000
    # more is refused as a comment of a pull request
    assert len(markdown.text) < 65_536


@pytest.mark.slow
def test_the_page_of_thousands_of_columns_is_small(client: Client) -> None:
    names = [f"value_{place}" for place in range(2000)]
    header = line_of(["id", *names])
    files = {
        side: (f"{side}.csv", f"{header}\n1,{','.join([number] * len(names))}\n")
        for side, number in (("old", "1"), ("new", "2"))
    }
    fields = {"key": "id", "value": line_of(names)}
    job_id = client.post("/api/diffing/new", files=files, data=fields).json()["job_id"]
    client.wait_for_success(job_id)

    part = client.get(f"/jobs/{job_id}/analysis")
    page = client.get(f"/jobs/{job_id}")
    report = client.get(f"/jobs/{job_id}/report.html")

    assert [200] * 3 == [answer.status_code for answer in (part, page, report)]
    assert "1,950 further value columns are not shown." in page.text
    assert len(page.content) < 200_000
    assert len(report.content) < 100_000
