"""The events of a job: its status at once and at each change, and nobody is held up by them."""

import contextlib
import json
import re
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from diffing.core.errors import BadInput
from diffing.core.progress import Progress
from diffing.store import schema
from diffing.store.job import Submission
from diffing.store.jobs import End, Jobs
from tests.service_under_test import Client, LargePair, Program, Service
from tests.test_api import ABSURD_IDS, assert_problem
from tests.test_jobs_api import SUMMARY
from tests.waiting import wait_until

pytestmark = pytest.mark.on_servers("postgresql")


class Stream:
    """The events of a job as they come in.

    Args:
        response: open.
    """

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def __iter__(self) -> Iterator[dict[str, str]]:
        """The fields of each event; comments are left out."""
        event: dict[str, str] = {}
        for line in self._lines:
            name, _, value = line.partition(": ")
            if not line:
                if event:
                    yield event
                event = {}
            elif name:
                event[name] = value

    def next(self) -> dict[str, Any]:
        """The status that the next event tells."""
        event = next(iter(self))
        assert event["event"] == "status"
        return dict(json.loads(event["data"]))

    def rest(self) -> list[dict[str, Any]]:
        """The statuses up to the end."""
        return [json.loads(event["data"]) for event in self]


@contextlib.contextmanager
def followed(client: Client, job_id: int, **headers: str) -> Iterator[Stream]:
    with client.stream("GET", f"/api/diffing/job/{job_id}/events", headers=headers) as response:
        assert 200 == response.status_code
        yield Stream(response)


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """An API without jobs."""
    with Service(tmp_path_factory.mktemp("idle")) as service:
        yield service.api()


@pytest.fixture(scope="module")
def client(shared: Service) -> Client:
    """An API whose worker the tests act as."""
    return shared.api()


@pytest.fixture(scope="module")
def jobs(shared: Service) -> Jobs:
    """Its jobs table."""
    return shared.jobs()


@pytest.fixture
def queued(jobs: Jobs) -> int:
    """The id of a job that is queued."""
    return jobs.create(Submission("revenue")).id


def test_each_change_of_a_job_is_an_event_from_now_to_its_end(
    client: Client, jobs: Jobs, queued: int
) -> None:
    with followed(client, queued) as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert stream.response.headers["cache-control"] == "no-store"
        assert client.status_of(queued) == stream.next()
        job = jobs.claim(queued)
        assert job
        assert "processing" == stream.next()["status"]
        jobs.beat(job, Progress("comparing", 10, 20))
        told = stream.next()
        assert ("comparing", 10, 20) == (told["stage"], told["bytes_read"], told["bytes_total"])
        jobs.beat(job, Progress("comparing", 10, 20))  # a sign of life is no news
        jobs.succeed(job, End(SUMMARY))

        assert [client.status_of(queued)] == stream.rest()


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
def test_a_job_that_has_ended_is_told_once(
    client: Client, jobs: Jobs, queued: int, end: str
) -> None:
    job = jobs.claim(queued)
    assert job
    match end:
        case "succeeded":
            jobs.succeed(job, End(SUMMARY))
        case "failed":
            jobs.fail(job, BadInput("new.csv: line\u2028one.").failure)
        case "cancelled":
            jobs.cancel(queued)
    with followed(client, queued) as stream:
        assert [client.status_of(queued)] == stream.rest()
        assert end == client.status_of(queued)["status"]


def test_a_browser_that_comes_again_after_the_end_is_sent_away(
    client: Client, jobs: Jobs, queued: int
) -> None:
    with followed(client, queued) as stream:
        before = next(iter(stream))["id"]
    with followed(client, queued, **{"Last-Event-ID": before}) as stream:
        assert "queued" == stream.next()["status"]
    jobs.cancel(queued)
    with followed(client, queued, **{"Last-Event-ID": before}) as stream:
        (event,) = stream
    again = client.get(f"/api/diffing/job/{queued}/events", headers={"Last-Event-ID": event["id"]})

    assert (204, b"") == (again.status_code, again.content)


@pytest.mark.on_servers("postgresql", "redis")
def test_a_real_job_is_followed_from_the_queue_to_its_result(
    service: Service, large_pair: LargePair
) -> None:
    large_pair.put_into(service)
    client = service.api()
    job_id = client.new_job()
    with followed(client, job_id) as stream:
        assert "queued" == stream.next()["status"]
        worker = service.worker()
        client.wait_for_diff(job_id)
        diff = service.the_diff_of(worker)
        # else it may end before the next look at the table
        service.signal(diff, signal.SIGSTOP)
        told = [stream.next()]
        while not told[-1]["stage"]:
            told.append(stream.next())
        service.signal(diff, signal.SIGCONT)
        told += stream.rest()

    assert "succeeded" == told[-1]["status"]
    assert {"checking", "comparing", "writing"} & {job["stage"] for job in told}
    assert sorted(job["bytes_read"] or 0 for job in told[:-1]) == [
        job["bytes_read"] or 0 for job in told[:-1]
    ]


def test_HEAD_of_events_ends_at_once(client: Client, queued: int) -> None:  # noqa: N802 - its name
    response = client.head(f"/api/diffing/job/{queued}/events")

    assert 200 == response.status_code
    assert response.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize("job_id", ABSURD_IDS.values(), ids=ABSURD_IDS)
def test_a_job_that_never_was_has_no_events(idle: Client, job_id: str) -> None:
    assert_problem(idle.get(f"/api/diffing/job/{job_id}/events"), 404, "Unknown job")


def test_a_job_that_is_removed_ends_its_events(
    client: Client, shared: Service, jobs: Jobs, queued: int
) -> None:
    jobs.create(Submission("revenue"))  # the newest is never removed
    with followed(client, queued) as stream:
        stream.next()
        shared.execute(sa.delete(schema.jobs).where(schema.jobs.c.id == queued))

        assert [] == stream.rest()


@pytest.mark.on_files_alone
def test_events_go_on_when_the_database_could_not_be_read_for_a_while(
    service: Service,
) -> None:
    service.jobs().create(Submission("revenue"))
    api = service.start("api", "--port", "0")
    client = service.client_of(api)
    file = service.settings.jobs_file
    with followed(client, 1) as stream:
        stream.next()
        # again, if the API read between the change and the damage: it trusts what it has read
        for stage in map(str, range(20)):
            with closing(sqlite3.connect(file)) as connection:
                connection.execute("update jobs set stage = ?", (stage,))
                connection.commit()
                connection.execute("pragma wal_checkpoint(truncate)")
            whole = file.read_bytes()
            with file.open("r+b") as damaged:
                damaged.seek(4_096)
                damaged.write(b"\xff" * (len(whole) - 4_096))
            if api.says("the followed jobs cannot be read", 2):
                break
            with file.open("r+b") as damaged:
                damaged.write(whole)
        api.saw("the followed jobs cannot be read")
        with file.open("r+b") as damaged:
            damaged.write(whole)
        service.jobs().cancel(1)

        assert "cancelled" == stream.rest()[-1]["status"]
    assert not [line for line in api.lines() if "Traceback" in line]


def test_events_end_when_the_jobs_table_is_no_more(service: Service) -> None:
    service.jobs().create(Submission("revenue"))
    with followed(service.api(), 1) as stream:
        stream.next()
        service.execute("drop table jobs")

        assert [] == stream.rest()


# many who follow


def opened(client: Client, job_id: int) -> socket.socket:
    """A connection that follows a job, once the first event is there."""
    url = client.base_url
    connection = socket.create_connection((url.host, url.port or 0), timeout=60)
    path = f"/api/diffing/job/{job_id}/events"
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    said = b""
    while b"data: " not in said and b"HTTP/1.1 503" not in said:
        some = connection.recv(65_536)
        assert some, said
        said += some
    return connection


def sockets_of(program: Program) -> int:
    """How many sockets a process has open."""
    count = 0
    for handle in Path(f"/proc/{program.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            count += str(handle.readlink()).startswith("socket:")
    return count


def test_open_streams_do_not_hold_up_the_end_of_the_api(service: Service) -> None:
    jobs = service.jobs()
    ids = [jobs.create(Submission("revenue")).id for _ in range(3)]
    api = service.start("api", "--port", "0", grace=600)
    client = service.client_of(api)
    with ExitStack() as stack:
        connections = [stack.enter_context(opened(client, i)) for i in ids * 10]
        api.signal(signal.SIGTERM)

        assert 0 == api.ended()
        for connection in connections:
            said = b""
            while some := connection.recv(65_536):
                said += some
            assert said.endswith(b"0\r\n\r\n")  # the stream was ended, not cut
    assert not [line for line in api.lines() if "Traceback" in line or "without" in line]


@pytest.mark.on_files_alone
def test_a_client_that_leaves_is_let_go_at_once(service: Service) -> None:
    service.jobs().create(Submission("revenue"))
    api = service.start("api", "--port", "0")
    client = service.client_of(api)
    client.get("/health")
    before = sockets_of(api)
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(opened(client, 1))
        assert before + 20 == sockets_of(api)

    wait_until(lambda: before == sockets_of(api), "a client that left is held")
    assert not [line for line in api.lines() if "Traceback" in line]


@pytest.mark.usefixtures("new_processes")
def test_beyond_two_hundred_streams_one_more_is_a_503_and_the_rest_of_the_api_goes_on(
    service: Service,
) -> None:
    service.jobs().create(Submission("revenue"))
    api = service.start("api", "--port", "0")
    client = service.client_of(api)
    with ExitStack() as stack:
        connections = [stack.enter_context(opened(client, 1)) for _ in range(200)]
        refused = client.get("/api/diffing/job/1/events")
        assert_problem(refused, 503, "200 clients")
        assert int(refused.headers["retry-after"]) >= 1
        assert "queued" == client.status_of(1)["status"]
        (peak,) = re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{api.pid}/status").read_text())
        assert int(peak) < 150_000
        connections[0].close()
        wait_until(
            lambda: 200 == client.head("/api/diffing/job/1/events").status_code, "no place is free"
        )
        service.jobs().cancel(1)
        for connection in connections[1:]:
            assert b"cancelled" in connection.recv(65_536)
