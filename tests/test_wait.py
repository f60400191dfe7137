"""`?wait=`: an answer that comes when the job has ended, or when the time is over."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPResponse
from select import select

import pytest

from tests.service_under_test import Client, Service
from tests.test_api import assert_problem, assert_waits
from tests.test_faults import wait_until


@contextmanager
def asked(client: Client, path: str) -> Iterator[HTTPConnection]:
    """A connection that has sent a request; its answer may be taken later."""
    connection = HTTPConnection(str(client.base_url.host), client.base_url.port, timeout=100)
    connection.request("GET", path)
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture
def idle(service: Service) -> Client:
    """An API without a worker, which has the files of a metric."""
    service.write_small_pair()
    return service.api()


@pytest.mark.parametrize("what", ["", "/removed", "/summary"])
def test_what_a_job_found_comes_as_soon_as_it_has_succeeded(
    idle: Client, service: Service, what: str
) -> None:
    path = f"/api/diffing/job/{idle.new_job()}{what}"
    with asked(idle, f"{path}?wait=60") as connection:
        service.worker()
        answer: HTTPResponse = connection.getresponse()

        assert 200 == answer.status
        assert idle.get(path).content == answer.read()


def test_a_job_that_is_cancelled_is_waited_for_no_longer(idle: Client) -> None:
    path = f"/api/diffing/job/{idle.new_job()}"
    with asked(idle, f"{path}?wait=60") as connection:
        idle.get(f"{path}?wait=1")  # longer than the other took to arrive
        idle.delete(path)
        answer = connection.getresponse()

        assert 404 == answer.status
        assert b'"cancelled"' in answer.read()


def test_a_job_that_does_not_end_in_time_is_answered_as_without_waiting(idle: Client) -> None:
    job_id = idle.new_job()
    began = time.monotonic()
    answer = idle.get(f"/api/diffing/job/{job_id}?wait=1")

    assert time.monotonic() - began >= 1
    assert_waits(answer, job_id, "queued")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_new_job_is_answered_when_it_has_ended(
    idle: Client, service: Service, method: str
) -> None:
    service.worker()
    answer = idle.request(method, "/api/diffing/new/revenue?wait=60")

    assert (202, {"job_id": 1}) == (answer.status_code, answer.json())
    assert "succeeded" == idle.status_of(1)["status"]


@pytest.mark.parametrize("seconds", ["61", "-1", "1.5", "", "soon", "100"])
def test_another_time_than_0_to_60_seconds_is_refused_and_makes_no_job(
    idle: Client, seconds: str
) -> None:
    for path in ("/api/diffing/new/revenue", "/api/diffing/job/1", "/api/diffing/job/1/summary"):
        assert_problem(idle.get(f"{path}?wait={seconds}"), 400, "wait must be a number of seconds")
    assert [] == idle.get("/api/diffing/jobs").json()["jobs"]


def test_those_who_wait_do_not_hold_up_the_end_of_the_api(service: Service) -> None:
    service.write_small_pair()
    program = service.start("api", "--port", "0", grace=600)
    client = service.client_of(program)
    path = f"/api/diffing/job/{client.new_job()}"
    with asked(client, f"{path}?wait=60") as connection:
        client.get(f"{path}?wait=1")  # longer than the other took to arrive
        program.signal(signal.SIGTERM)

        assert 0 == program.ended()
        assert b'{"job_id":1,"status":"queued"}' == connection.getresponse().read()


def test_beyond_a_hundred_who_wait_others_are_answered_at_once_until_some_leave(
    idle: Client,
) -> None:
    path = f"/api/diffing/job/{idle.new_job()}"
    with ExitStack() as stack:
        sockets = [stack.enter_context(asked(idle, f"{path}?wait=60")).sock for _ in range(110)]
        wait_until(
            lambda: len(select(sockets, [], [], 0)[0]) == 10, "others than ten are answered at once"
        )
        assert idle.get(f"{path}?wait=60").elapsed.total_seconds() < 60

    wait_until(
        lambda: idle.get(f"{path}?wait=1").elapsed.total_seconds() >= 1, "it waits for who left"
    )
