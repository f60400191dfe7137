"""The HTTP API: what it accepts, what it answers in each state of a job, and what it never says."""

import gzip
import hashlib
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import pytest
import xxhash

from diffing.core.catalogue import load_catalogue
from diffing.core.dialect import PLAIN
from diffing.core.errors import BadInput
from diffing.core.progress import Progress
from tests import reference
from tests.service_under_test import NEW, OLD, Client, Service
from tests.usual import USUAL_OPTIONS

ABSURD_IDS = {
    "zero": "0",
    "negative": "-1",
    "plus": "+1",
    "fraction": "1.5",
    "exponent": "1e3",
    "word": "abc",
    "empty": "%20",
    "past 64 bits": "99999999999999999999",
    "2**63": str(2**63),
    "2**63 - 1": str(2**63 - 1),
    "5,000 digits": "9" * 5_000,
    "dots": "%2e%2e",
    "Arabic digit": "١",  # noqa: RUF001 - it is what is tested
    "superscript": "²",
    "line end": "1%0a",
    "NUL": "1%00",
    "no UTF-8": "%ff",
    "hexadecimal": "0x1",
    "underscore": "1_0",
}
ODD_METRICS = {
    "unknown": "profit",
    "other case": "REVENUE",
    "space": "revenue%20",
    "line end": "revenue%0a",
    "NUL": "revenue%00",
    "no UTF-8": "%ff%fe",
    "dots": "%2e%2e",
    "SQL": "';%20drop%20table%20jobs;--",
    "markup": "%3Cscript%3E",
    "emoji": "💥",
    "accents": "révenue",
    "file name": "revenue_old.csv",
    "5,000 characters": "x" * 5_000,
    "nearly a name, 5,000 characters": "revenue" + "e" * 5_000,
}
RESULTS = ("", "?detail=1", "/removed", "/summary")


@pytest.fixture(scope="module")
def idle(idle_service: Service) -> Client:
    """An API without a worker."""
    return idle_service.api()


@pytest.fixture(scope="module")
def working_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A data folder with the input files of all metrics."""
    with Service(tmp_path_factory.mktemp("working")) as service:
        service.write_small_pair()
        service.write_sample("c-revenue", 3_000)
        yield service


@pytest.fixture(scope="module")
def working(working_service: Service) -> Client:
    """An API with a worker."""
    client, _ = working_service.api_and_worker()
    return client


@pytest.fixture(scope="module")
def done(working: Client) -> int:
    """The id of a job that succeeded, of OLD and NEW."""
    job_id = working.new_job()
    working.wait_for_success(job_id)
    return job_id


def answer() -> reference.Answer:
    """The right result of OLD and NEW."""
    metric = load_catalogue(None).find("revenue")
    return reference.diff(OLD, NEW, list(metric.key), list(metric.value))


def assert_problem(response: httpx2.Response, status: int, *named: str) -> None:
    """It is a problem document (RFC 9457) of that status that names those."""
    problem = response.json()

    assert status == response.status_code
    assert response.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "detail"} <= set(problem)
    assert status == problem["status"]
    assert [name for name in named if name not in problem["detail"]] == [], problem
    assert len(response.content) < 8_192


def assert_waits(response: httpx2.Response, job_id: int, status: str) -> None:
    """It says that a job is not done, and to ask again."""
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/json"
    assert {"job_id": job_id, "status": status} == response.json()
    assert int(response.headers["retry-after"]) >= 1
    assert response.headers["cache-control"] == "no-store"


def time_of(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


# a new job


@pytest.mark.parametrize("slash", ["", "/"], ids=["plain", "slash"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_new_job_is_accepted_with_its_id_and_where_to_look(
    idle: Client, method: str, slash: str
) -> None:
    response = idle.request(method, f"/api/diffing/new/revenue{slash}")

    assert response.status_code == 202
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    job_id = response.json()["job_id"]
    assert {"job_id": job_id} == response.json()
    assert isinstance(job_id, int)
    assert f"/api/diffing/job/{job_id}" == response.headers["location"]
    assert idle.status_of(job_id)["status"] == "queued"


def test_ids_count_from_one_and_go_on_when_the_api_starts_again(service: Service) -> None:
    service.write_small_pair()
    api = service.start("api", "--port", "0")
    client = service.client_of(api)
    first = [client.new_job(), client.new_job()]
    api.signal(signal.SIGTERM)
    api.ended()
    again = service.api()

    assert [*first, again.new_job()] == [1, 2, 3]
    assert_waits(again.get("/api/diffing/job/1"), 1, "queued")


def test_the_queue_holds_the_id_and_nothing_else(idle: Client, idle_service: Service) -> None:
    ids = [idle.new_job() for _ in range(3)]

    assert [((job_id,), {}) for job_id in ids] == idle_service.queued_tasks()[-3:]


def test_HEAD_makes_no_job(idle: Client, idle_service: Service) -> None:  # noqa: N802 - its name
    before = idle.new_job()
    responses = [idle.head(f"/api/diffing/new/revenue{slash}") for slash in ("", "/")]

    assert [405, 405] == [response.status_code for response in responses]
    for response in responses:
        assert {"GET", "POST"} == set(response.headers["allow"].split(", "))
    assert ((before,), {}) == idle_service.queued_tasks()[-1]
    assert before + 1 == idle.new_job()


@pytest.mark.parametrize("name", ODD_METRICS.values(), ids=ODD_METRICS)
def test_an_unknown_metric_is_a_404_that_names_the_metrics_there_are(
    idle: Client, name: str
) -> None:
    for method in ("GET", "POST"):
        response = idle.request(method, f"/api/diffing/new/{name}")
        assert_problem(response, 404, "Unknown metric", "revenue", "c-revenue")
        assert ["revenue", "c-revenue"] == response.json()["metrics"]


def test_an_unknown_metric_is_named_with_the_closest_there_is(idle: Client) -> None:
    assert_problem(
        idle.post("/api/diffing/new/revenu"), 404, "Unknown metric revenu.", "Did you mean revenue?"
    )


@pytest.mark.parametrize("path", ["a/b", "a%2fb", "%2e%2e%2f%2e%2e%2fetc%2fpasswd"])
def test_what_is_no_name_of_a_metric_is_no_route(idle: Client, path: str) -> None:
    assert_problem(idle.post(f"/api/diffing/new/{path}"), 404)


def test_a_missing_input_file_is_a_404_that_names_it(idle: Client, idle_service: Service) -> None:
    before = idle.new_job()
    for gone in idle_service.write_sample("c-revenue", 10):
        content = gone.read_bytes()
        gone.unlink()
        response = idle.post("/api/diffing/new/c-revenue")

        assert_problem(response, 404, "metric c-revenue", gone.name)
        assert ["revenue", "c-revenue"] == response.json()["metrics"]
        idle_service.write(f"{gone.name}.gz", gzip.compress(content))

    assert ((before,), {}) == idle_service.queued_tasks()[-1]
    assert before + 1 == idle.new_job("c-revenue")


# a job that is not done


def test_a_queued_job_is_a_404_with_its_status(idle: Client) -> None:
    job_id = idle.new_job()

    for path in RESULTS:
        assert_waits(idle.get(f"/api/diffing/job/{job_id}{path}"), job_id, "queued")
    assert {
        "job_id": job_id,
        "metric": "revenue",
        "status": "queued",
        "stage": None,
        "bytes_read": None,
        "bytes_total": None,
        "attempt": 0,
        "started_at": None,
        "finished_at": None,
        "counts": None,
        "verdict": None,
        "warnings": [],
        "reused_from": None,
        "baseline": None,
        "error": None,
    } == {k: v for k, v in idle.status_of(job_id).items() if k != "created_at"}


def test_a_job_that_a_worker_took_is_a_404_with_its_status(
    idle: Client, idle_service: Service
) -> None:
    jobs, job_id = idle_service.jobs(), idle.new_job()
    job = jobs.claim(job_id)
    assert job
    jobs.beat(job, Progress("comparing", 10, 20))

    for path in RESULTS:
        assert_waits(idle.get(f"/api/diffing/job/{job_id}{path}"), job_id, "processing")
    status = idle.status_of(job_id)
    assert tuple(status[k] for k in ("status", "stage", "attempt")) == (
        "processing",
        "comparing",
        1,
    )
    assert (10, 20) == (status["bytes_read"], status["bytes_total"])
    assert time_of(status["created_at"]) <= time_of(status["started_at"])
    assert status["finished_at"] is None


def test_no_answer_about_a_job_that_may_still_change_is_stored(idle: Client) -> None:
    job_id = idle.new_job()

    for path in (*RESULTS, "/status"):
        response = idle.get(f"/api/diffing/job/{job_id}{path}")
        assert response.headers["cache-control"] == "no-store"


# a job that succeeded


def test_the_result_is_the_rows_that_are_new_or_differ(working: Client, done: int) -> None:
    response = working.get(f"/api/diffing/job/{done}")

    assert response.status_code == 200
    assert answer().csv.encode() == response.content
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert (
        f'attachment; filename="revenue_diff_{done}.csv"' == response.headers["content-disposition"]
    )
    assert str(len(response.content)) == response.headers["content-length"]
    assert response.headers["etag"].startswith('"')
    assert response.headers["accept-ranges"] == "bytes"
    assert parsedate_to_datetime(response.headers["last-modified"])


def test_the_detail_says_what_each_row_was(working: Client, done: int) -> None:
    response = working.get(f"/api/diffing/job/{done}?detail=1")

    assert response.status_code == 200
    assert answer().detail_csv.encode() == response.content
    assert response.headers["content-disposition"].endswith(f'"revenue_detail_{done}.csv"')


def test_detail_0_is_the_plain_result(working: Client, done: int) -> None:
    plain = working.get(f"/api/diffing/job/{done}")

    assert plain.content == working.get(f"/api/diffing/job/{done}?detail=0").content


def test_another_detail_is_refused(working: Client, done: int) -> None:
    assert_problem(working.get(f"/api/diffing/job/{done}?detail=yes"), 400, "detail must be 0 or 1")


def test_the_removed_rows_are_those_of_old_whose_key_is_gone(working: Client, done: int) -> None:
    response = working.get(f"/api/diffing/job/{done}/removed")

    assert response.status_code == 200
    assert answer().removed_csv.encode() == response.content
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"].endswith(f'"revenue_removed_{done}.csv"')


def test_HEAD_of_a_result_gives_the_same_headers_and_no_body(  # noqa: N802 - its name
    working: Client, done: int
) -> None:
    whole = working.get(f"/api/diffing/job/{done}")
    head = working.head(f"/api/diffing/job/{done}")

    assert head.status_code == 200
    assert head.content == b""
    for name in ("content-length", "content-type", "content-disposition", "etag"):
        assert whole.headers[name] == head.headers[name]


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=10-", slice(10, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=5-99999999", slice(5, None)),
    ],
)
def test_a_part_of_a_result_can_be_fetched(
    working: Client, done: int, asked: str, part: slice
) -> None:
    whole = working.get(f"/api/diffing/job/{done}")
    response = working.get(f"/api/diffing/job/{done}", headers={"Range": asked})

    assert response.status_code == 206
    assert whole.content[part] == response.content
    assert response.headers["content-range"].endswith(f"/{len(whole.content)}")
    assert whole.headers["etag"] == response.headers["etag"]


def test_a_part_is_given_only_of_the_very_result_it_began_with(working: Client, done: int) -> None:
    whole = working.get(f"/api/diffing/job/{done}")

    def part(etag: str) -> httpx2.Response:
        return working.get(
            f"/api/diffing/job/{done}", headers={"Range": "bytes=4-", "If-Range": etag}
        )

    same, other = part(whole.headers["etag"]), part('"another"')
    assert (206, whole.content[4:]) == (same.status_code, same.content)
    assert (200, whole.content) == (other.status_code, other.content)


@pytest.mark.parametrize(("asked", "status"), [("bytes=99999999-", 416), ("bytes=9-1-3", 400)])
def test_a_part_that_is_not_there_is_refused(
    working: Client, done: int, asked: str, status: int
) -> None:
    response = working.get(f"/api/diffing/job/{done}", headers={"Range": asked})

    assert status == response.status_code


def test_the_status_of_a_job_that_succeeded_has_times_and_counts(
    working: Client, done: int
) -> None:
    status = working.status_of(done)
    times = [time_of(status.pop(f"{what}_at")) for what in ("created", "started", "finished")]
    expected = answer()

    assert sorted(times) == times
    assert {
        "job_id": done,
        "metric": "revenue",
        "status": "succeeded",
        "stage": None,
        "bytes_read": None,
        "bytes_total": None,
        "attempt": 1,
        "counts": {
            "added": expected.added,
            "changed": expected.changed,
            "removed": expected.removed,
            "unchanged": expected.unchanged,
            "within_tolerance": expected.within_tolerance,
            "emitted": len(expected.emitted),
        },
        "verdict": None,
        "warnings": [],
        "reused_from": None,
        "baseline": None,
        "error": None,
    } == status


def test_the_summary_tells_what_was_compared_found_and_spent(working: Client, done: int) -> None:
    response = working.get(f"/api/diffing/job/{done}/summary")
    summary: dict[str, Any] = response.json()
    spent = [summary.pop(name) for name in ("seconds", "peak_rss_bytes", "engine")]
    result = working.get(f"/api/diffing/job/{done}").content

    assert response.status_code == 200
    assert {
        **USUAL_OPTIONS,
        "metric": "revenue",
        "key": ["date", "segment_field", "segment_value_id", "stat"],
        "value": ["value"],
        "rel_tol": 1e-9,
        "old_dialect": PLAIN.model_dump(),
        "new_dialect": PLAIN.model_dump(),
        "measure": "stat",
        "old": {
            "name": "revenue_old.csv",
            "rows": 4,
            "bytes": len(OLD.encode()),
            "fingerprint": None,
            "sha256": hashlib.sha256(OLD.encode()).hexdigest(),
        },
        "new": {
            "name": "revenue_new.csv",
            "rows": 4,
            "bytes": len(NEW.encode()),
            "fingerprint": None,
            "sha256": hashlib.sha256(NEW.encode()).hexdigest(),
        },
        "columns": {"only_old": [], "only_new": [], "changed": {"value": 1}},
        "added": 1,
        "changed": 1,
        "removed": 1,
        "unchanged": 2,
        "within_tolerance": 1,
        "within_tolerance_whole": 0,
        "emitted": 2,
        "duplicate_keys": {"old": 0, "new": 0},
        "not_numbers": {"old": 0, "new": 0},
        "periods": None,
        "verdict": None,
        "warnings": [],
        "result": {
            "rows": 2,
            "bytes": len(result),
            "sha256": hashlib.sha256(result).hexdigest(),
        },
    } == summary
    assert 0 < spent[0] < 60
    assert 10_000_000 < spent[1] < 1_000_000_000
    assert spent[2].startswith("duckdb ")


@pytest.mark.parametrize("name", ["c_revenue", "cohort-revenue", "c%2Drevenue"])
def test_an_alias_is_the_metric_it_stands_for(
    working: Client, working_service: Service, name: str
) -> None:
    metric = load_catalogue(None).find("c-revenue")
    old, new = (
        (working_service.settings.input_dir / side).read_text() for side in (metric.old, metric.new)
    )
    expected = reference.diff(old, new, list(metric.key), list(metric.value))
    job_id = working.new_job(name)
    status = working.wait_for_success(job_id)
    response = working.get(f"/api/diffing/job/{job_id}")

    assert "c-revenue" == status["metric"]
    assert "c-revenue" == working.get(f"/api/diffing/job/{job_id}/summary").json()["metric"]
    assert (
        f'attachment; filename="c-revenue_diff_{job_id}.csv"'
        == response.headers["content-disposition"]
    )
    assert expected.csv.encode() == response.content
    assert min(expected.added, expected.changed, expected.removed) > 5


@pytest.mark.slow
def test_twenty_jobs_at_once_get_an_id_each_and_all_succeed(working: Client) -> None:
    with ThreadPoolExecutor(20) as threads:
        ids = list(threads.map(working.new_job, ["revenue"] * 20))
        list(threads.map(working.wait_for_success, ids))
        results = set(threads.map(working.result_of, ids))

    assert len(set(ids)) == 20
    assert {answer().csv.encode()} == results


def test_a_result_that_someone_removed_is_a_410(working: Client, working_service: Service) -> None:
    job_id = working.new_job()
    working.wait_for_success(job_id)
    for file in working_service.settings.results_dir.glob(f"{job_id}.*"):
        file.unlink()

    for path in ("", "?detail=1", "/removed"):
        assert_problem(working.get(f"/api/diffing/job/{job_id}{path}"), 410, "result")


METRICS = """
[metric.own]
old = "revenue_old.csv"
new = "revenue_new.csv"
key = ["date", "stat"]
value = ["segment_name", "value"]
tolerance = { value = { abs_tol = 50 } }
fingerprint = true

[metric.strict]
old = "revenue_old.csv"
new = "revenue_new.csv"
key = ["date", "stat"]
value = ["value"]
duplicates = "error"

[metric.packed]
old = "packed_old.csv"
new = "packed_new.csv"
key = ["date", "segment_field", "segment_value_id", "stat"]
value = ["value"]

[metric.other]
old = "other_old.csv"
new = "other_new.csv"
key = ["date", "segment_field", "segment_value_id", "stat"]
value = ["value"]
"""


@pytest.fixture(scope="module")
def own_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A data folder with a catalogue, and the pair of its metrics own and strict."""
    with Service(tmp_path_factory.mktemp("own")) as service:
        service.write_small_pair()
        yield service


@pytest.fixture(scope="module")
def own(own_service: Service) -> Client:
    """An API with a worker, with a catalogue of their own."""
    client, _ = own_service.api_and_worker(metrics=own_service.write("metrics.toml", METRICS))
    return client


def test_compressed_inputs_are_read(own: Client, own_service: Service) -> None:
    own_service.write("packed_old.csv.gz", gzip.compress(OLD.encode()))
    own_service.write("packed_new.csv.gz", gzip.compress(NEW.encode()))
    job_id = own.new_job("packed")
    own.wait_for_success(job_id)

    assert answer().csv.encode() == own.result_of(job_id)
    summary = own.get(f"/api/diffing/job/{job_id}/summary").json()
    assert summary["new"]["name"] == "packed_new.csv.gz"


def test_a_metric_has_its_options(own: Client) -> None:
    job_id, strict_id = own.new_job("own"), own.new_job("strict")
    own.wait_for_success(job_id)
    key, value = ["date", "stat"], ["segment_name", "value"]
    expected = reference.diff(OLD, NEW, key, value, tolerance={"value": {"abs_tol": 50}})

    summary = own.get(f"/api/diffing/job/{job_id}/summary").json()
    assert expected.csv.encode() == own.result_of(job_id)
    assert expected.detail_csv.encode() == own.get(f"/api/diffing/job/{job_id}?detail=1").content
    assert {"old": 3, "new": 3} == summary["duplicate_keys"]
    assert {"value": {"rel_tol": None, "abs_tol": 50.0}} == summary["tolerance"]
    for side, text in (("old", OLD), ("new", NEW)):
        assert xxhash.xxh3_128_hexdigest(text.encode()) == summary[side]["fingerprint"]
    detail = own.wait_for_failure(strict_id)["error"]["detail"]
    assert "revenue_old.csv: 3 rows repeat the key of an earlier row" in detail


# a job that failed


BAD_INPUTS = {
    "no text": (NEW.encode() + bytes(range(256)) * 40, "other_new.csv"),
    "not UTF-8": (NEW.encode() + b"\xff,,,,,,\n", "other_new.csv"),
    "broken line": (f"{NEW}1,2,3\n".encode(), "line 6"),
}


def test_a_bad_input_file_is_told_in_the_same_words_everywhere_and_a_good_one_is_diffed(
    own: Client, own_service: Service
) -> None:
    own_service.write("other_old.csv", OLD)
    for content, said in BAD_INPUTS.values():
        own_service.write("other_new.csv", content)
        job_id = own.new_job("other")
        status = own.wait_for_failure(job_id)
        error = status["error"]

        assert {"type", "title", "detail"} == set(error)
        assert error["type"] == "urn:diffing:bad-input"
        assert BadInput.title == error["title"]
        assert said in error["detail"]
        assert "\n" not in error["detail"]
        assert status["counts"] is None
        assert time_of(status["started_at"]) <= time_of(status["finished_at"])
        for path in ("", "/summary"):
            response = own.get(f"/api/diffing/job/{job_id}{path}")
            assert response.status_code == 404
            assert {"job_id": job_id, "status": "failed", "error": error} == response.json()
            assert response.headers["cache-control"] == "no-store"
            assert "retry-after" not in response.headers

    own_service.write("other_new.csv", NEW)
    after = own.new_job("other")
    own.wait_for_success(after)
    assert answer().csv.encode() == own.result_of(after)
    assert "failed" == own.status_of(job_id)["status"]


BAD_HEADERS = {
    "no such column": (NEW.replace("stat,value\n", "stat,valeu\n"), "Did you mean 'valeu'?"),
    "empty": ("", "the file is empty"),
    "no CSV": ("%PDF-1.7\n", "is a PDF document"),
    "other delimiter": (NEW.replace(",", ";"), "delimiter"),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_bad_header_in_the_folder_of_inputs_is_a_422_and_makes_no_job(
    own: Client, own_service: Service, method: str
) -> None:
    own_service.write("other_old.csv", OLD)
    before = own.newest_job()
    for content, said in BAD_HEADERS.values():
        own_service.write("other_new.csv", content)
        response = own.request(method, "/api/diffing/new/other")

        assert_problem(response, 422, "other_new.csv: ", said)
        assert "urn:diffing:bad-input" == response.json()["type"]
    assert before == own.newest_job()


def test_an_input_that_went_before_a_worker_came_is_told(service: Service) -> None:
    service.write_small_pair()
    client = service.api()
    job_id = client.new_job()
    (service.settings.input_dir / "revenue_new.csv").unlink()
    service.worker()
    error = client.wait_for_failure(job_id)["error"]

    assert error["type"] == "urn:diffing:missing-input"
    assert "revenue_new.csv" in error["detail"]


# a job that nobody wants any more


def test_a_queued_job_is_cancelled_at_once_and_never_run(service: Service) -> None:
    service.write_small_pair()
    client = service.api()
    job_id = client.new_job()
    for _ in range(2):
        response = client.delete(f"/api/diffing/job/{job_id}")
        assert response.status_code == 202
        assert {"job_id": job_id, "status": "cancelled"} == response.json()
        assert response.headers["cache-control"] == "no-store"
    worker = service.worker()
    client.wait_for_success(client.new_job())

    assert [] == [line for line in worker.lines() if f"job {job_id}:" in line]
    status = client.status_of(job_id)
    assert ("cancelled", 0, None) == tuple(status[k] for k in ("status", "attempt", "error"))
    assert time_of(status["created_at"]) <= time_of(status["finished_at"])
    for path in RESULTS:
        response = client.get(f"/api/diffing/job/{job_id}{path}")
        assert response.status_code == 404
        assert {"job_id": job_id, "status": "cancelled"} == response.json()
        assert "retry-after" not in response.headers


def test_a_job_that_ended_cannot_be_cancelled(working: Client, done: int) -> None:
    assert_problem(working.delete(f"/api/diffing/job/{done}"), 409, f"Job {done} has succeeded")
    assert answer().csv.encode() == working.result_of(done)


@pytest.mark.parametrize("job_id", ABSURD_IDS.values(), ids=ABSURD_IDS)
def test_a_job_that_never_was_cannot_be_cancelled(idle: Client, job_id: str) -> None:
    assert_problem(idle.delete(f"/api/diffing/job/{job_id}"), 404, "Unknown job")


# the same request again


def test_the_same_key_and_request_is_the_same_job(idle: Client, idle_service: Service) -> None:
    headers = {"Idempotency-Key": "night-of-2026-01-31"}
    first = idle.post("/api/diffing/new/revenue", headers=headers, content=b"{}")
    before = idle_service.queued_tasks()
    again = idle.post("/api/diffing/new/revenue", headers=headers, content=b"{}")

    assert first.status_code == 202
    assert (202, first.json()) == (again.status_code, again.json())
    assert first.headers["location"] == again.headers["location"]
    assert before == idle_service.queued_tasks()
    assert first.json() != idle.post("/api/diffing/new/revenue").json()


def test_the_same_key_with_another_request_is_a_409(working: Client) -> None:
    headers = {"Idempotency-Key": "4711"}
    first = working.post("/api/diffing/new/revenue", headers=headers).json()["job_id"]
    for metric, body in (("c-revenue", b""), ("revenue", b"{}")):
        response = working.post(f"/api/diffing/new/{metric}", headers=headers, content=body)
        assert_problem(response, 409, "Idempotency-Key", f"job {first}")
    working.wait_for_success(first)
    assert {"job_id": first} == working.get("/api/diffing/new/revenue", headers=headers).json()


def test_an_alias_with_the_same_key_is_the_same_request(working: Client) -> None:
    headers = {"Idempotency-Key": "alias"}
    asked = [
        working.post(f"/api/diffing/new/{m}", headers=headers) for m in ("c-revenue", "c_revenue")
    ]

    assert asked[0].json() == asked[1].json()


def test_twenty_of_the_same_key_at_once_are_one_job(idle: Client) -> None:
    def ask(_: int) -> int:
        response = idle.post("/api/diffing/new/revenue", headers={"Idempotency-Key": "at-once"})
        assert response.status_code == 202
        return int(response.json()["job_id"])

    with ThreadPoolExecutor(20) as threads:
        assert len(set(threads.map(ask, range(20)))) == 1


def test_a_key_holds_when_the_input_went_and_the_job_ended(
    own: Client, own_service: Service
) -> None:
    old, _ = own_service.write("other_old.csv", OLD), own_service.write("other_new.csv", NEW)
    headers = {"Idempotency-Key": "k"}
    job_id = own.post("/api/diffing/new/other", headers=headers).json()["job_id"]
    own.wait_for_success(job_id)
    old.unlink()

    again = own.post("/api/diffing/new/other", headers=headers)
    assert (202, {"job_id": job_id}) == (again.status_code, again.json())


@pytest.mark.parametrize("key", [b"", b"a b", b"x" * 256, "é".encode()], ids=repr)
def test_a_key_that_is_none_is_refused(idle: Client, key: bytes) -> None:
    response = idle.post("/api/diffing/new/revenue", headers={b"Idempotency-Key": key})

    assert_problem(response, 400, "Idempotency-Key")


# too many


def test_beyond_so_many_waiting_jobs_a_new_one_is_a_503_that_says_when_to_come_again(
    service: Service,
) -> None:
    service.write_small_pair()
    client = service.api(max_queued=3)
    headers = {"Idempotency-Key": "first"}
    first = client.post("/api/diffing/new/revenue", headers=headers).json()
    with ThreadPoolExecutor(10) as threads:
        asked = [*threads.map(lambda _: client.post("/api/diffing/new/revenue"), range(10))]
    refused = [response for response in asked if response.status_code == 503]

    assert 8 == len(refused)
    for response in refused:
        assert_problem(response, 503, "3 jobs are already waiting")
        assert int(response.headers["retry-after"]) >= 1
        assert "urn:diffing:queue-full" == response.json()["type"]
    assert first == client.post("/api/diffing/new/revenue", headers=headers).json()
    assert 3 == len(service.queued_tasks())
    client.delete(f"/api/diffing/job/{first['job_id']}")
    assert 202 == client.post("/api/diffing/new/revenue").status_code


# what there is not


@pytest.mark.parametrize("what", ["", "/status", "/summary"], ids=["result", "status", "summary"])
@pytest.mark.parametrize("job_id", ABSURD_IDS.values(), ids=ABSURD_IDS)
def test_an_id_that_never_was_is_a_404(idle: Client, job_id: str, what: str) -> None:
    assert_problem(idle.get(f"/api/diffing/job/{job_id}{what}"), 404, "Unknown job")


def test_an_id_that_never_was_is_named(idle: Client) -> None:
    assert_problem(idle.get("/api/diffing/job/12345678"), 404, "Unknown job 12345678")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/diffing/metrics?x=1", "This request has no query parameter x. It has none."),
        ("/api/diffing/metrics/revenue?x", "no query parameter x."),
        (
            "/api/diffing/new/revenue?wiat=1",
            "wiat. Did you mean wait? It may have",
        ),
        ("/api/diffing/new/revenue/?wait=0&Wait=1", "no query parameter Wait."),
        ("/api/diffing/job/1?detial=1", "Did you mean detail? It may have detail, format, wait."),
        ("/api/diffing/job/1/removed?detail=1", "detail. It may have format, wait."),
        ("/api/diffing/job/1/status?wait=1", "no query parameter wait. It has none."),
        ("/api/diffing/job/1/summary?%00=1", "no query parameter ?. It may have wait."),
        ("/api/diffing/job/1/events?last=1", "no query parameter last."),
        ("/api/diffing/jobs?page=2", "page. It may have cursor, limit, metric, status, verdict."),
    ],
)
def test_an_unknown_query_parameter_is_a_400_that_names_the_others(
    idle: Client, path: str, said: str
) -> None:
    assert_problem(idle.get(path), 400, said)


def test_two_idempotency_keys_are_a_400(idle: Client) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]

    assert_problem(idle.post("/api/diffing/new/revenue", headers=headers), 400, "more than one")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/diffing/job/1?detail=1&detail=0", "detail"),
        ("/api/diffing/new/revenue?fresh=0&fresh=1", "fresh"),
        ("/api/diffing/jobs?status=failed&status=queued&limit=1&limit=1", "limit"),
    ],
)
def test_a_query_parameter_that_is_given_twice_is_a_400(idle: Client, path: str, name: str) -> None:
    assert_problem(idle.get(path), 400, f"{name} is given 2 times. Give it once.")


def test_an_unknown_query_parameter_cancels_and_starts_nothing(idle: Client) -> None:
    job_id = idle.new_job()

    assert_problem(idle.delete(f"/api/diffing/job/{job_id}?force=1"), 400, "force")
    assert_problem(idle.post("/api/diffing/new/revenue?force=1"), 400, "force")
    assert "queued" == idle.status_of(job_id)["status"]
    assert job_id == idle.get("/api/diffing/jobs?limit=1").json()["jobs"][0]["job_id"]


@pytest.mark.parametrize(
    "path",
    ["/none", "/api", "/api/diffing", "/api/diffing/job", "/api/diffing/job/1/none", "/x%0ay"],
)
def test_a_path_that_leads_nowhere_is_a_404(idle: Client, path: str) -> None:
    assert_problem(idle.get(path), 404)


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "PATCH"])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/diffing/new/revenue", {"GET", "POST"}),
        ("/api/diffing/new/revenue/", {"GET", "POST"}),
        ("/api/diffing/job/1", {"DELETE", "GET", "HEAD"}),
        ("/api/diffing/job/1/status", {"GET", "HEAD"}),
        ("/api/diffing/job/1/summary", {"GET", "HEAD"}),
        ("/health", {"GET", "HEAD"}),
    ],
)
def test_another_method_is_a_405_that_names_those_allowed(
    idle: Client, method: str, path: str, allowed: set[str]
) -> None:
    response = idle.request(method, path)

    assert_problem(response, 405)
    assert allowed == set(response.headers["allow"].split(", "))


def test_POST_to_a_job_is_a_405(idle: Client) -> None:  # noqa: N802 - its name
    assert_problem(idle.post("/api/diffing/job/1"), 405)


def test_a_slash_after_a_job_leads_to_the_job(idle: Client) -> None:
    job_id = idle.new_job()
    response = idle.get(f"/api/diffing/job/{job_id}/status/", follow_redirects=True)

    assert idle.status_of(job_id) == response.json()


def test_the_api_says_that_it_is_well(idle: Client) -> None:
    assert idle.get("/health").json() == {"status": "ok"}
