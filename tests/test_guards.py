"""Every request gets security headers, is bounded, and never gets a 500."""

import json
import random
import re
import resource
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.service_under_test import PATIENCE_SECONDS, Client, Program, Service
from tests.test_api import assert_problem

HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


@dataclass
class Api:
    """A running API, and its process."""

    service: Service
    client: Client
    program: Program

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        url = self.client.base_url
        assert url.port
        return url.host, url.port


def start(service: Service, module: str = "diffing", **settings: object) -> Api:
    program = service.start_module(module, "api", "--port", "0", **settings)
    return Api(service, service.client_of(program), program)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API without a worker."""
    with Service(tmp_path_factory.mktemp("guarded")) as service:
        service.write_small_pair()
        yield start(service)


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API without jobs."""
    with Service(tmp_path_factory.mktemp("idle")) as service:
        service.write_small_pair()
        yield start(service)


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API that waits for no client for long."""
    with Service(tmp_path_factory.mktemp("impatient")) as service:
        service.write_small_pair()
        yield start(service, "tests.programs.impatient")


@dataclass
class Answer:
    """The bytes that came over a socket until the API closed it."""

    raw: bytes

    @property
    def status(self) -> int:
        """The status of the last answer."""
        return int(self.raw.rpartition(b"HTTP/1.1 ")[2][:3])

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the last answer."""
        head = self.raw.rpartition(b"HTTP/1.1 ")[2].partition(b"\r\n\r\n")[0].decode()
        lines = (line.split(": ", 1) for line in head.split("\r\n")[1:])
        return {name.lower(): value for name, value in lines}

    def assert_problem(self, *statuses: int) -> None:
        """It is a problem document of one of these statuses, with all that belongs to it."""
        problem = json.loads(self.raw.rpartition(b"\r\n\r\n")[2])

        assert self.status in statuses, self.raw[:400]
        assert self.status == problem["status"]
        assert {"type", "title", "detail"} <= set(problem)
        assert self.headers["content-type"] == "application/problem+json"
        assert HEADERS == {name: self.headers.get(name) for name in HEADERS}
        assert self.headers["cache-control"] == "no-store"
        assert "server" not in self.headers


def ask(address: tuple[str, int], *pieces: bytes) -> Answer:
    """Send these bytes, and read until the API closes the connection."""
    with socket.create_connection(address, timeout=PATIENCE_SECONDS) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                break  # it has said what it had to say
        return Answer(_rest(connection))


def _rest(connection: socket.socket) -> bytes:
    said = b""
    try:
        while piece := connection.recv(65536):
            said += piece
    except ConnectionResetError:
        pass  # closed over what was still sent
    return said


def get(path: bytes = b"/health", *lines: bytes, method: bytes = b"GET") -> bytes:
    """A request that asks for the end of its connection."""
    head = (method + b" " + path + b" HTTP/1.1", b"Host: localhost", b"Connection: close", *lines)
    return b"\r\n".join((*head, b"", b""))


# security headers


def test_every_answer_has_the_security_headers(api: Api) -> None:
    client = api.client
    job_id = client.new_job()

    for method, path, status in (
        ("GET", "/health", 200),
        ("POST", "/api/diffing/new/revenue", 202),
        ("GET", f"/api/diffing/job/{job_id}/status", 200),
        ("GET", f"/api/diffing/job/{job_id}", 404),
        ("GET", "/api/diffing/job/x", 404),
        ("GET", "/nowhere", 404),
        ("GET", f"/api/diffing/job/{job_id}/status/", 307),
        ("PUT", "/health", 405),
        ("HEAD", "/api/diffing/new/revenue", 405),
        ("POST", "/api/diffing/new/nothing", 404),
    ):
        response = client.request(method, path)
        assert status == response.status_code
        assert HEADERS == {name: response.headers.get(name) for name in HEADERS}, path
        assert response.headers["cache-control"] == "no-store"
        assert "server" not in response.headers


def test_an_error_that_nobody_foresaw_has_them_too(service: Service) -> None:
    client = service.api()
    service.execute("drop table jobs")

    response = client.get("/api/diffing/job/1")
    assert_problem(response, 500)
    assert HEADERS == {name: response.headers.get(name) for name in HEADERS}


def test_a_result_may_be_kept_by_its_caller_alone(service: Service) -> None:
    service.write_small_pair()
    client, _ = service.api_and_worker()
    job_id = client.new_job()
    client.wait_for_success(job_id)

    for part in ({}, {"Range": "bytes=0-3"}):
        response = client.get(f"/api/diffing/job/{job_id}", headers=part)
        assert response.headers["cache-control"] == "private, no-cache"
        assert HEADERS == {name: response.headers.get(name) for name in HEADERS}
    for what in ("/summary", "/status"):
        response = client.get(f"/api/diffing/job/{job_id}{what}")
        assert response.headers["cache-control"] == "no-store"


# bounds


def test_a_long_path_or_query_is_a_414(api: Api) -> None:
    for path in ("/" + "x" * 9_000, "/health?" + "x" * 9_000, "/api/diffing/job/" + "1" * 9_000):
        assert_problem(api.client.get(path), 414)
    assert api.client.get("/health?" + "x" * 8_000).status_code == 200


def test_many_or_long_header_fields_are_a_431(api: Api) -> None:
    for headers in (
        {f"X-{i}": "x" for i in range(101)},
        {f"X-{i}": "x" for i in range(1_000)},
        {"X": "x" * 17_000},
        {f"X-{i}": "x" * 1_000 for i in range(20)},
    ):
        ask_with = [f"{name}: {value}".encode() for name, value in headers.items()]
        ask(api.address, get(b"/health", *ask_with)).assert_problem(431)
    assert api.client.get("/health", headers={f"X-{i}": "x" for i in range(80)}).status_code == 200


def test_a_head_without_end_is_a_431(api: Api) -> None:
    begin = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"

    ask(api.address, begin, *[b"X: " + b"x" * 10_000] * 100).assert_problem(431)
    ask(api.address, b"GET /" + b"x" * 1_000_000).assert_problem(431)
    ask(api.address, *[b"G" * 1_000] * 50).assert_problem(400, 431)


def test_what_an_error_shows_of_a_request_is_short_and_safe(api: Api) -> None:
    response = api.client.get("/%1b%5b31m%00%0d%0a" + "x" * 5_000 + "%ff")

    assert_problem(response, 404)
    assert len(response.json()["detail"]) < 120
    assert response.json()["detail"].isprintable()


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "PUT", "OPTIONS"])
def test_a_large_body_where_none_belongs_is_a_413_before_it_is_sent(api: Api, method: str) -> None:
    with socket.create_connection(api.address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(get(b"/health", b"Content-Length: 1000000000", method=method.encode()))
        head = connection.recv(65536)

    assert head.startswith(b"HTTP/1.1 413")


def chunk_of(size: int) -> bytes:
    """A piece of a body that is sent in chunks."""
    return f"{size:x}\r\n".encode() + b"x" * size + b"\r\n"


def chunked(path: str, method: str) -> bytes:
    """The head of a request whose body comes in chunks; its connection is kept."""
    lines = (f"{method} {path} HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked", "", "")
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "PUT", "OPTIONS"])
def test_a_large_body_in_chunks_is_a_413_before_it_is_sent(api: Api, method: str) -> None:
    with socket.create_connection(api.address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(chunked("/health", method) + chunk_of(65_536))
        connection.sendall(chunk_of(1))
        answer = Answer(_rest(connection))

    assert 413 == answer.status
    if method != "HEAD":
        answer.assert_problem(413)


def test_a_job_is_not_cancelled_by_a_request_whose_body_is_too_large(api: Api) -> None:
    job_id = api.client.new_job()
    head = chunked(f"/api/diffing/job/{job_id}", "DELETE")

    ask(api.address, head + chunk_of(1_000_000) + b"0\r\n\r\n").assert_problem(413)
    assert "queued" == api.client.status_of(job_id)["status"]


def test_a_job_is_not_cancelled_by_a_request_that_breaks_off(api: Api) -> None:
    job_id = api.client.new_job()
    head = chunked(f"/api/diffing/job/{job_id}", "DELETE")
    with socket.create_connection(api.address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(head + chunk_of(10))
    api.program.saw(f"DELETE /api/diffing/job/{job_id}: no answer")

    assert "queued" == api.client.status_of(job_id)["status"]
    assert [] == [line for line in api.program.lines() if "Traceback" in line]


def test_a_small_body_in_chunks_is_as_none_and_the_connection_is_kept(api: Api) -> None:
    job_id = api.client.new_job()
    cancel = chunked(f"/api/diffing/job/{job_id}", "DELETE")
    body = chunk_of(65_000) + chunk_of(536) + b"0\r\n\r\n"
    said = ask(api.address, cancel + body + chunked("/health", "GET") + body + get()).raw

    assert [b"202", b"200", b"200"] == re.findall(rb"HTTP/1.1 (\d+)", said)
    assert "cancelled" == api.client.status_of(job_id)["status"]


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "PUT"])
def test_nothing_is_answered_behind_a_body_that_was_refused(api: Api, method: str) -> None:
    with socket.create_connection(api.address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(chunked("/health", method) + chunk_of(65_537))
        said = connection.recv(65536)
        connection.sendall(chunk_of(1_000_000) + b"0\r\n\r\n" + get())
        rest = _rest(connection)

    assert said.startswith(b"HTTP/1.1 413")
    assert b"HTTP/1.1" not in rest


def test_a_client_whose_body_is_refused_may_go_on_sending_for_a_moment(api: Api) -> None:
    with socket.create_connection(api.address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(chunked("/health", "GET") + chunk_of(65_537))
        answer = b""
        while b"}" not in answer:
            answer += connection.recv(65536)
        assert b"" == connection.recv(1)
        for _ in range(10):  # else an answer that it has not read yet could be lost
            connection.sendall(chunk_of(65_537))

    Answer(answer).assert_problem(413)
    assert "close" == Answer(answer).headers["connection"]


def test_a_client_that_asks_first_whether_to_send_too_much_is_refused(api: Api) -> None:
    head = chunked("/health", "GET").replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
    with socket.create_connection(api.address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 100")
        connection.sendall(chunk_of(65_537))
        answer = Answer(_rest(connection))

    answer.assert_problem(413)


def test_an_endless_body_where_none_belongs_is_cut_off(api: Api) -> None:
    before = _rss(api.program.pid)
    with socket.create_connection(api.address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(chunked("/api/diffing/new/nothing", "GET") + chunk_of(65_537))
        said = connection.recv(65536)
        _send_until_it_is_closed(connection, chunk_of(0x100000))

    assert said.startswith(b"HTTP/1.1 413")
    assert _rss(api.program.pid) < before + 50_000_000


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_a_whole_request_is_answered_whatever_comes_behind_it(api: Api, method: bytes) -> None:
    # the rest comes while the answer is made, to most of them
    rest = [b"rest"] * 50
    answers = [ask(api.address, get(b"/metrics", method=method), *rest) for _ in range(20)]

    # an answer may be lost over what is still sent when the connection is closed
    assert {200} == {answer.status for answer in answers if answer.raw}
    assert [] == [line for line in api.program.lines() if "Traceback" in line]


def test_a_refusal_of_a_HEAD_has_no_body(api: Api) -> None:  # noqa: N802 - its name
    broken = get(b"/health", b"Transfer-Encoding: chunked", method=b"HEAD") + b"no chunk\r\n"
    answer = ask(api.address, broken)

    assert 400 == answer.status
    assert answer.raw.endswith(b"\r\n\r\n")
    assert [] == [line for line in api.program.lines() if "Traceback" in line]


def test_a_body_that_nobody_reads_is_not_kept_and_not_waited_for(impatient: Api) -> None:
    before = _rss(impatient.program.pid)
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    with socket.create_connection(impatient.address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(
            b"POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        said = connection.recv(65536)
        _send_until_it_is_closed(connection, chunk)

    assert said.startswith(b"HTTP/1.1 405")
    assert _rss(impatient.program.pid) < before + 50_000_000


def _send_until_it_is_closed(connection: socket.socket, chunk: bytes) -> None:
    try:
        while True:
            connection.sendall(chunk)
    except (BrokenPipeError, ConnectionResetError):
        return


def _rss(pid: int) -> int:
    """Resident memory of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


# slow and many clients


def test_a_client_that_does_not_get_on_with_its_head_is_shown_out(impatient: Api) -> None:
    begun = time.monotonic()
    with socket.create_connection(impatient.address, timeout=PATIENCE_SECONDS) as connection:
        # a byte now and then does not prolong it
        for byte in b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 1_000:
            try:
                connection.sendall(bytes([byte]))
            except (BrokenPipeError, ConnectionResetError):
                break
            connection.settimeout(0.05)
            try:
                if connection.recv(1, socket.MSG_PEEK):
                    break
            except TimeoutError:
                continue
        connection.settimeout(PATIENCE_SECONDS)
        answer = Answer(_rest(connection))

    answer.assert_problem(408)
    assert time.monotonic() - begun < PATIENCE_SECONDS


def test_a_client_that_says_nothing_is_shown_out(impatient: Api) -> None:
    assert ask(impatient.address).raw == b""


def test_a_client_that_does_not_get_on_with_its_body_is_shown_out(impatient: Api) -> None:
    head = get(b"/api/diffing/new/revenue", b"Idempotency-Key: slow", b"Content-Length: 9")

    ask(impatient.address, head.replace(b"GET", b"POST"), b"x").assert_problem(408)
    assert [] == [line for line in impatient.program.lines() if "Traceback" in line]


def test_a_client_that_says_nothing_more_is_shown_out(impatient: Api) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"

    assert ask(impatient.address, request, request).raw.count(b"HTTP/1.1 200") == 2
    ask(impatient.address, request, b"GET /hea").assert_problem(408)


def test_beyond_so_many_connections_one_is_told_to_come_later(service: Service) -> None:
    few = start(service, max_connections=5)
    held = [socket.create_connection(few.address, timeout=PATIENCE_SECONDS) for _ in range(5)]
    answer = ask(few.address, get())
    for connection in held:
        connection.close()

    answer.assert_problem(503)
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["connection"] == "close"
    while ask(few.address, get()).status != 200:
        pass


# what is no request


ODD: dict[str, tuple[bytes, set[int]]] = {
    "nothing but line ends": (b"\r\n\r\n\r\n\r\n", {400, 408}),
    "no HTTP": (b"hello\r\n\r\n", {400}),
    "TLS": (bytes.fromhex("1603010200010001fc0303") + b"\x00" * 300 + b"\r\n\r\n", {400}),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
    "HTTP/9": (b"GET /none HTTP/9.9\r\nHost: localhost\r\n\r\n", {404}),
    "no Host": (b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", {400}),
    "two Hosts": (get(b"/health", b"Host: other"), {400}),
    "a Host that is none": (
        b"GET /health/ HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n",
        {400},
    ),
    "NUL in the path": (get(b"/a\0b"), {400}),
    "NUL in a header": (get(b"/health", b"X: a\0b"), {400}),
    "a space in the path": (get(b"/a b"), {400}),
    "UTF-8 as it is in the path": (get("/é".encode()), {400}),
    "escaped NUL": (get(b"/%00"), {404}),
    "escaped NUL as metric": (get(b"/api/diffing/new/%00"), {404}),
    "no escape": (get(b"/%"), {404}),
    "half an escape": (get(b"/api/diffing/new/%e"), {404}),
    "an escape that is none": (get(b"/api/diffing/job/%zz"), {404}),
    "no UTF-8": (get(b"/api/diffing/job/%ff%fe"), {404}),
    "half a surrogate": (get(b"/api/diffing/new/%ed%a0%80"), {404}),
    "overlong": (get(b"/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd"), {404}),
    "dots": (get(b"/../../../../etc/passwd"), {404}),
    "many slashes": (get(b"//" + b"/" * 4_000), {404}),
    "an escaped slash": (get(b"/api/diffing/job/1%2fstatus"), {404}),
    "a query that is none": (get(b"/api/diffing/job/1?&&=&%&%ff=%00&detail"), {400, 404}),
    "the same field a thousand times": (get(b"/api/diffing/job/1?" + b"detail=1&" * 800), {400}),
    "another detail": (get(b"/api/diffing/job/1?detail=%00"), {400}),
    "a whole URL": (get(b"http://other.example/health"), {404}),
    "an asterisk": (get(b"*", method=b"OPTIONS"), {404, 405}),
    "a tunnel": (get(b"other.example:443", method=b"CONNECT"), {404, 405}),
    "a method of its own": (get(b"/health", method=b"BREW"), {405}),
    "a long method": (get(b"/health", method=b"A" * 10_000), {405}),
    "a method that is none": (get(b"/health", method=b"G(T"), {400}),
    "a header without a name": (get(b"/health", b": x"), {400}),
    "a header without a colon": (get(b"/health", b"x"), {400}),
    "a folded header": (get(b"/health/x", b"X: a", b" b"), {404}),
    "a body of -1": (get(b"/health", b"Content-Length: -1"), {400}),
    "a body of x": (get(b"/health", b"Content-Length: x"), {400}),
    "two lengths": (get(b"/health", b"Content-Length: 1", b"Content-Length: 2"), {400}),
    "a length of 5,000 digits": (get(b"/health", b"Content-Length: " + b"9" * 5_000), {400}),
    "a length of 20 digits": (get(b"/health", b"Content-Length: " + b"9" * 20), {400, 413}),
    "another coding": (get(b"/health", b"Transfer-Encoding: gzip"), {501}),
    "length and chunks": (
        get(b"/health", b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        {400},
    ),
    "an expectation that is none": (get(b"/nowhere", b"Expect: a miracle"), {404, 417}),
    "an upgrade": (get(b"/nowhere", b"Connection: upgrade", b"Upgrade: websocket"), {404}),
    "HTTP/2 in plain": (get(b"/nowhere", b"Connection: upgrade", b"Upgrade: h2c"), {404}),
    "a proxy's nonsense": (
        get(b"/nowhere", b"X-Forwarded-For: \xff, %%%, [::1", b"X-Forwarded-Proto: gopher\xff"),
        {404},
    ),
    "another Range": (get(b"/api/diffing/job/1", b"Range: bytes=-,,9-1"), {404}),
    "conditions that are none": (
        get(b"/api/diffing/job/1", b'If-None-Match: "\xff', b"If-Range: \xff"),
        {404},
    ),
}


@pytest.mark.parametrize(("request_", "statuses"), ODD.values(), ids=ODD)
def test_what_is_odd_is_a_problem_and_no_error_of_the_server(
    idle: Api, request_: bytes, statuses: set[int]
) -> None:
    ask(idle.address, request_).assert_problem(*statuses)


def test_garbage_after_the_head_is_a_400_and_no_error_of_the_server(impatient: Api) -> None:
    for path in (b"/api/diffing/new/revenue", b"/nowhere", b"/api/diffing/job/1"):
        for garbage in (b"garbage\r\n", b"-1\r\n", b"ffffffffffffffffffff\r\n", b"1\r\nxx\r\n"):
            head = get(path, b"Idempotency-Key: g", b"Transfer-Encoding: chunked", method=b"POST")
            for pieces in ((head + garbage,), (head, garbage)):
                assert ask(impatient.address, *pieces).status in (400, 404, 405, 408)

    assert [] == [line for line in impatient.program.lines() if "Traceback" in line]


def test_garbage_after_an_answer_ends_the_connection_without_a_word(api: Api) -> None:
    head = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(api.address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(head)
        said = connection.recv(65536)
        connection.sendall(b"garbage\r\n")
        rest = _rest(connection)

    assert said.startswith(b"HTTP/1.1 404")
    assert b"HTTP/1.1" not in rest
    assert [] == [line for line in api.program.lines() if "Traceback" in line]


def test_a_client_that_is_refused_may_go_on_sending_for_a_moment(api: Api) -> None:
    with socket.create_connection(api.address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(b"garbage\r\n\r\n")
        answer = Answer(_rest(connection))
        for _ in range(10):  # else an answer that it has not read yet could be lost
            connection.sendall(b"x")

    answer.assert_problem(400)


def test_a_client_that_goes_away_is_no_error_of_the_server(impatient: Api) -> None:
    head = get(b"/api/diffing/new/revenue", b"Idempotency-Key: away", b"Content-Length: 9")
    for request_ in (b"", b"GET /hea", get(), head.replace(b"GET", b"POST") + b"x"):
        with socket.create_connection(impatient.address) as connection:
            connection.sendall(request_)

    assert impatient.client.get("/health").status_code == 200
    assert [] == [line for line in impatient.program.lines() if "Traceback" in line]


def test_a_client_that_asks_first_whether_to_send_is_told_to_go_on(api: Api) -> None:
    head = get(b"/api/diffing/new/revenue", b"Expect: 100-continue", b"Content-Length: 2")
    head = head.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nIdempotency-Key: e\r\n\r\n")
    with socket.create_connection(api.address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 100")
        connection.sendall(b"{}")
        assert b"HTTP/1.1 202" in _rest(connection)


def test_no_header_makes_another_method_of_a_request(api: Api) -> None:
    job_id = api.client.new_job()
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        for method in ("GET", "POST"):
            api.client.request(method, f"/api/diffing/job/{job_id}", headers={name: "DELETE"})
    api.client.get(f"/api/diffing/job/{job_id}?_method=DELETE")

    assert "queued" == api.client.status_of(job_id)["status"]


@pytest.mark.slow
def test_requests_that_are_damaged_at_random_are_no_error_of_the_server(impatient: Api) -> None:
    dice = random.Random(20261126)
    whole = get(b"/api/diffing/job/1/status?x=%41", b"Idempotency-Key: r", b"Content-Length: 2")
    for _ in range(300):
        damaged = bytearray(whole + b"{}")
        for _ in range(dice.randrange(1, 6)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        said = ask(impatient.address, bytes(damaged)).raw
        assert said == b"" or 200 <= Answer(said).status < 500 or Answer(said).status == 501

    assert [] == [line for line in impatient.program.lines() if "Traceback" in line]
