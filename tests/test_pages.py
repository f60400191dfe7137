"""The pages, in a real browser: what they show, and that they need nothing but this service."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser import HOSTILE, WIDTHS, Visit, visits, wait_until_it_fits
from tests.conftest import one_in
from tests.service_under_test import Client, LargePair, Program, Service
from tests.test_access import make_api_key
from tests.waiting import STALE_AFTER


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a whole service with the files of revenue, and not of c-revenue."""
    with Service(tmp_path_factory.mktemp("pages") / "data") as service:
        service.write_small_pair()
        client, _ = service.api_and_worker()
        yield client


@pytest.fixture
def visit(browser: Browser, client: Client) -> Iterator[Visit]:
    yield from visits(browser, client)


@pytest.fixture
def without_scripts(browser: Browser, client: Client) -> Iterator[Visit]:
    yield from visits(browser, client, java_script_enabled=False)


@pytest.fixture(scope="module")
def done(client: Client) -> int:
    """A job of revenue that succeeded."""
    job_id = client.new_job()
    client.wait_for_success(job_id)
    return job_id


@pytest.fixture(scope="module")
def failed(client: Client) -> int:
    """A one-off job that failed."""
    files = {"old": ("o.csv", "k,v\n1,2\n"), "new": ("n.csv", 'k,v\n1,2\n2,"\n')}
    answer = client.post("/api/diffing/new", files=files, data={"key": "k", "value": "v"})
    job_id: int = answer.json()["job_id"]
    client.wait_for_failure(job_id)
    return job_id


def test_a_metric_is_diffed_from_the_start_page(visit: Visit) -> None:
    page = visit.goes_to("/")

    page.get_by_role("button", name="Diff now revenue", exact=True).click()

    expect(page.get_by_role("heading", name="What changed in revenue")).to_be_visible()
    expect(page.get_by_text("rows are in the result")).to_be_visible()


@pytest.mark.slow
def test_a_metric_is_diffed_without_scripts(without_scripts: Visit, client: Client) -> None:
    page = without_scripts.goes_to("/")

    with page.expect_navigation(url=re.compile("/jobs/")):
        page.get_by_role("button", name="Diff now revenue", exact=True).click()
    client.wait_for_success(int(page.url.rpartition("/")[2]))

    # the page loads again by itself
    expect(page.get_by_role("heading", name="What changed in revenue")).to_be_visible()


def test_a_missing_file_is_named_and_its_metric_cannot_be_diffed(visit: Visit) -> None:
    page = visit.goes_to("/")

    expect(page.get_by_text("new is missing: c_revenue_new.csv")).to_be_visible()
    expect(page.get_by_role("button", name="Diff now c-revenue", exact=True)).to_be_disabled()


@pytest.mark.parametrize("scripts", one_in(2, [True, False]), ids=["with scripts", "without"])
def test_two_files_are_compared(
    browser: Browser, client: Client, tmp_path: Path, scripts: bool
) -> None:
    (tmp_path / "before.csv").write_text("id,amount\n1,10\n2,20\n")
    (tmp_path / "after.csv").write_text("id,amount\n1,10\n2,21\n3,30\n")
    for visit in visits(browser, client, java_script_enabled=scripts):
        page = visit.goes_to("/")
        page.get_by_label("old").set_input_files(tmp_path / "before.csv")
        page.get_by_label("new").set_input_files(tmp_path / "after.csv")
        page.get_by_label("key columns").fill("id")
        page.get_by_label("value columns").fill("amount")
        page.get_by_text("What is expected").click()
        page.get_by_label("rules").fill("changed <= 1\n\nadded = 1\n")

        with page.expect_navigation(url=re.compile("/jobs/")):
            page.get_by_role("button", name="Compare").click()
        client.wait_for_success(int(page.url.rpartition("/")[2]))

        expect(page.locator(".sentence")).to_contain_text("1 added, 1 changed")
        summary = client.get(f"/api/diffing/job/{page.url.rpartition('/')[2]}/summary").json()
        rules = {rule["rule"]: rule["met"] for rule in summary["verdict"]["rules"]}
        assert {"changed": True, "added": True} == rules


@pytest.mark.slow
def test_files_of_another_dialect_are_compared_by_all_columns(
    visit: Visit, client: Client, tmp_path: Path
) -> None:
    for name, amounts in (("before", ("1,5", "1.000,5")), ("after", ("2,5", "1000,5"))):
        (tmp_path / f"{name}.csv").write_text("id;amount\n1;{}\n2;{}\n".format(*amounts))
    page = visit.goes_to("/")
    page.get_by_label("old").set_input_files(tmp_path / "before.csv")
    page.get_by_label("new").set_input_files(tmp_path / "after.csv")
    expect(page.get_by_label("delimiter")).not_to_be_visible()
    page.get_by_text("How the files are written").click()
    page.get_by_label("delimiter").fill(";")
    page.get_by_label("decimal sign").fill(",")
    page.get_by_label("thousands sign").fill(".")
    page.get_by_label("encoding").select_option("cp1252")

    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".upload")).to_contain_text("Both files have the columns 'id', 'amount'.")
    page.get_by_label("key columns").fill("auto")
    with page.expect_navigation(url=re.compile("/jobs/")):
        page.get_by_role("button", name="Compare").click()
    client.wait_for_success(int(page.url.rpartition("/")[2]))

    expect(page.locator(".sentence")).to_contain_text("1 changed")


def test_a_file_of_another_dialect_is_refused_and_read_after_one_click(
    visit: Visit, client: Client, tmp_path: Path
) -> None:
    for name, amount in (("before", 1), ("after", 2)):
        (tmp_path / f"{name}.csv").write_text(f"id;amount\n1;{amount}\n")
    page = visit.goes_to("/")
    page.get_by_label("old").set_input_files(tmp_path / "before.csv")
    page.get_by_label("new").set_input_files(tmp_path / "after.csv")
    page.get_by_label("key columns").fill("id")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".upload")).to_contain_text(
        "separated by a semicolon, not a comma. Give delimiter=;, or sniff=true to apply"
    )

    page.get_by_label("find this out").check()
    with page.expect_navigation(url=re.compile("/jobs/")):
        page.get_by_role("button", name="Compare").click()
    client.wait_for_success(int(page.url.rpartition("/")[2]))

    expect(page.locator(".sentence")).to_contain_text("1 changed")
    expect(page.get_by_text("The files were read as sniff found them.")).to_be_visible()


def test_the_header_of_a_chosen_file_is_shown(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text('id,"a, b",amount\n1,x,2\n')
    page = visit.goes_to("/")

    page.get_by_label("new").set_input_files(tmp_path / "new.csv")

    expect(page.locator('[data-side="new"]')).to_have_text("new.csv, 23 B: id, a, b, amount")


def test_a_refused_upload_says_why(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,amount\n1,10\n")
    page = visit.goes_to("/")
    for side in ("old", "new"):
        page.get_by_label(side).set_input_files(tmp_path / "a.csv")
    page.get_by_label("key columns").fill("id")
    page.get_by_label("value columns").fill("id")

    page.get_by_role("button", name="Compare").click()

    expect(page.locator(".upload")).to_contain_text("column named twice among key and value: id")


def test_a_running_job_is_followed_to_its_result(
    browser: Browser, large_pair: LargePair, tmp_path: Path
) -> None:
    with Service(tmp_path / "data") as service:
        large_pair.put_into(service)
        client, _ = service.api_and_worker()
        for visit in visits(browser, client):
            page = visit.goes_to("/")
            page.get_by_role("button", name="Diff now revenue", exact=True).click()

            success = page.get_by_role("heading", name="What changed in revenue")
            expect(success).to_be_visible()


@pytest.mark.slow
def test_a_job_is_followed_to_its_result_while_its_worker_is_killed(
    browser: Browser, large_pair: LargePair, tmp_path: Path
) -> None:
    with Service(tmp_path / "data") as service:
        large_pair.put_into(service)
        client = service.api(stale_after=STALE_AFTER)
        worker = service.worker(stale_after=STALE_AFTER)
        for visit in visits(browser, client):
            job_id = client.new_job()
            page = visit.goes_to(f"/jobs/{job_id}")
            client.wait_for_diff(job_id)
            worker.signal_all(signal.SIGKILL)
            worker.ended()

            service.worker(stale_after=STALE_AFTER)

            expect(page.get_by_role("heading", name="What changed in revenue")).to_be_visible()
            assert 2 == client.status_of(job_id)["attempt"]


@pytest.mark.slow
def test_eight_tabs_of_running_jobs_are_all_followed(browser: Browser, tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        service.write_small_pair()
        client = service.api()
        for visit in visits(browser, client):
            tabs = []
            # a browser has six connections for all tabs, so those that nobody sees have none
            for job_id in [client.new_job() for _ in range(8)]:
                tab = visit.opens(f"/jobs/{job_id}")
                expect(tab.get_by_text("No worker runs.")).to_be_visible()
                show(tab, False)
                tabs.append(tab)

            service.worker()

            for tab in tabs:
                show(tab, True)
                expect(tab.get_by_role("heading", name="What changed in revenue")).to_be_visible()


def show(tab: Page, visible: bool) -> None:
    """Tell a tab that it is seen or not, which Chromium does only if it has windows."""
    tab.evaluate(
        """visible => {
            Object.defineProperty(document, "hidden", { value: !visible, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        visible,
    )


def test_a_waiting_job_is_cancelled(browser: Browser, tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        service.write_small_pair()
        client = service.api()
        for visit in visits(browser, client):
            client.new_job()
            page = visit.goes_to(f"/jobs/{client.new_job()}")
            expect(page.get_by_text("1 job waits before this one.")).to_be_visible()
            expect(page.get_by_text("No worker runs.")).to_be_visible()

            page.get_by_role("button", name="Cancel").click()

            expect(page.get_by_text("The job was cancelled.")).to_be_visible()
            expect(page.get_by_role("button", name="Diff revenue again")).to_be_visible()


def test_a_waiting_job_says_what_it_will_compare(browser: Browser, tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        client = service.api()
        files = {"old": ("o.csv", "k,v\n1,2\n"), "new": ("n.csv", "k,v\n1,3\n")}
        job_id = client.post("/api/diffing/new", files=files, data={"key": "auto"}).json()["job_id"]
        for visit in visits(browser, client):
            facts = visit.goes_to(f"/jobs/{job_id}").locator(".facts span:not(.state)")

            assert [
                "key: to be found",
                "value: all other columns",
                "tolerance: relative default, absolute 0",
            ] == facts.all_inner_texts()


def test_a_button_says_that_a_cancelled_job_starts_without_its_options(
    browser: Browser, tmp_path: Path
) -> None:
    with Service(tmp_path / "data") as service:
        service.write_small_pair()
        client = service.api()
        job_id = client.post("/api/diffing/new/revenue", json={"abs_tol": 1}).json()["job_id"]
        client.delete(f"/api/diffing/job/{job_id}")
        for visit in visits(browser, client):
            page = visit.goes_to(f"/jobs/{job_id}")

            button = page.get_by_role("button", name="Diff revenue as in the catalogue")
            expect(button).to_be_visible()


def test_a_form_keeps_its_texts_while_jobs_run_and_end(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,amount\n1,10\n")
    with Service(tmp_path / "data") as service:
        service.write_small_pair()
        client = service.api()
        for visit in visits(browser, client):
            client.new_job()
            client.new_job()
            page = visit.goes_to("/")
            page.get_by_label("new").set_input_files(tmp_path / "new.csv")
            page.get_by_label("key columns").fill("id")

            service.worker()

            expect(page.get_by_role("row", name="revenue").first).to_contain_text("succeeded")
            expect(page.get_by_label("Jobs that run or wait")).to_have_count(0)
            expect(page.get_by_label("key columns")).to_have_value("id")
            expect(page.locator('[data-side="new"]')).to_contain_text("new.csv")


def test_the_list_follows_a_job_to_its_end(browser: Browser, tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        service.write_small_pair()
        client = service.api()
        for visit in visits(browser, client):
            client.new_job()
            page = visit.goes_to("/jobs")
            state = page.locator("tbody .state")
            expect(state).to_have_text("queued")

            service.worker()

            expect(state).to_have_text("succeeded")


def test_the_figures_of_a_job_are_those_of_its_summary(
    visit: Visit, client: Client, done: int
) -> None:
    summary = client.get(f"/api/diffing/job/{done}/summary").json()
    page = visit.goes_to(f"/jobs/{done}")

    rows = page.locator("table.accounts tbody tr")
    changed, unchanged, added, removed = (
        summary[kind] for kind in ("changed", "unchanged", "added", "removed")
    )
    expect(rows.nth(0)).to_have_text(
        re.compile(rf"old\s*{summary['old']['rows']}\s*{removed} removed, .*")
    )
    expect(rows.nth(1)).to_have_text(
        re.compile(
            rf"new\s*{summary['new']['rows']}\s*"
            rf"{changed} changed, {unchanged} unchanged, {added} added"
        )
    )
    expect(page.get_by_text(summary["result"]["sha256"])).to_be_visible()


def test_a_job_took_the_same_time_on_each_page(visit: Visit, client: Client, done: int) -> None:
    seconds = client.get(f"/api/diffing/job/{done}/summary").json()["seconds"]
    for path in ("/jobs", "/metrics/revenue"):
        page = visit.goes_to(path)
        row = page.locator("tr", has=page.get_by_role("link", name=str(done), exact=True))

        expect(row.get_by_role("cell", name=f"{seconds:.1f} s", exact=True)).to_be_visible()
    expect(visit.goes_to(f"/jobs/{done}").locator(".facts")).to_contain_text(f"{seconds:.1f} s")


def test_a_result_is_downloaded(visit: Visit, client: Client, done: int) -> None:
    page = visit.goes_to(f"/jobs/{done}")

    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Download CSV")).click()

    assert client.result_of(done) == Path(download.value.path()).read_bytes()


def test_a_failed_job_says_what_happened_and_where(visit: Visit, failed: int) -> None:
    page = visit.goes_to(f"/jobs/{failed}")

    expect(page.locator(".failed .detail")).to_contain_text("n.csv, line 3: the quote")


def test_jobs_are_filtered(visit: Visit, done: int, failed: int) -> None:
    page = visit.goes_to("/jobs")
    page.get_by_label("status").select_option("failed")
    page.get_by_role("button", name="Show").click()

    expect(page.get_by_role("link", name=str(failed), exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=str(done), exact=True)).not_to_be_visible()


def test_the_history_of_a_metric_leads_to_its_jobs(visit: Visit, done: int) -> None:
    page = visit.goes_to("/metrics/revenue")

    page.get_by_role("row").get_by_role("link", name=str(done), exact=True).click()

    assert page.url.endswith(f"/jobs/{done}")


@pytest.mark.parametrize(("path", "status"), [("/jobs/999999", 404), ("/metrics/none", 404)])
def test_an_unknown_page_is_an_error_page(
    client: Client, visit: Visit, path: str, status: int
) -> None:
    page = visit.goes_to(path)

    assert status == client.get(path).status_code
    expect(page.get_by_role("heading", name="Unknown")).to_be_visible()


@pytest.mark.parametrize(("path", "status"), [("/job/<b>1", 404), ("/compare", 405)])
def test_an_address_that_is_no_page_is_an_error_page_for_people(
    client: Client, visit: Visit, path: str, status: int
) -> None:
    page = visit.goes_to(path)

    expect(page.get_by_text(f"This service has no page {path}.")).to_be_visible()
    page.get_by_role("link", name="Go to the metrics").click()
    expect(page.get_by_role("heading", name="Metrics")).to_be_visible()
    said, for_people = client.get(path), client.get(path, headers={"Accept": "text/html"})
    assert said.headers.get("Allow") == for_people.headers.get("Allow")
    assert (status, status) == (said.status_code, said.json()["status"])
    in_api = client.get("/api/nothing", headers={"Accept": "text/html"})
    assert "application/problem+json" == in_api.headers["content-type"]


def test_names_and_values_of_html_are_shown_as_text(visit: Visit, client: Client) -> None:
    old, new = (f'id,"{HOSTILE.replace(chr(34), chr(34) * 2)}"\n1,{v}\n' for v in (1, 2))
    files = {"old": (f"{HOSTILE}.csv", old), "new": (f"{HOSTILE}.csv", new)}
    field = HOSTILE.replace('"', '""')
    answer = client.post("/api/diffing/new", files=files, data={"key": "id", "value": f'"{field}"'})
    job_id = answer.json()["job_id"]
    client.wait_for_success(job_id)

    page = visit.goes_to(f"/jobs/{job_id}")

    expect(page.locator(".facts")).to_contain_text("<script>fail()</script>")
    assert 0 == page.locator("main img, main script").count()


@pytest.mark.parametrize("scheme", one_in(2, ["light", "dark"]))
@pytest.mark.parametrize(
    "path", one_in(2, ["/", "/jobs", "/jobs/{done}", "/jobs/{failed}", "/metrics/revenue"])
)
def test_everyone_can_use_a_page(
    browser: Browser, client: Client, done: int, failed: int, path: str, scheme: str
) -> None:
    where = path.format(done=done, failed=failed)
    for visit in visits(browser, client, color_scheme=scheme):
        page = visit.goes_to(where)

        found = Axe().run(page)

        assert 0 == found.violations_count, found.generate_report()


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", ["/", "/jobs", "/jobs/{done}", "/jobs/{failed}", "/metrics/revenue"]
)
def test_no_page_needs_to_be_moved_sideways(
    browser: Browser, client: Client, done: int, failed: int, path: str
) -> None:
    where = path.format(done=done, failed=failed)
    for visit in visits(browser, client):
        for width in WIDTHS:
            visit.page.set_viewport_size({"width": width, "height": 700})
            page = visit.goes_to(where)

            wait_until_it_fits(page, width)


def test_a_page_is_used_with_the_keyboard_alone(visit: Visit) -> None:
    page = visit.goes_to("/")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Diff now revenue":
            break
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="What changed in revenue")).to_be_visible()


# --- with API keys ---


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, str, Program]]:
    """A client of a service that asks for API keys, the token of one, and the API."""
    with Service(tmp_path_factory.mktemp("locked") / "data") as service:
        service.write_small_pair()
        token = make_api_key(service.folder, "read", "submit")
        api = service.start("api", "--port", "0", API_KEYS="on")
        yield service.client_of(api), token, api


def test_a_browser_signs_in_and_out(browser: Browser, locked: tuple[Client, str, Program]) -> None:
    client, token, _ = locked
    for visit in visits(browser, client):
        page = visit.goes_to("/jobs?status=failed")
        page.get_by_label("token").fill("diffing_0")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("invalid")

        page.get_by_label("token").fill(token)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
        assert page.url.endswith("/jobs?status=failed")

        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_cookie_reads_and_neither_starts_nor_cancels_through_the_api(
    locked: tuple[Client, str, Program],
) -> None:
    client, token, _ = locked
    begun = client.post("/login", data={"token": token})
    cookie = begun.headers["set-cookie"]
    headers = {"Cookie": cookie.partition(";")[0]}

    started = client.post("/metrics/revenue/diff", headers=headers)
    address = started.headers["location"]

    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    assert 303 == started.status_code
    assert 200 == client.get("/api/diffing/jobs", headers=headers).status_code
    assert 401 == client.get("/api/diffing/new/revenue", headers=headers).status_code
    assert 401 == client.post("/api/diffing/new/revenue", headers=headers).status_code
    assert (
        401 == client.delete(f"/api/diffing{address[:4]}{address[5:]}", headers=headers).status_code
    )
    elsewhere = {**headers, "Origin": "https://elsewhere.example"}
    assert 403 == client.post("/metrics/revenue/diff", headers=elsewhere).status_code


@pytest.mark.parametrize(
    "back", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere"]
)
def test_signing_in_leads_to_this_service_alone(
    locked: tuple[Client, str, Program], back: str
) -> None:
    client, token, _ = locked

    begun = client.post("/login", data={"token": token, "next": back})

    assert "/" == begun.headers["location"]


@pytest.mark.slow
def test_a_job_shows_its_verdict_and_its_periods(visit: Visit, client: Client) -> None:
    files = {
        "old": ("o.csv", "day,v\n2026-01-01,1\n2026-03-01,1\n"),
        "new": ("n.csv", "day,v\n2026-01-01,2\n2026-03-01,inf\n"),
    }
    rules = ["settled.changed = 0", "changed <= 90%", "added = 0", "v.moved <= 5%"]
    form = {"key": "day", "value": "v", "period": "day", "settled_after": "9d", "expect": rules}
    job_id = client.post("/api/diffing/new", files=files, data=form).json()["job_id"]
    client.wait_for_success(job_id)

    page = visit.goes_to("/jobs?verdict=not-passed")
    expect(page.get_by_text("not as expected")).to_be_visible()
    page.get_by_role("link", name=str(job_id), exact=True).click()

    card = page.get_by_role("region", name="not as expected")
    expect(card.get_by_role("row")).to_have_count(5)
    expect(card.get_by_role("row").nth(1)).to_contain_text("settled.changed")
    expect(card.get_by_role("row", name="v.moved")).to_contain_text("infinite")
    periods = page.get_by_role("region", name="Settled and open periods")
    expect(periods.get_by_role("row", name="settled")).to_have_text(re.compile(r"1\s*1\s*0\s*1"))
    page.set_viewport_size({"width": 360, "height": 700})
    wait_until_it_fits(page, 360)
    faults = Axe().run(page)
    assert 0 == faults.violations_count, faults.generate_report()
