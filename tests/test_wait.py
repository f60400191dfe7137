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
from tests.test_results import Slow
from tests.waiting import wait_until


@contextmanager
def asked(client: Client, path: str) -> Iterator[HTTPConnection]:
    """A connection that has sent a request; its answer may be taken later."""
    connection = HTTPConnection(str(client.base_url.host), client.base_url.port, timeout=100)
    connection.request("GET", path)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def sooner_than_the_time() -> Iterator[None]:
    """A block that ends before the 60 seconds that a client in it would wait at most."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 60


@pytest.fixture(scope="module")
def idle(shared: Service) -> Client:
    """An API without a worker, which has the files of a metric."""
    return shared.api()


def test_what_a_job_found_comes_as_soon_as_it_has_succeeded(service: Service) -> None:
    service.write_small_pair()
    client = service.api()
    job_id = client.new_job()
    paths = [f"/api/diffing/job/{job_id}{what}" for what in ("", "/removed", "/summary")]
    with sooner_than_the_time(), ExitStack() as stack:
        waiting = [stack.enter_context(asked(client, f"{path}?wait=60")) for path in paths]
        client.get(f"{paths[0]}?wait=1")  # longer than the others took to arrive
        service.worker()
        answers: list[HTTPResponse] = [connection.getresponse() for connection in waiting]

        assert [200, 200, 200] == [answer.status for answer in answers]
        assert [client.get(path).content for path in paths] == [a.read() for a in answers]


def test_a_job_that_is_cancelled_is_waited_for_no_longer(idle: Client) -> None:
    path = f"/api/diffing/job/{idle.new_job()}"
    with sooner_than_the_time(), asked(idle, f"{path}?wait=60") as connection:
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


def test_a_new_job_is_answered_when_it_has_ended(service: Service) -> None:
    service.write_small_pair()
    client, _ = service.api_and_worker()
    for job_id, method in ((1, "GET"), (2, "POST")):
        with sooner_than_the_time():
            answer = client.request(method, "/api/diffing/new/revenue?wait=60")

        assert (202, {"job_id": job_id}) == (answer.status_code, answer.json())
        assert "succeeded" == client.status_of(job_id)["status"]


@pytest.mark.parametrize("seconds", ["61", "-1", "1.5", "", "soon", "100"])
def test_another_time_than_0_to_60_seconds_is_refused_and_makes_no_job(
    idle: Client, seconds: str
) -> None:
    before = idle.newest_job()
    for path in ("/api/diffing/new/revenue", "/api/diffing/job/1", "/api/diffing/job/1/summary"):
        assert_problem(idle.get(f"{path}?wait={seconds}"), 400, "wait must be a number of seconds")
    assert before == idle.newest_job()


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


def test_those_who_wait_for_jobs_and_for_conversions_are_a_hundred_together(
    service: Service,
) -> None:
    service.write_small_pair()
    done = Slow(service, rows=1)
    paths = [f"/api/diffing/job/{done.client.new_job()}?wait=60", f"{done.url}?format=json&wait=60"]
    with ExitStack() as stack:
        sockets = [stack.enter_context(asked(done.client, paths[i % 2])).sock for i in range(110)]
        wait_until(
            lambda: len(select(sockets, [], [], 0)[0]) == 10, "others than ten are answered at once"
        )
