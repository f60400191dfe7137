"""Accepted files and pins of hosts that share nothing but a database and a bucket."""

import re
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from diffing.core.baseline import content_of
from diffing.core.errors import ResultGone, StorageUnavailable
from diffing.core.remote_file import RemoteFolder
from diffing.core.settings import Settings
from diffing.files.keeping import KeptInBucket
from diffing.files.kept import Used
from diffing.store.baselines import Baselines
from diffing.store.dialects import Lock, lock
from tests.backends import OneForAll
from tests.bucket import NAME, Bucket
from tests.conftest import one_in
from tests.servers import Urls
from tests.service_under_test import PATIENCE_SECONDS, Client, Program, Service
from tests.test_baselines import (
    METRIC,
    NEVER,
    PLAIN,
    SALES,
    accept,
    accepted,
    asked,
    counts,
    one_by_one,
    sales,
    sha256,
    with_catalogue,
)
from tests.test_storage import STALE_AFTER, backend, cleaner, files_in, prefix_of
from tests.waiting import wait_until

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BOTH = SALES + PLAIN
_WAITING = "select count(*) from pg_locks where locktype = 'advisory' and not granted and objid = 5"


@dataclass(frozen=True)
class Pair:
    """Two hosts with disks of their own. Only the second has a worker.

    Args:
        bucket: that they share.
        prefix: of its keys that are theirs.
        one, two: the hosts.
        api: of the first host.
        other: the API of the second host.
        worker: of the second host.
    """

    bucket: Bucket
    prefix: str
    one: Service
    two: Service
    api: Client
    other: Client
    worker: Program

    def night(self, client: Client, *values: object, query: str = "") -> dict[str, Any]:
        """The status of a job about a new export, which succeeded."""
        self.put("sales.csv", sales(*values))
        return asked(client, "sales", f"&fresh=1{query}")

    def put(self, name: str, content: str | bytes) -> None:
        """Write an input."""
        self.bucket.put(f"{self.prefix}/input/{name}", content)

    def kept(self) -> list[str]:
        """The names of the kept files."""
        start = f"{self.prefix}/kept/"
        return [key.removeprefix(start) for key in self.bucket.keys(start)]

    def content(self, kept: str) -> bytes:
        """The bytes of a kept file."""
        found = cleaner(self.one).bucket.read(f"kept/{kept}")
        assert found
        return found

    def has_kept(self, export: str) -> bool:
        """Whether a kept file of an export is whole."""
        [kept, *_] = [name for name in self.kept() if name.startswith(sha256(export))]
        return export.encode() == zstd.decompress(self.content(kept))

    def remove(self, kept: str) -> None:
        """Remove a kept file."""
        cleaner(self.one).bucket.remove([f"kept/{kept}"])


def contents(names: list[str]) -> list[str]:
    """The SHA-256 of each kept file."""
    return sorted(name[:64] for name in names)


def hosts_on(shared: OneForAll, folder: Path, catalogue: str = BOTH) -> tuple[Service, Service]:
    hosts = Service(folder / "one", shared), Service(folder / "two", shared)
    for host in hosts:
        with_catalogue(host, catalogue)
    return hosts


@contextmanager
def hosts(bucket: Bucket, servers: Urls, folder: Path, catalogue: str = BOTH) -> Iterator[Pair]:
    """Two hosts with an API each, and a worker on the second."""
    shared = backend(servers)
    one, two = hosts_on(shared, folder, catalogue)
    with one, two:
        apis = [host.start("api", "--port", "0") for host in (one, two)]
        worker = two.worker(stale_after=STALE_AFTER)
        clients = one.client_of(apis[0]), two.client_of(apis[1])
        yield Pair(bucket, prefix_of(shared), one, two, *clients, worker)


@pytest.fixture
def pair(bucket: Bucket, servers: Urls, tmp_path: Path) -> Iterator[Pair]:
    with hosts(bucket, servers, tmp_path) as pair:
        yield pair


@pytest.mark.slow
def test_a_night_that_one_host_accepts_is_compared_by_another(
    bucket: Bucket, servers: Urls, tmp_path: Path
) -> None:
    shared = backend(servers)
    one, two = hosts_on(shared, tmp_path)
    with one, two:
        api, worker = one.api_and_worker()
        other = two.api()
        pair = Pair(bucket, prefix_of(shared), one, two, api, other, worker)
        first = pair.night(api, 1, 2)
        worker.signal(signal.SIGTERM)
        worker.ended()
        two.worker()
        second = pair.night(api, 1, 2, 3)
        accept(api, second["job_id"], "one more shop")
        third = pair.night(other, 9, 2, 3)

        assert [(2, 0, 0), (1, 0, 0), (0, 1, 0)] == [counts(s) for s in (first, second, third)]
        ids = [status["baseline"] and status["baseline"]["job_id"] for status in (second, third)]
        assert [first["job_id"], second["job_id"]] == ids
        assert [(second["job_id"], "request"), (first["job_id"], "first")] == accepted(other)
        summary = other.get(f"/api/diffing/job/{third['job_id']}/summary").json()
        assert ("sales.csv", sha256(sales(1, 2, 3))) == (
            summary["old"]["name"],
            summary["old"]["sha256"],
        )
        nights = sha256(sales(1, 2)), sha256(sales(1, 2, 3)), sha256(sales(9, 2, 3))
        assert sorted(nights) == contents(pair.kept())
        listed = api.get("/api/diffing/metrics").json()["metrics"]
        assert {"name": "accepted: sales.csv", "there": None, "bytes": None} == listed[0]["old"]
        wait_until(lambda: not files_in(two.settings.tmp_dir), "scratch files are left")
        for host in (one, two):
            assert {"lock"} >= {*files_in(host.settings.kept_dir)}
            assert [] == files_in(host.settings.cache_dir)


@pytest.mark.slow
def test_a_pin_that_one_host_makes_is_used_by_another(pair: Pair) -> None:
    july = pair.night(pair.api, 1, 2)["job_id"]
    made = pair.api.post(f"{METRIC}/pins", json={"name": "july", "job_id": july})
    accept(pair.api, pair.night(pair.api, 1, 3)["job_id"])
    against_july = pair.night(pair.other, 1, 4, query="&old=pin:july")

    assert 200 == made.status_code
    assert [made.json()] == pair.other.get(f"{METRIC}/pins").json()["pins"]
    assert (0, 1, 0) == counts(against_july)
    assert (july, "july") == (
        against_july["baseline"]["job_id"],
        against_july["baseline"]["pin"],
    )
    assert 204 == pair.other.delete(f"{METRIC}/pins/july").status_code
    assert 404 == pair.api.post("/api/diffing/new/sales?old=pin:july").status_code


@pytest.mark.slow
def test_a_file_of_the_bucket_is_kept_by_the_request_that_accepts_it(pair: Pair) -> None:
    pair.put("sales_old.csv", sales(1))
    pair.put("sales.csv", sales(2))
    job_id = asked(pair.api, "plain")["job_id"]
    assert [] == pair.kept()
    files = {"old": ("o.csv", sales(1)), "new": ("n.csv", sales(3))}
    sent = asked(pair.api, "plain", files=files)["job_id"]

    assert 200 == accept(pair.api, job_id, metric="plain").status_code
    assert (0, 0, 0) == counts(asked(pair.other, "plain", "&old=accepted"))
    assert 200 == accept(pair.api, sent, metric="plain").status_code
    assert (0, 1, 0) == counts(asked(pair.other, "plain", "&old=accepted"))
    assert sorted([sha256(sales(2)), sha256(sales(3))]) == contents(pair.kept())


@pytest.mark.slow
def test_a_file_that_was_overwritten_before_it_was_kept_is_refused(pair: Pair) -> None:
    pair.put("sales_old.csv", sales(1))
    pair.put("sales.csv", sales(2))
    job_id = asked(pair.api, "plain")["job_id"]
    pair.put("sales.csv", sales(3))
    answer = accept(pair.api, job_id, metric="plain")

    assert (409, "urn:diffing:content-gone") == (answer.status_code, answer.json()["type"])
    assert answer.json()["detail"].startswith("The file sales.csv has changed since the job")
    assert [] == pair.kept()


@pytest.mark.slow
@pytest.mark.parametrize("damage", one_in(3, ["bits", "another file", "its end"]))
def test_a_kept_file_that_was_damaged_in_the_bucket_is_noticed(pair: Pair, damage: str) -> None:
    pair.night(pair.api, *range(20_000))
    [kept] = pair.kept()
    pair.night(pair.api, 1)
    [other] = {*pair.kept()} - {kept}
    content = bytearray(pair.content(kept))
    if damage == "bits":
        content[len(content) // 2] ^= 1
    elif damage == "its end":
        del content[-100:]
    else:
        content = bytearray(pair.content(other))
    pair.remove(kept)
    pair.bucket.put(f"{pair.prefix}/kept/{kept}", bytes(content))
    damaged = pair.other.post("/api/diffing/new/sales?fresh=1").json()["job_id"]
    failure = pair.other.wait_for_failure(damaged)["error"]

    assert "urn:diffing:bad-input" == failure["type"]
    assert "sales.csv: the kept file is damaged, because its SHA-256 is not" in failure["detail"]
    pair.remove(kept)
    lost = pair.api.post("/api/diffing/new/sales?fresh=1").json()["job_id"]
    failure = pair.api.wait_for_failure(lost)["error"]
    assert "urn:diffing:missing-input" == failure["type"]
    assert f"kept/{kept}: no such file in the storage. Put it there." == failure["detail"]


@pytest.mark.slow
def test_a_content_is_kept_once_whatever_needs_it(pair: Pair) -> None:
    first, _, third = (pair.night(pair.api, value)["job_id"] for value in (1, 2, 1))
    accept(pair.other, third)
    pair.other.post(f"{METRIC}/pins", json={"name": "july", "job_id": first})

    assert sorted([sha256(sales(1)), sha256(sales(2))]) == contents(pair.kept())
    assert all(re.fullmatch(r"[0-9a-f]{64}\.[0-9a-f]{16}\.csv\.zst", name) for name in pair.kept())


@pytest.mark.slow
def test_a_file_that_a_sweeper_is_about_to_remove_may_be_accepted_again(pair: Pair) -> None:
    pair.night(pair.api, 1)
    passing = pair.night(pair.api, 2)["job_id"]
    accept(pair.api, pair.night(pair.api, 3)["job_id"])
    pair.one.jobs().forget(pair.one.jobs().get(passing))
    before, tables = {*pair.kept()}, Baselines(pair.one.database())
    again: list[dict[str, Any]] = []

    def needed() -> set[str]:
        found = tables.needed(0)
        # now the sweeper has looked, and removes nothing yet
        again.append(pair.night(pair.other, 2))
        accept(pair.other, again[0]["job_id"])
        return found

    cleaner(pair.two, needed).sweep()

    left, wanted = {*pair.kept()}, [sales(1), sales(2), sales(3)]
    assert sorted(map(sha256, wanted)) == contents([*left])
    assert 1 == len(left - before)
    assert (0, 0, 0) == counts(pair.night(pair.api, 2))


@pytest.mark.slow
def test_names_of_kept_files_are_taken_and_listed_one_after_the_other(pair: Pair) -> None:
    job_id = pair.night(pair.api, 1)["job_id"]
    job, tables = pair.one.jobs().get(job_id), Baselines(pair.one.database())
    kept = str(job.kept)
    work: list[Callable[[], object]] = [
        lambda: tables.needed(60),
        lambda: tables.take(job, kept),
        lambda: tables.note(job, "sales", "accepted"),
        lambda: tables.accept(job, kept, None, ""),
        lambda: tables.make_pin("july", job, kept, None),
    ]

    def waiting() -> int:
        with pair.two.database().connect() as connection:
            return int(connection.execute(sa.text(_WAITING)).scalar_one())

    with ThreadPoolExecutor(len(work)) as threads:
        with pair.two.database().begin() as connection:
            lock(connection, Lock.KEEP)
            asked_for = [threads.submit(one) for one in work]
            wait_until(lambda: len(work) == waiting(), "one does not wait")
        assert {kept} == asked_for[0].result(PATIENCE_SECONDS)
        for one in asked_for:
            one.result(PATIENCE_SECONDS)


@pytest.mark.slow
def test_a_job_that_is_removed_meanwhile_is_neither_accepted_nor_pinned(pair: Pair) -> None:
    job_id = pair.night(pair.api, 1)["job_id"]
    pair.night(pair.api, 2)
    jobs, tables = pair.one.jobs(), Baselines(pair.one.database())
    job = jobs.get(job_id)
    jobs.forget(job)

    with pytest.raises(ResultGone):
        tables.accept(job, str(job.kept), None, "")
    with pytest.raises(ResultGone):
        tables.make_pin("july", job, str(job.kept), None)
    assert tables.take(job, str(job.kept)) is None


@pytest.mark.slow
def test_a_pinned_or_accepted_file_is_never_swept_and_others_are(pair: Pair) -> None:
    pinned, current, _ = (pair.night(pair.api, value)["job_id"] for value in (1, 2, 3))
    pair.night(pair.api, 4)
    pair.api.post(f"{METRIC}/pins", json={"name": "july", "job_id": pinned})
    accept(pair.api, current)
    pair.bucket.put(f"{pair.prefix}/kept/notes.txt", "of an operator")
    sizes = [len(pair.content(name)) for name in pair.kept() if content_of(name)]
    api = pair.one.api()
    kept = api.get("/ready").json()["checks"]["kept"]
    assert f"4 files, {sum(sizes) / 1e6:,.1f} MB." == kept["detail"]
    figures = api.get("/metrics").text
    assert "diffing_kept_files 4.0" in figures
    assert f"diffing_kept_bytes {float(sum(sizes))}" in figures
    pair.worker.signal(signal.SIGTERM)
    pair.worker.ended()
    pair.one.worker(retention=0.5, history_retention=0.5)

    # the newest job is never removed, so its file stays, too
    left = sorted([*(sha256(sales(value)) for value in (1, 2, 4)), "notes.txt"])
    wait_until(lambda: contents(pair.kept()) == left, "a file stays")
    assert current == pair.night(pair.api, 4)["baseline"]["job_id"]
    assert (0, 1, 0) == counts(pair.night(pair.api, 4, query="&old=pin:july"))


@pytest.mark.slow
def test_a_bucket_may_be_silent_while_an_accepted_file_is_fetched(pair: Pair) -> None:
    pair.night(pair.api, 1)
    jobs = pair.one.jobs()
    with pair.bucket.gate.shut_at("GET", 1):
        job_id = int(pair.api.post("/api/diffing/new/sales?fresh=1").json()["job_id"])
        pair.bucket.gate.wait()
        assert b"/kept/" in pair.bucket.gate.requests[-1]
        long_after = jobs.get(job_id).seen_at + timedelta(seconds=2 * STALE_AFTER)
        wait_until(lambda: jobs.get(job_id).seen_at > long_after, "it gives no signs of life")
        cancelled = pair.api.delete(f"/api/diffing/job/{job_id}")
        wait_until(lambda: not files_in(pair.two.settings.tmp_dir), "the fetch goes on")

    assert 202 == cancelled.status_code
    assert "cancelled" == pair.api.status_of(job_id)["status"]
    assert (0, 0, 0) == counts(pair.night(pair.api, 1))


def test_figures_of_kept_files_are_there_as_soon_as_a_slow_bucket_has_listed_them(
    bucket: Bucket, tmp_path: Path
) -> None:
    kept = KeptInBucket(RemoteFolder(f"s3://{NAME}/figures"), Settings(data_dir=tmp_path))

    with bucket.gate.shut_at("GET", 1), pytest.raises(StorageUnavailable):
        kept.used()

    wait_until(lambda: lists(kept), "the listing was given up", patience=20)


def lists(kept: KeptInBucket) -> bool:
    try:
        return kept.used() == Used(0, 0)
    except StorageUnavailable:
        return False


@pytest.mark.slow
def test_a_silent_bucket_hides_the_figures_of_kept_files_alone(pair: Pair) -> None:
    with pair.bucket.gate.shut_at("GET", 1):
        figures = pair.api.get("/metrics", timeout=30)
        kept = pair.api.get("/ready").json()["checks"]["kept"]

    assert 200 == figures.status_code
    assert "diffing_kept_files" not in figures.text
    assert "diffing_workers" in figures.text
    unknown = "Unknown: the bucket did not list the kept files."
    assert {"status": "warning", "detail": unknown} == kept


# kill -9


@pytest.mark.slow
def test_an_api_that_is_killed_while_it_accepts_loses_and_doubles_nothing(
    bucket: Bucket, servers: Urls, tmp_path: Path
) -> None:
    calls = [
        "diffing.files.keeping:KeptInBucket.keep:1:before",
        "diffing.files.keeping:pack:1:after",
        "diffing.store.baselines:Baselines.take:1:before",
        "diffing.store.baselines:Baselines.take:1:after",
        "diffing.files.bucket:Bucket.put_once:1:after",
        "diffing.store.baselines:_insert:1:after",
        "diffing.store.baselines:Baselines.accept:1:after",
    ]
    catalogue = one_by_one(PLAIN, len(calls))
    with hosts(bucket, servers, tmp_path, catalogue) as pair:
        for number, at in enumerate(calls):
            metric, export = f"plain{number}", sales(2, number)
            pair.put(f"sales_old{number}.csv", sales(1))
            pair.put(f"sales{number}.csv", export)
            job_id = asked(pair.other, metric)["job_id"]
            killed = pair.one.start_killed_at(at, "api", "--port", "0")
            with pytest.raises(httpx2.TransportError):
                accept(pair.one.client_of(killed), job_id, "the first try", metric=metric)
            assert (at, -signal.SIGKILL) == (at, killed.ended())

            answer = accept(pair.other, job_id, "the second try", metric=metric)
            assert (at, 200) == (at, answer.status_code)
            found = pair.other.get(f"/api/diffing/metrics/{metric}/accepted").json()["accepted"]
            first_counts = at.endswith("Baselines.accept:1:after")
            note = "the first try" if first_counts else "the second try"
            assert (at, [note]) == (at, [one["note"] for one in found])
            assert (at, True) == (at, pair.has_kept(export))
        assert (0, 0, 0) == counts(asked(pair.other, "plain0", "&old=accepted"))
        cleaner(pair.two, lambda: Baselines(pair.two.database()).needed(60)).sweep()
        wanted = sorted(sha256(sales(2, number)) for number in range(len(calls)))
        assert wanted == contents(pair.kept())
        pair.one.api()  # it removes what the killed ones left
        assert [] == files_in(pair.one.settings.cache_dir)


@pytest.mark.slow
def test_a_worker_that_is_killed_while_it_accepts_loses_and_doubles_nothing(
    bucket: Bucket, servers: Urls, tmp_path: Path
) -> None:
    calls = [
        "diffing.store.baselines:Baselines.take:1:before",
        "diffing.store.baselines:Baselines.take:1:after",
        "diffing.worker.baselines:BaselineKeeper._keep:1:after",
        "diffing.store.jobs:accept_by_itself:1:before",
        "diffing.store.jobs:accept_by_itself:1:after",
        "diffing.store.jobs:Jobs.succeed:1:after",
    ]
    shared = backend(servers)
    one, two = hosts_on(shared, tmp_path, one_by_one(SALES, len(calls)))
    with one, two:
        api, ids = one.api(stale_after=STALE_AFTER), []
        for number, at in enumerate(calls):
            killed = one.start_killed_at(at, "worker", stale_after=NEVER)
            pair = Pair(bucket, prefix_of(shared), one, two, api, api, killed)
            pair.put(f"sales{number}.csv", sales(number))
            ids.append(api.post(f"/api/diffing/new/sales{number}").json()["job_id"])
            assert (at, -signal.SIGKILL) == (at, killed.ended())
        two.worker(stale_after=STALE_AFTER)

        for number, (job_id, at) in enumerate(zip(ids, calls, strict=True)):
            api.wait_for_success(job_id)
            metric = f"/api/diffing/metrics/sales{number}"
            found = api.get(f"{metric}/accepted").json()["accepted"]
            assert (at, [(job_id, "first")]) == (at, [(its["job_id"], its["how"]) for its in found])
            assert 1 == len(api.get(f"{metric}/history").json()["history"])
            assert (at, True) == (at, pair.has_kept(sales(number)))
        wanted = [sha256(sales(number)) for number in range(len(calls))]
        assert sorted(wanted) == contents(pair.kept())
        pair.put("sales0.csv", sales(-1))
        assert (0, 1, 0) == counts(asked(api, "sales0"))
