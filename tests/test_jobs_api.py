"""The list of jobs, page by page, and the catalogue, over HTTP."""

import gzip
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa

from diffing.core.catalogue import load_catalogue
from diffing.core.errors import BadInput
from diffing.store.job import Filter, Status, Submission
from diffing.store.jobs import End, Jobs
from tests.service_under_test import NEW, OLD, Client, Service
from tests.test_api import assert_problem
from tests.usual import USUAL_OPTIONS

pytestmark = pytest.mark.on_servers("postgresql")

JOBS = "/api/diffing/jobs"
SUMMARY = dict.fromkeys(
    ("added", "changed", "removed", "unchanged", "within_tolerance", "emitted"), 0
)


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Nine jobs, three of each: revenue, c-revenue, one-off; some of them ended."""
    with Service(tmp_path_factory.mktemp("listed")) as service:
        service.write_small_pair()
        jobs = service.jobs()
        for metric in ("revenue", "c-revenue", None) * 3:
            jobs.create(Submission(metric, owner="k1" if metric == "revenue" else None))
        for job_id in (2, 3, 4, 5):
            job = jobs.claim(job_id)
            assert job
            if job_id in (2, 4):
                jobs.succeed(job, End(SUMMARY))
            if job_id == 3:
                jobs.fail(job, BadInput("new.csv: the file is empty.").failure)
        jobs.cancel(6)
        yield service


@pytest.fixture(scope="module")
def client(listed: Service) -> Client:
    return listed.api()


def ids_of(said: dict[str, Any]) -> list[int]:
    return [job["job_id"] for job in said["jobs"]]


def pages(client: Client, query: str) -> list[list[int]]:
    """The ids on each page, as the links lead from one to the next."""
    found, url = [], f"{JOBS}?{query}"
    while True:
        response = client.get(url)
        assert 200 == response.status_code
        found.append(ids_of(response.json()))
        if response.json()["next"] is None:
            assert "link" not in response.headers
            return found
        assert response.links["next"]["url"].endswith(f"cursor={response.json()['next']}")
        url = response.links["next"]["url"]


def test_the_list_has_each_job_as_its_status_has_it_newest_first(client: Client) -> None:
    response = client.get(JOBS)

    assert response.headers["cache-control"] == "no-store"
    assert {"jobs": [client.status_of(i) for i in range(9, 0, -1)], "next": None} == response.json()


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("status=queued", [9, 8, 7, 1]),
        ("status=processing", [5]),
        ("status=succeeded", [4, 2]),
        ("status=failed&status=cancelled", [6, 3]),
        ("metric=revenue", [7, 4, 1]),
        ("metric=cohort_revenue", [8, 5, 2]),
        ("metric=c-revenue&status=succeeded&status=queued", [8, 2]),
        ("metric=c-revenue&status=failed", []),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 4, 100])
def test_pages_of_any_length_have_each_wanted_job_once(
    client: Client, query: str, ids: list[int], limit: int
) -> None:
    found = pages(client, f"{query}&limit={limit}")

    assert ids == [job_id for page in found for job_id in page]
    assert [limit] * (len(found) - 1) == [len(page) for page in found[:-1]]
    assert len(found) == max(1, -(-len(ids) // limit))


def test_the_next_page_is_the_same_while_new_jobs_come_in(service: Service) -> None:
    service.write_small_pair()
    client = service.api()
    for _ in range(5):
        client.new_job()
    first = client.get(JOBS, params={"limit": 2}).json()
    new = client.new_job()
    second = client.get(JOBS, params={"limit": 2, "cursor": first["next"]}).json()

    assert ([5, 4], [3, 2]) == (ids_of(first), ids_of(second))
    assert [new, 5] == ids_of(client.get(JOBS, params={"limit": 2}).json())


def test_a_page_has_twenty_jobs_unless_asked_otherwise(service: Service) -> None:
    jobs = service.jobs()
    for _ in range(101):
        jobs.create(Submission("revenue"))
    client = service.api()

    assert [20, 20, 20, 20, 20, 1] == [len(page) for page in pages(client, "")]
    assert [100, 1] == [len(page) for page in pages(client, "limit=100")]


def test_where_there_are_no_jobs_the_list_is_empty(service: Service) -> None:
    assert {"jobs": [], "next": None} == service.api().get(JOBS).json()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("status=done", "queued, processing, succeeded, failed, cancelled"),
        ("status=queued,failed", "queued, processing"),
        ("status=queued&status=", "queued, processing"),
        ("limit=0", "from 1 to 100"),
        ("limit=101", "from 1 to 100"),
        ("limit=-1", "from 1 to 100"),
        ("limit=", "from 1 to 100"),
        ("limit=1e1", "from 1 to 100"),
        ("limit=%D9%A1", "from 1 to 100"),
        ("cursor=", "next"),
        ("cursor=5", "next"),
        ("cursor=MA", "next"),
        ("cursor=%00", "next"),
        ("cursor=%C3%A9", "next"),
        ("cursor=AAAAA", "next"),
        ("cursor=" + "x" * 5_000, "next"),
        ("cursor=OTk5OTk5OTk5OTk5OTk5OTk5OQ", "next"),
    ],
)
def test_what_makes_no_sense_is_a_400(client: Client, query: str, said: str) -> None:
    assert_problem(client.get(f"{JOBS}?{query}"), 400, said)


def test_jobs_of_an_unknown_metric_are_a_404_that_names_those_there_are(client: Client) -> None:
    response = client.get(f"{JOBS}?metric=revenu")

    assert_problem(response, 404, "Unknown metric revenu", "Did you mean revenue?")
    assert ["revenue", "c-revenue"] == response.json()["metrics"]


def test_a_page_may_be_that_of_one_owner(listed: Service) -> None:
    jobs = listed.jobs()

    assert [7, 4, 1] == [job.id for job in jobs.page(10, None, Filter(owner="k1"))]
    assert [4] == [job.id for job in jobs.page(10, 7, Filter([Status.SUCCEEDED], "revenue", "k1"))]
    assert [] == jobs.page(10, None, Filter(owner="k2"))


@pytest.mark.on_files_alone
def test_a_page_is_read_along_the_ids_and_never_sorted(service: Service) -> None:
    engine = service.database()
    statements: list[tuple[str, Any]] = []
    sa.event.listen(
        engine,
        "before_cursor_execute",
        lambda _, __, text, bound, *___: statements.append((text, bound)),
    )
    wanted = Filter([Status.FAILED, Status.CANCELLED], "revenue", "k1", passed=True)
    Jobs(engine).page(20, 7, wanted)
    [(text, bound)] = statements
    with closing(sqlite3.connect(service.settings.jobs_file)) as connection:
        plan = [row[3] for row in connection.execute(f"explain query plan {text}", bound)]

    assert ["SEARCH jobs USING INTEGER PRIMARY KEY (rowid<?)"] == plan


# the catalogue


def test_the_metrics_are_described_in_their_order(listed: Service, client: Client) -> None:
    response = client.get("/api/diffing/metrics")
    revenue, c_revenue = response.json()["metrics"]

    assert response.headers["cache-control"] == "no-store"
    assert {
        **USUAL_OPTIONS,
        "id": "revenue",
        "aliases": [],
        "key": ["date", "segment_field", "segment_value_id", "stat"],
        "value": ["value"],
        "rel_tol": 1e-9,
        "old_dialect": {},
        "new_dialect": {},
        "measure": "stat",
        "accept": None,
        "old": {"name": "revenue_old.csv", "there": True, "bytes": len(OLD.encode())},
        "new": {"name": "revenue_new.csv", "there": True, "bytes": len(NEW.encode())},
    } == revenue
    assert list(load_catalogue(None).metrics["c-revenue"].aliases) == c_revenue["aliases"]
    assert {"name": "c_revenue_old.csv", "there": False, "bytes": None} == c_revenue["old"]
    assert str(listed.folder) not in response.text


@pytest.mark.parametrize("name", ["c-revenue", "c_revenue", "cohort%2Drevenue"])
def test_a_metric_is_described_by_id_and_alias(client: Client, name: str) -> None:
    described = client.get(f"/api/diffing/metrics/{name}").json()

    assert client.get("/api/diffing/metrics").json()["metrics"][1] == described


def test_an_unknown_metric_is_not_described_but_those_there_are_named(client: Client) -> None:
    for name in ("revenu", "%ff", "%00", "x" * 5_000):
        response = client.get(f"/api/diffing/metrics/{name}")
        assert_problem(response, 404, "Unknown metric")
        assert ["revenue", "c-revenue"] == response.json()["metrics"]


OWN = """
[metric.own]
old = "old.csv"
new = "new.csv"
key = ["id"]
value = ["v", "w"]
abs_tol = 0.5
tolerance = { w = { rel_tol = 0 } }
duplicates = "error"
"""


def test_a_file_is_described_as_a_job_would_find_it(service: Service) -> None:
    packed = gzip.compress(b"id,v,w\n")
    service.write("old.csv.gz", packed)
    client = service.api(metrics=service.write("metrics.toml", OWN))

    def described() -> dict[str, Any]:
        return dict(client.get("/api/diffing/metrics/own").json())

    assert {"name": "old.csv.gz", "there": True, "bytes": len(packed)} == described()["old"]
    assert {"w": {"rel_tol": 0.0, "abs_tol": None}} == described()["tolerance"]
    assert "error" == described()["duplicates"]
    service.write("old.csv.zst", b"")
    assert {"name": "old.csv", "there": False, "bytes": None} == described()["old"]
