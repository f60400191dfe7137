"""Files in a bucket and on web servers: the same diff as of local ones, in one version."""

import gzip
import importlib
import json
import math
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from diffing import diff
from diffing.core.catalogue import load_catalogue
from diffing.core.comparison import Comparison
from diffing.core.errors import (
    BadCatalogue,
    BadInput,
    BadSetting,
    DiffingError,
    InputChanged,
    MissingInput,
    Unreachable,
)
from diffing.core.input_file import InputFile
from diffing.core.remote_file import RemoteFile
from diffing.core.spec import DiffSpec
from diffing.engine.diff import Diff
from diffing.files.fetch import Fetch
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits
from tests.bucket import NAME, SECRET, Bucket
from tests.command_line import CHANGED, NEW, OLD, diffing, refused_by, run_here
from tests.conftest import one_in
from tests.servers import free_port
from tests.service_under_test import Client, Program, Service
from tests.test_cases import CASES, Case
from tests.waiting import wait_until

STALE_AFTER = 1.0
COLUMNS = ("-q", "-k", "id", "-v", "value")
LARGE = "id,value\n" + "1,A long text that nobody reads\n" * 550_000  # two blocks


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with Bucket() as bucket:
        bucket.put("old.csv", OLD)
        bucket.put("new.csv", NEW)
        yield bucket


@pytest.fixture(autouse=True)
def _environment(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)


def url(key: str) -> str:
    return f"s3://{NAME}/{key}"


class TestOnTheCommandLine:
    def test_the_diff_is_that_of_local_files(self, bucket: Bucket, folder: Path) -> None:
        bucket.put("packed", gzip.compress(OLD.encode()))
        for name in ("old.csv", "new.csv"):
            (folder / name).unlink()

        done = diffing(folder, url("packed"), bucket.over_http("new.csv"), *COLUMNS)

        assert (0, CHANGED, "") == (done.returncode, done.stdout, done.stderr)

    def test_a_summary_and_an_error_name_a_url_without_credentials(
        self, bucket: Bucket, folder: Path
    ) -> None:
        words = (bucket.over_http("old.csv"), "new.csv", *COLUMNS[:-1])
        said = run_here(folder, *words, "value", "-o", "out.csv", "--summary", "summary.json")
        failed = refused_by(folder, *words, "price")

        name = bucket.over_http("old.csv").partition("?")[0]
        assert (0, "") == (said.returncode, said.stderr)
        assert "old.csv" == json.loads((folder / "summary.json").read_text())["old"]["name"]
        assert f"{name}: no column 'price'." in failed.stderr
        assert SECRET not in failed.stderr

    def test_a_missing_old_file_may_be_allowed(self, folder: Path) -> None:
        done = run_here(
            folder, url("none.csv"), "new.csv", *COLUMNS, "--old-may-be-missing", "-o", "out.csv"
        )

        assert NEW == (folder / "out.csv").read_text()
        assert "none.csv is missing or empty, so every row" in done.stderr

    def test_the_copies_count_as_temporary_files(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DIFFING_TEMP_LIMIT", "0.07KB")

        said = refused_by(folder, url("old.csv"), url("new.csv"), *COLUMNS).stderr

        assert f"{url('new.csv')}: its copy needs more disk space than DIFFING_TEMP_LIMIT" in said

    def test_a_key_is_suggested(self, folder: Path) -> None:
        suggested = run_here(folder, "suggest-key", url("old.csv"))
        missing = refused_by(folder, url("old.csv"), "new.csv", "-v", "value")

        assert "--key id\n" == suggested.stdout
        assert "Unique in both files: --key id" in missing.stderr

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ("s3://exports/", "such as s3://bucket/old.csv"),
            (f"s3://key:{SECRET}@exports/old.csv", "without credentials"),
            (f"https://user:{SECRET}@/x.csv", "a URL with a host and a path"),
            (f"https://user:{SECRET}/w@host/x.csv", "a URL with a host and a path"),
        ],
    )
    def test_an_unusable_url_is_refused(self, folder: Path, given: str, said: str) -> None:
        done = refused_by(folder, given, "new.csv", *COLUMNS)

        assert 2 == done.returncode
        assert said in done.stderr
        assert SECRET not in done.stderr


def test_a_diff_of_local_files_loads_nothing_of_stores(folder: Path) -> None:
    program = (
        "import sys; from diffing import diff; diff('old.csv', 'new.csv', key='id', value='value');"
        "print({'s3fs', 'botocore', 'aiohttp'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )

    assert "set()\n" == done.stdout


def test_python_takes_urls(bucket: Bucket) -> None:
    with diff(url("old.csv"), bucket.over_http("new.csv"), key="id", value="value") as found:
        assert (1, 1, 1) == (found.summary.added, found.summary.changed, found.summary.removed)
        assert [("9", "x", "90"), (None, "c", "31")] == found.rows.fetchall()


def test_a_fetched_file_has_the_bytes_of_the_stored_one(bucket: Bucket, tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000

    copy = fetched(bucket.put("all-bytes.csv", content), tmp_path)

    assert content == copy.path.read_bytes()


# A case for each way to open a file. A copy has the bytes of its file, so no other case can differ.
OPENED = {
    case.input(side).suffix: case for case in CASES if not case.refused for side in ("old", "new")
}


@pytest.mark.parametrize("case", one_in(3, OPENED.values()), ids=OPENED)
def test_a_fetched_file_gives_the_bytes_of_a_local_one(
    case: Case, bucket: Bucket, tmp_path: Path
) -> None:
    local, copies, results = (tmp_path / name for name in ("local", "copies", "results"))
    for folder in (local, copies, results):
        folder.mkdir()
    case.run(local, threads=2)
    files = {side: case.input(side).read_bytes() for side in ("old", "new")}
    urls = {side: bucket.put(f"{case.name}/{side}", content) for side, content in files.items()}
    old, new = (fetched(given, copies, side) for side, given in urls.items())
    comparison = Comparison.of(**case.model_dump(include=set(Comparison.model_fields)))
    outputs = Outputs(results / "result.csv", results / "detail.csv", results / "removed.csv")

    Diff(DiffSpec(old, new, comparison), Limits(2, "1GB", tmp_path)).run(outputs)

    assert written_in(local) == written_in(results)


def written_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class TestFaults:
    @pytest.fixture
    def scratch(self, tmp_path: Path) -> Path:
        return tmp_path

    @pytest.mark.parametrize(
        ("key", "kind", "said"),
        [
            ("none.csv", MissingInput, "no such file. Check the URL"),
            ("denied/x.csv", BadInput, "access denied"),
        ],
    )
    @pytest.mark.parametrize("over_http", [False, True])
    def test_a_missing_or_denied_file_is_named(
        self,
        bucket: Bucket,
        scratch: Path,
        key: str,
        kind: type[DiffingError],
        said: str,
        over_http: bool,
    ) -> None:
        bucket.put("denied/x.csv", NEW)
        given = bucket.over_http(key) if over_http else url(key)

        with pytest.raises(kind) as caught:
            fetched(given, scratch)

        assert caught.value.detail.startswith(f"{given.partition('?')[0]}: {said}")
        assert SECRET not in caught.value.detail

    @pytest.mark.parametrize(
        ("given", "kind", "said"),
        [
            (url("denied"), BadInput, "is a folder. Name a file in it."),
            ("s3://no-such-bucket/x.csv", MissingInput, "no such file."),
            (f"http://u:{SECRET}@127.0.0.1:1/x.csv?{SECRET}", Unreachable, "cannot be fetched: "),
        ],
    )
    def test_each_other_fault_says_what_to_do(
        self, bucket: Bucket, scratch: Path, given: str, kind: type[DiffingError], said: str
    ) -> None:
        bucket.put("denied/x.csv", NEW)

        with pytest.raises(kind) as caught:
            fetched(given, scratch)

        assert said in caught.value.detail
        assert SECRET not in caught.value.detail
        assert [] == list(scratch.iterdir())

    @pytest.mark.parametrize(("scheme", "module"), [("s3", "s3fs"), ("gs", "gcsfs")])
    def test_without_the_extra_an_error_names_it(
        self, scratch: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, module: str
    ) -> None:
        monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.delitem(sys.modules, f"diffing.files.bounded_{scheme}", raising=False)
        registry = importlib.import_module("fsspec.registry")
        monkeypatch.delitem(registry._registry, scheme, raising=False)

        extra = rf"'diffing\[{scheme}\]'"
        with pytest.raises(BadSetting, match=f"Run pip install {extra}, or download"):
            fetched(f"{scheme}://bucket/old.csv", scratch)

    @pytest.mark.parametrize(
        ("over_http", "method", "number"),
        [
            pytest.param(False, "GET", 1, id="before", marks=pytest.mark.slow),
            pytest.param(False, "GET", 2, id="between two blocks"),
            pytest.param(False, "HEAD", 3, id="after"),
            pytest.param(True, "HEAD", 1, id="after, on the web"),
        ],
    )
    @pytest.mark.parametrize(
        "by", ["another", pytest.param(None, id="none", marks=pytest.mark.slow)]
    )
    def test_a_file_that_changes_meanwhile_is_refused(
        self,
        bucket: Bucket,
        scratch: Path,
        over_http: bool,
        method: str,
        number: int,
        by: str | None,
    ) -> None:
        given = bucket.put("changing.csv", LARGE)
        if over_http:
            given = bucket.over_http("changing.csv")

        with ThreadPoolExecutor(1) as threads, bucket.gate.shut_at(method, number):
            running = threads.submit(fetched, given, scratch)
            bucket.gate.wait()
            if by:
                bucket.put("changing.csv", LARGE.swapcase())
            else:
                bucket.remove("changing.csv")
            bucket.gate.open()
            with pytest.raises(InputChanged, match=r"changing\.csv changed while it was fetched"):
                running.result()

    @pytest.mark.slow
    def test_a_silent_server_is_waited_for(self, bucket: Bucket, scratch: Path) -> None:
        with ThreadPoolExecutor(1) as threads, bucket.gate.shut_at("GET", 1):
            running = threads.submit(fetched, url("old.csv"), scratch)
            bucket.gate.wait()
            assert not running.done()
            bucket.gate.open()

            assert OLD == running.result().path.read_text()


@pytest.mark.parametrize(
    ("typed", "sent"),
    [("?s=a%2Fb%3D+c~", "?s=a%2Fb%3D+c~"), ("?s=a b", "?s=a+b"), ("?é", "?%C3%A9")],
)
def test_a_url_is_sent_as_it_is_if_it_may(
    bucket: Bucket, tmp_path: Path, typed: str, sent: str
) -> None:
    fetched(bucket.over_http("old.csv").partition("?")[0] + typed, tmp_path)

    assert f"GET /{NAME}/old.csv{sent} HTTP/1.1".encode() == bucket.gate.requests[-2]


def fetched(given: str, folder: Path, side: str = "old") -> InputFile:
    return Fetch(folder, math.inf).copy(RemoteFile.of(given), side)


@pytest.mark.parametrize(
    ("old", "said"),
    [
        ("s3://exports", "metric sales: old: must name a file in a bucket"),
        (f"s3://key:{SECRET}@exports/o.csv", "metric sales: old: .* without credentials"),
        ("ftp://host/o.csv", "metric sales: old: must name a .csv"),
        ("file:///etc/passwd.csv", "metric sales: old: must name a .csv"),
    ],
)
def test_a_catalogue_with_an_unusable_url_is_refused(tmp_path: Path, old: str, said: str) -> None:
    (tmp_path / "metrics.toml").write_text(
        f'[metric.sales]\nold = "{old}"\nnew = "n.csv"\nkey = ["id"]\n'
    )

    with pytest.raises(BadCatalogue, match=said) as caught:
        load_catalogue(tmp_path / "metrics.toml")
    assert SECRET not in caught.value.detail


METRICS = """\
[metric.far]
old = "{old}"
new = "{new}"
key = ["id"]
value = ["value"]

[metric.first]
old = "s3://exports/no-such-file.csv"
new = "{new}"
key = ["id"]
value = ["value"]
first = "added"

[metric.accepted]
old = "accepted"
new = "{new}"
key = ["id"]
value = ["value"]
"""


class TestOfAMetric:
    def test_the_command_line_fetches_its_files(self, folder: Path, catalogue: Path) -> None:
        words = ("--metrics", str(catalogue))
        done = run_here(folder, "diff", "--metric", "far", *words, "-q", "-o", "out.csv")
        shown = run_here(folder, "metrics", *words)

        assert (0, CHANGED) == (done.returncode, (folder / "out.csv").read_text())
        assert f"files      {url('old.csv')}, http://" in shown.stdout
        assert SECRET not in shown.stdout

    @pytest.fixture
    def catalogue(self, bucket: Bucket, tmp_path: Path) -> Path:
        path = tmp_path / "metrics.toml"
        path.write_text(METRICS.format(old=url("old.csv"), new=bucket.over_http("new.csv")))
        return path

    @pytest.fixture
    def running(self, service: Service, catalogue: Path) -> tuple[Client, Program]:
        return service.api_and_worker(metrics=catalogue, stale_after=STALE_AFTER)

    @pytest.mark.usefixtures("new_processes")  # /proc shows the environment of each
    def test_its_files_are_fetched(self, service: Service, running: tuple[Client, Program]) -> None:
        client, worker = running
        job_id = client.new_job("far")
        client.wait_for_success(job_id)
        first, accepted = client.new_job("first"), client.new_job("accepted")
        client.wait_for_success(first)
        client.wait_for_success(accepted)

        assert CHANGED.encode() == client.result_of(job_id)
        assert NEW.encode() == client.result_of(first) == client.result_of(accepted)
        found = client.get("/api/diffing/metrics/accepted").json()["old"]
        assert ("accepted: new.csv", True) == (found["name"], found["there"])
        pinned = client.post("/api/diffing/metrics/far/pins", json={"name": "a", "job_id": job_id})
        assert 409 == pinned.status_code
        assert "came from a URL and was not kept" in pinned.json()["detail"]
        assert [] == list(service.settings.tmp_dir.iterdir())
        [forks] = service.fork_servers_of(worker)  # the processes of diffs
        assert SECRET.encode() not in Path(f"/proc/{forks.pid}/environ").read_bytes()
        assert not [line for line in service.all_lines() if SECRET in line]

    def test_the_catalogue_shows_no_credentials(
        self, bucket: Bucket, service: Service, catalogue: Path
    ) -> None:
        client = service.api(metrics=catalogue)

        name = bucket.over_http("new.csv").partition("?")[0]
        shown = client.get("/api/diffing/metrics/far").json()
        assert {"name": url("old.csv"), "there": None, "bytes": None} == shown["old"]
        assert {"name": name, "there": None, "bytes": None} == shown["new"]
        for page in ("/", "/metrics/far"):
            assert SECRET not in client.get(page).text
            assert "missing" not in client.get(page).text.split("first")[0]

    def test_no_level_of_the_log_shows_credentials(
        self, service: Service, catalogue: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SESSION_TOKEN", SECRET)
        client, _ = service.api_and_worker(metrics=catalogue, log_level="DEBUG")
        client.wait_for_success(client.new_job("far"))

        assert not [line for line in service.all_lines() if SECRET in line]

    @pytest.mark.slow
    def test_a_request_may_replace_one_file_but_names_no_url(
        self, service: Service, running: tuple[Client, Program]
    ) -> None:
        service.write("other.csv", "id,value\n1,10\n2,20\n,c\n")
        client, _ = running
        far = "/api/diffing/new/far"
        job_id = client.post(far, json={"new": "other.csv"}).json()["job_id"]
        refused = client.post(far, json={"new": url("new.csv")})

        assert 422 == refused.status_code
        assert refused.json()["detail"].startswith("new: a request cannot name a URL.")
        client.wait_for_success(job_id)
        summary = client.get(f"/api/diffing/job/{job_id}/summary").json()
        assert ("old.csv", "other.csv") == (summary["old"]["name"], summary["new"]["name"])

    @pytest.mark.slow
    def test_a_bucket_may_be_silent_for_longer_than_a_worker(
        self, bucket: Bucket, service: Service, running: tuple[Client, Program]
    ) -> None:
        client, _ = running
        jobs = service.jobs()
        with bucket.gate.shut_at("GET", 1):
            job_id = client.new_job("far")
            bucket.gate.wait()
            begun = jobs.get(job_id).seen_at
            long_after = begun + timedelta(seconds=2 * STALE_AFTER)
            wait_until(lambda: jobs.get(job_id).seen_at > long_after, "it gives no signs of life")
            bucket.gate.open()

            assert 1 == client.wait_for_success(job_id)["attempt"]
        assert CHANGED.encode() == client.result_of(job_id)

    @pytest.mark.slow
    def test_a_fetch_that_takes_too_long_fails(
        self, bucket: Bucket, service: Service, catalogue: Path
    ) -> None:
        client, _ = service.api_and_worker(metrics=catalogue, job_timeout=1)
        with bucket.gate.shut_at("GET", 1):
            job_id = client.new_job("far")
            error = client.wait_for_failure(job_id)["error"]

        assert "The fetch took longer than 1 s. Raise DIFFING_JOB_TIMEOUT" in error["detail"]

    def test_a_store_that_does_not_answer_costs_an_attempt(
        self, service: Service, catalogue: Path
    ) -> None:
        nobody = f"http://127.0.0.1:{free_port()}/old.csv"
        catalogue.write_text(METRICS.format(old=nobody, new=nobody))
        client, _ = service.api_and_worker(metrics=catalogue, stale_after=0.3, max_attempts=2)
        job_id = client.new_job("far")

        ended = client.wait_for_failure(job_id)
        assert (2, "urn:diffing:unreachable") == (ended["attempt"], ended["error"]["type"])
        wait_until(lambda: not list(service.settings.tmp_dir.iterdir()), "scratch files are left")

    def test_a_fetch_can_be_cancelled(
        self, bucket: Bucket, service: Service, running: tuple[Client, Program]
    ) -> None:
        client, worker = running
        with bucket.gate.shut_at("GET", 1):
            job_id = client.new_job("far")
            bucket.gate.wait()
            assert 202 == client.delete(f"/api/diffing/job/{job_id}").status_code
            wait_until(lambda: not service.diffs_of(worker), "the fetch goes on")
            wait_until(lambda: not list(service.settings.tmp_dir.iterdir()), "its copies are left")

        assert "cancelled" == client.status_of(job_id)["status"]

    @pytest.mark.slow
    def test_a_worker_that_dies_meanwhile_leaves_nothing(
        self, bucket: Bucket, service: Service, running: tuple[Client, Program]
    ) -> None:
        client, worker = running
        with bucket.gate.shut_at("GET", 1):
            job_id = client.new_job("far")
            bucket.gate.wait()
            worker.signal(signal.SIGKILL)
            worker.ended()
        service.worker(metrics=service.folder.parent / "metrics.toml", stale_after=STALE_AFTER)

        assert 2 == client.wait_for_success(job_id)["attempt"]
        assert CHANGED.encode() == client.result_of(job_id)
        wait_until(lambda: not list(service.settings.tmp_dir.iterdir()), "its copies are left")

    @pytest.mark.slow
    def test_a_file_that_changes_meanwhile_fails_the_job(
        self, bucket: Bucket, service: Service, catalogue: Path
    ) -> None:
        given = bucket.put("nightly.csv", OLD)
        catalogue.write_text(METRICS.format(old=given, new=bucket.over_http("new.csv")))
        client, _ = service.api_and_worker(metrics=catalogue)
        with bucket.gate.shut_at("GET", 1):
            job_id = client.new_job("far")
            bucket.gate.wait()
            bucket.put("nightly.csv", NEW)

        error = client.wait_for_failure(job_id)["error"]
        assert ("urn:diffing:input-changed", True) == (
            error["type"],
            error["detail"].startswith(f"{given} changed while it was fetched."),
        )
