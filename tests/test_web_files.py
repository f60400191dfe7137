"""Files on web servers that answer badly: whole, in one version, or refused in words that help."""

import gzip
import logging
import math
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from diffing.core.errors import BadInput, DiffingError, InputChanged, MissingInput, Unreachable
from diffing.core.input_file import InputFile
from diffing.core.progress import Progress
from diffing.core.remote_file import RemoteFile
from diffing.files import web_client
from diffing.files.fetch import Fetch
from diffing.files.web_client import depth_of
from tests.bucket import SECRET
from tests.service_under_test import Service
from tests.web import Answer, Web, certificate, whole

CSV = b"id,value\n" + b"".join(b"%d,%d\n" % (number, number) for number in range(30_000))
GZIP = gzip.compress(CSV)
PART = CSV[:50_000]
PARTS = {"Content-Range": f"bytes 0-49999/{len(CSV)}", "Content-Length": "50000"}


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with Web() as web:
        yield web


def fetched(url: str, folder: Path) -> InputFile:
    return Fetch(folder, math.inf).copy(RemoteFile.of(url), "old")


def refused(url: str, folder: Path, kind: type[DiffingError]) -> str:
    """The error of a fetch, which leaves nothing, and its words about the file."""
    with pytest.raises(kind) as caught:
        fetched(url, folder)

    assert [] == list(folder.iterdir())
    name = RemoteFile.of(url).name
    assert caught.value.detail.startswith((f"{name}: ", f"{name} changed"))
    assert SECRET not in caught.value.detail
    return caught.value.detail


def chunked(body: bytes, end: bytes = b"0\r\n\r\n", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = b"%x\r\n%s\r\n" % (len(body), body)
    return Answer(sent + end, headers={"Transfer-Encoding": "chunked"} | named)


@pytest.mark.parametrize(
    ("answer", "head"),
    [
        pytest.param(whole(CSV), None, id="size"),
        pytest.param(chunked(CSV), None, id="chunks"),
        pytest.param(Answer(CSV), whole(CSV), id="size of HEAD alone"),
        pytest.param(whole(CSV), whole(b""), id="HEAD of size 0"),
        pytest.param(whole(CSV, ETag='"a"'), Answer(status=403), id="HEAD is refused"),
        pytest.param(whole(CSV, ETag='"a"'), whole(CSV, etag='W/"a"'), id="weak ETag"),
        pytest.param(whole(GZIP, Content_Encoding="gzip"), None, id="gzip"),
        pytest.param(chunked(GZIP, Content_Encoding="x-gzip"), None, id="gzip in chunks"),
        pytest.param(whole(CSV, Content_Encoding="utf-8"), None, id="encoding of the text"),
    ],
)
def test_a_whole_file_is_taken(
    web: Web, tmp_path: Path, answer: Answer, head: Answer | None
) -> None:
    copy = fetched(web.put("/old.csv", answer, head), tmp_path)

    assert CSV == copy.path.read_bytes()
    assert ".csv" == copy.path.suffix


def test_an_empty_file_is_taken(web: Web, tmp_path: Path) -> None:
    assert b"" == fetched(web.put("/empty.csv", whole(b"")), tmp_path).path.read_bytes()


def test_a_packed_file_that_is_packed_again_keeps_its_own_packing(web: Web, tmp_path: Path) -> None:
    url = web.put("/old.csv.gz", whole(gzip.compress(GZIP), Content_Encoding="gzip"))
    copy = fetched(url, tmp_path)

    assert (GZIP, ".gz") == (copy.path.read_bytes(), copy.path.suffix)


def test_a_file_is_asked_for_once(web: Web, tmp_path: Path) -> None:
    url = web.put("/once.csv", whole(CSV))
    web.requests.clear()
    fetched(url, tmp_path)

    assert ["GET /once.csv", "HEAD /once.csv"] == [asked for asked, _ in web.requests]


def test_a_slow_server_shows_that_the_file_is_fetched(web: Web, tmp_path: Path) -> None:
    url, told = web.put("/slow.csv", whole(CSV)), list[Progress]()
    Fetch(tmp_path, math.inf).copy(RemoteFile.of(url), "old", told.append)

    assert [Progress("fetching", 0, len(CSV))] == told


EARLY, DAMAGED = "the connection ended too early", "its end is missing, or it is damaged"


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        pytest.param(
            Answer(PART, headers={"Content-Length": str(len(CSV))}), Unreachable, EARLY, id="size"
        ),
        pytest.param(chunked(PART, end=b""), Unreachable, EARLY, id="chunks"),
        pytest.param(Answer(PART), BadInput, "the server names no size", id="neither"),
        pytest.param(
            Answer(gzip.compress(PART), headers={"Content-Encoding": "gzip"}),
            *(BadInput, "the server names no size"),
            id="first part of gzip",
        ),
        pytest.param(whole(GZIP[:-9], Content_Encoding="gzip"), Unreachable, DAMAGED, id="gzip"),
        pytest.param(
            chunked(GZIP[:-9], Content_Encoding="gzip"), Unreachable, DAMAGED, id="gzip in chunks"
        ),
        pytest.param(
            whole(GZIP[:-8] + bytes(8), Content_Encoding="gzip"),
            *(Unreachable, DAMAGED),
            id="checksum of gzip",
        ),
        pytest.param(whole(CSV, Content_Encoding="gzip"), Unreachable, DAMAGED, id="not gzip"),
        pytest.param(
            whole(zlib.compress(CSV), Content_Encoding="deflate"),
            *(BadInput, "packed it without being asked to"),
            id="another packing",
        ),
        pytest.param(Answer(PART, 206, PARTS), Unreachable, "HTTP status 206", id="part"),
        pytest.param(Answer(status=204), Unreachable, "HTTP status 204", id="nothing"),
        pytest.param(
            Answer(b"id\n", 202, {"Content-Length": "3"}),
            *(Unreachable, "HTTP status 202"),
            id="not ready",
        ),
        pytest.param(
            Answer(b"", 302, {"Content-Length": "0"}),
            *(Unreachable, "HTTP status 302"),
            id="redirect to nowhere",
        ),
    ],
)
def test_a_part_is_never_taken_for_the_whole(
    web: Web, tmp_path: Path, answer: Answer, kind: type[DiffingError], said: str
) -> None:
    url = web.put("/old.csv", answer) + f"?signature={SECRET}"

    assert said in refused(url, tmp_path, kind)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (whole(CSV, ETag='"a"'), whole(CSV, ETag='"b"')),
        (whole(CSV, Last_Modified="a"), whole(CSV, last_modified="b")),
        (whole(CSV), whole(PART)),
        (chunked(CSV, ETag='W/"a"'), whole(CSV, ETag='W/"b"')),
    ],
)
def test_a_file_that_is_another_one_afterwards_is_refused(
    web: Web, tmp_path: Path, before: Answer, after: Answer
) -> None:
    # a server may answer GET from one version, and HEAD from another, in any order
    web.put("/old.csv", before, after)

    refused(web.url + "/old.csv", tmp_path, InputChanged)


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, BadInput, "the server refuses the request: HTTP status 400. Check the URL."),
        (401, BadInput, "access denied: HTTP status 401. Check the URL; it may be too old."),
        (403, BadInput, "access denied: HTTP status 403. Check the URL; it may be too old."),
        (410, MissingInput, "no such file. Check the URL, and put the file there."),
        (429, Unreachable, "HTTP status 429. Try again after 7 seconds."),
        (500, Unreachable, "HTTP status 500. Try again after 7 seconds."),
        (503, Unreachable, "HTTP status 503. Try again after 7 seconds."),
    ],
)
def test_a_status_says_what_to_do(
    web: Web, tmp_path: Path, status: int, kind: type[DiffingError], said: str
) -> None:
    url = web.put("/old.csv", Answer(b"", status, {"Content-Length": "0", "Retry-After": "7"}))

    assert refused(url, tmp_path, kind).endswith(said)


def test_a_server_that_does_not_speak_http_is_named(web: Web, tmp_path: Path) -> None:
    url = web.put("/old.csv", Answer(status=-1))

    assert "the server does not speak HTTP" in refused(url, tmp_path, Unreachable)


def redirect(url: str, status: int = 302) -> Answer:
    return Answer(b"", status, {"Location": url, "Content-Length": "0"})


class TestRedirects:
    def test_one_may_lead_to_another_host_which_gets_no_password(
        self, web: Web, tmp_path: Path
    ) -> None:
        with Web() as other:
            web.put("/moved.csv", redirect(other.put("/old.csv", whole(CSV))))
            url = web.url.replace("://", f"://user:{SECRET}@") + "/moved.csv"
            web.requests.clear()

            assert CSV == fetched(url, tmp_path).path.read_bytes()
            assert all("Authorization" in headers for _, headers in web.requests)
            assert not [headers for _, headers in other.requests if "Authorization" in headers]

    @pytest.mark.parametrize("to", ["/old.csv", "file:///etc/passwd", "ftp://host/x", "http://"])
    def test_one_that_leads_to_no_file_is_refused(self, web: Web, tmp_path: Path, to: str) -> None:
        url = web.put("/old.csv", redirect(to))

        assert "the server redirects to nothing that is a file" in refused(url, tmp_path, BadInput)

    def test_one_from_https_to_http_is_refused(
        self, web: Web, tmp_path: Path, trusted: Path
    ) -> None:
        to = web.put("/old.csv", whole(CSV))
        with Web(certificate=trusted) as safe:
            url = safe.put("/old.csv", redirect(to))
            web.requests.clear()

            assert "redirects from https to http" in refused(url, tmp_path, BadInput)
        assert [] == web.requests

    def test_one_may_lead_from_http_to_https(self, web: Web, tmp_path: Path, trusted: Path) -> None:
        with Web(certificate=trusted) as safe:
            url = web.put("/old.csv", redirect(safe.put("/old.csv", whole(CSV))))

            assert CSV == fetched(url, tmp_path).path.read_bytes()

    def test_one_further_into_the_network_is_refused(
        self, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(web_client, "depth_of", lambda address: address == "127.0.0.2")
        with Web("127.0.0.2") as inner:
            url = web.put("/old.csv", redirect(inner.put("/old.csv", whole(CSV))))

            assert "leads further into this network" in refused(url, tmp_path, BadInput)
        assert [] == inner.requests

    def test_the_way_out_of_a_network_is_free(
        self, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(web_client, "depth_of", lambda address: address == "127.0.0.2")
        with Web("127.0.0.2") as inner:
            url = inner.put("/old.csv", redirect(web.put("/old.csv", whole(CSV))))

            # the check of the version goes the same way, in again
            assert CSV == fetched(url, tmp_path).path.read_bytes()

    def test_addresses_are_ordered_by_who_can_reach_them(self) -> None:
        addresses = ("8.8.8.8", "10.0.0.1", "127.0.0.1", "169.254.169.254")
        of_version_6 = ("2001:4860:4860::8888", "fd00:ec2::254", "::1", "fe80::1%eth0")

        assert [0, 1, 2, 3] == [*map(depth_of, addresses)] == [*map(depth_of, of_version_6)]
        assert [2, 2, 3] == [*map(depth_of, ("0.0.0.0", "::", "::ffff:169.254.169.254"))]  # noqa: S104


@pytest.fixture(scope="module")
def folder_of_certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture
def trusted(folder_of_certificates: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate that this process trusts."""
    found = certificate(folder_of_certificates, days=10)
    monkeypatch.setenv("SSL_CERT_FILE", str(found))
    return found


class TestCertificates:
    def test_one_of_an_authority_in_the_environment_is_valid(
        self, tmp_path: Path, trusted: Path
    ) -> None:
        with Web(certificate=trusted) as web:
            assert CSV == fetched(web.put("/old.csv", whole(CSV)), tmp_path).path.read_bytes()

    @pytest.mark.parametrize(
        ("days", "is_trusted", "said"),
        [(10, False, "self-signed certificate"), (-1, True, "certificate has expired")],
    )
    def test_an_invalid_one_is_refused(
        self,
        tmp_path: Path,
        folder_of_certificates: Path,
        monkeypatch: pytest.MonkeyPatch,
        days: int,
        is_trusted: bool,
        said: str,
    ) -> None:
        found = certificate(folder_of_certificates, days)
        if is_trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(found))
        with Web(certificate=found) as web:
            detail = refused(web.url + "/old.csv", tmp_path, BadInput)

        assert f"the certificate of the server is not valid: {said}. Renew it" in detail

    def test_a_server_without_tls_is_named(self, web: Web, tmp_path: Path) -> None:
        url = web.url.replace("http", "https") + "/old.csv"

        assert "cannot be fetched: TLS failed: " in refused(url, tmp_path, Unreachable)


@pytest.mark.parametrize(
    ("path", "asked", "name"),
    [
        ("/a b+c.csv", "/a%20b+c.csv", "/a b+c.csv"),
        ("/é/ü.csv", "/%C3%A9/%C3%BC.csv", "/é/ü.csv"),
        ("/a%23b%3F%2F.csv", "/a%23b%3F%2F.csv", "/a%23b%3F%2F.csv"),
        (f"/x.csv?a=%2B&s={SECRET}#{SECRET}", f"/x.csv?a=%2B&s={SECRET}", "/x.csv"),
    ],
)
def test_names_reach_the_server_and_the_user_as_they_are(
    web: Web, tmp_path: Path, path: str, asked: str, name: str
) -> None:
    web.put(asked.partition("?")[0], whole(CSV))
    web.requests.clear()

    assert web.url + name == fetched(web.url + path, tmp_path).name
    assert f"GET {asked}" == web.requests[0][0]


@pytest.mark.parametrize("status", [403, 503])
def test_a_failed_job_shows_no_credentials(
    web: Web, service: Service, tmp_path: Path, status: int
) -> None:
    url = web.put("/old.csv", Answer(status=status, headers={"Content-Length": "0"}))
    secret = url.replace("://", f"://user:{SECRET}@") + f"?s={SECRET}"
    (tmp_path / "metrics.toml").write_text(
        f'[metric.far]\nold = "{secret}"\nnew = "{secret}"\nkey = ["id"]\n'
    )
    client, _ = service.api_and_worker(
        metrics=tmp_path / "metrics.toml", log_level="DEBUG", max_attempts=1
    )
    job_id = client.new_job("far")
    error = client.wait_for_failure(job_id)["error"]["detail"]

    assert error.startswith(f"{url}: ")
    pages = (f"/api/diffing/job/{job_id}/status", f"/jobs/{job_id}", "/metrics", "/metrics/far")
    assert not [page for page in pages if SECRET in client.get(page).text]
    assert not [line for line in service.all_lines() if SECRET in line]


def test_no_record_of_a_failure_shows_credentials(
    web: Web, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    url = web.put("/old.csv", chunked(PART, end=b"")).replace("://", f"://user:{SECRET}@")

    refused(f"{url}?s={SECRET}", tmp_path, Unreachable)

    assert SECRET not in caplog.text
