"""Every line of the log is one JSON object, and tells which request and which job it is about."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.service_under_test import NEW, LargePair, Program, Service
from tests.test_operations import damage
from tests.waiting import wait_until

JSON = {"log_format": "json"}


def said_by(*programs: Program) -> list[dict[str, Any]]:
    """The lines that programs logged; each must be an object."""
    said = [json.loads(line) for program in programs for line in program.lines()]
    for record in said:
        assert ["timestamp", "level", "logger", "event"] == [*record][:4]
        at = datetime.fromisoformat(record["timestamp"])
        assert at.tzinfo == UTC
    return said


def answered(programs: list[Program], request_id: str) -> dict[str, Any]:
    """The line about a request, which is read a little later than the answer."""

    def lines() -> list[dict[str, Any]]:
        return [
            record
            for record in said_by(*programs)
            if record.get("request_id") == request_id and "status" in record
        ]

    wait_until(lines, f"there is no line about {request_id}")
    (line,) = lines()
    return line


class Logged:
    """An API and a worker that log JSON."""

    def __init__(self, service: Service, **settings: object) -> None:
        service.write_small_pair()
        self.api = service.start("api", "--port", "0", **JSON, **settings)
        self.worker = service.start("worker", **JSON, **settings)
        self.client = service.client_of(self.api)
        self.worker.saw("working on up to")

    @property
    def said(self) -> list[dict[str, Any]]:
        """All that both said."""
        return said_by(self.api, self.worker)


@pytest.fixture(scope="module")
def logged(shared: Service) -> Logged:
    """A service that logs JSON."""
    return Logged(shared)


# requests


def test_a_request_and_its_job_can_be_followed_through_api_and_worker(logged: Logged) -> None:
    assert 400 == logged.client.post("/api/diffing/new/revenue?token=hush").status_code
    began = time.monotonic()
    response = logged.client.post(
        "/api/diffing/new/revenue",
        headers={"X-Request-ID": "night-run.7", "Authorization": "Bearer hush"},
    )
    job_id = response.json()["job_id"]
    logged.client.wait_for_success(job_id)
    logged.worker.saw(f"job {job_id} succeeded")
    answered([logged.api], "night-run.7")
    took = time.monotonic() - began
    of_request = [record for record in logged.said if record.get("request_id") == "night-run.7"]

    assert "night-run.7" == response.headers["x-request-id"]
    assert [
        ("diffing.api.request_log", job_id),
        ("diffing.worker.worker", job_id),
        ("diffing.worker.worker", job_id),
    ] == [(record["logger"], record["job_id"]) for record in of_request]
    line = of_request[0]
    assert ("POST", "/api/diffing/new/revenue", 202) == (
        line["method"],
        line["path"],
        line["status"],
    )
    assert 0 < line["duration_seconds"] < took
    assert [None, 1, 1] == [record.get("attempt") for record in of_request]
    assert "hush" not in "".join([*logged.api.lines(), *logged.worker.lines()])


def test_a_request_about_a_job_is_logged_with_its_id(logged: Logged) -> None:
    job_id = logged.client.new_job()
    logged.client.get(f"/api/diffing/job/{job_id}/status", headers={"X-Request-ID": "look"})

    assert job_id == answered([logged.api], "look")["job_id"]


@pytest.mark.parametrize(
    "given",
    ["", "two words", "a" * 129, 'a"b', "<script>", "\xe9"],
    ids=["none", "blank", "long", "quote", "markup", "not ASCII"],
)
def test_a_request_id_that_is_not_sane_is_replaced(logged: Logged, given: str) -> None:
    headers = {b"X-Request-ID": given.encode("latin-1")} if given else {}
    ids = [logged.client.get("/health", headers=headers).headers["x-request-id"] for _ in "ab"]

    assert all(re.fullmatch("[0-9a-f]{32}", request_id) for request_id in ids)
    assert ids[0] != ids[1]


def test_what_monitors_ask_is_not_logged_unless_it_goes_wrong(logged: Logged) -> None:
    wait_until(lambda: logged.client.get("/ready").status_code == 200, "it is not ready")
    for path in ("/health", "/metrics"):
        logged.client.get(path)
    logged.client.get("/nothing", headers={"X-Request-ID": "last"})

    assert 404 == answered([logged.api], "last")["status"]
    well = [r for r in logged.said if r.get("path") in {"/health", "/metrics", "/ready"}]
    assert {503} >= {record["status"] for record in well}


def test_an_error_that_nobody_foresaw_is_one_line_with_the_id_that_the_client_got(
    service: Service,
) -> None:
    logged = Logged(service)
    service.execute("alter table jobs rename to away")
    response = logged.client.get("/api/diffing/job/1", headers={"X-Request-ID": "odd"})
    service.execute("alter table away rename to jobs")
    answered([logged.api], "odd")
    of_request = [r for r in said_by(logged.api) if r.get("request_id") == "odd"]

    assert (500, "odd") == (response.status_code, response.headers["x-request-id"])
    assert ["error", "info"] == [record["level"] for record in of_request]
    assert 500 == of_request[1]["status"]
    chain = of_request[0]["exception"]
    assert "OperationalError" == chain[0]["exc_type"]
    assert "no such table: jobs" in chain[0]["exc_value"]
    assert {"filename", "lineno", "name"} == set(chain[0]["frames"][0])
    assert [] == [r for r in logged.said if r["logger"].startswith("uvicorn")]


# jobs


def test_a_diff_that_fails_is_logged_with_its_job_by_worker_and_child(
    service: Service,
) -> None:
    logged = Logged(service)
    service.write("revenue_new.csv", f"{NEW}1,2\n")
    job_id = logged.client.new_job()
    logged.client.wait_for_failure(job_id)
    logged.worker.saw(f"job {job_id} failed")

    (line,) = [r for r in logged.said if "failed" in r["event"]]
    assert ("warning", job_id, 1) == (line["level"], line["job_id"], line["attempt"])


def test_the_process_of_a_diff_logs_with_the_id_of_its_job(service: Service) -> None:
    at = Logged(service, memory_limit="40MB", temp_limit="1KB")
    service.write_sample("revenue", 200_000)
    job_id = at.client.new_job()
    at.client.wait_for_failure(job_id)
    at.worker.saw("diffing.worker.child")

    (line,) = [r for r in at.said if r["logger"] == "diffing.worker.child"]
    assert ("error", job_id, 1) == (line["level"], line["job_id"], line["attempt"])
    assert line["exception"]


# formats


def test_text_is_for_people_and_on_one_line(service: Service) -> None:
    service.write_small_pair()
    api = service.start("api", "--port", "0", "--log-format", "text", log_format="json")
    client = service.client_of(api)
    client.get("/api/diffing/none%0aINFO:", headers={"X-Request-ID": "x1"})

    assert re.fullmatch(
        r"[\d-]+T[\d:.]+Z INFO diffing\.api\.request_log: GET /api/diffing/none%0aINFO:: 404, "
        r"[\d.]+ s request_id=x1 client=127\.0\.0\.1",
        api.saw("x1").string,
    )


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["worker"]])
def test_json_is_what_a_program_logs_unless_told_otherwise(
    service: Service, command: list[str]
) -> None:
    program = service.start(*command, log_format="")
    program.saw("working on up to")

    assert said_by(program)


LOGGING = """
import logging, threading, warnings
from diffing.core import logs
logs.configure(logs.Style())
warnings.warn("old ways")
thread = threading.Thread(target=lambda: 1 / 0, name="side")
thread.start()
thread.join()
raise ValueError("end\\nof it")
"""


def test_warnings_and_errors_that_nobody_caught_are_lines_of_the_log() -> None:
    done = subprocess.run([sys.executable, "-c", LOGGING], capture_output=True, text=True)
    records = [json.loads(line) for line in done.stderr.splitlines()]

    assert 1 == done.returncode
    assert ["warning", "critical", "critical"] == [record["level"] for record in records]
    assert "old ways" in records[0]["event"]
    assert "side" in records[1]["event"]
    assert ["ZeroDivisionError", "ValueError"] == [
        r["exception"][0]["exc_type"] for r in records[1:]
    ]


def test_on_a_terminal_it_is_text_unless_told_otherwise() -> None:
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", LOGGING], stderr=theirs)
    os.close(theirs)
    with os.fdopen(ours, encoding="utf-8") as terminal:
        first = terminal.readline()

    assert " WARNING py.warnings: " in first


# faults that last


def test_a_queue_that_is_damaged_in_use_does_not_flood_the_log(service: Service) -> None:
    worker = service.worker(log_format="json", grace=600)
    damage(service.settings.queue_file)
    worker.saw("Error reading from queue")
    time.sleep(2)  # Huey goes on to ask ten times a second: that nothing is said cannot be awaited

    assert [] != said_by(worker)
    assert len(worker.lines()) < 20
    worker.signal(signal.SIGTERM)
    assert 0 == worker.ended()


@pytest.mark.slow
def test_an_end_is_logged_as_json_too(service: Service, large_pair: LargePair) -> None:
    large_pair.put_into(service)
    at = service.start("serve", "--port", "0", log_format="json")
    client = service.client_of(at)
    client.wait_for_diff(client.new_job())
    at.signal(signal.SIGTERM)

    assert 0 == at.ended()
    assert "stopped" == said_by(at)[-1]["event"]
