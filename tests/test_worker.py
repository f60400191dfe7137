"""No job is lost, done twice or left hanging, whichever process dies, and no process is left."""

import re
import signal
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from diffing.core.errors import DiffFailed
from diffing.core.progress import Progress
from diffing.store import schema
from diffing.store.baselines import Baselines
from diffing.store.history import History
from diffing.store.job import Job, Submission
from diffing.store.jobs import End, Jobs
from diffing.worker.reaper import Reaper
from diffing.worker.sweeper import Sweeper
from tests import reference
from tests.conftest import one_in
from tests.service_under_test import NEW, OLD, LargePair, Program, Service
from tests.torture.referee import REASONS
from tests.waiting import STALE_AFTER, wait_until

pytestmark = pytest.mark.on_servers("postgresql", "redis")

RESULT = reference.diff(
    OLD, NEW, ["date", "segment_field", "segment_value_id", "stat"], ["value"]
).csv.encode()


def ids_in(worker: Program) -> list[int]:
    """The ids of the jobs that a worker says it took."""
    told = (re.search(r"job (\d+): .*, attempt", line) for line in worker.lines())
    return [int(match[1]) for match in told if match]


# the queue and the jobs table


def test_a_job_that_was_queued_while_no_worker_ran_is_done_when_one_starts(
    service: Service,
) -> None:
    service.write_small_pair()
    client = service.api()
    ids = [client.new_job(), client.new_job()]
    assert ["queued"] * 2 == [client.status_of(job_id)["status"] for job_id in ids]
    worker = service.worker(grace=600)

    for job_id in ids:
        assert 1 == client.wait_for_success(job_id)["attempt"]
        assert RESULT == client.result_of(job_id)
    assert [] == service.queued_tasks()
    worker.signal(signal.SIGTERM)
    assert 0 == worker.ended()


def test_a_job_that_never_got_into_the_queue_is_found_and_done(service: Service) -> None:
    service.write_small_pair()
    job_id = service.jobs().create(Submission("revenue")).id
    client, _ = service.api_and_worker(stale_after=STALE_AFTER)

    assert 1 == client.wait_for_success(job_id)["attempt"]
    assert RESULT == client.result_of(job_id)


def test_two_workers_side_by_side_do_each_job_once(service: Service) -> None:
    service.write_small_pair()
    client, first = service.api_and_worker(stale_after=STALE_AFTER)
    second = service.worker(stale_after=STALE_AFTER)
    ids = [client.new_job() for _ in range(6)]

    assert {1} == {client.wait_for_success(job_id)["attempt"] for job_id in ids}
    assert ids == sorted([*ids_in(first), *ids_in(second)])


@pytest.mark.slow
def test_a_worker_that_is_busy_leaves_the_next_job_to_another(
    service: Service, large_pair: LargePair
) -> None:
    large_pair.put_into(service)
    service.write_sample("c-revenue", 100)
    client, busy = service.api_and_worker()
    held = client.new_job()
    client.wait_for_diff(held)
    (diff,) = service.diffs_of(busy)
    service.signal(diff, signal.SIGSTOP)
    other = service.worker()
    job_id = client.new_job("c-revenue")
    client.wait_for_success(job_id)

    assert ([held], [job_id]) == (ids_in(busy), ids_in(other))
    assert "processing" == client.status_of(held)["status"]
    service.signal(diff, signal.SIGCONT)
    assert 1 == client.wait_for_success(held)["attempt"]


@pytest.mark.on_files_alone
def test_a_worker_of_two_threads_runs_two_diffs_at_once(
    service: Service, large_pair: LargePair
) -> None:
    large_pair.put_into(service)
    client, worker = service.api_and_worker(workers=2, threads=1)
    ids = [client.new_job(), client.new_job()]
    client.wait_for_diff(ids[0])
    for diff in service.diffs_of(worker):
        service.signal(diff, signal.SIGSTOP)

    assert "processing" == client.wait_for_diff(ids[1])["status"]
    assert "processing" == client.status_of(ids[0])["status"]


@pytest.mark.slow
@pytest.mark.without_queue
def test_a_job_whose_worker_lives_is_not_taken_over_however_soon_others_are(
    service: Service, large_pair: LargePair
) -> None:
    large_pair.put_into(service)
    client, worker = service.api_and_worker(stale_after=STALE_AFTER)
    job_id = client.new_job()
    client.wait_for_diff(job_id)
    diff = service.the_diff_of(worker)
    service.signal(diff, signal.SIGSTOP)
    jobs = service.jobs()
    begun = jobs.get(job_id).seen_at
    long_after = begun + timedelta(seconds=2 * STALE_AFTER)
    wait_until(lambda: jobs.get(job_id).seen_at > long_after, "it gives no signs of life")
    service.signal(diff, signal.SIGCONT)

    assert 1 == client.wait_for_success(job_id)["attempt"]


@pytest.mark.without_queue
def test_a_job_whose_process_takes_long_to_start_gives_signs_of_life(service: Service) -> None:
    service.write_small_pair()
    client, worker = service.api_and_worker()
    client.wait_for_success(client.new_job())
    (server,) = service.fork_servers_of(worker)
    service.signal(server, signal.SIGSTOP)
    job_id = client.new_job()
    client.wait_until(job_id, lambda job: job["status"] == "processing")
    jobs = service.jobs()
    for _ in range(2):
        seen = jobs.get(job_id).seen_at
        wait_until(lambda seen=seen: jobs.get(job_id).seen_at > seen, "it gives no sign of life")
    service.signal(server, signal.SIGCONT)

    assert 1 == client.wait_for_success(job_id)["attempt"]


def test_a_database_that_fails_for_a_while_is_no_end_of_looking_for_lost_jobs(
    service: Service,
) -> None:
    service.write_small_pair()
    jobs = service.jobs()
    client, worker = service.api_and_worker(stale_after=STALE_AFTER)
    service.execute("alter table jobs rename to away")
    worker.saw('no such table: jobs|relation "jobs" does not exist')
    service.execute("alter table away rename to jobs")
    job_id = jobs.create(Submission("revenue")).id

    client.wait_for_success(job_id)


# the reaper, by itself


class Reaping:
    """A reaper alone with a jobs table and a queue, and the clock in one's hand."""

    def __init__(self, service: Service) -> None:
        self.jump = timedelta()
        self.jobs = service.jobs(now=lambda: datetime.now(UTC) + self.jump)
        engine = service.database()
        self._now = 0.0
        self._reaper = Reaper(
            service.settings.model_copy(update={"stale_after": 15, "max_attempts": 2}),
            self.jobs,
            service.queue(),
            Sweeper(service.settings, self.jobs, History(engine), Baselines(engine)),
            clock=lambda: self._now,
        )

    def after(self, *seconds: float) -> None:
        """Look again and again, after so many seconds each."""
        for passed in seconds:
            self._now += passed
            self._reaper.reap()


@pytest.fixture
def reaping(service: Service) -> Reaping:
    """A reaper that only looks when it is told to."""
    return Reaping(service)


LONG = (0, 5, 5, 5)


def test_a_job_that_waits_its_turn_is_not_queued_twice(service: Service, reaping: Reaping) -> None:
    job_id = reaping.jobs.create(Submission("revenue")).id
    service.queue().put(job_id)
    reaping.after(*LONG, *LONG)

    assert [((job_id,), {})] == service.queued_tasks()


def test_a_job_whose_id_was_lost_is_queued_once(service: Service, reaping: Reaping) -> None:
    job_id = reaping.jobs.create(Submission("revenue")).id
    reaping.after(*LONG, *LONG)

    assert [((job_id,), {})] == service.queued_tasks()


def test_a_job_whose_worker_died_is_queued_until_it_had_its_attempts(reaping: Reaping) -> None:
    job_id = reaping.jobs.create(Submission("revenue")).id
    seen = []
    for _ in range(2):
        assert reaping.jobs.claim(job_id)
        reaping.after(*LONG)
        seen.append(reaping.jobs.get(job_id))
    failed = seen[1]

    assert [("queued", 1), ("failed", 2)] == [(job.status, job.attempt) for job in seen]
    assert failed.error
    assert "The worker died while it ran the job." == failed.error["detail"]
    assert failed.finished_at
    assert reaping.jobs.claim(job_id) is None


@pytest.mark.without_queue
def test_a_job_is_not_taken_over_before_its_time(reaping: Reaping) -> None:
    job = reaping.jobs.claim(reaping.jobs.create(Submission("revenue")).id)
    assert job
    reaping.after(0, 5, 5)
    assert reaping.jobs.beat(job, None)
    reaping.after(5, 5, 5, 4)

    assert "processing" == reaping.jobs.get(job.id).status


@pytest.mark.without_queue
def test_a_reaper_that_slept_does_not_take_what_it_did_not_see_for_silence(
    reaping: Reaping,
) -> None:
    job = reaping.jobs.claim(reaping.jobs.create(Submission("revenue")).id)
    assert job
    reaping.after(0, 5, 600, 5, 5)
    assert "processing" == reaping.jobs.get(job.id).status
    reaping.after(5)

    assert "queued" == reaping.jobs.get(job.id).status


@pytest.mark.without_queue
@pytest.mark.parametrize("hours", [-30_000, -1, 1, 30_000])
def test_a_clock_that_jumps_neither_takes_a_job_away_nor_keeps_it(
    reaping: Reaping, hours: int
) -> None:
    job = reaping.jobs.claim(reaping.jobs.create(Submission("revenue")).id)
    assert job
    reaping.after(0, 5, 5)
    reaping.jump = timedelta(hours=hours)
    assert reaping.jobs.beat(job, None)
    reaping.after(5, 5, 5, 4)
    assert "processing" == reaping.jobs.get(job.id).status
    reaping.after(1)

    assert "queued" == reaping.jobs.get(job.id).status


def assert_changes_nothing(jobs: Jobs, lost: Job) -> None:
    """A worker cannot change the job that it has lost."""
    assert not jobs.is_held(lost)
    assert not jobs.beat(lost, Progress("comparing"))
    assert not jobs.succeed(lost, End({"emitted": 0}))
    assert not jobs.fail(lost, DiffFailed("late").failure)
    assert not jobs.give_back(lost)


@pytest.mark.without_queue
def test_a_worker_whose_job_was_taken_over_can_change_nothing(reaping: Reaping) -> None:
    jobs = reaping.jobs
    lost = jobs.claim(jobs.create(Submission("revenue")).id)
    assert lost
    assert jobs.take_over(lost)
    held = jobs.claim(lost.id)

    assert_changes_nothing(jobs, lost)
    assert held == jobs.get(lost.id)


@pytest.mark.without_queue
def test_an_attempt_at_a_lost_job_cannot_change_the_new_job_with_its_id(
    service: Service, reaping: Reaping
) -> None:
    """As after a backup was restored while a worker ran."""
    jobs = reaping.jobs
    lost, new = (jobs.claim(jobs.create(Submission("revenue")).id) for _ in range(2))
    assert lost
    assert new
    service.execute(
        sa.delete(schema.jobs).where(schema.jobs.c.id == lost.id),
        sa.update(schema.jobs).values(id=lost.id),
    )
    held = jobs.get(lost.id)

    assert_changes_nothing(jobs, lost)
    assert not Baselines(service.database()).take(lost, "lost.csv.zst")
    assert held == jobs.get(lost.id)


@pytest.mark.without_queue
def test_a_job_that_gave_a_sign_of_life_is_not_taken_over(reaping: Reaping) -> None:
    jobs = reaping.jobs
    job = jobs.claim(jobs.create(Submission("revenue")).id)
    assert job
    (stale,) = jobs.unfinished()
    assert jobs.beat(job, Progress("comparing", 10, 20))

    assert jobs.take_over(stale) is None
    assert "processing" == jobs.get(job.id).status


def test_of_two_that_take_over_a_job_one_does(reaping: Reaping) -> None:
    jobs = reaping.jobs
    assert jobs.claim(jobs.create(Submission("revenue")).id)
    stale = [*jobs.unfinished(), *jobs.unfinished()]

    assert [True, False] == [jobs.take_over(job) is not None for job in stale]


@pytest.mark.without_queue
@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
def test_a_job_that_ended_is_left_alone(service: Service, reaping: Reaping, end: str) -> None:
    jobs = reaping.jobs
    job = jobs.claim(jobs.create(Submission("revenue")).id)
    assert job
    match end:
        case "succeeded":
            assert jobs.succeed(job, End({"emitted": 0}))
        case "failed":
            assert jobs.fail(job, DiffFailed("so it is").failure)
        case "cancelled":
            jobs.cancel(job.id)
    reaping.after(*LONG, *LONG)

    assert end == jobs.get(job.id).status
    assert [] == service.queued_tasks()


# kill -9


@pytest.mark.always_on("postgresql")
def test_a_diff_ends_with_its_worker_and_the_next_worker_does_the_job(
    service: Service, large_pair: LargePair
) -> None:
    large_pair.put_into(service)
    api = service.start("api", "--port", "0")
    worker = service.worker()
    client = service.client_of(api)
    job_id = client.new_job()
    client.wait_until(job_id, lambda job: job["stage"] == "comparing")
    assert service.the_diff_of(worker)
    worker.signal(signal.SIGKILL)
    service.all_ended(api)

    assert [] == list(service.settings.results_dir.glob("[!.]*"))
    assert "processing" == client.status_of(job_id)["status"]
    service.write_small_pair()
    service.worker(stale_after=STALE_AFTER)
    assert 2 == client.wait_for_success(job_id)["attempt"]
    assert RESULT == client.result_of(job_id)


@pytest.mark.without_queue
def test_a_diff_that_was_killed_is_tried_again_and_nothing_of_it_is_left(
    service: Service, large_pair: LargePair
) -> None:
    large_pair.put_into(service)
    client, worker = service.api_and_worker()
    job_id = client.new_job()
    client.wait_for_diff(job_id)
    service.signal(service.the_diff_of(worker), signal.SIGKILL)

    assert 2 == client.wait_for_success(job_id)["attempt"]
    assert large_pair.result == client.result_of(job_id)
    assert worker.saw("attempt 1: .*SIGKILL")
    # a job has succeeded before what its last attempt needed is removed
    wait_until(lambda: not [*service.settings.tmp_dir.iterdir()], "a temporary file is left")
    left = sorted(path.name for path in service.settings.results_dir.iterdir())
    assert [f"{job_id}.2.csv", f"{job_id}.2.detail.csv", f"{job_id}.2.removed.csv"] == left


@pytest.mark.without_queue
def test_a_diff_that_is_killed_each_time_fails_says_why_and_makes_way(
    service: Service, large_pair: LargePair
) -> None:
    large_pair.put_into(service)
    service.write_sample("c-revenue", 100)
    client, worker = service.api_and_worker(max_attempts=2)
    job_id, after = client.new_job(), client.new_job("c-revenue")
    for attempt in (1, 2):
        client.wait_for_diff(job_id, attempt)
        service.signal(service.the_diff_of(worker), signal.SIGKILL)
    status = client.wait_for_failure(job_id)

    assert 2 == status["attempt"]
    assert DiffFailed.title == status["error"]["title"]
    assert "SIGKILL" in status["error"]["detail"]
    assert "DIFFING_MEMORY_LIMIT" in status["error"]["detail"]
    assert re.search(REASONS, status["error"]["detail"]), "the torture knows this end"
    response = client.get(f"/api/diffing/job/{job_id}")
    assert (404, status["error"]) == (response.status_code, response.json()["error"])
    assert 1 == client.wait_for_success(after)["attempt"]


@pytest.mark.slow
@pytest.mark.without_queue
def test_a_worker_that_comes_back_from_the_dead_changes_nothing(
    service: Service, large_pair: LargePair
) -> None:
    large_pair.put_into(service)
    client, frozen = service.api_and_worker(stale_after=STALE_AFTER)
    job_id = client.new_job()
    client.wait_for_diff(job_id)
    frozen.signal(signal.SIGSTOP)
    service.worker(stale_after=STALE_AFTER)
    done = client.wait_for_success(job_id)
    frozen.signal(signal.SIGCONT)
    frozen.signal(signal.SIGTERM)

    assert 0 == frozen.ended()
    assert 2 == done["attempt"]
    assert done == client.status_of(job_id)
    assert large_pair.result == client.result_of(job_id)


# SIGTERM


def test_a_worker_that_is_told_to_stop_finishes_its_job_first(
    service: Service, large_pair: LargePair
) -> None:
    large_pair.put_into(service)
    client, worker = service.api_and_worker()
    first, second = client.new_job(), client.new_job()
    client.wait_for_diff(first)
    worker.signal(signal.SIGTERM)

    assert 0 == worker.ended()
    assert ("succeeded", 1) == tuple(client.status_of(first)[k] for k in ("status", "attempt"))
    assert large_pair.result == client.result_of(first)
    assert "queued" == client.status_of(second)["status"]
    assert [((second,), {})] == service.queued_tasks()


@pytest.mark.slow
@pytest.mark.on_files_alone
def test_a_job_that_is_not_done_after_the_grace_is_queued_again(
    service: Service, large_pair: LargePair
) -> None:
    large_pair.put_into(service)
    client, worker = service.api_and_worker(grace=0, max_attempts=1)
    job_id = client.new_job()
    client.wait_for_diff(job_id)
    # a diff that would never end by itself
    service.signal(service.the_diff_of(worker), signal.SIGSTOP)
    worker.signal(signal.SIGTERM)

    assert 0 == worker.ended()
    assert worker.saw("running jobs have 0 s")
    status = client.status_of(job_id)
    assert ("queued", None, None) == tuple(status[k] for k in ("status", "stage", "error"))
    assert [((job_id,), {})] == service.queued_tasks()
    service.worker()
    client.wait_for_success(job_id)
    assert large_pair.result == client.result_of(job_id)


@pytest.mark.slow
@pytest.mark.on_files_alone
def test_a_job_is_finished_first_when_all_processes_are_told_to_stop_at_once(
    service: Service, large_pair: LargePair
) -> None:
    large_pair.put_into(service)
    client, worker = service.api_and_worker()
    job_id = client.new_job()
    client.wait_for_diff(job_id)
    # as systemd does
    worker.signal_all(signal.SIGTERM)

    assert 0 == worker.ended()
    assert ("succeeded", 1) == tuple(client.status_of(job_id)[k] for k in ("status", "attempt"))


# diffing serve


@pytest.mark.without_queue
def test_serve_does_a_job_and_stops_when_told_to(service: Service) -> None:
    service.write_small_pair()
    serve = service.start("serve", "--port", "0", grace=600)
    client = service.client_of(serve)
    job_id = client.new_job()
    client.wait_for_success(job_id)
    serve.signal(signal.SIGTERM)

    assert 0 == serve.ended()
    assert [] == service.running()


@pytest.mark.slow
@pytest.mark.on_files_alone
def test_serve_lets_a_job_finish(service: Service, large_pair: LargePair) -> None:
    large_pair.put_into(service)
    serve = service.start("serve", "--port", "0")
    client = service.client_of(serve)
    client.wait_for_diff(client.new_job())
    serve.signal(signal.SIGINT)

    assert 0 == serve.ended()
    assert large_pair.result == service.result_file(1, 1).read_bytes()


@pytest.mark.on_files_alone
@pytest.mark.parametrize(("killed", "name"), one_in(2, [[" worker ", "worker"], [" api ", "API"]]))
def test_serve_ends_when_one_of_its_two_does(service: Service, killed: str, name: str) -> None:
    serve = service.start("serve", "--port", "0", grace=600)
    service.client_of(serve)
    serve.saw("working on up to")
    service.signal(service.child_of(serve, killed), signal.SIGKILL)

    assert 2 == serve.ended()
    assert f"diffing: The {name} ended; stopping." in serve.lines()
    assert [] == service.running()


@pytest.mark.slow
@pytest.mark.on_files_alone
def test_all_end_when_serve_is_killed(service: Service) -> None:
    serve = service.start("serve", "--port", "0")
    service.client_of(serve)
    serve.saw("working on up to")
    assert 3 == len(service.running())
    serve.signal(signal.SIGKILL)
    serve.ended()

    service.all_ended()


# what cannot start


@pytest.mark.on_files_alone
@pytest.mark.parametrize("command", ["api", "serve"])
def test_a_port_in_use_is_one_line(service: Service, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        program = service.start(command, "--port", str(port))

        assert 2 == program.ended()

    (line,) = program.lines()
    assert line.startswith(f"diffing: Cannot listen on 127.0.0.1:{port}: Address already in use.")


def each_refuses(service: Service, **settings: object) -> None:
    """Every program exits with status 2 and the same single line."""
    programs = [
        service.start("api", "--port", "0", **settings),
        service.start("worker", **settings),
        service.start("serve", "--port", "0", **settings),
    ]

    assert [2, 2, 2] == [program.ended() for program in programs]
    for program in programs:
        (line,) = program.lines()
        assert line.startswith("diffing: "), line


def test_a_data_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with Service(tmp_path / "file" / "data") as service:
        each_refuses(service)


@pytest.mark.on_files_alone
@pytest.mark.parametrize("name", ["jobs", "queue"])
def test_a_database_that_is_none_is_one_line(service: Service, name: str) -> None:
    service.settings.make_folders()
    (service.folder / f"{name}.sqlite3").write_bytes(b"no database" * 1_000)
    each_refuses(service)


@pytest.mark.on_files_alone
def test_a_catalogue_that_cannot_be_used_is_one_line(service: Service, tmp_path: Path) -> None:
    (tmp_path / "metrics.toml").write_text("[metric.revenue")
    each_refuses(service, metrics=tmp_path / "metrics.toml")
