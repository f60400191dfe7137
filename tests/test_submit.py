"""`diffing submit` and what the README of the API says of scripts, against a live service."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from diffing.core.settings import ClientSettings
from tests import reference
from tests.command_line import run
from tests.conftest import ROOT, one_in
from tests.service_under_test import NEW, OLD, PATIENCE_SECONDS, Client, LargePair, Service

KEY = ["date", "segment_field", "segment_value_id", "stat"]
RESULT = reference.diff(OLD, NEW, KEY, ["value"]).csv


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of an API for requests that come to nothing."""
    with Service(tmp_path_factory.mktemp("idle") / "data") as service:
        yield service.api()


def started(client: Client, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    """`diffing submit`, with what it says kept."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("DIFFING_")}
    return subprocess.Popen(
        [sys.executable, "-m", "diffing", "submit", *arguments],
        env={**inherited, "DIFFING_URL": str(client.base_url), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Its exit status, and what it said on standard output and standard error."""
    with process:
        out, error = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode, out, error


def submitted(client: Client, *arguments: str | Path, **given: str) -> tuple[int, str, str]:
    """How `diffing submit` ended."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("DIFFING_")}
    environment = {**inherited, "DIFFING_URL": str(client.base_url), **given}
    done = run(Path.cwd(), ("submit", *map(str, arguments)), environment)
    return done.returncode, done.stdout, done.stderr


@contextmanager
def proxy(client: Client, faults: dict[str, bytes]) -> Iterator[dict[str, str]]:
    """A proxy before a service; how `diffing submit` finds it.

    Args:
        client: of the service.
        faults: the answer to the first request for a path that ends so, with its headers. After
            it, the connection is cut.
    """
    left = dict(faults)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            pass

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            end = next((end for end in left if self.path.endswith(end)), None)
            if end:
                self.wfile.write(left.pop(end))
                return
            service = HTTPConnection(str(client.base_url.host), client.base_url.port)
            service.request(self.command, self.path, body, dict(self.headers))
            answer = service.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.read())
            service.close()

        do_GET = do_POST = pass_on  # noqa: N815 - their names

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield {"DIFFING_URL": f"http://127.0.0.1:{server.server_port}"}
        finally:
            server.shutdown()
            thread.join()
    assert not left


BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\nhtml"


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param({"/new/revenue": BAD_GATEWAY, "/status": BAD_GATEWAY}, id="before the end"),
        pytest.param({"/summary": BAD_GATEWAY}, id="after the end"),
        pytest.param({"/job/{}": BAD_GATEWAY}, id="at the result"),
        pytest.param({"/job/{}": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ndate"}, id="cut"),
        pytest.param({"/job/{}": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nno"}, id="mad"),
    ],
)
def test_a_proxy_that_fails_once_costs_nothing(
    client: Client, tmp_path: Path, faults: dict[str, bytes]
) -> None:
    before = client.newest_job()
    faults = {path.format(before + 1): answer for path, answer in faults.items()}
    with proxy(client, faults) as found:
        done = submitted(client, "revenue", "--wait", "-o", tmp_path / "out.csv", **found)

    assert (0, "", f"job {before + 1}\n") == done
    assert RESULT == (tmp_path / "out.csv").read_text()
    assert before + 1 == client.newest_job()


@pytest.mark.parametrize(
    ("path", "answer", "said"),
    one_in(
        3,
        [
            ["/new/revenue", b"200 OK\r\n\r\n<html>", "200 OK. Is this a diffing service?"],
            ["/new/revenue", b"202 Accepted\r\n\r\n[1]", "202 Accepted. Is this"],
            ["/new/revenue", b'202 Accepted\r\n\r\n{"job_id": "1"}', "202 Accepted. Is this"],
            ["/new/revenue", b"204 No Content\r\n\r\n", "204 No Content. Is this"],
            ["/new/revenue", b"413 Too Large\r\n\r\n", "413 Too Large. Is this"],
            [
                "/new/revenue",
                b"301 Moved\r\nLocation: https://x/\r\n\r\n",
                "leads to https://x/. Use",
            ],
            ["/status", b"200 OK\r\n\r\nnull", "200 OK. Is this"],
            ["/summary", b"200 OK\r\n\r\n{}", "200 OK. Is this"],
            [
                "/new/revenue",
                b'400 No\r\n\r\n{"type": "urn:diffing:x", "detail": "\\u001b[1mred"}',
                "diffing: ?[1mred",
            ],
        ],
    ),
)
def test_an_answer_that_makes_no_sense_is_one_line(
    client: Client, path: str, answer: bytes, said: str
) -> None:
    with proxy(client, {path: b"HTTP/1.1 " + answer}) as found:
        status, out, error = submitted(client, "revenue", "--wait", **found)

    assert (2, "") == (status, out)
    assert said in error.splitlines()[-1]
    assert "Traceback" not in error


def test_the_result_is_written_to_the_file(client: Client, tmp_path: Path) -> None:
    status, out, error = submitted(client, "revenue", "--wait", "-o", tmp_path / "out.csv")

    assert (0, "", f"job {client.newest_job()}\n") == (status, out, error)
    assert RESULT == (tmp_path / "out.csv").read_text()
    assert ["out.csv"] == [p.name for p in tmp_path.iterdir() if p.suffix == ".csv"]


def test_without_a_file_the_result_is_printed(client: Client) -> None:
    ended = submitted(client, "revenue", "--wait")

    assert (0, RESULT, f"job {client.newest_job()}\n") == ended


def test_without_wait_the_id_of_the_job_is_printed(client: Client) -> None:
    before = client.newest_job()
    ended = submitted(client, "revenue")

    assert client.newest_job() > before
    assert (0, f"{client.newest_job()}\n", "") == ended
    assert "revenue" == client.status_of(client.newest_job())["metric"]


def test_tolerances_given_stand_over_those_of_the_metric(client: Client) -> None:
    status, out, _ = submitted(client, "revenue", "--abs-tol", "1", "--rel-tol", "0", "--wait")

    assert 0 == status
    assert reference.diff(OLD, NEW, KEY, ["value"], rel_tol=0, abs_tol=1).csv == out != RESULT


def test_kinds_and_rules_reach_the_service(client: Client, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,n,at\nA,1,2026-11-27\nB,01,2026-11-27\nC,2,\n")
    (tmp_path / "b.csv").write_text("id,n,at\na ,1,2026-11-28\nB,1,2026-11-27\nC,2,a b\n")
    columns = ("--key", "id", "--value", "n", "--value", "at", "--text", "n", "--time", "at")
    rules = ("--time-tol", "1d", "--trim", "--nocase", "--empty", "a B")
    files = ("--old", tmp_path / "a.csv", "--new", tmp_path / "b.csv")

    status, out, _ = submitted(client, *files, *columns, *rules, "--wait")

    assert (0, "id,n,at\nB,1,2026-11-27\n") == (status, out)


def test_the_warnings_of_a_result_are_shown_with_it(client: Client, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,n\nA,1\n")
    (tmp_path / "b.csv").write_text("id,n\na,1\n")
    columns = ("--key", "id", "--value", "n")
    files = ("--old", tmp_path / "a.csv", "--new", tmp_path / "b.csv")

    status, out, err = submitted(client, *files, *columns, "--wait")

    assert (0, "id,n\na,1\n") == (status, out)
    assert err.splitlines()[1].startswith("diffing: warning: 0 of 1 rows of b.csv have a key of a.")


def test_files_are_sent_and_compared_as_a_one_off(client: Client, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,n\n1,1\n2,2\n")
    (tmp_path / "b.csv").write_text("id,n\n1,1\n2,3\n")
    columns = ("--key", "id", "--value", "n")
    files = ("--old", tmp_path / "a.csv", "--new", tmp_path / "b.csv")

    ended = submitted(client, *files, *columns, "--wait")

    assert (0, "id,n\n2,3\n", f"job {client.newest_job()}\n") == ended


def test_letters_and_files_are_those_of_diff(client: Client, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,sub,n\n1,1,1\n2,2,2\n")
    (tmp_path / "b.csv").write_text("id,sub,n\n1,1,1\n2,2,3\n")

    said = submitted(
        client, tmp_path / "a.csv", tmp_path / "b.csv", "-k", "id,sub", "-v", "n", "--wait", "-q"
    )

    assert (0, "id,sub,n\n2,2,3\n", "") == said


def test_a_pipe_is_sent(client: Client, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("id,n\n1,1\n2,3\n")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    submit = started(client, pipe, tmp_path / "b.csv", "-k", "id", "-v", "n", "--wait", "-q")
    pipe.write_text("id,n\n1,1\n2,2\n")

    assert (0, "id,n\n2,3\n", "") == ended(submit)


def test_without_an_old_file_every_row_is_added(client: Client, tmp_path: Path) -> None:
    new = "id,n\n1,1\n2,3\n"
    (tmp_path / "b.csv").write_text(new)
    files = (tmp_path / "missing.csv", tmp_path / "b.csv")
    columns = ("-k", "id", "-v", "n", "--wait", "-q")

    status, out, error = submitted(client, *files, *columns, "--old-may-be-missing")
    refused, _, why = submitted(client, *files, *columns)

    warning = "missing.csv is missing or empty, so every row of b.csv is added.\n"
    assert (0, new, f"diffing: warning: {warning}") == (status, out, error)
    assert (2, True) == (refused, why.endswith("Missing file " + str(files[0]) + ".\n"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["revenu", "--wait"], "Unknown metric revenu. Did you mean revenue?"),
        (["../../etc", "--wait"], "Not Found: POST /api/diffing/new/../../etc"),
        ([], "Give METRIC, or two files, OLD and NEW, with --key"),
        (["revenue", "--key", "id"], "not both"),
        (["revenue", "--old", "old.csv"], "Give both --old and --new"),
        (["revenue", "--old", "not.csv", "--new", "there.csv"], "Missing file not.csv"),
        (
            ["revenue", "--old", "https://host/o.csv", "--new", "there.csv"],
            "https://host/o.csv: addresses such as https:// are not taken.",
        ),
        (["revenue", "-o", "out.csv"], "Give --wait"),
        (["revenue", "--url", "http://127.0.0.1:1"], "No service answers at http://127.0.0.1:1"),
        (["revenue", "--url", "http://u:pass@127.0.0.1:1"], "answers at http://127.0.0.1:1"),
        (["revenue", "--url", "http://u:pass@127.0.0.1:x"], "Invalid address http://127.0.0.1:x"),
        (["revenue", "--url", "http://no..host"], "Invalid address http://no..host of a service."),
        (["revenue", "--url", "ftp://host"], "--url: must begin with http:// or https://"),
        (["revenue", "--wait", "-o", "/no/such/f.csv"], "Cannot write /no/such/f.csv: No such"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_2(
    idle: Client, arguments: list[str], words: str
) -> None:
    status, out, error = submitted(idle, *arguments)

    assert (2, "") == (status, out)
    assert error.startswith("diffing: ")
    assert words in error
    assert "pass@" not in error


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1", "SOCKS proxies are not supported. Unset ALL_PROXY"),
        ("SSL_CERT_FILE", "/no/such.pem", "The certificates cannot be read: [Errno 2]"),
    ],
)
def test_an_environment_that_cannot_be_used_is_one_line(
    idle: Client, variable: str, value: str, said: str
) -> None:
    status, out, error = submitted(idle, "revenue", **{variable: value})

    assert (2, "") == (status, out)
    assert error.startswith(f"diffing: {said}")


@pytest.mark.parametrize("token", ["secret\n", "my secret", "secretä"])
def test_a_token_that_fits_no_header_is_refused_and_not_shown(idle: Client, token: str) -> None:
    status, out, error = submitted(idle, "revenue", DIFFING_TOKEN=token)

    said = "diffing: DIFFING_TOKEN: must be ASCII without blanks and line ends\n"
    assert (2, "", said) == (status, out, error)
    assert 1 == error.count("\n")
    assert 0 == idle.newest_job()


def test_columns_are_chosen_as_on_the_command_line(client: Client, tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text('id,"a,b",x,y_at\n1,1,1,1\n')
    (tmp_path / "new.csv").write_text("id,c,x,y_at\n1,2,1,2\n")
    files = ("--old", tmp_path / "old.csv", "--new", tmp_path / "new.csv")
    options = ("--key", "auto", "--value", "*", "--ignore", "y_*,x", "--rename", '"a,b=c"')

    status, out, error = submitted(client, *files, *options, "--wait")

    assert (0, "id,c,x,y_at\n1,2,1,2\n") == (status, out), error
    assert "diffing: warning: The key is id: " in error


def test_a_job_that_fails_says_why(service: Service) -> None:
    service.write_small_pair()
    service.write("revenue_new.csv", f"{NEW}1,2,3\n")
    client, _ = service.api_and_worker()
    status, out, error = submitted(client, "revenue", "--wait")

    assert (2, "") == (status, out)
    assert "Job 1 failed: revenue_new.csv" in error


def test_a_result_that_is_not_what_the_summary_says_is_not_written(
    client: Client, shared: Service, tmp_path: Path
) -> None:
    job_id = client.new_job()
    client.wait_for_success(job_id)
    result = shared.result_file(job_id, 1)
    result.write_text(result.read_text().replace("7.25", "7.26"))
    from diffing.cli.client import Client as OurClient
    from diffing.core.errors import DiffFailed

    with (
        OurClient(str(client.base_url)) as ours,
        pytest.raises(DiffFailed, match="was damaged on the way"),
    ):
        ours.fetch(job_id, tmp_path / "out.csv")
    assert [] == list(tmp_path.glob("*.csv"))


@pytest.mark.slow
def test_an_api_that_is_started_anew_meanwhile_is_waited_for(
    service: Service, large_pair: LargePair, tmp_path: Path
) -> None:
    large_pair.put_into(service)
    api = service.start("api", "--port", "0")
    client = service.client_of(api)
    submit = started(client, "revenue", "--wait", "-o", tmp_path / "out.csv")
    assert submit.stderr
    assert "job 1\n" == submit.stderr.readline()

    api.signal(signal.SIGKILL)
    api.ended()
    service.start("api", "--port", str(client.base_url.port))
    service.worker()

    assert (0, "", "") == ended(submit)
    assert large_pair.result == (tmp_path / "out.csv").read_bytes()


def test_the_script_of_the_api_readme_fetches_a_result(client: Client, tmp_path: Path) -> None:
    readme = (ROOT / "service/diffing/api/README.md").read_text(encoding="utf-8")
    script = readme.split("```python\n")[1].split("```")[0]
    assert len(script.splitlines()) <= 20
    script = script.replace(ClientSettings().url, str(client.base_url).rstrip("/"))

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )

    assert "" == done.stderr
    assert re.search(r"added 1, changed 1\b", done.stdout)
    assert RESULT == (tmp_path / "revenue_diff.csv").read_text()
