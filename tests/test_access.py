"""Access: API keys, scopes, whose job it is, and what a stranger can find out."""

import asyncio
import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from diffing.api.access import NEEDS, PAGES, ApiKeyCache, Caller, guarded
from diffing.api.app import make_app
from diffing.core.catalogue import load_catalogue
from diffing.core.settings import Settings
from diffing.store import schema
from diffing.store.api_keys import ApiKeys
from diffing.store.database import open_database
from diffing.store.job import Submission
from diffing.store.scopes import Scope
from diffing.store.sessions import Sessions
from tests.command_line import Done, run
from tests.conftest import ROOT, one_in
from tests.service_under_test import Client, Service
from tests.test_api import assert_problem

README = (ROOT / "service/diffing/api/README.md").read_text(encoding="utf-8")
SHAPE = r"diffing_[0-9a-f]{12}_[0-9a-f]{64}"


def diffing(folder: Path, *arguments: str, **settings: str) -> Done:
    """Run a command of `diffing` to its end."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DIFFING_")}
    environment |= {f"DIFFING_{k.upper()}": v for k, v in settings.items()}
    return run(ROOT, arguments, {**environment, "DIFFING_DATA_DIR": str(folder)})


def api_keys_of(folder: Path) -> ApiKeys:
    """The API keys of a data folder, as `diffing keys` has them."""
    settings = Settings(data_dir=folder)
    settings.make_folders()
    return ApiKeys(open_database(settings))


def make_api_key(folder: Path, *scopes: str) -> str:
    """The token of a new API key."""
    _, token = api_keys_of(folder).create("-".join(scopes), [Scope(scope) for scope in scopes])
    return token


def id_of(token: str) -> str:
    return token.split("_")[1]


@dataclass
class Locked:
    """A service that asks for keys, and a client for each kind of key."""

    service: Service
    url: str
    tokens: dict[str, str]

    def client(self, token: str | None) -> Client:
        """A client with a token, or without."""
        return self.service.client_at(self.url, token)

    def __getattr__(self, name: str) -> Client:
        """The client of a key by its name."""
        return self.client(self.tokens[name])


KINDS = {
    "nightly": ("read", "submit"),
    "other": ("read", "submit"),
    "submitter": ("submit",),
    "reader": ("read",),
    "admin": ("admin",),
}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    """An API that asks for keys, and a worker."""
    with Service(tmp_path_factory.mktemp("locked")) as service:
        service.write_small_pair()
        tokens = {name: make_api_key(service.folder, *scopes) for name, scopes in KINDS.items()}
        client, _ = service.api_and_worker(api_keys="on", log_level="DEBUG")
        yield Locked(service, str(client.base_url), tokens)


@pytest.fixture(scope="module")
def done(locked: Locked) -> int:
    """A job of nightly that succeeded."""
    client = locked.nightly
    job_id = client.new_job()
    client.wait_for_success(job_id)
    return job_id


@pytest.fixture(scope="module")
def unlocked_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A data folder with an API key that nobody is asked for."""
    with Service(tmp_path_factory.mktemp("unlocked")) as service:
        service.write_small_pair()
        make_api_key(service.folder, "admin")
        yield service


@pytest.fixture(scope="module")
def unlocked(unlocked_service: Service) -> Client:
    """An API on loopback, without a worker."""
    return unlocked_service.api(hosts="diff.example,diff")


# the API keys themselves


def test_an_api_key_is_made_listed_and_revoked_as_the_readme_shows(tmp_path: Path) -> None:
    session = README.split("$ diffing keys create")[1].split("```")[0]
    made = diffing(tmp_path, "keys", "create", "nightly", "--scope", "read", "--scope", "submit")
    listed = diffing(tmp_path, "keys", "list")
    revoked = diffing(tmp_path, "keys", "revoke", id_of(made.stdout))

    def plain(text: str) -> str:
        return re.sub(r"\d{4}-\d\d-\d\d", "DATE", re.sub(r"\b[0-9a-f]{12}\b", "ID", text))

    assert re.fullmatch(f"{SHAPE}\n", made.stdout)
    for said in (made.stderr, listed.stdout, revoked.stderr):
        assert plain(said) in plain(session)
    assert revoked.stdout == ""
    assert "revoked" in diffing(tmp_path, "keys", "list").stdout


@pytest.mark.parametrize("command", [["list"], ["revoke", "0123456789ab"]])
def test_where_no_service_ran_no_folder_is_made(tmp_path: Path, command: list[str]) -> None:
    done = diffing(tmp_path / "typo", "keys", *command)

    assert (2, "") == (done.returncode, done.stdout)
    assert f"{tmp_path}/typo: no data of a service. Name its folder" in done.stderr
    assert not (tmp_path / "typo").exists()


def test_a_service_without_api_keys_is_said_to_have_none(service: Service) -> None:
    service.database()
    done = diffing(service.folder, "keys", "list")

    assert (0, "") == (done.returncode, done.stdout)
    assert f"No API keys in {service.folder}.\n" == done.stderr


def test_the_database_has_no_token(tmp_path: Path) -> None:
    tokens = [make_api_key(tmp_path, "admin") for _ in range(2)]
    files = b"".join(file.read_bytes() for file in tmp_path.glob("jobs.sqlite3*"))

    assert len(set(tokens)) == 2
    for token in tokens:
        assert id_of(token).encode() in files
        assert token.split("_")[2].encode() not in files


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("revoke", "0123456789ab"), "Unknown API key"),
        (("create", ""), "1 to 80 characters"),
        (("create", "a\nb"), "1 to 80 characters"),
        (("create", "x" * 81), "1 to 80 characters"),
    ],
    ids=["unknown", "empty", "line end", "long"],
)
def test_an_api_key_that_cannot_be_made_is_refused_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    make_api_key(tmp_path, "admin")
    done = diffing(tmp_path, "keys", *arguments)

    assert (2, "") == (done.returncode, done.stdout)
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


# when API keys are on


def test_on_loopback_nobody_is_asked(unlocked: Client) -> None:
    assert unlocked.new_job() >= 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1"])
def test_every_loopback_address_is_loopback(service: Service, host: str) -> None:
    if host == "::1" and not _has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    api = service.start("api", "--port", "0", "--host", host)

    assert service.client_of(api).get("/health").status_code == 200
    assert api.saw("API keys are off")


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize("command", one_in(2, ["serve", "api"]))
@pytest.mark.parametrize(
    "settings",
    [{"host": "0.0.0.0"}, {"api_keys": "on"}],  # noqa: S104 - it is refused
    ids=["any address", "asked for"],
)
def test_without_an_api_key_it_does_not_start_where_one_is_required(
    service: Service, command: str, settings: dict[str, str]
) -> None:
    revoked = make_api_key(service.folder, "admin")
    api_keys_of(service.folder).revoke(id_of(revoked))
    done = diffing(service.folder, command, "--port", "0", **settings)

    assert done.returncode == 2
    assert "diffing keys create" in done.stderr
    assert "DIFFING_API_KEYS=off" in done.stderr
    assert done.stderr.count("\n") == 1


def test_another_address_requires_api_keys(service: Service) -> None:
    service.write_small_pair()
    token = make_api_key(service.folder, "submit")
    client = _on_every_address(service)

    assert_problem(client.post("/api/diffing/new/revenue"), 401)
    client.headers["Authorization"] = f"Bearer {token}"
    assert client.new_job() == 1


def test_on_another_address_nobody_is_asked_when_that_is_said(service: Service) -> None:
    service.write_small_pair()

    assert _on_every_address(service, api_keys="off").new_job() == 1


def _on_every_address(service: Service, **settings: str) -> Client:
    host = "0.0.0.0"  # noqa: S104 - for as long as the test takes
    api = service.start("api", "--port", "0", host=host, **settings)
    port = api.saw(r"listening on http://0\.0\.0\.0:(\d+)")[1]
    return service.client_at(f"http://127.0.0.1:{port}")


def test_the_demo_says_that_it_has_no_api_key(tmp_path: Path) -> None:
    done = diffing(tmp_path, "demo", "--once", "--port", "0", api_keys="on")

    assert (2, 1) == (done.returncode, done.stderr.count("\n"))
    assert "DIFFING_API_KEYS" in done.stderr


def test_compose_opens_the_api_without_keys_to_this_machine_alone() -> None:
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")

    assert "${DIFFING_API_KEYS:-off}" in compose
    [published] = re.findall(r"ports:\n((?: +- .*\n)+)", compose)
    assert re.fullmatch(r' +- "127\.0\.0\.1:\S+"\n', published)


# who is nobody


BAD = {
    "another scheme": "Basic dXNlcjpwYXNz",
    "no token": "Bearer",
    "nonsense": "Bearer x",
    "empty": "",
    "an id that is not there": f"Bearer diffing_000000000000_{'0' * 64}",
    "digest of nobody": f"Bearer diffing_0_{'0' * 64}",
    "too long": f"Bearer {'a' * 300}",
    "no ASCII": "Bearer dïffing_ä",
    "two tokens": "Bearer a, Bearer b",
}


@pytest.mark.parametrize("given", BAD.values(), ids=BAD)
def test_what_is_no_key_is_a_401_that_says_so(locked: Locked, given: str) -> None:
    response = locked.client(None).get(
        "/api/diffing/job/1/status", headers={b"Authorization": given.encode()}
    )

    assert_problem(response, 401)
    assert response.headers["www-authenticate"] == 'Bearer realm="diffing", error="invalid_token"'
    assert response.json()["type"] == "urn:diffing:not-authorized"


def test_a_request_without_a_key_is_told_how_to_send_one(locked: Locked) -> None:
    response = locked.client(None).post("/api/diffing/new/revenue")

    assert_problem(response, 401, "Authorization: Bearer")
    assert response.headers["www-authenticate"] == 'Bearer realm="diffing"'


def test_the_secret_of_one_key_does_not_go_with_the_id_of_another(locked: Locked) -> None:
    mine, admin = (locked.tokens[name].split("_") for name in ("nightly", "admin"))
    last = "0" if mine[2][-1] != "0" else "1"
    for token in (
        f"diffing_{admin[1]}_{mine[2]}",
        f"diffing_{mine[1]}_{mine[2][:-1]}{last}",
        f"diffing_{mine[1]}_{mine[2][:-1]}",
        f"diffing_{mine[1]}_",
        f"diffing_{mine[1]}_{mine[2]}".upper(),
    ):
        assert_problem(locked.client(token).get("/api/diffing/job/1/status"), 401)


def test_two_keys_at_once_are_none(locked: Locked) -> None:
    both = [("Authorization", f"Bearer {locked.tokens[name]}") for name in ("nightly", "admin")]

    assert_problem(locked.client(None).get("/api/diffing/job/1/status", headers=both), 401)


def test_the_word_bearer_may_be_written_in_any_case(locked: Locked, done: int) -> None:
    given = {"Authorization": f"bEARER  {locked.tokens['nightly']}"}

    assert locked.client(None).get(f"/api/diffing/job/{done}", headers=given).status_code == 200


def test_a_key_in_the_url_is_none(locked: Locked, done: int) -> None:
    token = locked.tokens["admin"]

    response = locked.client(None).get(f"/api/diffing/job/{done}?access_token={token}")
    assert_problem(response, 401)


def test_sessions_that_nobody_uses_take_no_memory(tmp_path: Path) -> None:
    api_key, _ = api_keys_of(tmp_path).create("browser", [Scope.READ])
    sessions = Sessions(open_database(Settings(data_dir=tmp_path)))
    seconds = iter(range(0, 100, 2))
    cache = ApiKeyCache(sessions, clock=lambda: next(seconds))
    for _ in range(3):
        assert api_key == asyncio.run(cache.find(sessions.begin(api_key)))

    assert 1 == len(cache._found)


def test_a_revoked_key_holds_no_longer_than_a_second_more_in_any_process(locked: Locked) -> None:
    token = make_api_key(locked.service.folder, "submit")
    clients = [locked.client(token), locked.client(token)]
    clients[1].base_url = locked.service.api(api_keys="on").base_url
    assert [404, 404] == [c.get("/api/diffing/job/99").status_code for c in clients]

    diffing(locked.service.folder, "keys", "revoke", id_of(token))
    revoked = time.monotonic()
    for client in clients:
        status = 404
        while status != 401:
            asked = time.monotonic()
            status = client.get("/api/diffing/job/99").status_code
            assert status == 401 or asked < revoked + 1


def test_a_revoked_key_follows_and_waits_for_a_job_no_longer(locked: Locked) -> None:
    token = make_api_key(locked.service.folder, "submit")
    client = locked.client(token)
    queued = locked.service.jobs().create(Submission("revenue", owner=id_of(token)))
    path = f"/api/diffing/job/{queued.id}"
    with ThreadPoolExecutor() as threads, client.stream("GET", f"{path}/events") as stream:
        lines = stream.iter_lines()
        assert "event: status" in (next(lines), next(lines))
        waiting = threads.submit(locked.client(token).get, f"{path}?wait=60")

        diffing(locked.service.folder, "keys", "revoke", id_of(token))
        told = "\n".join(lines)
        assert "queued" == locked.admin.status_of(queued.id)["status"]
        locked.admin.delete(path)

        assert "cancelled" not in told
        assert_problem(waiting.result(), 401, "revoked")


def test_a_key_holds_from_the_moment_it_is_made(locked: Locked) -> None:
    client = locked.client(make_api_key(locked.service.folder, "admin"))

    assert client.get("/api/diffing/job/99").status_code == 404


def test_health_needs_no_api_key(locked: Locked) -> None:
    assert locked.client(None).get("/health").json() == {"status": "ok"}


# what a key is for


ASKED = {
    "new": ("POST", "/api/diffing/new/revenue"),
    "new with GET": ("GET", "/api/diffing/new/revenue"),
    "new with a slash": ("POST", "/api/diffing/new/revenue/"),
    "cancel": ("DELETE", "/api/diffing/job/999"),
    "result": ("GET", "/api/diffing/job/999"),
    "result with HEAD": ("HEAD", "/api/diffing/job/999"),
    "removed": ("GET", "/api/diffing/job/999/removed"),
    "analysis": ("GET", "/api/diffing/job/999/analysis"),
    "cells": ("GET", "/api/diffing/job/999/cells"),
    "status": ("GET", "/api/diffing/job/999/status"),
    "summary": ("GET", "/api/diffing/job/999/summary"),
}


@pytest.mark.parametrize(("method", "path"), ASKED.values(), ids=ASKED)
def test_each_operation_is_for_the_keys_that_have_its_scope(
    locked: Locked, method: str, path: str
) -> None:
    allowed = 202 if "new" in path else 404
    only_submit = "new" in path or method == "DELETE"

    assert 401 == locked.client(None).request(method, path).status_code
    assert allowed == locked.admin.request(method, path).status_code
    assert allowed == locked.submitter.request(method, path).status_code
    response = locked.reader.request(method, path)
    assert (403 if only_submit else allowed) == response.status_code
    if only_submit:
        assert_problem(response, 403, "scope submit")
        assert (
            response.headers["www-authenticate"]
            == 'Bearer realm="diffing", error="insufficient_scope", scope="submit"'
        )


def test_every_route_has_its_need_in_the_table_and_every_need_its_route(tmp_path: Path) -> None:
    app = make_app(Settings(data_dir=tmp_path), load_catalogue(None))
    operations = {
        f"{'GET' if method == 'HEAD' else method} {route.path.rstrip('/')}"
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
    }

    assert operations == {*NEEDS, *PAGES}
    assert all(isinstance(route, Route) for route in app.routes)


def test_a_route_that_is_not_in_the_table_keeps_the_api_from_starting() -> None:
    def nothing(_: Request) -> Response:
        return Response()

    for route in (
        Route("/api/diffing/forgotten", nothing),
        Route("/health", nothing, methods=["GET", "PUT"]),
        Mount("/static", routes=[]),
    ):
        with pytest.raises(LookupError):
            guarded(route, None)


# whose job it is


def test_a_key_does_everything_with_its_own_job(locked: Locked, done: int) -> None:
    client = locked.nightly

    for what in ("", "?detail=1", "/removed", "/analysis", "/cells", "/status", "/summary"):
        assert client.get(f"/api/diffing/job/{done}{what}").status_code == 200
    queued = client.new_job()
    assert client.delete(f"/api/diffing/job/{queued}").status_code in (202, 409)


def test_an_admin_sees_the_jobs_of_all(locked: Locked, done: int) -> None:
    assert locked.admin.get(f"/api/diffing/job/{done}").status_code == 200


def test_each_key_is_listed_its_own_jobs_and_admin_all(locked: Locked, done: int) -> None:
    others = locked.other.new_job()

    def listed(client: Client) -> set[int]:
        return {job["job_id"] for job in client.get("/api/diffing/jobs").json()["jobs"]}

    assert done in listed(locked.nightly)
    assert others in listed(locked.other)
    assert {done, others} <= listed(locked.admin)
    assert set() == {done, others} & listed(locked.reader)
    assert done not in listed(locked.other)


def test_a_job_of_another_key_is_as_one_that_never_was(locked: Locked, done: int) -> None:
    never = 10**9

    def told(method: str, job_id: int, what: str) -> tuple[int, object, dict[str, str]]:
        response = locked.other.request(method, f"/api/diffing/job/{job_id}{what}")
        headers = {
            k: v
            for k, v in response.headers.items()
            if k not in ("date", "content-length", "x-request-id")
        }
        text = response.text.replace(str(job_id), "N")
        return response.status_code, json.loads(text) if text else None, headers

    for method, what in (
        *(
            ("GET", what)
            for what in (
                "",
                "?detail=1",
                "?format=json",
                "/removed",
                "/analysis",
                "/cells?format=json",
                "/status",
                "/summary",
                "/events",
            )
        ),
        ("HEAD", ""),
        ("DELETE", ""),
    ):
        assert told(method, never, what) == told(method, done, what)
    assert 404 == told("DELETE", done, "")[0]
    assert "succeeded" == locked.nightly.status_of(done)["status"]


def test_a_job_that_was_removed_is_told_to_admin_alone(locked: Locked) -> None:
    client = locked.nightly
    gone, _ = client.new_job(), client.new_job()
    client.wait_for_success(gone)
    locked.service.execute(sa.delete(schema.jobs).where(schema.jobs.c.id == gone))

    assert_problem(locked.admin.get(f"/api/diffing/job/{gone}"), 410)
    for name in ("nightly", "other"):
        response = locked.client(locked.tokens[name]).get(f"/api/diffing/job/{gone}")
        assert_problem(response, 404, f"Unknown job {gone}")


def test_a_job_from_the_time_without_keys_is_for_admin(service: Service) -> None:
    service.write_small_pair()
    tokens = [make_api_key(service.folder, scope) for scope in ("admin", "submit")]
    open_api = service.start("api", "--port", "0")
    job_id = service.client_of(open_api).new_job()
    open_api.signal(signal.SIGTERM)
    open_api.ended()
    client = service.api(api_keys="on")

    statuses = []
    for token in tokens:
        client.headers["Authorization"] = f"Bearer {token}"
        statuses.append(client.get(f"/api/diffing/job/{job_id}/status").status_code)
    assert [200, 404] == statuses


def test_nobody_sees_a_job_without_an_owner_but_who_sees_all(
    unlocked: Client, unlocked_service: Service
) -> None:
    job = unlocked_service.jobs().get(unlocked.new_job())

    assert job.owner is None
    assert Caller(None, sees_all=True).sees(job)
    assert not Caller(None, sees_all=False).sees(job)


def test_an_idempotency_key_is_one_for_each_api_key(locked: Locked) -> None:
    headers = {"Idempotency-Key": "same-for-both"}

    def ask(client: Client, body: bytes = b"") -> httpx2.Response:
        return client.post("/api/diffing/new/revenue", headers=headers, content=body)

    mine, theirs = ask(locked.nightly), ask(locked.other, b"{}")
    assert (202, 202) == (mine.status_code, theirs.status_code)
    assert mine.json() != theirs.json()
    assert mine.json() == ask(locked.nightly).json()
    assert theirs.json() == ask(locked.other, b"{}").json()
    assert_problem(ask(locked.other), 409, f"job {theirs.json()['job_id']}")


def test_twenty_of_the_same_key_of_two_owners_at_once_are_two_jobs(locked: Locked) -> None:
    clients = [locked.nightly, locked.other]

    def ask(number: int) -> tuple[int, int]:
        response = clients[number % 2].post(
            "/api/diffing/new/revenue", headers={"Idempotency-Key": "at-once"}
        )
        assert response.status_code == 202
        return number % 2, response.json()["job_id"]

    with ThreadPoolExecutor(20) as threads:
        assert len(set(threads.map(ask, range(20)))) == 2


# what is never said


def test_no_log_has_a_token(locked: Locked, done: int) -> None:
    unknown = f"diffing_{'1' * 12}_{'2' * 64}"
    for token in (*locked.tokens.values(), unknown):
        for path in (f"/api/diffing/job/{done}", "/api/diffing/job/x", "/nowhere"):
            locked.client(token).get(path)
    locked.client(unknown).get(f"/api/diffing/job/1?token={unknown}")
    with socket.create_connection(_address(locked.url)) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nAuthorization: Bearer {unknown}\r\n".encode())
        connection.sendall(b"broken\0line\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 400")

    secrets = [token.split("_")[2] for token in (*locked.tokens.values(), unknown)]
    lines = locked.service.all_lines()
    assert len(lines) > 3
    assert [] == [line for line in lines for secret in secrets if secret in line]


def _address(url: str) -> tuple[str, int]:
    host, port = url.removeprefix("http://").rstrip("/").rsplit(":", 1)
    return host, int(port)


# pages in a browser


def test_a_page_by_a_name_of_its_own_that_leads_here_is_refused(unlocked: Client) -> None:
    port = unlocked.base_url.port

    def status(host: str) -> int:
        headers = {b"Host": host.encode()}
        return unlocked.post("/api/diffing/new/revenue", headers=headers).status_code

    for host in (
        f"localhost:{port}",
        "localhost",
        "LOCALHOST:80",
        "app.localhost",
        f"127.0.0.1:{port}",
        "127.8.8.8",
        "[::1]:8000",
        "192.0.2.1",
        "diff.example",
        "Diff.Example:443",
        "diff",
    ):
        assert 202 == status(host), host
    for host in (
        "attacker.example",
        f"attacker.example:{port}",
        "localhost.attacker.example",
        "127.0.0.1.attacker.example",
        "notlocalhost",
        "diff.example.attacker.example",
    ):
        assert 421 == status(host), host
    for host in ("localhost:port", "local host", "[::1", "a@localhost", "localhost/", "é", ""):
        assert 400 == status(host), host
    foreign = {"Host": "attacker.example"}
    assert_problem(unlocked.get("/nowhere", headers=foreign), 421, "that name")


def test_with_keys_any_name_will_do_unless_names_are_given(locked: Locked) -> None:
    assert 200 == locked.client(None).get("/health", headers={"Host": "x.example"}).status_code
    named = locked.service.api(api_keys="on", hosts="diff.example")
    assert 421 == named.get("/health", headers={"Host": "x.example"}).status_code


FOREIGN = {
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "another port": {"Sec-Fetch-Site": "same-site"},
    "a site to come": {"Sec-Fetch-Site": "x"},
    "an old browser": {"Origin": "http://attacker.example"},
    "a file": {"Origin": "null"},
    "another origin of this machine": {"Origin": "http://localhost:1"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_a_page_of_another_site_starts_and_cancels_nothing(
    unlocked: Client, headers: dict[str, str]
) -> None:
    job_id = unlocked.new_job()

    for method, path in (
        ("POST", "/api/diffing/new/revenue"),
        ("GET", "/api/diffing/new/revenue"),
        ("DELETE", f"/api/diffing/job/{job_id}"),
    ):
        assert_problem(unlocked.request(method, path, headers=headers), 403, "another site")
    assert "queued" == unlocked.status_of(job_id)["status"]
    assert job_id + 1 == unlocked.new_job()


def test_a_page_of_its_own_a_person_and_a_script_start_jobs(unlocked: Client) -> None:
    for headers in (
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.a.proxy.example"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": str(unlocked.base_url).rstrip("/")},
        {},
    ):
        assert 202 == unlocked.post("/api/diffing/new/revenue", headers=headers).status_code


def test_a_link_on_another_site_leads_to_a_result(unlocked: Client) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}

    assert 200 == unlocked.get("/health", headers=headers).status_code


def test_no_answer_invites_other_sites(unlocked: Client) -> None:
    headers = {"Origin": "http://attacker.example", "Access-Control-Request-Method": "POST"}

    for method in ("GET", "OPTIONS"):
        response = unlocked.request(method, "/api/diffing/job/1", headers=headers)
        assert not [name for name in response.headers if name.startswith("access-control")]
