"""Hosts that share nothing but a database and a bucket."""

import errno
import gzip
import io
import signal
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Barrier
from typing import Any

import duckdb
import httpx2
import pytest
import sqlalchemy as sa

from diffing.core.environment import load_settings
from diffing.core.errors import BadSetting, StorageUnavailable
from diffing.core.remote_file import RemoteFolder
from diffing.files.bucket import Bucket as SharedBucket
from diffing.files.ownership import require_ours
from diffing.store import schema
from diffing.store.secret import service_id
from diffing.worker import shared_files
from diffing.worker.shared_files import SharedFiles
from tests.backends import Backend, OneForAll, backend_of
from tests.bucket import NAME, Bucket
from tests.conftest import one_in
from tests.servers import Urls
from tests.service_under_test import NEW, OLD, PATIENCE_SECONDS, Client, Program, Service
from tests.test_api import assert_problem
from tests.waiting import wait_until

STALE_AFTER = 1.0
# a result is packed only if it is long
_LONG = "".join(f"2026-01-31,country,Country,Land,{i},revenue-30,1\n" for i in range(60))
FILES = {"old": ("old.csv", OLD), "new": ("new.csv", NEW + _LONG)}
UPLOAD = "/api/diffing/new/revenue?fresh=1"
# of results; another one may look like it
_FOLDERS = count(1)
RESULT = ("".join(NEW.splitlines(keepends=True)[i] for i in (0, 2, 3)) + _LONG).encode()


@dataclass(frozen=True)
class Hosts:
    """Hosts with disks of their own.

    Args:
        bucket: that they share.
        prefix: of its keys that are theirs.
        one: has an API.
        two: has a worker.
        three: has another API.
        api: of the first host.
        worker: of the second host.
        other: the API of the third host.
    """

    bucket: Bucket
    prefix: str
    one: Service
    two: Service
    three: Service
    api: Client
    worker: Program
    other: Client

    def diff(self) -> int:
        """The id of a job that compared uploaded files."""
        sent = self.api.post(UPLOAD, files=FILES)
        assert sent.status_code == 202, sent.text
        job_id = int(sent.json()["job_id"])
        self.api.wait_for_success(job_id)
        return job_id

    def keys(self, folder: str) -> list[str]:
        """The keys in a folder of the storage, without it."""
        start = f"{self.prefix}/{folder}/"
        return [key.removeprefix(start) for key in self.bucket.keys(start)]

    def downloads(self, name: str) -> int:
        """How often a result was asked of the bucket, so far."""
        line = f"GET /{NAME}/{self.prefix}/results/{name}"
        return sum(request.startswith(line.encode()) for request in self.bucket.gate.requests)


def backend(servers: Urls) -> OneForAll:
    """A backend whose tables and whose folder in the bucket no other has."""
    there = backend_of("redis", servers.database, servers.queue)
    url = f"s3://{NAME}/hosts-{next(_FOLDERS)}"
    return OneForAll("redis", there.database, there.queue, storage=url)


def prefix_of(of: OneForAll) -> str:
    return of.storage.rpartition("/")[2]


@pytest.fixture(scope="module")
def hosts(
    bucket: Bucket, servers: Urls, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hosts]:
    folder, shared = tmp_path_factory.mktemp("hosts"), backend(servers)
    with (
        Service(folder / "one", shared) as one,
        Service(folder / "two", shared) as two,
        Service(folder / "three", shared) as three,
    ):
        apis = [host.start("api", "--port", "0") for host in (one, three)]
        worker = two.worker(stale_after=STALE_AFTER)
        clients = one.client_of(apis[0]), three.client_of(apis[1])
        yield Hosts(bucket, prefix_of(shared), one, two, three, clients[0], worker, clients[1])


def cleaner(host: Service, needed_kept: Callable[[], Collection[str]] = tuple) -> SharedFiles:
    """The cleaner of the bucket of a host."""
    storage = host.settings.storage
    assert storage
    found = SharedFiles(storage, host.jobs(), needed_kept, retention=60)
    found.connect(service_id(host.database()))
    return found


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


class TestHosts:
    def test_an_upload_to_one_is_compared_by_another_and_sent_by_all(self, hosts: Hosts) -> None:
        job_id = hosts.diff()
        path = f"/api/diffing/job/{job_id}"
        first, second = (client.get(path) for client in (hosts.api, hosts.other))

        assert RESULT == first.content == second.content
        assert first.headers["ETag"] == second.headers["ETag"]
        part = hosts.other.get(path, headers={"Range": "bytes=5-9"})
        assert (206, RESULT[5:10]) == (part.status_code, part.content)
        packed = hosts.other.get(path, headers={"Accept-Encoding": "gzip"})
        assert ("gzip", RESULT) == (packed.headers["Content-Encoding"], packed.content)
        known = {"If-None-Match": first.headers["ETag"]}
        assert 304 == hosts.other.get(path, headers=known).status_code

    @pytest.mark.slow
    def test_what_is_made_of_a_result_is_sent_by_all(self, hosts: Hosts) -> None:
        job_id = hosts.diff()
        path = f"/api/diffing/job/{job_id}"
        for client in (hosts.api, hosts.other):
            rows = client.get(f"{path}?format=json").json()
            assert ["CW", "GH"] == [row["segment_value_id"] for row in rows[:2]]
            parquet = client.get(f"{path}?format=parquet&detail=1").content
            assert 62 == len(duckdb.read_parquet(io.BytesIO(parquet)))
            assert b"Norway" not in client.get(f"{path}/removed").content
            assert b"Peru" in client.get(f"{path}/removed").content
            assert {"bridge", "movers"} <= {*client.get(f"{path}/analysis").json()}
            page = client.get(f"{path}/rows?kind=changed").json()
            assert ["GH"] == [row["key"]["segment_value_id"] for row in page["rows"]]
            assert 200 == client.get(f"/jobs/{job_id}").status_code

    @pytest.mark.slow
    def test_a_job_takes_no_object_of_a_job_with_its_id_in_a_later_state_of_the_database(
        self, hosts: Hosts
    ) -> None:
        lost = hosts.diff() + 1
        for name in ("json", "detail.parquet"):
            hosts.bucket.put(f"{hosts.prefix}/results/{lost}.1.{name}", "[]\n")

        assert lost == hosts.diff()

        path = f"/api/diffing/job/{lost}"
        assert 62 == len(hosts.other.get(f"{path}?format=json").json())
        rows = hosts.other.get(f"{path}?format=parquet&detail=1").content
        assert 62 == len(duckdb.read_parquet(io.BytesIO(rows)))

    def test_a_job_takes_no_temporary_file_of_a_lost_job_with_its_id(self, hosts: Hosts) -> None:
        lost = hosts.diff() + 1
        left = hosts.two.settings.scratch_dir(lost, 1) / "results"
        left.mkdir(parents=True)
        (left / f"{lost}.1.csv").touch()

        sent = hosts.api.post("/api/diffing/new/revenue", files=FILES)

        assert lost == sent.json()["job_id"]
        assert hosts.api.wait_for_success(lost)["reused_from"]
        assert RESULT == hosts.api.result_of(lost)

    def test_a_restored_database_gets_no_result_of_a_lost_job_from_the_cache(
        self, hosts: Hosts
    ) -> None:
        lost = hosts.diff()
        path = f"/api/diffing/job/{lost}"
        assert RESULT == hosts.api.get(path).content
        hosts.one.execute(
            sa.delete(schema.jobs).where(schema.jobs.c.id == lost),
            sa.delete(schema.history).where(schema.history.c.job_id == lost),
            sa.text("select setval('jobs_id_seq', :id, false)").bindparams(id=lost),
        )

        sent = hosts.api.post(UPLOAD, files={"old": ("old.csv", OLD), "new": ("new.csv", NEW)})

        assert lost == sent.json()["job_id"]
        hosts.api.wait_for_success(lost)
        assert RESULT.removesuffix(_LONG.encode()) == hosts.api.get(path).content

    def test_a_file_on_the_disk_of_a_worker_is_no_conversion_in_the_bucket(
        self, hosts: Hosts
    ) -> None:
        job_id = hosts.diff()
        earlier = hosts.two.settings.results_dir / f"{job_id}.1.json"
        earlier.write_text("[]\n")

        rows = hosts.api.get(f"/api/diffing/job/{job_id}?format=json")

        earlier.unlink()
        assert (200, 62) == (rows.status_code, len(rows.json()))

    def test_nothing_is_left_on_the_disks(self, hosts: Hosts) -> None:
        job_id = hosts.diff()
        hosts.api.get(f"/api/diffing/job/{job_id}?format=json")

        wait_until(lambda: not files_in(hosts.two.settings.tmp_dir), "scratch files are left")
        for host in (hosts.one, hosts.two, hosts.three):
            for folder in (host.settings.uploads_dir, host.settings.results_dir):
                assert [] == files_in(folder)
        names = ("csv", "detail.csv", "json", "removed.csv")
        mine = [key for key in hosts.keys("results") if key.startswith(f"{job_id}.")]
        assert [f"{job_id}.1.{name}" for name in names] == mine
        upload = hosts.one.jobs().get(job_id).upload
        assert {f"{upload}/new", f"{upload}/old"} <= {*hosts.keys("uploads")}

    @pytest.mark.slow
    def test_those_who_ask_for_a_result_at_once_fetch_it_once(self, hosts: Hosts) -> None:
        job_id = hosts.diff()
        name, url = f"{job_id}.1.csv", f"/api/diffing/job/{job_id}"
        with ThreadPoolExecutor(4) as threads, hosts.bucket.gate.shut_at("GET", 1):
            asked = [threads.submit(hosts.api.get, url) for _ in range(4)]
            hosts.bucket.gate.wait()
            hosts.bucket.gate.open()
            assert [RESULT] * 4 == [answer.result().content for answer in asked]
            assert RESULT == hosts.api.get(url).content

        assert 1 == hosts.downloads(name)

    @pytest.mark.slow
    def test_the_files_of_a_metric_are_in_the_bucket(self, hosts: Hosts) -> None:
        where = f"{hosts.prefix}/input"
        missing = hosts.api.new_job()
        said = hosts.api.wait_for_failure(missing)["error"]["detail"]
        hosts.bucket.put(f"{where}/revenue_old.csv.gz", gzip.compress(OLD.encode()))
        hosts.bucket.put(f"{where}/revenue_new.csv", NEW + _LONG)
        hosts.bucket.put(f"{where}/other.csv", OLD)
        job_id = hosts.api.new_job()
        other = hosts.api.post("/api/diffing/new/revenue", json={"old": "other.csv"}).json()

        assert "revenue_old.csv: no such file in the storage. Put it there." == said
        hosts.api.wait_for_success(job_id)
        assert RESULT == hosts.other.result_of(job_id)
        named = hosts.api.get(f"/api/diffing/job/{job_id}/summary").json()
        assert "revenue_old.csv.gz" == named["old"]["name"]
        hosts.api.wait_for_success(other["job_id"])
        assert RESULT == hosts.other.result_of(other["job_id"])

    @pytest.mark.slow
    def test_a_question_is_answered_by_the_result_of_another(self, hosts: Hosts) -> None:
        again = "/api/diffing/new/revenue?wait=60"
        first = hosts.api.post(again, files=FILES).json()["job_id"]
        second = hosts.other.post(again, files=FILES).json()["job_id"]

        status = hosts.api.wait_for_success(second)
        assert status["reused_from"] not in (None, second)
        assert first != second
        assert RESULT == hosts.api.result_of(second) == hosts.other.result_of(second)

    @pytest.mark.slow
    @pytest.mark.parametrize("method", [pytest.param("GET", marks=pytest.mark.slow), "PUT"])
    def test_a_bucket_may_be_silent_for_longer_than_a_worker(
        self, hosts: Hosts, method: str
    ) -> None:
        jobs = hosts.one.jobs()
        # the first two of the API are the upload
        with hosts.bucket.gate.shut_at(method, {"GET": 1, "PUT": 3}[method]):
            job_id = int(hosts.api.post(UPLOAD, files=FILES).json()["job_id"])
            hosts.bucket.gate.wait()
            long_after = jobs.get(job_id).seen_at + timedelta(seconds=2 * STALE_AFTER)
            wait_until(lambda: jobs.get(job_id).seen_at > long_after, "it gives no signs of life")

        assert 1 == hosts.api.wait_for_success(job_id)["attempt"]
        assert RESULT == hosts.api.result_of(job_id)

    @pytest.mark.slow
    def test_a_silent_bucket_is_reported_in_time(self, hosts: Hosts) -> None:
        job_id = hosts.diff()
        ready = hosts.api.get("/ready").json()["checks"]["storage"]
        with hosts.bucket.gate.shut_at("HEAD", 1):
            not_ready = hosts.api.get("/ready")
            refused = hosts.api.get(f"/api/diffing/job/{job_id}", timeout=30)
            upload = hosts.api.post(UPLOAD, files=FILES, timeout=60)

        assert "ok" == ready["status"]
        assert "failed" == not_ready.json()["checks"]["storage"]["status"]
        for answer in (not_ready, refused, upload):
            assert 503 == answer.status_code
            assert answer.headers["Retry-After"]
        assert_problem(refused, 503, "The storage does not answer as it should")
        assert RESULT == hosts.api.result_of(job_id)

    @pytest.mark.slow
    def test_the_sweeper_removes_what_no_job_needs(
        self, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_id = hosts.diff()
        needed = [f"{job_id}.1.{name}" for name in ("csv", "detail.csv", "removed.csv")]
        upload, orphan = str(hosts.one.jobs().get(job_id).upload), "f" * 32
        for key in (f"results/{job_id}.2.csv", "results/987654.1.csv", f"uploads/{orphan}/old"):
            hosts.bucket.put(f"{hosts.prefix}/{key}", "lost")

        cleaner(hosts.one).sweep()
        found = [name for name in hosts.keys("results") if name.startswith((f"{job_id}.", "98"))]
        assert needed == found
        assert f"{orphan}/old" in hosts.keys("uploads")
        monkeypatch.setattr(shared_files, "_ORPHANS_KEPT_SECONDS", 0)
        cleaner(hosts.one).sweep()
        sent = hosts.keys("uploads")
        assert f"{orphan}/old" not in sent
        assert {f"{upload}/old", f"{upload}/new"} <= {*sent}

    @pytest.mark.slow
    def test_a_start_removes_copies_of_uploads_that_are_in_the_bucket(self, hosts: Hosts) -> None:
        jobs, folder = hosts.three.jobs(), hosts.three.settings.uploads_dir
        left, lost = (str(jobs.get(hosts.diff()).upload) for _ in range(2))
        cleaner(hosts.three).bucket.remove([f"uploads/{lost}/old"])
        for name in (left, lost):
            (folder / name).mkdir()

        hosts.three.api()

        assert [lost] == [path.name for path in folder.iterdir()]
        (folder / lost).rmdir()


@dataclass(frozen=True)
class Another(OneForAll):
    """A service with tables of its own, and the folder of others in the bucket."""

    def settings_of(self, folder: Path) -> dict[str, Any]:
        """The settings of its only host."""
        return Backend.settings_of(self, folder) | {"storage_url": self.storage}


def another(of: OneForAll) -> Another:
    return Another("redis", of.database, of.queue, storage=of.storage)


class TestTwoServicesOnOneFolder:
    @pytest.mark.parametrize("command", one_in(3, ["api", "worker", "serve"]))
    def test_the_second_is_refused(
        self, bucket: Bucket, servers: Urls, tmp_path: Path, command: str
    ) -> None:
        shared = backend(servers)
        with Service(tmp_path / "one", shared) as one:
            one.api()
            with Service(tmp_path / "other", another(shared)) as other:
                program = other.start(command, port=0)

                assert 2 == program.ended()
                said = next(line for line in program.lines() if "DIFFING_STORAGE_URL" in line)
                assert "the folder belongs to a service with another database" in said
                assert "remove diffing.json, and start again" in said
            assert [f"{prefix_of(shared)}/diffing.json"] == bucket.keys(prefix_of(shared))

    @pytest.mark.usefixtures("bucket")
    def test_the_first_of_some_that_start_at_once_gets_it(self) -> None:
        store = SharedBucket(RemoteFolder(f"s3://{NAME}/at-once"), hasty=True)
        started = Barrier(4)

        def at_once(service: str) -> bool:
            started.wait(PATIENCE_SECONDS)
            return gets_it(store, service)

        with ThreadPoolExecutor(4) as threads:
            got_it = [*threads.map(at_once, "abcd")]
        assert 1 == sum(got_it)
        assert got_it == [gets_it(store, service) for service in "abcd"]

    @pytest.mark.slow
    def test_a_new_database_gets_it_by_hand_and_the_old_one_then_removes_nothing(
        self, bucket: Bucket, servers: Urls, tmp_path: Path
    ) -> None:
        shared = backend(servers)
        lost = f"{prefix_of(shared)}/results/987654.1.csv"
        with (
            Service(tmp_path / "one", shared) as one,
            Service(tmp_path / "new", another(shared)) as new,
        ):
            worker = one.worker(retention=1)
            store = cleaner(one).bucket
            worker.signal_all(signal.SIGSTOP)
            store.remove(["diffing.json"])
            new.api()
            bucket.put(lost, "of the new service")
            worker.signal_all(signal.SIGCONT)

            worker.saw("nothing is removed from the storage: DIFFING_STORAGE_URL")
            assert [lost] == bucket.keys(lost)
            assert 2 == one.start("worker").ended()
            new.worker(retention=1)
            wait_until(lambda: not bucket.keys(lost), "its own service does not remove it")


def gets_it(store: SharedBucket, service: str) -> bool:
    try:
        require_ours(store, service)
    except BadSetting:
        return False
    return True


@contextmanager
def publishing(bucket: Bucket, api: Client) -> Iterator[int]:
    """A block in which a worker publishes the results of a job, which has this id."""
    with bucket.gate.shut_at("PUT", 4):
        job_id = int(api.post(UPLOAD, files=FILES).json()["job_id"])
        bucket.gate.wait()
        yield job_id


@pytest.mark.slow
def test_a_worker_that_dies_while_it_publishes_leaves_the_job_to_another(
    bucket: Bucket, servers: Urls, tmp_path: Path
) -> None:
    shared = backend(servers)
    with Service(tmp_path / "one", shared) as one, Service(tmp_path / "two", shared) as two:
        api = one.api()
        worker = two.worker(stale_after=STALE_AFTER)
        with publishing(bucket, api) as job_id:
            worker.signal(signal.SIGKILL)
            worker.ended()
        one.worker(stale_after=STALE_AFTER)
        assert 2 == api.wait_for_success(job_id)["attempt"]
        assert RESULT == api.result_of(job_id)

        two.worker(retention=1)
        mark = f"{prefix_of(shared)}/diffing.json"
        wait_until(lambda: [mark] == bucket.keys(prefix_of(shared)), "files stay in the bucket")
        assert 410 == two.api().get(f"/api/diffing/job/{job_id}").status_code


@pytest.mark.slow
def test_a_worker_that_freezes_while_it_publishes_changes_nothing_later(
    bucket: Bucket, servers: Urls, tmp_path: Path
) -> None:
    shared = backend(servers)
    with Service(tmp_path / "one", shared) as one, Service(tmp_path / "two", shared) as two:
        api = one.api()
        worker = two.worker(stale_after=STALE_AFTER)
        with publishing(bucket, api) as job_id:
            worker.signal_all(signal.SIGSTOP)
        one.worker(stale_after=STALE_AFTER)
        assert 2 == api.wait_for_success(job_id)["attempt"]
        published = bucket.keys(f"{prefix_of(shared)}/results/{job_id}.2.")
        worker.signal_all(signal.SIGCONT)
        wait_until(lambda: not files_in(two.settings.tmp_dir), "the lost attempt goes on")

        assert 2 == api.status_of(job_id)["attempt"]
        assert RESULT == api.result_of(job_id)
        assert published == bucket.keys(f"{prefix_of(shared)}/results/{job_id}.2.")
        assert not [line for line in worker.lines() if f"job {job_id} succeeded" in line]


@pytest.mark.slow
def test_an_api_that_dies_while_it_uploads_leaves_no_job(
    bucket: Bucket, servers: Urls, tmp_path: Path
) -> None:
    with Service(tmp_path / "one", backend(servers)) as host:
        api = host.start("api", "--port", "0")
        client = host.client_of(api)
        with ThreadPoolExecutor(1) as threads, bucket.gate.shut_at("PUT", 2):
            asked = threads.submit(client.post, UPLOAD, files=FILES)
            bucket.gate.wait()
            api.signal(signal.SIGKILL)
            api.ended()
            assert isinstance(asked.exception(PATIENCE_SECONDS), httpx2.HTTPError)

        assert 0 == host.api().newest_job()
        assert [] == [*host.settings.uploads_dir.iterdir()]


@pytest.mark.slow
def test_the_cache_has_a_limit(hosts: Hosts, tmp_path: Path) -> None:
    ids = [hosts.diff(), hosts.diff()]
    with Service(tmp_path / "four", hosts.one.backend) as host:
        limit = len(RESULT) + 10
        client = host.api(cache_limit=limit)
        for job_id in (*ids, ids[0]):
            assert RESULT == client.result_of(job_id)
            cached = [path for path in host.settings.cache_dir.rglob("*") if path.is_file()]
            assert [f"{job_id}.1.csv"] == [path.name for path in cached]


@pytest.mark.slow
def test_a_large_file_is_published_in_pieces_and_is_the_same(
    bucket: Bucket, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"".join(number.to_bytes(4) for number in range(10_000_000)))
    shared = SharedBucket(RemoteFolder(f"s3://{NAME}/pieces"), hasty=True)
    sizes: list[int] = []

    shared.put(large, "results/large")
    shared.copy("results/large", tmp_path / "copy", sizes.append)
    assert [40_000_000] == sizes
    assert large.read_bytes() == (tmp_path / "copy").read_bytes()
    assert any(b"partNumber=3" in request for request in bucket.gate.requests)


# SeaweedFS and AWS say in other words than moto that the object exists
@pytest.mark.parametrize("said", [errno.EINVAL, errno.EIO, errno.ENOSYS])
def test_a_store_may_refuse_a_condition_in_its_own_words(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, said: int
) -> None:
    store = SharedBucket(RemoteFolder(f"s3://{NAME}/words-{said}"), hasty=True)
    bucket.put(f"words-{said}/first", "first")
    write = store._files.pipe_file

    def refusing(url: str, content: bytes, mode: str = "overwrite") -> None:
        if mode == "create":
            raise OSError(said, "refused")
        write(url, content)

    monkeypatch.setattr(store._files, "pipe_file", refusing)
    store.create("first", b"second")
    assert b"first" == store.read("first")
    if said == errno.ENOSYS:
        store.create("other", b"of a store without conditions")
        assert b"of a store without conditions" == store.read("other")
    else:
        with pytest.raises(StorageUnavailable):
            store.create("other", b"")


@pytest.mark.parametrize("command", one_in(3, ["api", "worker", "serve"]))
def test_a_bucket_for_jobs_in_a_file_is_refused(tmp_path: Path, command: str) -> None:
    with Service(tmp_path / "data") as service:
        program = service.start(command, storage_url="s3://exports/x")

        assert 2 == program.ended()
        (line,) = program.lines()
        assert "DIFFING_STORAGE_URL: hosts that share files need to share the jobs." in line


@pytest.mark.parametrize(
    "url",
    ["file:///srv/x", "https://host/x", "s3://", "s3://key:secret@exports", "s3://exports/a//b"],
)
def test_an_unusable_url_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DIFFING_STORAGE_URL", url)
    with pytest.raises(BadSetting, match="DIFFING_STORAGE_URL: the URL must name a bucket") as no:
        load_settings()

    assert "secret" not in no.value.detail
    assert "DIFFING_METRICS" not in no.value.detail


def test_a_usable_url_may_end_with_a_slash() -> None:
    settings = load_settings(storage_url="s3://exports/diffing/")

    assert RemoteFolder("s3://exports/diffing") == settings.storage
