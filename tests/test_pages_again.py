"""A job is started again from its page, with other tolerances."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import Visit, visits
from tests.service_under_test import Client, Service
from tests.test_api import assert_problem

METRICS = """
[metric.small]
old = "old.csv"
new = "new.csv"
key = ["id"]
value = ["amount", "price"]
rel_tol = 0.01
"""
# three rows of noise, one that really changed
OLD = "id,amount,price\n1,100.0,1\n2,200.0,1\n3,300.0,1\n4,400.0,1\n"
NEW = "id,amount,price\n1,100.000005,1\n2,200.000005,1\n3,300.00001,1\n4,500.0,1\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("again") / "data") as service:
        service.write("old.csv", OLD)
        service.write("new.csv", NEW)
        yield service


@pytest.fixture(scope="module")
def client(service: Service) -> Client:
    client, _ = service.api_and_worker(metrics=service.write("metrics.toml", METRICS))
    return client


@pytest.fixture
def visit(browser: Browser, client: Client) -> Iterator[Visit]:
    yield from visits(browser, client)


def done(client: Client, answer: Any) -> int:
    """The id of a job that was started, once it succeeded."""
    assert 202 == answer.status_code, answer.text
    client.wait_for_success(answer.json()["job_id"])
    return int(answer.json()["job_id"])


def job_of_metric(client: Client, **options: object) -> int:
    return done(client, client.post("/api/diffing/new/small", json=options))


def job_of_upload(client: Client) -> int:
    files = {"old": ("old.csv", OLD), "new": ("new.csv", NEW)}
    fields = {"key": "id", "value": "amount,price"}
    return done(client, client.post("/api/diffing/new", files=files, data=fields))


def again(client: Client, job_id: int, **fields: str) -> dict[str, Any]:
    """The summary of a job that was started again."""
    answer = client.post("/new", data={"from": str(job_id), **fields})
    assert 303 == answer.status_code, answer.text
    started = int(answer.headers["location"].removeprefix("/jobs/"))
    client.wait_for_success(started)
    return dict(client.get(f"/api/diffing/job/{started}/summary").json())


@pytest.mark.slow
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_noise_is_left_out_by_two_clicks(browser: Browser, client: Client, scripts: bool) -> None:
    job_id = job_of_metric(client, rel_tol=1e-12)
    assert client.get(f"/api/diffing/job/{job_id}/analysis").is_success
    for visit in visits(browser, client, java_script_enabled=scripts):
        page = visit.goes_to(f"/jobs/{job_id}")

        page.get_by_role("link", name="Diff again with 1e-7: 1 row").click()
        expect(page.get_by_label("relative tolerance")).to_have_value("1e-7")
        page.get_by_role("button", name="Diff again").click()

        started = int(page.url.rpartition("/")[2])
        client.wait_for_success(started)
        summary = client.get(f"/api/diffing/job/{started}/summary").json()
        assert (1e-7, 1) == (summary["rel_tol"], summary["changed"])
        assert started != job_id


def test_other_options_stay(client: Client) -> None:
    own = {"price": {"rel_tol": 0.5, "abs_tol": None}}
    job_id = job_of_metric(client, nocase=True, empty=["-"], tolerance=own, old="new.csv")

    summary = again(client, job_id, rel_tol="1e-3", abs_tol="2")

    assert (1e-3, 2) == (summary["rel_tol"], summary["abs_tol"])
    assert (True, ["-"], own) == (summary["nocase"], summary["empty"], summary["tolerance"])
    assert ("new.csv", "small") == (summary["old"]["name"], summary["metric"])


def test_the_tolerance_of_one_column_leaves_those_of_others(client: Client) -> None:
    own = {"amount": {"rel_tol": 0.125, "abs_tol": None}}
    job_id = job_of_metric(client, tolerance=own)

    summary = again(client, job_id, rel_tol="price=0.25", abs_tol="0")

    assert own | {"price": {"rel_tol": 0.25, "abs_tol": None}} == summary["tolerance"]


def test_an_empty_field_is_the_default(client: Client) -> None:
    summary = again(client, job_of_metric(client), rel_tol="", abs_tol="")

    assert (None, 0) == (summary["rel_tol"], summary["abs_tol"])


@pytest.mark.slow
def test_rules_are_those_of_the_job_until_they_are_changed(visit: Visit, client: Client) -> None:
    job_id = job_of_metric(client, expect={"changed": "<= 1%", "removed": 0})
    page = visit.goes_to(f"/new?from={job_id}")
    field = page.get_by_label("expected")
    expect(field).to_have_value("changed <= 1%\nremoved = 0")

    field.fill("changed <= 99%\n\namount.largest < 2\n")
    page.get_by_role("button", name="Diff again").click()

    started = int(page.url.rpartition("/")[2])
    client.wait_for_success(started)
    verdict = client.get(f"/api/diffing/job/{started}/summary").json()["verdict"]
    rules = {"changed": "<= 99%", "amount.largest": "< 2"}
    assert rules == expected_in(verdict)
    assert again(client, started, expect="")["verdict"] is None
    assert rules == expected_in(again(client, started)["verdict"])


def expected_in(verdict: dict[str, Any]) -> dict[str, str]:
    return {rule["rule"]: rule["expected"] for rule in verdict["rules"]}


def test_a_rule_that_is_none_is_refused(client: Client) -> None:
    answer = client.post("/new", data={"from": str(job_of_metric(client)), "expect": "changed"})

    assert_page(answer, 400, "expect: changed is not a rule such as changed")


def test_files_of_the_folder_of_inputs_are_diffed_again(client: Client) -> None:
    body = {"old": "old.csv", "new": "new.csv", "key": ["id"], "value": ["amount"]}
    job_id = done(client, client.post("/api/diffing/new", json=body))

    summary = again(client, job_id, rel_tol="0.5")

    assert (["id"], ["amount"], 0) == (summary["key"], summary["value"], summary["changed"])


def test_the_form_has_the_tolerances_of_the_job(visit: Visit, client: Client) -> None:
    page = visit.goes_to(f"/jobs/{job_of_metric(client)}")

    page.get_by_role("link", name="Diff again …").click()

    expect(page.get_by_label("relative tolerance")).to_have_value("0.01")
    expect(page.get_by_label("absolute")).to_have_value("0")


def test_uploads_get_the_command_line(visit: Visit, client: Client) -> None:
    job_id = job_of_upload(client)

    page = visit.goes_to(f"/new?from={job_id}&rel_tol=1e-7")

    command = "diffing diff old.csv new.csv --key id --value amount --value price --rel-tol 1e-07"
    expect(page.locator("pre")).to_have_text(command)
    assert 0 == page.get_by_role("button", name="Diff again").count()
    expect(page.get_by_text("were uploaded for it alone")).to_be_visible()
    assert_page(client.post("/new", data={"from": str(job_id)}), 409, "Upload them again.")


def assert_page(answer: Any, status: int, said: str) -> None:
    assert status == answer.status_code
    assert "text/html; charset=utf-8" == answer.headers["content-type"]
    assert said in answer.text


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_job_cannot_be_started_again(client: Client, method: str) -> None:
    fields = {"from": "999999"}

    answer = client.request(
        method,
        "/new",
        params=fields if method == "GET" else None,
        data=fields if method == "POST" else None,
    )

    assert_page(answer, 404, "Unknown job")


def test_an_upload_without_a_result_gets_the_command_line(client: Client) -> None:
    files = {"old": ("o.csv", "k,v\n1,2\n"), "new": ("n.csv", 'k,v\n1,2\n2,"\n')}
    form = {"key": "k", "value": "v"}
    job_id = client.post("/api/diffing/new", files=files, data=form).json()["job_id"]
    client.wait_for_failure(job_id)

    assert_page(client.post("/new", data={"from": str(job_id)}), 409, "Upload them again.")
    shown = client.get("/new", params={"from": job_id}).text
    assert "diffing diff o.csv n.csv --key k --value v" in shown


def test_a_failed_job_is_started_again_with_its_options(
    visit: Visit, service: Service, client: Client
) -> None:
    service.write("broken.csv", "id,amount,price\n1,2\n")
    options = {"new": "broken.csv", "nocase": True, "abs_tol": 3, "expect": {"removed": 0}}
    job_id = client.post("/api/diffing/new/small", json=options).json()["job_id"]
    client.wait_for_failure(job_id)
    service.write("broken.csv", NEW)
    page = visit.goes_to(f"/jobs/{job_id}")

    page.get_by_role("link", name="Diff again with its options").click()
    expect(page.get_by_label("absolute")).to_have_value("3")
    expect(page.get_by_label("expected")).to_have_value("removed = 0")
    page.get_by_role("button", name="Diff again").click()

    started = int(page.url.rpartition("/")[2])
    client.wait_for_success(started)
    summary = client.get(f"/api/diffing/job/{started}/summary").json()
    assert (True, 3, "broken.csv") == (
        summary["nocase"],
        summary["abs_tol"],
        summary["new"]["name"],
    )


@pytest.mark.parametrize("text", ["-1", "nan", "x", "<script>fail()</script>"])
def test_a_tolerance_that_is_none_is_refused(client: Client, text: str) -> None:
    job_id = job_of_metric(client)

    answer = client.post("/new", data={"from": str(job_id), "rel_tol": text})

    assert_page(answer, 400, "rel_tol must be a number")
    assert "<script>fail()" not in answer.text
    assert "<script>fail()" not in client.get("/new", params={"from": job_id, "rel_tol": text}).text


def test_another_site_cannot_start_a_job_again(client: Client) -> None:
    job_id = job_of_metric(client)

    elsewhere = {"Origin": "https://elsewhere.example"}
    answer = client.post("/new", data={"from": str(job_id)}, headers=elsewhere)

    assert_problem(answer, 403, "A page of another site")
