"""Buckets that answer badly: no byte of them is taken, and an error says what to do."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from diffing.core.errors import BadInput, DiffingError, StorageUnavailable, Unreachable
from diffing.core.remote_file import RemoteFile, RemoteFolder
from diffing.files.bucket import Bucket
from diffing.files.fetch import Fetch
from tests.bucket import S3, SECRET
from tests.test_google import ON_THIS_MACHINE
from tests.web import Answer, Web, whole

CSV = b"id,value\n1,2\n"
URL = "s3://exports/old.csv"
THERE = {"Content-Length": str(len(CSV)), "ETag": '"a"'}
CHECK = "Check the URL and the network, and try again."
CREDENTIALS = "Check the credentials in the environment, such as AWS_PROFILE, AWS_ACCESS_KEY_ID"


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.fixture(autouse=True)
def _environment(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": web.url,
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)


def refused(folder: Path, kind: type[DiffingError]) -> str:
    """The error of a fetch, which leaves nothing."""
    with pytest.raises(kind) as caught:
        Fetch(folder, math.inf).copy(RemoteFile.of(URL), "old")

    assert [] == list(folder.iterdir())
    assert SECRET not in caught.value.detail
    return caught.value.detail


def error(code: str, status: int, **headers: str) -> Answer:
    return whole(
        f"<Error><Code>{code}</Code><Message>{SECRET}</Message></Error>".encode(), **headers
    ).with_status(status)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Content-Range": "bytes 5-17/18"}, id="range"),
        pytest.param({"ETag": '"b"'}, id="version"),
    ],
)
def test_bytes_that_were_not_asked_for_are_refused(
    web: Web, tmp_path: Path, headers: dict[str, str]
) -> None:
    asked = {"Content-Range": f"bytes 0-{len(CSV) - 1}/{len(CSV)}"}
    sent = Answer(CSV, 206, {**THERE, **asked, **headers})
    web.put("/exports/old.csv", sent, Answer(headers=THERE))

    assert f"it sent other bytes than it was asked for. {CHECK}" in refused(tmp_path, Unreachable)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (error("AccessDenied", 403), BadInput, f"access denied. {CREDENTIALS}"),
        (error("ExpiredToken", 400), BadInput, "The credentials have expired. Renew them."),
        (error("InvalidObjectState", 403), BadInput, "It is archived. Restore it first."),
        (
            error("AuthorizationHeaderMalformed", 400),
            Unreachable,
            "cannot be fetched: AuthorizationHeaderMalformed. Set AWS_DEFAULT_REGION to the region",
        ),
        (error("Strange", 418), Unreachable, f"cannot be fetched: Strange. {CHECK}"),
    ],
)
def test_a_code_says_what_to_do(
    web: Web, tmp_path: Path, answer: Answer, kind: type[DiffingError], said: str
) -> None:
    web.put("/exports/old.csv", answer, Answer(headers=THERE))

    assert said in refused(tmp_path, kind)


@pytest.mark.parametrize(
    ("status", "minutes", "kind", "said"),
    [
        (403, 0, BadInput, f"access denied. {CREDENTIALS}"),
        (403, 20, BadInput, "The clock of this machine differs from that of the bucket by 20 min"),
        (403, -20, BadInput, "The clock of this machine differs from that of the bucket by 20 min"),
        (400, 0, Unreachable, "HTTP status 400. Check whether the credentials have expired"),
        (301, 0, Unreachable, "HTTP status 301. Set AWS_DEFAULT_REGION"),
    ],
)
def test_a_status_says_what_to_do(
    web: Web, tmp_path: Path, status: int, minutes: int, kind: type[DiffingError], said: str
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    # an answer to HEAD has no code
    web.put(
        "/exports/old.csv", Answer(status=status, headers={"Content-Length": "0", "Date": date})
    )

    assert said in refused(tmp_path, kind)


def test_the_storage_of_the_service_says_so_too(web: Web) -> None:
    storage = Bucket(RemoteFolder.of("s3://exports/diffing"), hasty=True)
    web.put("/exports/diffing/x", error("ExpiredToken", 400))

    with pytest.raises(StorageUnavailable, match="whether the credentials have expired"):
        storage.read("x")


def test_names_may_contain_what_has_a_meaning_in_urls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("a b+c.csv", "a%20b.csv", "é/ü.csv", "a#1.csv", "a?b=c.csv", "[x]*.csv")
    with S3() as bucket:
        monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.url)
        fetch = Fetch(tmp_path, math.inf)
        for name in names:
            bucket.put(quote(name), f"id\n{name}\n")
            copy = fetch.copy(RemoteFile.of(f"s3://exports/{name}"), "old")

            assert f"id\n{name}\n" == copy.path.read_text()
            assert f"s3://exports/{name}" == copy.name


class TestOfGoogle:
    @pytest.fixture(autouse=True)
    def _google(self, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", web.url)
        for name, value in ON_THIS_MACHINE.items():
            monkeypatch.setenv(name, value)

    @pytest.mark.parametrize(
        ("status", "kind", "said"),
        [
            (400, Unreachable, f"cannot be fetched: HTTP status 400. {CHECK}"),
            (401, BadInput, f"access denied. {CREDENTIALS}"),
            (403, BadInput, f"access denied. {CREDENTIALS}"),
        ],
    )
    def test_a_status_says_what_to_do_in_one_line(
        self,
        web: Web,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        status: int,
        kind: type[DiffingError],
        said: str,
    ) -> None:
        body = f'{{"error": {{"message": "{SECRET}"}}}}'.encode()
        web.otherwise = whole(body).with_status(status)
        with pytest.raises(kind) as caught:
            Fetch(tmp_path, math.inf).copy(RemoteFile.of("gs://exports/old.csv"), "old")

        assert said in caught.value.detail
        assert "" == caplog.text

    def test_a_silent_one_is_not_waited_for_by_an_api(
        self, web: Web, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage = Bucket(RemoteFolder.of("gs://exports/diffing"), hasty=True)
        monkeypatch.setattr(storage._files, "seconds", 0.1)
        with web.silence(), pytest.raises(StorageUnavailable):
            storage.read("x")
