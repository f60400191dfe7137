"""Results over HTTP: again only when changed, in parts, packed, and in other formats."""

import asyncio
import csv
import gzip
import io
import itertools
import json
import os
import random
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from diffing.api.http.compression import packed, preferred
from diffing.api.http.downloads import Download, Files
from diffing.api.http.problems import problem_of_error
from diffing.core.errors import DiffingError, NotAcceptable
from diffing.files.results import Outputs
from diffing.store.conversions import Conversions
from diffing.store.job import Submission
from diffing.store.jobs import End
from tests.conftest import ROOT, one_in
from tests.service_under_test import (
    PATIENCE_SECONDS,
    Client,
    LargePair,
    Program,
    Running,
    Service,
)
from tests.test_api import assert_problem, assert_waits
from tests.test_jobs_api import SUMMARY
from tests.waiting import STALE_AFTER, wait_until

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ROWS = 20_000
METRICS = """
[metric.plain]
old = "old.csv"
new = "new.csv"
key = ["id"]
value = ["v"]

[metric.odd]
old = "odd_old.csv"
new = "odd_new.csv"
key = ["id"]
value = ["v"]
"""
HEADER = 'id,v,note,"a ""quoted"", name",née,select\n'
ODD = (
    HEADER + '007,1,"a ""quoted"", field","line\none",née,NULL\n'
    '8,,"","\r\n",\u2028 ,\x01\x1f\n'
    "9,NaN,💥,'; drop table jobs;--, leading and trailing ,\x7f\n"
    '10,1e400,"\t","\r",\ufeff,{"a": 1}\n'
)
PLAIN = {"Accept-Encoding": "identity"}
OUTPUTS = ("", "?detail=1", "/removed")


def rows_of(text: str) -> list[list[str]]:
    """The records of a CSV, the header too."""
    return [*csv.reader(io.StringIO(text, newline=""), strict=True)]


def in_format(url: str, suffix: str) -> str:
    """The URL of an output in that format."""
    return f"{url}{'&' if '?' in url else '?'}format={suffix}"


def write_inputs(service: Service) -> Path:
    """Write the pairs of the metrics plain, which is large, and odd; return the catalogue."""
    header = "id,v\n"
    service.write("old.csv", header + "".join(f"{i},1\n" for i in range(ROWS)))
    service.write("new.csv", header + "".join(f"{i},2\n" for i in range(ROWS)))
    service.write("odd_old.csv", f"{HEADER}1,1,gone,,,\n8,8,,,,\n")
    service.write("odd_new.csv", ODD)
    return service.write("metrics.toml", METRICS)


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("results")) as service:
        yield service


@pytest.fixture(scope="module")
def client(working: Service) -> Client:
    client, _ = working.api_and_worker(metrics=write_inputs(working))
    return client


def done(client: Client, metric: str) -> str:
    job_id = client.new_job(metric)
    client.wait_for_success(job_id)
    return f"/api/diffing/job/{job_id}"


@pytest.fixture(scope="module")
def large(client: Client) -> str:
    """The URL of a result of some 200 KB."""
    return done(client, "plain")


@pytest.fixture(scope="module")
def small(client: Client) -> str:
    """The URL of a result with odd fields."""
    return done(client, "odd")


# only when it changed


def test_a_result_that_the_client_has_is_not_sent_again(client: Client, large: str) -> None:
    etag = client.get(large, headers=PLAIN).headers["etag"]
    for method, tags in itertools.product(
        ("GET", "HEAD"), (etag, f"W/{etag}", f'"x,y", {etag}', "*", f'"a",W/{etag} , "b"')
    ):
        response = client.request(method, large, headers={**PLAIN, "If-None-Match": tags})

        assert (304, b"") == (response.status_code, response.content), tags
        assert etag == response.headers["etag"]
        assert response.headers["vary"] == "Accept-Encoding"
        assert "content-length" not in response.headers


@pytest.mark.parametrize("tags", ['"another"', "", 'W/""', "etag", '"', "é"])
def test_a_result_that_the_client_has_not_is_sent(client: Client, large: str, tags: str) -> None:
    headers = {**PLAIN, "If-None-Match": tags.encode()}

    assert 200 == client.get(large, headers=headers).status_code  # type: ignore[arg-type]


def test_a_result_that_stands_since_then_is_not_sent_again(client: Client, large: str) -> None:
    modified = client.get(large, headers=PLAIN).headers["last-modified"]

    def status(**headers: str) -> int:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.get(large, headers={**PLAIN, **names}).status_code

    assert 304 == status(if_modified_since=modified)
    assert 200 == status(if_modified_since="Thu, 01 Jan 2015 00:00:00 GMT")
    assert 200 == status(if_modified_since="yesterday")
    assert 200 == status(if_modified_since=modified, if_none_match='"another"')


def test_each_output_format_and_coding_has_a_tag_of_its_own(client: Client, large: str) -> None:
    urls = [
        in_format(large + output, suffix)
        for output in OUTPUTS
        for suffix in ("csv", "json", "parquet")
    ]
    tags = [
        client.head(url, headers={"Accept-Encoding": coding}).headers["etag"]
        for url in urls
        for coding in ("identity", "gzip", "zstd")
    ]

    # removed has no rows, Parquet is packed already: what is not packed is the same
    assert 2 * 3 * 2 + 3 * 1 <= len(set(tags)) < len(tags)
    assert all(re.fullmatch(r'"[0-9a-f]{32}(-gzip|-zstd)?"', tag) for tag in tags)


def test_another_api_gives_the_same_tag_and_a_new_database_another(
    client: Client, working: Service, large: str, service: Service
) -> None:
    other = working.api(metrics=working.settings.input_dir / "metrics.toml")
    anew, _ = service.api_and_worker(metrics=write_inputs(service))
    url = done(anew, "plain")
    first = large.rpartition("/")[0] + "/1"
    client.wait_for_success(1)

    assert client.head(large).headers["etag"] == other.head(large).headers["etag"]
    assert url == first
    assert anew.head(url).headers["etag"] != client.head(first).headers["etag"]


# in parts


@pytest.mark.parametrize(
    ("asked", "parts"),
    [
        ("bytes=0-0", [(0, 1)]),
        (f"bytes={'0' * 5_000}7-8", [(7, 9)]),
        ("BYTES = 5-", [(5, None)]),
        ("bytes=-5", [(-5, None)]),
        ("bytes=,3-4,", [(3, 5)]),
        ("bytes=0-4,2-9", [(0, 10)]),
        ("bytes=7-8,0-1", [(0, 2), (7, 9)]),
        ("bytes=0-1,-2,99999999-", [(0, 2), (-2, None)]),
        (f"bytes=0-{'9' * 5_000}", [(0, None)]),
        (f"bytes=-{'9' * 5_000}", [(0, None)]),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_parts_of_a_result_are_those_of_the_whole(
    client: Client, large: str, asked: str, parts: list[tuple[int, int | None]], suffix: str
) -> None:
    url = f"{large}?format={suffix}"
    whole = client.get(url, headers=PLAIN).content
    headers = {"Range": asked, "Accept-Encoding": "gzip, zstd"}
    response, head = client.get(url, headers=headers), client.head(url, headers=headers)
    ranges = [range(len(whole))[slice(*part)] for part in parts]
    found = _parts_in(response)

    assert (206, 206, b"") == (response.status_code, head.status_code, head.content)
    assert [
        (f"bytes {part[0]}-{part[-1]}/{len(whole)}", whole[part[0] : part[-1] + 1])
        for part in ranges
    ] == found
    assert str(len(response.content)) == response.headers["content-length"]
    assert response.headers["content-length"] == head.headers["content-length"]
    assert "content-encoding" not in response.headers


def _parts_in(response: httpx2.Response) -> list[tuple[str, bytes]]:
    """The Content-Range and the bytes of each part."""
    boundary = re.fullmatch(
        r"multipart/byteranges; boundary=(\w+)", response.headers["content-type"]
    )
    if not boundary:
        return [(response.headers["content-range"], response.content)]
    mark = f"--{boundary[1]}".encode()
    nothing, *parts, end = (b"\r\n" + response.content).split(b"\r\n" + mark)
    assert (nothing, end) == (b"", b"--")
    found = []
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        found.append((head.decode().rpartition("Content-Range: ")[2], content))
    return found


def test_a_unit_that_is_not_bytes_and_too_many_parts_give_the_whole(
    client: Client, large: str
) -> None:
    for asked in ("rows=1-2", "bytes=" + ",".join(f"{2 * i}-{2 * i}" for i in range(101))):
        response = client.get(large, headers={**PLAIN, "Range": asked})
        assert 200 == response.status_code


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=2-1",
        "bytes=1",
        "bytes=--1",
        "=",
        "1-2",
    ],
)
def test_a_range_that_makes_no_sense_is_a_400(client: Client, large: str, asked: str) -> None:
    assert_problem(client.get(large, headers={"Range": asked}), 400)


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0", f"bytes={'9' * 5_000}-"])
def test_bytes_that_are_not_there_are_a_416_that_says_how_many_there_are(
    client: Client, large: str, asked: str
) -> None:
    size = len(client.get(large, headers=PLAIN).content)
    response = client.get(large, headers={"Range": asked})

    assert_problem(response, 416, f"{size:,} bytes")
    assert f"bytes */{size}" == response.headers["content-range"]


def test_a_part_is_given_only_of_the_very_file_it_began_with(client: Client, large: str) -> None:
    whole = client.get(large, headers=PLAIN)
    gzipped = client.head(large, headers={"Accept-Encoding": "gzip"})

    def status(mark: str) -> int:
        headers = {**PLAIN, "Range": "bytes=4-", "If-Range": mark}
        return client.get(large, headers=headers).status_code

    assert 206 == status(whole.headers["etag"])
    assert 206 == status(whole.headers["last-modified"])
    for mark in (f"W/{whole.headers['etag']}", gzipped.headers["etag"], "yesterday"):
        assert 200 == status(mark)


def test_several_range_headers_are_one_list(client: Client, large: str) -> None:
    whole = client.get(large, headers=PLAIN).content
    response = client.get(large, headers=[*PLAIN.items(), ("Range", "bytes=7-8"), ("Range", "0-1")])

    assert [whole[:2], whole[7:9]] == [part for _, part in _parts_in(response)]


# packed


UNPACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "zstd": zstd.decompress}


def raw(client: Client, url: str, accepted: str) -> tuple[httpx2.Response, bytes]:
    """An answer, and its body as it came over the wire."""
    with client.stream("GET", url, headers={"Accept-Encoding": accepted}) as response:
        return response, b"".join(response.iter_raw())


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.5, gzip;q=0.6", "gzip"),
        ("*", "zstd"),
        ("x-gzip", "gzip"),
        ("identity;q=0, gzip;q=0.001", "gzip"),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_a_result_is_packed_as_the_client_likes_it(
    client: Client, large: str, accepted: str, coding: str, suffix: str
) -> None:
    url = f"{large}?format={suffix}"
    whole = client.get(url, headers=PLAIN)
    response, body = raw(client, url, accepted)
    head = client.head(url, headers={"Accept-Encoding": accepted})

    assert coding == response.headers["content-encoding"] == head.headers["content-encoding"]
    assert whole.content == UNPACK[coding](body)
    assert len(body) < len(whole.content) / 2
    assert response.headers["etag"] == head.headers["etag"] != whole.headers["etag"]
    for answer in (response, whole, head):
        assert answer.headers["vary"] == "Accept-Encoding"
        assert whole.headers["content-type"] == answer.headers["content-type"]
    headers = {"Accept-Encoding": accepted, "If-None-Match": response.headers["etag"]}
    assert 304 == client.get(url, headers=headers).status_code


def test_what_is_small_or_packed_already_is_not_packed(
    client: Client, small: str, large: str
) -> None:
    for url in (small, f"{large}?format=parquet"):
        response, _ = raw(client, url, "gzip, zstd")
        assert "content-encoding" not in response.headers
        assert raw(client, url, "gzip, identity;q=0")[0].headers["content-encoding"] == "gzip"


def test_a_client_that_takes_no_coding_there_is_is_told(client: Client, large: str) -> None:
    response = client.get(large, headers={"Accept-Encoding": "br, identity;q=0"})

    assert_problem(response, 406, "zstd, gzip and identity")


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", "identity"),
        ("br", "identity"),
        ("gzip;q=0", "identity"),
        ("identity, gzip;q=0.5", "identity"),
        ("*;q=0.5, zstd;q=0.4", "gzip"),
        ("*;q=0, gzip", "gzip"),
        ("GZIP;Q=1.0", "gzip"),
        ("gzip;q=2, zstd;q=x, ;, =;q", "identity"),
        (",,gzip ; q=0.5,", "gzip"),
    ],
)
def test_what_a_client_likes_best_is_taken(header: str, coding: str) -> None:
    assert coding == preferred(header, plain=False)


@pytest.mark.parametrize("header", ["*;q=0", "identity;q=0", "gzip;q=0, zstd;q=0, identity;q=0.0"])
def test_what_a_client_refuses_it_does_not_get(header: str) -> None:
    with pytest.raises(NotAcceptable):
        preferred(header, plain=True)


@pytest.mark.parametrize("coding", UNPACK)
def test_packing_holds_little_more_than_a_chunk(coding: Any) -> None:
    taken = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(500):
            taken += 1
            yield os.urandom(64 * 1024)

    ahead = max(
        taken * 64 * 1024 - given
        for given in itertools.accumulate(len(some) for some in packed(chunks(), coding))
    )
    assert ahead < 2_000_000


# in other formats


def expected_rows(client: Client, url: str) -> tuple[list[str], list[list[str | None]]]:
    """The header and the rows of the CSV at a URL, an empty field as None."""
    header, *rows = rows_of(client.get(url).content.decode())
    return header, [[field or None for field in row] for row in rows]


@pytest.mark.parametrize("output", OUTPUTS)
def test_json_has_the_fields_of_the_csv_character_for_character(
    client: Client, small: str, large: str, output: str
) -> None:
    for url in (small, large):
        header, rows = expected_rows(client, url + output)
        response = client.get(in_format(url + output, "json"))

        assert response.headers["content-type"] == "application/json"
        assert response.headers["content-disposition"].endswith('.json"')
        pairs = json.loads(response.content, object_pairs_hook=list)
        assert [[*map(tuple, zip(header, row, strict=True))] for row in rows] == [
            [*map(tuple, row)] for row in pairs
        ]


@pytest.mark.parametrize("output", OUTPUTS)
def test_parquet_has_the_fields_of_the_csv_character_for_character(
    client: Client, small: str, large: str, output: str, tmp_path: Path
) -> None:
    for url in (small, large):
        header, rows = expected_rows(client, url + output)
        response = client.get(in_format(url + output, "parquet"))
        (tmp_path / "x.parquet").write_bytes(response.content)
        found = duckdb.connect().read_parquet(str(tmp_path / "x.parquet"))

        assert response.headers["content-type"] == "application/vnd.apache.parquet"
        assert header == found.columns
        assert {"VARCHAR"} == {str(kind) for kind in found.types}
        assert [tuple(row) for row in rows] == found.fetchall()


def test_the_odd_fields_are_there_to_be_read(client: Client, small: str) -> None:
    assert rows_of(ODD) == rows_of(client.get(small).content.decode())


def test_csv_is_what_is_given_unless_asked_for_otherwise(client: Client, small: str) -> None:
    plain, named = client.get(small), client.get(small, params={"format": "csv"})

    assert (plain.content, plain.headers["etag"]) == (named.content, named.headers["etag"])


@pytest.mark.parametrize("suffix", ["xml", "", "CSV", "../csv", "parquet.json"])
def test_another_format_is_refused_with_those_there_are(
    client: Client, small: str, suffix: str
) -> None:
    for output in OUTPUTS:
        assert_problem(client.get(in_format(small + output, suffix)), 400, "csv, json, parquet")


def test_a_job_that_is_not_done_is_a_404_in_any_format(service: Service) -> None:
    api = service.api(metrics=write_inputs(service))
    job_id = api.new_job("plain")

    for output, suffix in itertools.product(OUTPUTS, ("csv", "json", "parquet")):
        response = api.get(in_format(f"/api/diffing/job/{job_id}{output}", suffix))
        assert 404 == response.status_code
        assert {"job_id": job_id, "status": "queued"} == response.json()
    assert [] == conversions_of(service).unfinished()


NO_ROWS = "id,v\n1,1\n"
ODD_NAMES = {
    "differ only in case": ("id,v,V\n1,1,1\n", "id,v,V\n1,2,é\n", "differ only in case"),
    "empty": ('id,v,""\n1,1,1\n', 'id,v,""\n1,2,x\n', "has no name"),
    "line end": ('id,v,"a\nb"\n1,1,1\n', 'id,v,"a\nb"\n1,2,x\n', "line end"),
    "carriage return": ('id,v,"a\rb"\n1,1,1\n', 'id,v,"a\rb"\n1,2,x\n', "line end"),
}


def test_a_result_without_rows_has_its_columns_in_any_format(
    service: Service, tmp_path: Path
) -> None:
    metrics = write_inputs(service)
    for name in ("old.csv", "new.csv"):
        service.write(name, NO_ROWS)
    client, _ = service.api_and_worker(metrics=metrics)
    url = done(client, "plain")
    (tmp_path / "x.parquet").write_bytes(client.get(f"{url}?format=parquet").content)

    assert [] == client.get(f"{url}?format=json").json()
    found = duckdb.connect().read_parquet(str(tmp_path / "x.parquet"))
    assert (["id", "v"], []) == (found.columns, found.fetchall())


def test_names_that_parquet_cannot_hold_are_told_and_json_holds_them(service: Service) -> None:
    client, _ = service.api_and_worker(metrics=write_inputs(service))
    for old, new, said in ODD_NAMES.values():
        service.write("old.csv", old)
        service.write("new.csv", new)
        url = done(client, "plain")
        names, row = rows_of(new)

        assert_problem(client.get(f"{url}?format=parquet"), 406, said, "format=json")
        pairs = json.loads(client.get(f"{url}?format=json").content, object_pairs_hook=list)
        assert [[*zip(names, row, strict=True)]] == pairs
        assert rows_of(new) == rows_of(client.get(url).content.decode())
    assert [] == [p for p in service.settings.results_dir.iterdir() if p.suffix == ".parquet"]
    assert [] == parts_of(service)


def test_names_that_only_differ_outside_ascii_are_kept_apart(
    service: Service, tmp_path: Path
) -> None:
    client, _ = service.api_and_worker(metrics=write_inputs(service))
    service.write("old.csv", "id,v,é,É\n1,1,x,y\n")
    service.write("new.csv", "id,v,é,É\n1,2,x,y\n")
    url = done(client, "plain")
    (tmp_path / "x.parquet").write_bytes(client.get(f"{url}?format=parquet").content)

    found = duckdb.connect().read_parquet(str(tmp_path / "x.parquet"))
    assert (["id", "v", "é", "É"], [("1", "2", "x", "y")]) == (found.columns, found.fetchall())


def conversions_of(service: Service) -> Conversions:
    return Conversions(service.database())


def parts_of(service: Service) -> list[str]:
    return [p.name for p in service.settings.results_dir.iterdir() if p.name.startswith(".")]


def test_the_api_itself_never_loads_duckdb(service: Service) -> None:
    api = service.start("api", "--port", "0", metrics=write_inputs(service))
    client = service.client_of(api)
    service.worker(metrics=service.settings.input_dir / "metrics.toml")
    url = done(client, "plain")
    client.get(f"{url}?format=parquet").raise_for_status()

    assert "duckdb" not in Path(f"/proc/{api.pid}/maps").read_text()


# conversions that are asked for at once, given up, or stopped


@pytest.fixture
def result(service: Service) -> "Slow":
    """A large result, and no worker yet."""
    return Slow(service, grace=600)


@pytest.fixture
def slow(result: "Slow") -> "Slow":
    """A large result, and a worker that converts it."""
    result.start_worker()
    return result


class Slow:
    """A service with a result, of no real diff, whose conversion takes long enough to be met."""

    def __init__(self, service: Service, rows: int = 500_000, **settings: Any) -> None:
        self.service = service
        self.rows = rows
        jobs = service.jobs()
        job = jobs.claim(jobs.create(Submission("revenue")).id)
        assert job
        self.csv = service.result_file(job.id, job.attempt)
        self.csv.write_text("id,v\n" + "".join(f"{i},{i}.5\n" for i in range(rows)))
        result = {"rows": rows, "bytes": self.csv.stat().st_size, "sha256": "0" * 64}
        jobs.succeed(job, End({**SUMMARY, "key": ["id"], "emitted": rows, "result": result}))
        self.api: Program = service.start("api", "--port", "0", **settings)
        self.client = service.client_of(self.api)
        self.url = f"/api/diffing/job/{job.id}"

    def start_worker(self, **settings: Any) -> Program:
        """Start a worker; the last one is that of the converters."""
        self.worker = self.service.worker(**settings)
        return self.worker

    def get(self, suffix: str = "json", client: Client | None = None) -> httpx2.Response:
        """The answer in a format, once it is that."""
        while True:
            answer = (client or self.client).get(f"{self.url}?format={suffix}&wait=60")
            if answer.status_code != 404 or "retry-after" not in answer.headers:
                return answer

    def ask(self, suffix: str = "json") -> socket.socket:
        """Send a request and return at once."""
        connection = socket.create_connection(
            (self.client.base_url.host, self.client.base_url.port or 0)
        )
        connection.sendall(
            f"GET {self.url}?format={suffix} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )
        return connection

    def converters(self) -> list[Running]:
        """The processes that convert."""
        return self.service.diffs_of(self.worker)

    def stopped_converter(self) -> Running:
        """The one converter, once it runs and is stopped."""
        wait_until(lambda: parts_of(self.service), "no conversion has begun")
        (converter,) = self.converters()
        self.service.signal(converter, signal.SIGSTOP)
        return converter


@pytest.mark.slow
def test_ten_who_ask_two_apis_at_once_wait_for_one_conversion(slow: Slow) -> None:
    clients = [slow.client, slow.service.api()]
    with ThreadPoolExecutor(10) as threads:
        asked = [threads.submit(slow.get, "json", clients[i % 2]) for i in range(10)]
        converter = slow.stopped_converter()
        assert 200 == slow.client.get("/health").status_code
        slow.service.signal(converter, signal.SIGCONT)
        answers = {answer.result().content for answer in asked}

    assert 1 == len(answers)
    assert slow.rows == len(json.loads(answers.pop()))
    assert [] == parts_of(slow.service)


def test_a_file_that_was_converted_is_not_converted_again(slow: Slow) -> None:
    first = slow.get()
    (file,) = slow.service.settings.results_dir.glob("*.json")
    before = file.stat()
    slow.worker.signal(signal.SIGKILL)
    again = slow.client.get(f"{slow.url}?format=json")

    assert first.content == again.content
    assert (before.st_ino, before.st_mtime_ns) == (file.stat().st_ino, file.stat().st_mtime_ns)
    assert [] == conversions_of(slow.service).unfinished()


def test_the_api_starts_no_process(slow: Slow) -> None:
    with closing(slow.ask()):
        slow.stopped_converter()

        assert [] == [r for r in slow.service.running() if r.parent == slow.api.pid]


def test_no_module_of_the_api_knows_how_to_start_a_process() -> None:
    start = re.compile(r"(?i)subprocess|multiprocessing|fork|spawn|popen|os\.(system|exec)")
    sources = (ROOT / "service" / "diffing" / "api").rglob("*.py")

    assert [] == [path.name for path in sources if start.search(path.read_text())]


def test_without_a_worker_a_conversion_is_a_404_with_its_status(result: Slow) -> None:
    began = time.monotonic()
    answer = result.client.get(f"{result.url}?format=json&wait=1")

    assert time.monotonic() - began >= 1
    assert_waits(answer, 1, "queued")
    assert [] == result.service.queued_tasks()


def test_only_so_many_answers_are_compressed_at_once_of_whatever_kind(result: Slow) -> None:
    # more than the kernel takes from a stream that nobody reads
    result.csv.write_text(random.Random(1).randbytes(12_000_000).hex())
    Outputs.analysis(result.csv.parent, 1, 1, ()).write_text("[]" + " " * 2_000)

    def coding(url: str) -> str:
        asked = result.client.stream("GET", url, headers={"Accept-Encoding": "gzip"})
        return held.enter_context(asked).headers.get("content-encoding", "none")

    with ExitStack() as held:
        assert ["gzip"] * 16 == [coding(result.url) for _ in range(16)]
        assert "none" == coding(result.url)
        assert "none" == coding(f"{result.url}/analysis")


@pytest.mark.slow
def test_who_asked_before_a_worker_ran_gets_the_file_when_one_does(result: Slow) -> None:
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(result.get)
        wait_until(lambda: conversions_of(result.service).unfinished(), "nobody asks")
        result.start_worker()

    assert result.rows == len(asked.result().json())


@pytest.mark.slow
def test_a_conversion_that_takes_longer_than_a_client_waits_is_there_when_it_comes_back(
    slow: Slow,
) -> None:
    assert_waits(slow.client.get(f"{slow.url}?format=json&wait=0"), 1, "queued")
    converter = slow.stopped_converter()
    assert_waits(slow.client.get(f"{slow.url}?format=json&wait=1"), 1, "processing")
    slow.service.signal(converter, signal.SIGCONT)
    (file,) = wait_until_some(lambda: [*slow.service.settings.results_dir.glob("[!.]*.json")])

    assert file.read_bytes() == slow.client.get(f"{slow.url}?format=json&wait=0").content


def wait_until_some(found: Callable[[], list[Path]]) -> list[Path]:
    wait_until(found, "it is not there")
    return found()


@pytest.mark.slow
def test_a_conversion_does_not_wait_behind_a_diff(slow: Slow, large_pair: LargePair) -> None:
    large_pair.put_into(slow.service)
    slow.client.wait_for_diff(slow.client.new_job())
    slow.service.signal(slow.service.the_diff_of(slow.worker), signal.SIGSTOP)

    assert slow.rows == len(slow.get().json())


def nobody_wants_it_any_more(service: Service) -> None:
    """Have the last request been long ago."""
    service.execute("update conversions set wanted_at = '2000-01-01 00:00:00.000000'")


@pytest.mark.slow
def test_a_conversion_that_nobody_wants_any_more_ends(slow: Slow) -> None:
    slow.ask().close()
    slow.stopped_converter()
    nobody_wants_it_any_more(slow.service)

    wait_until(lambda: not slow.converters(), "the conversion goes on")
    wait_until(lambda: not conversions_of(slow.service).unfinished(), "it is tried again")
    assert slow.rows == len(slow.get().json())
    assert [] == parts_of(slow.service)


def test_a_conversion_that_nobody_wants_any_more_is_not_begun(result: Slow) -> None:
    for suffix in ("json", "parquet"):
        result.client.get(f"{result.url}?format={suffix}&wait=0")
        if suffix == "json":
            nobody_wants_it_any_more(result.service)
    result.start_worker()

    assert 200 == result.get("parquet").status_code
    assert [] == conversions_of(result.service).unfinished()
    assert [] == [*result.service.settings.results_dir.glob("*.json")]


def test_a_conversion_does_not_hold_up_the_end_of_the_api(slow: Slow) -> None:
    with closing(slow.ask()) as connection:
        slow.stopped_converter()
        slow.api.signal(signal.SIGTERM)
        assert 0 == slow.api.ended()
        said = connection.recv(65_536)

    assert said.startswith(b"HTTP/1.1 404 ")
    assert said.endswith(b'{"job_id":1,"status":"processing"}')


@pytest.mark.slow
def test_a_conversion_dies_with_its_worker_and_another_worker_does_it(slow: Slow) -> None:
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(slow.get)
        slow.stopped_converter()
        slow.worker.signal(signal.SIGKILL)
        slow.service.all_ended(slow.api)
        slow.start_worker(stale_after=STALE_AFTER)

    assert slow.rows == len(asked.result().json())
    wait_until(lambda: not parts_of(slow.service), "a part of it is left")


@pytest.mark.slow
def test_a_conversion_whose_worker_stops_is_left_to_another_at_once(result: Slow) -> None:
    stopping = result.start_worker(grace=0, stale_after=600)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(result.get)
        result.stopped_converter()
        stopping.signal(signal.SIGTERM)
        assert 0 == stopping.ended()
        result.start_worker(stale_after=600)

    assert result.rows == len(asked.result().json())


@pytest.mark.slow
def test_a_worker_that_is_told_to_stop_finishes_its_conversion_first(result: Slow) -> None:
    stopping = result.start_worker(grace=600)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(result.get)
        converter = result.stopped_converter()
        stopping.signal(signal.SIGTERM)
        stopping.saw("stopping; running jobs have 600 s")
        result.service.signal(converter, signal.SIGCONT)

    assert 0 == stopping.ended()
    assert result.rows == len(asked.result().json())


@pytest.mark.slow
def test_a_conversion_under_way_is_not_swept(slow: Slow) -> None:
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(slow.get)
        converter = slow.stopped_converter()
        dead = slow.service.settings.results_dir / ".9-8-1.1.json"
        dead.touch()
        slow.service.worker()
        wait_until(lambda: not dead.exists(), "nothing was swept")
        slow.service.signal(converter, signal.SIGCONT)

    assert slow.rows == len(asked.result().json())


def test_a_conversion_that_takes_too_long_is_ended_and_says_so(result: Slow) -> None:
    result.start_worker(job_timeout=10)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(result.get)
        result.stopped_converter()

    remedy = "Raise DIFFING_JOB_TIMEOUT, or fetch the result as CSV."
    assert_problem(asked.result(), 503, "The conversion took longer", remedy)
    assert [] == result.converters()
    assert [] == parts_of(result.service)


@pytest.mark.slow
def test_a_converter_that_is_killed_is_a_503_and_the_next_one_does_it(slow: Slow) -> None:
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(slow.get)
        slow.service.signal(slow.stopped_converter(), signal.SIGKILL)

    assert_problem(asked.result(), 503, "SIGKILL ended the process that ran the conversion")
    assert [] == parts_of(slow.service)
    assert slow.rows == len(slow.get().json())


def test_a_csv_that_is_not_what_it_was_is_not_converted(service: Service) -> None:
    slow = Slow(service, rows=1000)
    slow.start_worker()
    text = slow.csv.read_text()
    for damaged in (text[: len(text) // 2], f"{text}9,9\n", f"{text}9,9,9\n"):
        slow.csv.write_text(damaged)
        for suffix in ("json", "parquet"):
            assert slow.get(suffix).status_code in (406, 503)
    assert [] == parts_of(slow.service)
    assert [slow.csv] == [*slow.service.settings.results_dir.iterdir()]


# results that go


def test_a_result_that_is_removed_while_it_is_sent_is_sent_whole(result: Slow) -> None:
    whole = result.csv.read_bytes()
    with result.client.stream("GET", result.url, headers=PLAIN) as response:
        chunks = response.iter_raw(1000)
        first = next(chunks)
        result.csv.unlink()

        assert whole == first + b"".join(chunks)
    assert_problem(result.client.get(result.url), 410)


def test_a_result_that_is_removed_takes_its_other_formats_along(service: Service) -> None:
    metrics = write_inputs(service)
    client, worker = service.api_and_worker(metrics=metrics)
    url = done(client, "odd")
    for suffix in ("json", "parquet"):
        client.get(f"{url}?format={suffix}").raise_for_status()
    worker.signal(signal.SIGTERM)
    worker.ended()
    service.worker(metrics=metrics, retention=0.001)

    wait_until(lambda: not [*service.settings.results_dir.iterdir()], "a file is left")
    for suffix in ("csv", "json", "parquet"):
        assert 410 == client.get(f"{url}?format={suffix}").status_code


@pytest.mark.slow
@pytest.mark.parametrize("accepted", ["identity", "gzip"])
def test_a_client_that_leaves_in_the_middle_leaves_no_file_open(
    service: Service, accepted: str
) -> None:
    # the buffers of its sockets must not hold all of the result, also if it is compressed
    result = Slow(service, rows=1_500_000)
    little = httpx2.HTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)])
    client = httpx2.Client(transport=little, timeout=PATIENCE_SECONDS)
    url = result.client.base_url.join(result.url)
    with (
        client,
        client.stream("GET", url, headers={"Accept-Encoding": accepted}) as response,
    ):
        body = response.iter_raw(1000)  # a name, because without one it would be closed at once
        next(body)
        assert open_results(result)

    wait_until(lambda: not open_results(result), "the result is still open")


def open_results(slow: Slow) -> list[Path]:
    """The results that the API has open."""
    links = Path(f"/proc/{slow.api.pid}/fd").iterdir()
    targets = [link.readlink() for link in links if link.is_symlink()]
    return [path for path in targets if path.is_relative_to(slow.service.settings.results_dir)]


@pytest.mark.parametrize(
    ("method", "headers", "status", "length"),
    [
        ("GET", PLAIN, 200, 4000),
        ("GET", {"Accept-Encoding": "gzip"}, 200, 4000),
        ("GET", {"Range": "bytes=1-2"}, 206, 2),
        ("HEAD", PLAIN, 200, 0),
        ("HEAD", {"Accept-Encoding": "gzip"}, 200, 0),
        ("GET", {"If-None-Match": "*"}, 304, 0),
        ("GET", {"If-Match": 'W/"b","a"', **PLAIN}, 200, 4000),
        ("GET", {"If-Match": "*"}, 200, 4000),
        ("GET", {"If-Match": '"b"', "If-None-Match": "*"}, 412, None),
        ("HEAD", {"If-Match": 'W/"a"', **PLAIN}, 412, None),
        ("GET", {"If-Unmodified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 412, None),
        ("GET", {"If-Unmodified-Since": "Sun, 06 Nov 2094 08:49:37 GMT"}, 200, 4000),
        ("GET", {"If-Unmodified-Since": "yesterday"}, 200, 4000),
        ("GET", {"Range": "bytes=4000-"}, 416, None),
        ("GET", {"Range": "bytes=2-1"}, 400, None),
        ("GET", {"Accept-Encoding": "*;q=0"}, 406, None),
    ],
)
def test_a_file_whose_name_is_gone_is_answered_and_closed(
    tmp_path: Path, method: str, headers: dict[str, str], status: int, length: int | None
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"abcd" * 1000)
    file, files = path.open("rb"), Files()
    path.unlink()

    def answer(request: Request) -> ASGIApp:
        now = datetime.now(UTC)
        return files.answer(request, Download(file, "a", "text/csv", "x.csv", now, packs=True))

    app = Starlette(
        routes=[Route("/", answer)], exception_handlers={DiffingError: problem_of_error}
    )
    with TestClient(app) as client:
        response = client.request(method, "/", headers=headers)

    assert status == response.status_code
    assert length is None or length == len(response.content)
    assert file.closed


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["json", "parquet"])
def test_a_csv_that_is_removed_before_it_is_converted_is_a_410(slow: Slow, suffix: str) -> None:
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(slow.get, suffix)
        wait_until(slow.converters, "no conversion has begun")
        (converter,) = slow.converters()
        slow.service.signalled(converter, signal.SIGSTOP)  # unless it has converted it already
        slow.csv.unlink()
        slow.service.signalled(converter, signal.SIGCONT)

    assert asked.result().status_code == 410 or asked.result().status_code == 200
    assert_problem(slow.client.get(f"{slow.url}?format={suffix}"), 410, "removed")
    assert [] == parts_of(slow.service)


def test_a_csv_that_was_removed_is_a_410_in_any_format(client: Client, working: Service) -> None:
    url = done(client, "odd")
    client.get(f"{url}?format=json").raise_for_status()
    job_id = url.rpartition("/")[2]
    for file in working.settings.results_dir.glob(f"{job_id}.*.csv"):
        file.unlink()

    for suffix in ("csv", "json", "parquet"):
        assert_problem(client.get(f"{url}?format={suffix}"), 410, f"job {job_id}")


# many at once


@pytest.mark.slow
@pytest.mark.usefixtures("new_processes")
def test_a_hundred_who_fetch_a_packed_result_get_it_whole_from_a_small_process(
    service: Service,
) -> None:
    slow = Slow(service, rows=200_000)
    whole = slow.client.get(slow.url, headers=PLAIN).content

    async def fetch() -> set[bytes]:
        async with httpx2.AsyncClient(timeout=60) as client:
            url = f"{slow.client.base_url}{slow.url}"
            accepted = itertools.cycle(["zstd", "gzip", "identity"])
            asked = [
                client.get(url, headers={"Accept-Encoding": next(accepted)}) for _ in range(100)
            ]
            return {answer.content for answer in await asyncio.gather(*asked)}

    assert {whole} == asyncio.run(fetch())
    status = Path(f"/proc/{slow.api.pid}/status").read_text()
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    assert int(peak) < 150_000


@pytest.mark.parametrize("path", one_in(4, ["/rows", "?format=json", "/cells", "/analysis"]))
def test_what_takes_too_long_to_make_says_so(service: Service, path: str) -> None:
    service.write_small_pair()
    client, worker = service.api_and_worker()
    job_id = client.new_job()
    client.wait_for_success(job_id)
    worker.signal(signal.SIGTERM)
    worker.ended()
    service.worker(job_timeout=0.001)
    answer = client.get(f"/api/diffing/job/{job_id}{path}")

    assert_problem(answer, 503)
    said = "took longer than 0.001 s. Raise DIFFING_JOB_TIMEOUT, or fetch the "
    assert said in answer.json()["detail"]


def test_an_unforeseen_fault_ends_what_is_made_of_a_result(service: Service) -> None:
    service.write_small_pair()
    client, _ = service.api_and_worker()
    job_id = client.new_job()
    client.wait_for_success(job_id)
    service.execute("update jobs set summary = json_remove(summary, '$.value')")
    answer = client.get(f"/api/diffing/job/{job_id}/cells")

    assert_problem(answer, 503)
    assert "Unexpected error. The worker's log has the details." in answer.json()["detail"]


def test_a_result_whose_folder_is_away_is_not_said_to_be_removed(service: Service) -> None:
    service.write_small_pair()
    client, _ = service.api_and_worker()
    job_id = client.new_job()
    client.wait_for_success(job_id)
    folder, away = service.settings.results_dir, service.folder / "away"
    folder.rename(away)

    for path in ("", "/cells", "?format=json"):
        assert_problem(client.get(f"/api/diffing/job/{job_id}{path}"), 503)
    away.rename(folder)
    assert 200 == client.get(f"/api/diffing/job/{job_id}").status_code
