"""A service on PostgreSQL and Redis: what files cannot show, and what happens when these fail."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import redis
import sqlalchemy as sa

from diffing.core.errors import UnknownPin
from diffing.store import schema
from diffing.store.baselines import Baselines, accept_by_itself
from diffing.store.database import open_database
from diffing.store.dialects import Lock, lock
from diffing.store.faults import why_unavailable
from diffing.store.job import Filter, Job, Submission
from diffing.store.jobs import End, Jobs
from diffing.store.queue import JobQueue
from diffing.store.secret import secret_of
from diffing.store.statistics import Statistics
from diffing.store.workers import Presence
from tests import command_line
from tests.backends import Backend, OneForAll
from tests.bucket import NAME, Bucket
from tests.conftest import ROOT, one_in
from tests.servers import PASSWORD, CannotRun, Postgres, Redis, Urls, free_port
from tests.service_under_test import NEW, OLD, PATIENCE_SECONDS, LargePair, Service, close
from tests.test_api import assert_problem
from tests.test_faults import RESULT
from tests.waiting import STALE_AFTER, wait_until

pytestmark = pytest.mark.on_servers("postgresql", "redis")


def at_once(times: int, work: Callable[[], object]) -> list[object]:
    """The results and errors of a function that so many threads call at once."""

    def run(_: int) -> object:
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - it is what the test looks at
            return error

    with ThreadPoolExecutor(times) as threads:
        return [*threads.map(run, range(times))]


# many at once


@pytest.mark.always_on("postgresql", "redis")
@pytest.mark.on_no_file
def test_hosts_that_start_together_on_an_empty_database_all_start(service: Service) -> None:
    service.settings.make_folders()

    def start() -> str:
        engine = open_database(service.settings)
        try:
            queue = JobQueue(service.settings, engine)
            try:
                return str(queue.huey.name)
            finally:
                close(queue)
        finally:
            engine.dispose()

    assert [service.queue().huey.name] * 8 == at_once(8, start)


@pytest.mark.on_no_file
def test_hosts_that_start_together_on_an_older_database_migrate_it_once(service: Service) -> None:
    service.jobs().create(Submission("revenue"))
    service.execute(
        "drop table secrets",
        "alter table conversions drop column ask",
        "update alembic_version set version_num = '10'",
    )

    def start() -> str:
        engine = open_database(service.settings)
        try:
            return Jobs(engine).get(1).status
        finally:
            engine.dispose()

    assert ["queued"] * 8 == at_once(8, start)
    assert service.queue().depth() == 0  # its name is made of a secret


@pytest.mark.always_on("postgresql")
def test_ten_requests_at_once_do_not_pass_the_limit_of_waiting_jobs(service: Service) -> None:
    client = service.api(max_queued=3)

    def ask() -> int:
        return client.post("/api/diffing/new/revenue?fresh=1").status_code

    service.write_small_pair()
    assert [202] * 3 + [503] * 7 == sorted(map(int, map(str, at_once(10, ask))))
    assert 3 == len(service.jobs().unfinished())


@pytest.mark.on_no_file
def test_of_many_that_send_one_idempotency_key_at_once_one_makes_the_job(
    service: Service,
) -> None:
    service.write_small_pair()
    client = service.api()
    headers = {"Idempotency-Key": "tonight"}

    def ask() -> int:
        answer = client.post("/api/diffing/new/revenue", headers=headers)
        return int(answer.json()["job_id"])

    ids = at_once(6, ask)
    assert [client.newest_job()] * 6 == ids


def ended_job(jobs: Jobs) -> Job:
    """A job that succeeded, and whose new file may be accepted."""
    job = jobs.claim(jobs.create(Submission("revenue")).id)
    assert job
    jobs.succeed(job, End({"new": {"name": "new.csv", "sha256": "0" * 64}}, kept="0"))
    return jobs.get(job.id)


def while_another_does(
    service: Service, theirs: Callable[[sa.Connection], object], mine: Callable[[], object]
) -> object:
    """The result of a function that runs in the middle of another transaction."""
    look = "select count(*) from pg_locks where not granted"
    with ThreadPoolExecutor(1) as thread, service.database().connect() as watcher:
        with service.database().begin() as another:
            theirs(another)
            done = thread.submit(mine)
            wait_until(
                lambda: done.done() or watcher.execute(sa.text(look)).scalar(),
                "it neither waits nor ends",
            )
        return done.result(PATIENCE_SECONDS)


@pytest.mark.always_on("postgresql")
@pytest.mark.on_no_file
def test_a_job_that_two_accept_at_once_is_accepted_once(service: Service) -> None:
    job = ended_job(service.jobs())
    baselines = Baselines(service.database())
    accepted = while_another_does(
        service,
        lambda another: accept_by_itself(another, job, "first"),
        lambda: baselines.accept(job, "0", None, "").job_id,
    )

    assert job.id == accepted
    assert ["first"] == [each.how for each in baselines.accepted("revenue", 10)]


@pytest.mark.always_on("postgresql")
@pytest.mark.on_no_file
def test_of_two_first_jobs_that_end_at_once_one_is_accepted_by_itself(service: Service) -> None:
    jobs = service.jobs()
    job, later = ended_job(jobs), jobs.claim(jobs.create(Submission("revenue")).id)
    end = End(job.summary or {}, kept="0", accept="first")
    ended = while_another_does(
        service,
        lambda another: accept_by_itself(another, job, "first"),
        lambda: later and jobs.succeed(later, end),
    )

    assert ended is True
    accepted = Baselines(service.database()).accepted("revenue", 10)
    assert [job.id] == [each.job_id for each in accepted]


@pytest.mark.always_on("postgresql")
@pytest.mark.on_no_file
def test_the_tables_of_a_queue_are_made_once(service: Service) -> None:
    engine = service.database()
    secret_of(engine, "queue")
    settings = service.settings.model_copy(update={"queue_url": None})

    def theirs(another: sa.Connection) -> None:
        lock(another, Lock.QUEUE)
        another.execute(sa.text("create table huey_task (id bigint, queue text)"))

    def mine() -> int:
        queue = JobQueue(settings, engine)
        try:
            return queue.depth()
        finally:
            close(queue)

    assert 0 == while_another_does(service, theirs, mine)


# ids, times and texts


@pytest.mark.on_no_file
def test_an_id_that_no_job_got_is_as_gone_as_one_that_was_removed(service: Service) -> None:
    jobs = service.jobs()
    ids = [jobs.create(Submission("revenue")).id for _ in range(3)]
    service.execute(sa.delete(schema.jobs).where(schema.jobs.c.id == ids[1]))
    client = service.api()

    assert_problem(client.get(f"/api/diffing/job/{ids[1]}"), 410)
    assert_problem(client.get(f"/api/diffing/job/{ids[2] + 1}"), 404)


@pytest.mark.on_no_file
def test_ids_have_64_bits(service: Service) -> None:
    engine = service.database()
    if engine.dialect.name == "postgresql":
        service.execute("alter sequence jobs_id_seq restart with 3000000000")
    else:
        service.execute("insert into sqlite_sequence values ('jobs', 2999999999)")
    job = ended_job(Jobs(engine))
    baselines = Baselines(engine)

    assert 3_000_000_000 == job.id
    assert job.id == baselines.accept(job, "0", None, "").job_id
    assert job.id == baselines.make_pin("july", job, "0", None).job_id
    assert_problem(service.api().get(f"/api/diffing/job/{2**63 - 1}"), 404)


@pytest.mark.always_on("postgresql")
@pytest.mark.on_no_file
def test_nul_is_replaced_in_texts_and_json(service: Service) -> None:
    jobs, baselines = service.jobs(), Baselines(service.database())
    job = jobs.claim(jobs.create(Submission("revenue")).id)
    assert job
    new = {"name": "a\0b \\u0000", "sha256": "0" * 64}
    assert jobs.succeed(job, End({"new": new, "verdict": {"passed": True}}, kept="0"))
    [job] = jobs.page(10, wanted=Filter(passed=True))

    assert job.summary
    assert "a\ufffdb \\u0000" == job.summary["new"]["name"]
    assert "c\ufffdd" == baselines.accept(job, "0", None, "c\0d").note
    with pytest.raises(UnknownPin):
        baselines.remove_pin("revenue", "e\0f")


# the queue


@pytest.fixture
def poisoned(service: Service, tmp_path: Path) -> Path:
    """A file that is written if a worker unpickles what a stranger put into its queue."""
    written = tmp_path / "written"

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return written.touch, ()

    queue = service.queue()
    queue.huey.storage.enqueue(pickle.dumps(Evil()))
    return written


@pytest.mark.always_on("redis")
@pytest.mark.on_no_file
def test_what_a_stranger_puts_into_a_queue_is_not_run(service: Service, poisoned: Path) -> None:
    service.write_small_pair()
    client, worker = service.api_and_worker()
    worker.saw("Error reading from queue")

    client.wait_for_success(client.new_job())
    assert not poisoned.exists()


# servers that fail


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A server that a test may stop."""
    try:
        server = Postgres()
    except CannotRun as error:
        pytest.skip(str(error))
    yield server
    server.close()


@pytest.fixture
def redis_server() -> Iterator[Redis]:
    """A server that a test may stop."""
    try:
        server = Redis()
    except CannotRun as error:
        pytest.skip(str(error))
    yield server
    server.close()


def on(server: Postgres, folder: Path, queue: str | None = None) -> Service:
    """A service on a server of the test's own."""
    return Service(folder / "data", Backend("redis" if queue else "postgresql", server.url, queue))


@pytest.mark.slow
def test_postgresql_that_stops_hard_and_comes_back_costs_no_job(
    postgres: Postgres, tmp_path: Path, large_pair: LargePair
) -> None:
    with on(postgres, tmp_path) as service:
        large_pair.put_into(service)
        client, worker = service.api_and_worker()
        job_id = client.new_job()
        client.wait_for_diff(job_id)
        diff = service.the_diff_of(worker)
        service.signal(diff, signal.SIGSTOP)
        queue = service.queue()
        assert 0 == queue.depth()
        postgres.stop()
        answers = [
            client.get(f"/api/diffing/job/{job_id}/status"),
            client.post("/api/diffing/new/revenue"),
            client.get("/api/diffing/jobs"),
        ]
        not_ready = client.get("/ready").json()["checks"]
        worker.saw(f"job {job_id}: The database cannot be reached")
        postgres.start()
        queue.put(job_id)  # over a connection that the server has closed; the id is claimed once
        service.signal(diff, signal.SIGCONT)

        for answer in answers:
            assert_problem(answer, 503, "The database cannot be reached.")
        failed = {name for name, check in not_ready.items() if check["status"] == "failed"}
        assert {"database", "queue", "worker"} == failed
        assert 1 == client.wait_for_success(job_id)["attempt"]
        assert large_pair.result == client.result_of(job_id)
        assert 1 == client.wait_for_success(client.new_job())["attempt"]


@pytest.mark.slow
def test_postgresql_that_is_away_when_files_have_been_fetched_costs_an_attempt(
    postgres: Postgres, tmp_path: Path
) -> None:
    with Bucket() as bucket:
        shared = OneForAll(
            "postgresql",
            postgres.url,
            environment=bucket.environment,
            storage=f"s3://{NAME}/away",
        )
        with Service(tmp_path / "data", shared) as service:
            client = service.api()
            files = {"old": ("old.csv", OLD), "new": ("new.csv", NEW)}
            job_id = client.post("/api/diffing/new/revenue", files=files).json()["job_id"]
            with bucket.gate.shut_at("GET", 1, "/uploads/"):
                worker = service.worker(stale_after=STALE_AFTER)
                worker.saw(f"job {job_id}: revenue, attempt 1")
                bucket.gate.wait()
                postgres.stop()
            worker.saw(f"job {job_id}, attempt 1: The database cannot be reached.* a reaper")
            postgres.start()

            assert 2 == client.wait_for_success(job_id)["attempt"]


@pytest.mark.slow
def test_redis_that_forgets_its_queue_costs_no_job(
    postgres: Postgres, redis_server: Redis, tmp_path: Path
) -> None:
    with on(postgres, tmp_path, redis_server.url) as service:
        service.write_small_pair()
        client = service.api()
        forgotten = client.new_job()
        redis_server.stop()
        never_queued = client.new_job()
        queue = client.get("/ready").json()["checks"]["queue"]
        redis_server.start()
        service.worker(stale_after=STALE_AFTER)

        assert "The queue cannot be reached. Try again in a few seconds." == queue["detail"]
        for job_id in (forgotten, never_queued):
            assert 1 == client.wait_for_success(job_id)["attempt"]
            assert RESULT == client.result_of(job_id)


@pytest.mark.slow
@pytest.mark.on_no_file
def test_a_table_that_another_locks_is_a_503_within_seconds(service: Service) -> None:
    client = service.api()
    with service.database().begin() as holder:
        holder.execute(sa.text("lock table jobs"))
        began = time.monotonic()
        answer = client.get("/api/diffing/job/1")

    assert_problem(answer, 503, "The database is busy.")
    assert 9 < time.monotonic() - began < 60


# SQLSTATE, and what is told
CODES = {
    "08006": "cannot be reached",
    "25006": "not writable",
    "40001": "busy",
    "40P01": "busy",
    "53100": "disk is full",
    "53300": "lacks memory or connections",
    "55P03": "busy",
    "57014": "busy",
    "57P01": "cannot be reached",
    "57P03": "cannot be reached",
    "58030": "Check the disk",
    "XX001": "damaged",
    "23505": None,
    "42P01": None,
    "22P02": None,
}


@pytest.mark.parametrize("code", CODES)
def test_errors_that_a_server_causes_are_told_from_our_own(code: str) -> None:
    told = why_unavailable(psycopg.errors.lookup(code)("any"))

    assert (CODES[code] is None) == (told is None)
    assert (CODES[code] or "") in (told or "")


@pytest.mark.parametrize(
    ("error", "unavailable"),
    [
        (psycopg.OperationalError("the connection is lost"), True),
        (psycopg.InterfaceError("the connection is closed"), True),
        (psycopg.ProgrammingError("the query has 0 placeholders"), False),
        (redis.ConnectionError("refused"), True),
        (redis.TimeoutError("too late"), True),
        (sa.exc.TimeoutError("the pool is empty"), True),
        (ValueError("ours"), False),
    ],
    ids=repr,
)
def test_errors_without_a_code_are_told_from_our_own(error: Exception, unavailable: bool) -> None:
    assert unavailable == (why_unavailable(error) is not None)


# the start


@pytest.fixture(scope="module")
def urls(servers: Urls) -> dict[str, str]:
    """URLs that cannot work, by what is wrong with them."""
    right, nobody = servers.database, f"127.0.0.1:{free_port()}"
    return {
        "scheme": right.replace("postgresql+psycopg", "mysql"),
        "port": right.replace(":un%40", ":un/"),
        "at": right.replace("%40", "@"),
        "percent": right.replace("%40", "%4"),
        "nobody": f"postgresql+psycopg://diffing:{PASSWORD.replace('@', '%40')}@{nobody}/x",
        "password": right.replace("un%40", "%40un"),
        "database": right.rpartition("/")[0] + "/missing",
        "option": f"{right}?sslmode=sometimes",
    }


CANNOT = "Cannot use the PostgreSQL database at 127.0.0.1:"
SAID = {
    "nobody": CANNOT,
    "scheme": "DIFFING_DATABASE_URL: the URL must begin with postgresql+psycopg:// or postgresql",
    "port": "DIFFING_DATABASE_URL: the URL cannot be understood.",
    "percent": "DIFFING_DATABASE_URL: the URL cannot be understood.",
    "at": "DIFFING_DATABASE_URL: the URL cannot be understood.",
    "password": CANNOT,
    "database": CANNOT,
    "option": CANNOT,
}


@pytest.mark.parametrize("wrong", one_in(4, SAID))
def test_a_database_that_cannot_be_used_is_one_line_without_the_password(
    tmp_path: Path, urls: dict[str, str], wrong: str
) -> None:
    done = command_line.diffing(
        ROOT, "keys", "list", DIFFING_DATA_DIR=str(tmp_path), DIFFING_DATABASE_URL=urls[wrong]
    )

    assert 2 == done.returncode
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"diffing: {SAID[wrong]}")
    assert "guessable" not in line


QUEUES = {
    "redis://:unguessable@127.0.0.1:{port}": "Cannot use the queue on Redis at 127.0.0.1:",
    "redis://:un/guessable@localhost": "DIFFING_QUEUE_URL: the URL cannot be understood.",
    "amqp://:unguessable@localhost": "DIFFING_QUEUE_URL: the URL must begin with redis://",
    "postgresql://x:unguessable@127.0.0.1:{port}/x": CANNOT,
}


@pytest.mark.parametrize(
    "url",
    one_in(4, QUEUES),
)
def test_a_queue_that_cannot_be_used_is_one_line_without_the_password(
    tmp_path: Path, servers: Urls, url: str
) -> None:
    with Service(tmp_path / "data", Backend("postgresql", servers.database)) as service:
        worker = service.start("worker", queue_url=url.format(port=free_port()))
        status = worker.ended()

    assert 2 == status
    (line,) = worker.lines()
    assert line.startswith(f"diffing: {QUEUES[url]}")
    assert "guessable" not in line


def test_a_shared_queue_without_a_shared_database_is_refused(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        worker = service.start("worker", queue_url="redis://localhost")

        assert 2 == worker.ended()
    assert [
        "diffing: DIFFING_QUEUE_URL: a shared queue needs a shared database. "
        "Set DIFFING_DATABASE_URL, too."
    ] == worker.lines()


def in_python(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A new process of Python."""
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


MISSING = {
    "psycopg": "DIFFING_DATABASE_URL: the driver of PostgreSQL is missing. Run `pip install",
    "redis": "DIFFING_QUEUE_URL: the client of Redis is missing. Run `pip install",
}


@pytest.mark.parametrize(
    "missing",
    one_in(2, MISSING),
)
def test_an_extra_that_is_not_installed_is_named(
    tmp_path: Path, servers: Urls, missing: str
) -> None:
    (tmp_path / f"{missing}.py").write_text("raise ImportError")
    backend = Backend("redis", servers.database, servers.queue)
    settings = backend.settings_of(tmp_path)
    done = in_python(
        *("-m", "diffing", "worker"),
        PYTHONPATH=str(tmp_path),
        DIFFING_DATA_DIR=str(tmp_path / "data"),
        DIFFING_DATABASE_URL=settings["database_url"],
        DIFFING_QUEUE_URL=settings["queue_url"],
    )

    assert 2 == done.returncode
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"diffing: {MISSING[missing]}")


WITH_FILES = """
import sys
import diffing.api.server, diffing.worker.main
from diffing.core.settings import Settings
from diffing.store.database import open_database
from diffing.store.queue import JobQueue
settings = Settings(data_dir=sys.argv[1])
settings.make_folders()
JobQueue(settings, open_database(settings)).put(1)
print(sorted({"psycopg", "redis"} & {*sys.modules}))
"""


def test_a_service_with_files_loads_no_client_of_a_server(tmp_path: Path) -> None:
    done = in_python("-c", WITH_FILES, str(tmp_path))

    assert ("[]\n", "") == (done.stdout, done.stderr)


# clocks and passwords


@pytest.mark.on_no_file
def test_a_worker_whose_clock_is_wrong_is_alive_for_others(service: Service) -> None:
    engine = service.database()
    worker = Presence(engine, slots=1, stale_after=15)
    with pytest.MonkeyPatch.context() as host:
        for module in ("clock", "workers"):
            host.setattr(
                f"diffing.store.{module}.utc_now", lambda: datetime(2001, 1, 1, tzinfo=UTC)
            )
        worker.beat()

    assert 1 == Statistics(engine, stale_after=15).crew().workers


@pytest.mark.on_no_file
@pytest.mark.usefixtures("new_processes")  # their environment is read
def test_the_health_check_asks_the_server_for_the_worker(service: Service) -> None:
    worker = service.worker(stale_after=1)

    def health() -> tuple[int, str]:
        done = command_line.diffing(ROOT, "health", DIFFING_DATA_DIR=str(service.folder))
        return done.returncode, done.stdout

    wait_until(lambda: health() == (0, "ok\n"), "it does not become well")
    worker.signal(signal.SIGSTOP)
    said = f"worker, process {worker.pid}: gave no sign of life for 1 s.\n"
    wait_until(lambda: health() == (1, said), "it stays well")


@pytest.mark.always_on("postgresql")
@pytest.mark.on_no_file
@pytest.mark.usefixtures("new_processes")  # /proc shows the environment of each
def test_a_diff_does_not_know_the_passwords(service: Service) -> None:
    service.write_small_pair()
    client, worker = service.api_and_worker()
    client.wait_for_success(client.new_job())
    (server,) = service.fork_servers_of(worker)
    environment = Path(f"/proc/{server.pid}/environ").read_bytes()

    assert b"DIFFING_DATA_DIR" in environment
    assert b"guessable" not in environment
