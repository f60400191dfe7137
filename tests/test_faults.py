"""Processes are stopped, disks fill up, files change, clocks jump: each job ends as it must."""

import itertools
import json
import multiprocessing
import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from diffing.core.catalogue import load_catalogue
from diffing.core.errors import DiffFailed, Interrupted
from diffing.core.input_file import InputFile
from diffing.core.progress import Progress
from diffing.core.settings import Settings
from diffing.core.spec import DiffSpec
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits
from diffing.store.job import Submission
from diffing.store.jobs import End
from diffing.worker.supervisor import ChildFailed, Runner
from diffing.worker.task import Task
from tests import reference
from tests.conftest import Mount, one_in
from tests.service_under_test import (
    NEW,
    OLD,
    Client,
    LargePair,
    Program,
    Service,
)
from tests.torture.shortage import fill, system
from tests.waiting import STALE_AFTER, wait_until, wait_until_nothing_is_left

pytestmark = pytest.mark.on_servers("postgresql", "redis")

RESULT = reference.diff(
    OLD, NEW, ["date", "segment_field", "segment_value_id", "stat"], ["value"]
).csv.encode()


def running_diff(service: Service, large_pair: LargePair, **settings: Any) -> "Fixture":
    """A service in the middle of a diff."""
    large_pair.put_into(service)
    client, worker = service.api_and_worker(**settings)
    job_id = client.new_job()
    client.wait_for_diff(job_id)
    return Fixture(service, client, worker, job_id)


class Fixture:
    """A diff that runs."""

    def __init__(self, service: Service, client: Client, worker: Program, job_id: int) -> None:
        self.service, self.client, self.worker, self.job_id = service, client, worker, job_id

    def stop_the_diff(self) -> None:
        """Stop its process, so that nothing but a signal ends it."""
        self.service.signal(self.service.the_diff_of(self.worker), signal.SIGSTOP)


# cancel


@pytest.mark.without_queue
def test_a_running_job_that_is_cancelled_ends_with_all_it_had(
    service: Service, large_pair: LargePair
) -> None:
    large_pair.put_into(service)
    client = service.api()
    # no sign of life is in time to tell it: it has to look
    worker = service.start_module("tests.programs.seldom_beats", "worker", stale_after=3600)
    worker.saw("working on up to")
    at = Fixture(service, client, worker, client.new_job())
    client.wait_for_diff(at.job_id)
    at.stop_the_diff()
    response = at.client.delete(f"/api/diffing/job/{at.job_id}")
    wait_until(lambda: not service.diffs_of(at.worker), "the diff goes on")

    assert 202 == response.status_code
    assert {"job_id": at.job_id, "status": "cancelled"} == response.json()
    assert "cancelled" == at.client.status_of(at.job_id)["status"]
    wait_until(lambda: not [*service.settings.tmp_dir.iterdir()], "a temporary file is left")
    service.write_small_pair()
    after = at.client.new_job()
    at.client.wait_for_success(after)
    nothing_of = [p for p in service.settings.results_dir.iterdir() if p.name.startswith("1.")]
    assert [] == nothing_of


@pytest.mark.without_queue
def test_a_job_is_looked_at_within_a_second_however_seldom_it_gives_signs_of_life(
    service: Service, large_pair: LargePair
) -> None:
    large_pair.put_into(service)
    attempt = Looked(looks=8)

    with pytest.raises(Interrupted):
        Runner(beat_seconds=3600).run(task_in(service, service.settings.tmp_dir), attempt)
    # a machine that is busy makes some of them late
    assert min(b - a for a, b in itertools.pairwise(attempt.at)) < 1


# time-out


@pytest.mark.on_files_alone
@pytest.mark.parametrize("stopped", one_in(2, [True, False]), ids=["stopped", "running"])
def test_a_diff_that_takes_too_long_is_ended_and_says_so(
    service: Service, large_pair: LargePair, stopped: bool
) -> None:
    large_pair.put_into(service)
    client, worker = service.api_and_worker(job_timeout=5 if stopped else 0.3)
    job_id = client.new_job()
    if stopped:
        client.wait_for_diff(job_id)
        service.signal(service.the_diff_of(worker), signal.SIGSTOP)
    status = client.wait_for_failure(job_id)

    assert "urn:diffing:timed-out" == status["error"]["type"]
    assert "DIFFING_JOB_TIMEOUT, or compare smaller files." in status["error"]["detail"]
    assert 1 == status["attempt"]
    wait_until(lambda: not service.diffs_of(worker), "the diff goes on")
    wait_until_nothing_is_left(service)


# inputs that change


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("2026-01-31,country,X,revenue-30,1\n")


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


def remove(path: Path) -> None:
    path.unlink()


@pytest.fixture(scope="module")
def api_and_worker(shared: Service) -> tuple[Client, Program]:
    """An API and a worker that outlive what happens to the files."""
    return shared.api_and_worker()


@pytest.mark.on_files_alone
@pytest.mark.parametrize("change", one_in(4, [append, touch, replace, remove]))
@pytest.mark.parametrize("side", one_in(2, ["old", "new"]))
def test_a_job_whose_input_changes_fails_and_says_so(
    shared: Service,
    api_and_worker: tuple[Client, Program],
    large_pair: LargePair,
    change: Any,
    side: str,
) -> None:
    for name, path in (("old", large_pair.old), ("new", large_pair.new)):
        shared.write(f"revenue_{name}.csv", path.read_bytes())
    client, worker = api_and_worker
    job_id = client.new_job()
    client.wait_for_diff(job_id)
    diff = shared.the_diff_of(worker)
    shared.signal(diff, signal.SIGSTOP)
    change(shared.settings.input_dir / f"revenue_{side}.csv")
    shared.signal(diff, signal.SIGCONT)
    error = client.wait_for_failure(job_id)["error"]

    assert "urn:diffing:input-changed" == error["type"]
    assert f"revenue_{side}.csv changed" in error["detail"]
    wait_until_nothing_is_left(shared)


# whoever dies, no child stays


@pytest.mark.slow
@pytest.mark.on_files_alone
@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_no_diff_outlives_its_worker_not_even_a_stopped_one(
    service: Service, large_pair: LargePair, stopped: bool
) -> None:
    large_pair.put_into(service)
    api = service.start("api", "--port", "0")
    worker = service.worker()
    client = service.client_of(api)
    client.wait_for_diff(client.new_job())
    if stopped:
        service.signal(service.the_diff_of(worker), signal.SIGSTOP)
        service.signal(service.child_of(worker, "forkserver"), signal.SIGSTOP)
    worker.signal(signal.SIGKILL)

    service.all_ended(api)


@pytest.mark.slow
@pytest.mark.on_files_alone
def test_a_diff_ends_with_the_fork_server_and_is_tried_again_by_another(
    service: Service, large_pair: LargePair
) -> None:
    at = running_diff(service, large_pair)
    diff = service.the_diff_of(at.worker)
    at.stop_the_diff()
    service.signal(service.child_of(at.worker, "forkserver"), signal.SIGKILL)

    assert 2 == at.client.wait_for_success(at.job_id)["attempt"]
    assert large_pair.result == at.client.result_of(at.job_id)
    assert diff.pid not in {process.pid for process in service.running()}


@pytest.mark.on_files_alone
def test_the_kernel_would_take_the_diff_first_when_memory_runs_short(
    service: Service, large_pair: LargePair
) -> None:
    at = running_diff(service, large_pair)
    at.stop_the_diff()
    diff = service.the_diff_of(at.worker)

    def score(pid: int) -> int:
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())

    assert 1000 == score(diff.pid) > score(at.worker.pid)
    limits = Path(f"/proc/{diff.pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max data size")]
    assert "unlimited" not in line


@pytest.mark.on_files_alone
def test_a_memory_limit_that_is_too_small_fails_the_job_and_nothing_else(
    service: Service, large_pair: LargePair
) -> None:
    large_pair.put_into(service)
    service.write_sample("c-revenue", 100)
    client, _ = service.api_and_worker(memory_limit="40MB", temp_limit="1KB")
    job_id, after = client.new_job(), client.new_job("c-revenue")
    error = client.wait_for_failure(job_id)["error"]

    assert error["type"] in {"urn:diffing:out-of-memory", "urn:diffing:out-of-disk"}
    assert "DIFFING_MEMORY_LIMIT" in error["detail"]
    client.wait_for_success(after)


# SIGTERM


@pytest.mark.on_files_alone
def test_a_worker_whose_fork_server_is_stopped_ends_when_told_to(
    service: Service, large_pair: LargePair
) -> None:
    at = running_diff(service, large_pair, grace=0)
    (server,) = service.fork_servers_of(at.worker)
    at.stop_the_diff()
    service.signal(server, signal.SIGSTOP)
    at.worker.signal(signal.SIGTERM)

    assert 0 == at.worker.ended()
    assert at.worker.saw("running jobs have 0 s")
    assert "queued" == at.client.status_of(at.job_id)["status"]


def test_a_second_sigterm_ends_the_grace(service: Service, large_pair: LargePair) -> None:
    at = running_diff(service, large_pair, grace=600)
    at.stop_the_diff()
    at.worker.signal(signal.SIGTERM)
    at.worker.saw("stopping; running jobs have 600 s")
    at.worker.signal(signal.SIGTERM)

    assert 0 == at.worker.ended()
    status = at.client.status_of(at.job_id)
    assert ("queued", None) == (status["status"], status["error"])
    assert [((at.job_id,), {})] == service.queued_tasks()


@pytest.mark.slow
@pytest.mark.on_files_alone
def test_a_second_sigterm_to_serve_ends_both_at_once(
    service: Service, large_pair: LargePair
) -> None:
    large_pair.put_into(service)
    serve = service.start("serve", "--port", "0", grace=600)
    client = service.client_of(serve)
    job_id = client.new_job()
    client.wait_for_diff(job_id)
    for process in service.running():
        if "forkserver" in process.command:
            service.signal(process, signal.SIGSTOP)
    serve.signal(signal.SIGTERM)
    serve.saw("stopping; running jobs have 600 s")
    serve.signal(signal.SIGTERM)

    assert 0 == serve.ended()
    assert [] == service.running()
    assert "queued" == service.jobs().get(job_id).status


# what dead attempts left


@pytest.mark.without_queue
def test_what_dead_attempts_left_is_swept_at_start_and_nothing_else_is(service: Service) -> None:
    service.write_small_pair()
    client, worker = service.api_and_worker()
    job_id = client.new_job()
    client.wait_for_success(job_id)
    worker.signal(signal.SIGTERM)
    worker.ended()
    results, tmp = service.settings.results_dir, service.settings.tmp_dir
    kept = sorted(path.name for path in results.iterdir())
    dead = [f".17-18-{job_id}.1.csv", f".9-8-{job_id}.2.detail.csv", f"{job_id}.3.csv", "77.1.csv"]
    for name in [*dead, "notes.txt"]:
        (results / name).touch()
    for name in (f"{job_id}.1", "77.2", "other"):
        (tmp / name / "diff-x").mkdir(parents=True)
    service.worker()

    wait_until(lambda: ["other"] == [p.name for p in tmp.iterdir()], "a temporary file is left")
    assert sorted([*kept, "notes.txt"]) == sorted(path.name for path in results.iterdir())
    assert RESULT == client.result_of(job_id)


@pytest.mark.slow
def test_two_workers_started_together_on_a_dirty_database_do_each_job_once(
    service: Service,
) -> None:
    service.write_small_pair()
    jobs = service.jobs()
    queued = [jobs.create(Submission("revenue")).id for _ in range(5)]
    died = [jobs.create(Submission("revenue")).id for _ in range(5)]
    for job_id in died:
        assert jobs.claim(job_id)
    programs = [service.start("worker", stale_after=STALE_AFTER) for _ in range(2)]
    client = service.api()

    assert {1} == {client.wait_for_success(job_id)["attempt"] for job_id in queued}
    assert {2} == {client.wait_for_success(job_id)["attempt"] for job_id in died}
    said = [line for program in programs for line in program.lines() if "succeeded" in line]
    assert 10 == len(said)


# retention


@pytest.mark.without_queue
def test_a_job_that_ended_long_ago_is_removed_with_its_result(service: Service) -> None:
    service.write_small_pair()
    client, worker = service.api_and_worker()
    first, second = client.new_job(), client.new_job()
    for job_id in (first, second):
        client.wait_for_success(job_id)
    assert RESULT == client.result_of(first)
    worker.signal(signal.SIGTERM)
    worker.ended()
    service.worker(retention=0.5)
    wait_until(lambda: not [*service.settings.results_dir.iterdir()], "the results are left")

    def is_gone(path: str) -> bool:
        response = client.get(path)
        return response.status_code == 410 and response.json()["type"].endswith("result-gone")

    wait_until(lambda: is_gone(f"/api/diffing/job/{first}/status"), "the job is left")
    for path in ("", "?detail=1", "/removed", "/summary"):
        assert is_gone(f"/api/diffing/job/{first}{path}")
    assert is_gone(f"/api/diffing/job/{second}")
    assert 410 == client.delete(f"/api/diffing/job/{first}").status_code
    assert 404 == client.get(f"/api/diffing/job/{second + 1}/status").status_code
    third = client.new_job()
    assert second + 1 == third
    # of a job that ends later, too; that of the newest is never removed
    client.new_job()
    wait_until(lambda: is_gone(f"/api/diffing/job/{third}/status"), "a later job is left")


@pytest.mark.without_queue
def test_the_newest_job_that_ended_long_ago_is_no_answer_to_a_repeated_request(
    service: Service,
) -> None:
    service.write_small_pair()
    jobs, client = service.jobs(), service.api()
    headers = {"Idempotency-Key": "weekly"}

    def requested() -> int:
        answer = client.post("/api/diffing/new/revenue", headers=headers)
        return int(answer.json()["job_id"])

    job = jobs.claim(requested())
    assert job
    jobs.succeed(job, End({"emitted": 2}))
    assert job.id == requested()
    for old in jobs.ended_before(0):
        jobs.forget(old)

    assert job.id < requested()


def test_a_job_takes_no_file_of_a_job_with_its_id_in_a_database_that_was_moved_away(
    service: Service,
) -> None:
    service.write_small_pair()
    service.settings.make_folders()
    results = service.settings.results_dir
    unknown = results / "99.1.csv"
    unknown.touch()
    client, _ = service.api_and_worker()
    wait_until(lambda: not unknown.exists(), "nothing is swept")
    (results / "1.1.json").write_text("[]\n")

    client.wait_for_success(client.new_job())

    assert [] != client.get("/api/diffing/job/1?format=json&wait=60").json()


# a disk that is full, a folder that cannot be written


def test_a_disk_that_is_full_fails_the_job_clearly_and_the_next_one_goes_on(
    tmp_path: Path, mount: Mount, large_pair: LargePair
) -> None:
    data = tmp_path / "data"
    results = Settings(data_dir=data).results_dir
    mount(results, "1m")
    with Service(data) as service:
        large_pair.put_into(service)
        client, _ = service.api_and_worker()
        ballast = fill(results)
        error = client.wait_for_failure(client.new_job())["error"]
        assert "urn:diffing:out-of-disk" == error["type"]
        assert "The disk is full" in error["detail"]
        wait_until(lambda: not [*service.settings.tmp_dir.iterdir()], "a temporary file is left")
        assert ["ballast"] == [path.name for path in results.iterdir()]

        ballast.unlink()
        job_id = client.new_job()
        client.wait_for_success(job_id)
        assert large_pair.result == client.result_of(job_id)


@pytest.mark.on_files_alone
def test_a_data_folder_that_is_full_loses_no_job(tmp_path: Path, mount: Mount) -> None:
    data = tmp_path / "data"
    mount(data, "40m")
    with Service(data) as service:
        service.write_small_pair()
        client, worker = service.api_and_worker(stale_after=STALE_AFTER)
        first = client.new_job()
        client.wait_for_success(first)
        ballast = fill(data)
        answers: list[httpx2.Response] = []
        # the database has some room in its own files: until that is used up too
        while not answers or answers[-1].status_code == 202:
            answers.append(client.post("/api/diffing/new/revenue"))
        assert 503 == answers[-1].status_code
        assert "urn:diffing:database-unavailable" == answers[-1].json()["type"]
        assert "The disk is full" in answers[-1].json()["detail"]
        assert int(answers[-1].headers["retry-after"]) >= 1
        accepted = [int(a.json()["job_id"]) for a in answers if a.status_code == 202]
        assert RESULT == client.result_of(first)
        page = client.get(f"/jobs/{first}")
        assert (200, True) == (page.status_code, "The disk is full" in page.text)

        ballast.unlink()
        ends = [
            client.wait_until(job_id, lambda job: bool(job["finished_at"])) for job_id in accepted
        ]
        assert {end["status"] for end in ends} <= {"succeeded", "failed"}
        for end in ends:
            assert end["error"] is None or "urn:diffing:out-of-disk" == end["error"]["type"], end
        last = client.new_job()
        client.wait_for_success(last)
        assert RESULT == client.result_of(last)
        worker.signal(signal.SIGTERM)
        assert 0 == worker.ended()
        assert [] == list(service.settings.tmp_dir.iterdir())
        parts = [p.name for p in service.settings.results_dir.iterdir() if p.name[0] == "."]
        assert [] == parts


@pytest.mark.slow
@pytest.mark.on_files_alone
def test_a_diff_goes_on_while_the_jobs_table_cannot_be_written(
    tmp_path: Path, mount: Mount, large_pair: LargePair
) -> None:
    data = tmp_path / "data"
    mount(data, "80m")
    with Service(data) as service:
        for name, path in (("old", large_pair.old), ("new", large_pair.new)):
            service.write(f"revenue_{name}.csv", path.read_bytes())
        client, worker = service.api_and_worker(stale_after=STALE_AFTER)
        job_id = client.new_job()
        client.wait_for_diff(job_id)
        diff = service.the_diff_of(worker)
        service.signal(diff, signal.SIGSTOP)
        ballast = fill(data)
        worker.saw(f"job {job_id}: The disk is full")
        ballast.unlink()
        service.signal(diff, signal.SIGCONT)

        assert 1 == client.wait_for_success(job_id)["attempt"]
        assert large_pair.result == client.result_of(job_id)


def task_in(service: Service, scratch: Path) -> Task:
    """The task of the first attempt at a job of the metric revenue."""
    metric = load_catalogue(None).find("revenue")
    old, new = (InputFile(service.settings.input_dir / n, n) for n in (metric.old, metric.new))
    service.settings.make_folders()
    return Task(
        DiffSpec(old, new, metric.comparison),
        Outputs.of_attempt(service.settings.results_dir, 1, 1),
        Limits(1, "1GB", scratch),
    )


@pytest.mark.on_files_alone
def test_what_the_system_refuses_a_diff_is_told_without_a_path(service: Service) -> None:
    service.write_small_pair()
    task = task_in(service, service.folder / "is not there")

    with pytest.raises(ChildFailed) as failed:
        Runner(beat_seconds=1).run(task, Wanted())
    assert DiffFailed.title == failed.value.failure.title
    assert "No such file or directory" in failed.value.failure.detail
    assert "is not there" not in failed.value.failure.detail
    wait_until_nothing_is_left(service)


class Wanted:
    """An attempt that is wanted for as long as it takes."""

    def beat(self, _: Progress | None) -> bool:
        return True

    def is_wanted(self) -> bool:
        return True


class Looked:
    """An attempt that waits, and that nobody wants after so many looks."""

    def __init__(self, looks: int) -> None:
        self._looks = looks
        self.at: list[float] = []

    def beat(self, _: Progress | None) -> bool:
        (child,) = multiprocessing.active_children()
        assert child.pid
        os.kill(child.pid, signal.SIGSTOP)
        return True

    def is_wanted(self) -> bool:
        self.at.append(time.monotonic())
        return len(self.at) < self._looks


@pytest.mark.parametrize("folder", ["results", "tmp"])
def test_a_folder_that_cannot_be_written_fails_the_job_clearly(
    tmp_path: Path, mount: Mount, folder: str
) -> None:
    data = tmp_path / "data"
    mount(data / folder, "1m")
    with Service(data) as service:
        service.write_small_pair()
        client, _ = service.api_and_worker()
        system("mount", "-o", "remount,ro", str(data / folder))
        error = client.wait_for_failure(client.new_job())["error"]
        assert "Read-only file system" in error["detail"]

        system("mount", "-o", "remount,rw", str(data / folder))
        client.wait_for_success(client.new_job())


@pytest.mark.on_files_alone
def test_a_database_that_is_damaged_while_it_is_used_is_a_503_that_says_so(
    service: Service,
) -> None:
    service.write_small_pair()
    client = service.api()
    client.new_job()
    with closing(sqlite3.connect(service.settings.jobs_file)) as connection:
        # so that no process trusts what it has read before
        connection.execute("update jobs set stage = 'x'")
        connection.commit()
        connection.execute("pragma wal_checkpoint(truncate)")
        size = service.settings.jobs_file.stat().st_size
        with service.settings.jobs_file.open("r+b") as file:
            file.seek(4_096)
            file.write(b"\xff" * (size - 4_096))
    response = client.get("/api/diffing/job/1/status")

    assert 503 == response.status_code
    assert "urn:diffing:database-unavailable" == response.json()["type"]


# clocks


@pytest.mark.slow
@pytest.mark.without_queue
def test_a_clock_that_jumps_costs_no_job(service: Service, large_pair: LargePair) -> None:
    large_pair.put_into(service)
    clock = service.folder / "clock.json"
    clock.write_text("0")
    client = service.api()
    workers = [
        service.start_module(
            "tests.programs.jumping_clock", "worker", stale_after=STALE_AFTER, clock=clock
        )
        for _ in range(2)
    ]
    for worker in workers:
        worker.saw("working on up to")
    ids = []
    for hours in (48, -5):
        ids.append(client.new_job())
        client.wait_for_diff(ids[-1])
        part = clock.with_name("part")
        part.write_text(json.dumps(hours * 3600))
        part.replace(clock)

    for job_id in ids:
        assert 1 == client.wait_for_success(job_id)["attempt"]
        assert large_pair.result == client.result_of(job_id)
    said = [line for worker in workers for line in worker.lines() if "succeeded" in line]
    assert len(ids) == len(said)
