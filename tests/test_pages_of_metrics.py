"""The page of a metric shows its verdicts, what is unusual, and the files that were accepted."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, expect

from diffing.store import schema
from tests.browser import Visit, visits, wait_until_it_fits
from tests.service_under_test import Client, Service
from tests.test_history import end_jobs

LONG = "-".join(["long"] * 16)
METRICS = f"""
[metric.small]
old = "accepted"
new = "new.csv"
key = ["id"]
value = ["amount"]
expect = {{ changed = 0 }}

[metric.{LONG}]
old = "{LONG.replace("-", "_")}.csv"
new = "new.csv"
key = ["id"]
"""


def rows(changed: int) -> str:
    return "id,amount\n" + "".join(f"{i},{i + (i < changed)}\n" for i in range(200))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("metrics") / "data") as service:
        yield service


@pytest.fixture(scope="module")
def client(service: Service) -> Client:
    client, _ = service.api_and_worker(metrics=service.write("metrics.toml", METRICS))
    for changed in (0, 1, 1, 1, 1, 1, 150):
        service.write("new.csv", rows(changed))
        client.wait_for_success(client.new_job("small"))
    return client


@pytest.fixture
def visit(browser: Browser, client: Client) -> Iterator[Visit]:
    yield from visits(browser, client)


def test_verdicts_and_unusual_figures_are_shown_with_each_job(visit: Visit) -> None:
    page = visit.goes_to("/metrics/small")
    history = page.get_by_role("region", name="Jobs, newest first")

    expect(history.get_by_text("not as expected")).to_have_count(6)
    expect(history.get_by_text("Unusual: changed 150: 150 times the usual 1")).to_be_visible()
    expect(history.get_by_text("Unusual")).to_have_count(1)


def test_a_job_of_the_history_is_one_line_on_a_small_screen(visit: Visit) -> None:
    page = visit.goes_to("/metrics/small")
    page.set_viewport_size({"width": 360, "height": 700})

    row = page.get_by_role("region", name="Jobs, newest first").get_by_role("row").nth(1)
    box = row.bounding_box()
    assert box
    assert box["height"] < 50
    wait_until_it_fits(page, 360)


def test_a_long_name_leaves_room_for_the_rest_of_a_line(visit: Visit) -> None:
    page = visit.goes_to("/")
    page.set_viewport_size({"width": 1280, "height": 700})

    expect(page.get_by_role("link", name=LONG)).to_be_visible()
    widths = page.get_by_role("region", name="Metrics").evaluate(
        "region => [region.scrollWidth, region.clientWidth]"
    )
    assert widths[0] == widths[1]


def test_the_history_has_all_jobs_also_those_that_were_removed(
    browser: Browser, tmp_path: Path
) -> None:
    with Service(tmp_path / "data") as service:
        *removed, last = end_jobs(service, *range(1, 53))
        service.execute(sa.delete(schema.jobs).where(schema.jobs.c.id != last))
        service.write_small_pair()
        client = service.api()
        waiting = client.new_job()
        for visit in visits(browser, client):
            page = visit.goes_to("/metrics/revenue")
            jobs = page.get_by_role("region", name="Jobs, newest first").get_by_role("rowheader")

            shown = [waiting, last, *removed[::-1]]
            assert [str(job_id) for job_id in shown[:51]] == jobs.all_text_contents()
            links = jobs.get_by_role("link")
            assert [str(waiting), str(last)] == links.all_text_contents()
            page.get_by_role("link", name="Older").click()
            expect(jobs).to_have_text([str(job_id) for job_id in shown[51:]])
            expect(page.get_by_role("link", name="Older")).to_have_count(0)
            page.get_by_role("link", name="Newest").click()
            expect(jobs).to_have_count(51)


@pytest.mark.slow
def test_the_new_file_of_a_job_is_accepted_from_its_page(visit: Visit, client: Client) -> None:
    page = visit.goes_to("/metrics/small")
    accepted = page.get_by_role("group", name="Accepted files, newest first, and pins")
    expect(accepted).to_contain_text("the first file")
    page.get_by_role("region", name="Jobs, newest first").get_by_role("link").first.click()
    page.get_by_label("note").fill("Überprüft, <b>restated</b>")
    page.get_by_role("button", name="Accept the new file").click()
    expect(page).to_have_url(re.compile("/jobs/7$"))

    page = visit.goes_to("/metrics/small")

    expect(accepted.get_by_role("row").nth(1)).to_contain_text("Überprüft, <b>restated</b>")
    newest = client.get("/api/diffing/metrics/small/accepted").json()["accepted"][0]
    assert (7, "request", "Überprüft, <b>restated</b>") == tuple(
        newest[name] for name in ("job_id", "how", "note")
    )


def test_a_form_without_a_job_accepts_nothing(client: Client) -> None:
    before = client.get("/api/diffing/metrics/small/accepted").json()
    for fields in ({}, {"job_id": "x"}, {"job_id": "999"}):
        answer = client.post("/metrics/small/accept", data=fields)
        assert answer.status_code in (404, 422)

    assert before == client.get("/api/diffing/metrics/small/accepted").json()
