"""Health, readiness and figures: whether the service can work, and how much it does."""

import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from diffing.core.environment import load_settings
from diffing.core.errors import BadSetting, DiffFailed
from diffing.core.settings import Settings
from diffing.core.settings_checks import doubts, refuse_nonsense, strays
from diffing.store import schema
from diffing.store.job import Submission
from diffing.store.jobs import End
from diffing.store.schema import workers as workers_table
from diffing.store.statistics import Statistics
from diffing.store.workers import Presence
from tests.conftest import ROOT, Mount
from tests.service_under_test import NEW, OLD, Client, Service
from tests.waiting import wait_until

pytestmark = pytest.mark.on_servers("postgresql")

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples_of(client: Client) -> Samples:
    """The samples of `/metrics`, read as Prometheus reads them."""
    response = client.get("/metrics")
    assert 200 == response.status_code, response.text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def of_the_tables(samples: Samples) -> Samples:
    """Those that are not of the process that was asked, and do not change while one looks."""
    return {
        key: value
        for key, value in samples.items()
        if key[0].startswith("diffing_") and key[0] != "diffing_queue_oldest_age_seconds"
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    """One sample."""
    return samples[name, frozenset(labels.items())]


def cpu_seconds_of(pid: int) -> float:
    """The CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def failed_checks(client: Client) -> dict[str, str]:
    """The faults that `/ready` reports, by part; it always names all parts."""
    response = client.get("/ready")
    checks = response.json()["checks"]
    failed = {name: c["detail"] for name, c in checks.items() if c["status"] != "ok"}
    assert ["database", "queue", "disk", "kept", "worker", "catalogue"] == list(checks)
    assert (503 if failed else 200) == response.status_code
    return failed


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A data folder of which nobody takes jobs but tests; of each metric of theirs, one test."""
    with Service(tmp_path_factory.mktemp("idle")) as service:
        yield service


@pytest.fixture(scope="module")
def api(idle: Service) -> Client:
    """An API without a worker."""
    return idle.api()


# /health


def test_health_asks_nothing_but_the_process(idle: Service, api: Client) -> None:
    with closing(sqlite3.connect(idle.settings.jobs_file)) as holder:
        holder.execute("begin exclusive")
        response = api.get("/health")

    assert (200, {"status": "ok"}) == (response.status_code, response.json())


# /ready


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("working")) as service:
        yield service


@pytest.fixture(scope="module")
def client(working: Service) -> Client:
    """An API with a worker."""
    client, _ = working.api_and_worker()
    return client


def test_a_service_that_can_work_is_ready(client: Client) -> None:
    wait_until(lambda: client.get("/ready").status_code == 200, "it is not ready")
    said = client.get("/ready").json()

    assert "ready" == said["status"]
    assert {"ok"} == {check["status"] for check in said["checks"].values()}


def test_a_service_without_a_worker_is_not_ready_and_says_so_as_a_problem(
    service: Service,
) -> None:
    client = service.api(stale_after=7)
    response = client.get("/ready")

    assert "application/problem+json" == response.headers["content-type"]
    assert "urn:diffing:not-ready" == response.json()["type"]
    assert {"worker": "No worker has given a sign of life for 7 s. Start one."} == failed_checks(
        client
    )
    assert "no-store" == response.headers["cache-control"]


def test_a_worker_that_ends_takes_its_row_with_it(service: Service) -> None:
    client, worker = service.api_and_worker()
    wait_until(lambda: not failed_checks(client), "it is not ready")
    worker.signal(signal.SIGTERM)
    worker.ended()

    assert ["worker"] == [*failed_checks(client)]


def test_a_worker_that_was_killed_is_not_seen_for_long(service: Service) -> None:
    client, worker = service.api_and_worker(stale_after=1)
    wait_until(lambda: not failed_checks(client), "it is not ready")
    worker.signal(signal.SIGKILL)

    wait_until(lambda: "worker" in failed_checks(client), "a dead worker is seen")


def test_a_database_that_is_held_is_not_ready_within_seconds_and_the_rest_is_told(
    client: Client, working: Service
) -> None:
    wait_until(lambda: not failed_checks(client), "it is not ready")
    with closing(sqlite3.connect(working.settings.jobs_file)) as holder:
        holder.execute("begin immediate")
        began = time.monotonic()
        with ThreadPoolExecutor(8) as clients:
            every = [*clients.map(lambda _: failed_checks(client), range(8))]
        took = time.monotonic() - began

    assert [{"database": "No answer within 2 s."}] * 8 == every
    # eight times 2 s if one waited for the other
    assert took < 8 * 2
    wait_until(lambda: not failed_checks(client), "it is not ready again")


@pytest.mark.on_files_alone
def test_a_queue_that_is_damaged_while_it_is_used_is_not_ready(service: Service) -> None:
    client, _ = service.api_and_worker()
    wait_until(lambda: not failed_checks(client), "it is not ready")
    damage(service.settings.queue_file)

    wait_until(lambda: "queue" in failed_checks(client), "a damaged queue is ready")
    assert {"queue": "The database is damaged. Stop the service and restore it."} == failed_checks(
        client
    )


def damage(path: Path) -> None:
    """Write over all of a database but its first page, while processes use it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma user_version = 7")
        connection.commit()
        connection.execute("pragma wal_checkpoint(truncate)")
        with path.open("r+b") as file:
            file.seek(4_096)
            file.write(b"\xff" * (path.stat().st_size - 4_096))


def test_a_disk_that_is_nearly_full_is_not_ready(tmp_path: Path, mount: Mount) -> None:
    data = tmp_path / "data"
    mount(data, "40m")
    with Service(data) as service:
        client, _ = service.api_and_worker(min_free="20MB")
        wait_until(lambda: not failed_checks(client), "it is not ready")
        (service.settings.results_dir / "large").write_bytes(bytes(25_000_000))
        failed = failed_checks(client)

    assert ["disk"] == [*failed]
    assert "DIFFING_MIN_FREE" in failed["disk"]


def test_a_table_that_is_gone_is_told_without_sql(service: Service) -> None:
    client, _ = service.api_and_worker()
    wait_until(lambda: not failed_checks(client), "it is not ready")
    service.execute("drop table workers")

    unforeseen = "Unexpected error. The server's log has the details."
    assert {"database": unforeseen, "worker": unforeseen} == failed_checks(client)


# workers


class Crew:
    """The table of workers, and the clock of those who look at it in one's hand."""

    def __init__(self, service: Service) -> None:
        self.engine = service.database()
        self.statistics = Statistics(self.engine, stale_after=15)
        self.now = 0.0

    def worker(self, slots: int = 1) -> Presence:
        """A worker that beats when it is told to."""
        return Presence(self.engine, slots, stale_after=15, clock=lambda: self.now)

    def seen(self, at: datetime) -> None:
        """Have the last sign of life of all be of another time."""
        with self.engine.begin() as connection:
            connection.execute(sa.update(workers_table).values(seen_at=at))

    def rows(self) -> int:
        """How many rows there are."""
        with self.engine.connect() as connection:
            return len(connection.execute(sa.select(workers_table)).all())


@pytest.fixture
def crew(service: Service) -> Crew:
    """No worker yet."""
    return Crew(service)


def test_workers_are_counted_with_their_slots_until_they_leave(crew: Crew) -> None:
    first, second = crew.worker(slots=2), crew.worker(slots=3)
    for worker in (first, second, first):
        worker.beat()
    assert (2, 5) == (crew.statistics.crew().workers, crew.statistics.crew().slots)
    first.leave()
    first.beat()  # one that was under way when it left

    assert (1, 3) == (crew.statistics.crew().workers, crew.statistics.crew().slots)


@pytest.mark.parametrize(
    ("seconds", "counted"),
    [(-20, 0), (-10, 1), (3_600, 1)],
    ids=["long ago", "lately", "by a clock that was set back since"],
)
def test_a_worker_counts_when_it_was_seen_lately(crew: Crew, seconds: int, counted: int) -> None:
    crew.worker().beat()
    crew.seen(datetime.now(UTC) + timedelta(seconds=seconds))

    assert counted == crew.statistics.crew().workers


def test_rows_of_dead_workers_are_removed_however_the_clock_stands(crew: Crew) -> None:
    crew.worker().beat()
    crew.seen(datetime.now(UTC) + timedelta(days=300))
    survivor = crew.worker()
    survivor.beat()
    crew.now = 290
    survivor.beat()
    assert 2 == crew.rows()
    crew.now = 310
    survivor.beat()

    assert 1 == crew.rows()


def test_a_worker_whose_row_was_removed_comes_back(crew: Crew) -> None:
    worker = crew.worker()
    worker.beat()
    with crew.engine.begin() as connection:
        connection.execute(sa.delete(workers_table))
    worker.beat()

    assert 1 == crew.rows()


# /metrics


@pytest.mark.slow
def test_two_apis_tell_the_same_of_the_work_of_two_workers(service: Service) -> None:
    service.write_small_pair()
    one, other = service.api(), service.api()
    for _ in range(2):
        service.worker(workers=2, threads=1)
    ids = [client.new_job() for client in (one, other) for _ in range(3)]
    for job_id in ids:
        one.wait_for_success(job_id)
    samples = samples_of(one)

    assert of_the_tables(samples) == of_the_tables(samples_of(other))
    assert 6 == value(samples, "diffing_jobs", status="succeeded")
    assert 0 == value(samples, "diffing_queue_depth")
    assert 0 == value(samples, "diffing_queue_oldest_age_seconds")
    assert 2 == value(samples, "diffing_workers")
    assert 4 == value(samples, "diffing_worker_slots")
    assert 6 == value(samples, "diffing_attempts_total", metric="revenue")
    ended = {"metric": "revenue", "status": "succeeded"}
    assert 6 == value(samples, "diffing_jobs_ended_total", **ended)
    assert 6 == value(samples, "diffing_job_duration_seconds_count", **ended)
    assert 6 == value(samples, "diffing_job_wait_seconds_count", metric="revenue")
    for side, text in (("old", OLD), ("new", NEW)):
        labels = {"metric": "revenue", "side": side}
        assert 6 * 4 == value(samples, "diffing_rows_read_total", **labels)
        assert 6 * len(text.encode()) == value(samples, "diffing_read_bytes_total", **labels)
    assert 6 * 2 == value(samples, "diffing_rows_emitted_total", metric="revenue")


def test_metrics_are_in_the_format_and_named_as_prometheus_wants(
    idle: Service, api: Client
) -> None:
    jobs = idle.jobs()
    taken = jobs.claim(jobs.create(Submission("named")).id)
    assert taken
    jobs.fail(taken, DiffFailed("no").failure)
    response = api.get("/metrics")
    families = [*text_string_to_metric_families(response.text)]

    assert "text/plain; version=0.0.4; charset=utf-8" == response.headers["content-type"]
    assert len(families) == len({family.name for family in families})
    own = [family for family in families if family.name.startswith("diffing_")]
    for family in own:
        assert family.documentation, family.name
        assert family.type in {"counter", "gauge", "histogram"}, family.name
        names = {sample.name for sample in family.samples}
        if family.type == "counter":
            assert {f"{family.name}_total"} == names
        if family.type == "histogram":
            assert family.name.endswith("_seconds")
    assert {"process_resident_memory_bytes", "process_start_time_seconds"} <= {
        family.name for family in families
    }


def test_each_metric_is_in_the_table_of_the_readme(api: Client) -> None:
    readme = (ROOT / "service/README.md").read_text(encoding="utf-8")
    _, _, chapter = readme.partition("\n## Metrics for Prometheus\n")
    table, _, _ = chapter.partition("\n## ")
    families = text_string_to_metric_families(api.get("/metrics").text)
    total = {"counter": "_total"}

    documented = {n for line in table.splitlines() for n in re.findall(r"`(\w+)`", line[:80])}
    names = {f"{family.name}{total.get(family.type, '')}" for family in families}
    assert {name for name in names if name.startswith("diffing_")} == {
        name for name in documented if name.startswith("diffing_")
    }


def test_a_histogram_counts_in_each_bucket_what_took_at_most_so_long(
    idle: Service, api: Client
) -> None:
    jobs, ends = idle.jobs(), [datetime.now(UTC)]
    at_end = idle.jobs(now=lambda: ends[-1])
    for seconds in (0.1, 0.3, 40, 4_000, -5):
        job = jobs.claim(jobs.create(Submission("timed")).id)
        assert job
        assert job.started_at
        ends.append(job.started_at + timedelta(seconds=seconds))
        assert at_end.succeed(job, End({}))
    samples = samples_of(api)

    labels = {"metric": "timed", "status": "succeeded"}
    name = "diffing_job_duration_seconds"
    counted = {
        le: value(samples, f"{name}_bucket", le=le, **labels)
        for le in ("0.1", "0.25", "0.5", "30.0", "60.0", "3600.0", "+Inf")
    }
    assert {
        "0.1": 2,
        "0.25": 2,
        "0.5": 3,
        "30.0": 3,
        "60.0": 4,
        "3600.0": 4,
        "+Inf": 5,
    } == counted
    assert 5 == value(samples, f"{name}_count", **labels)
    assert 4_040.4 == pytest.approx(value(samples, f"{name}_sum", **labels))


def test_each_end_counts_once_under_its_metric_and_state(idle: Service, api: Client) -> None:
    jobs = idle.jobs()
    ends: list[tuple[str | None, Callable[[Any], object]]] = [
        ("ended", lambda job: jobs.succeed(job, End({"emitted": 3}))),
        ("ended", lambda job: jobs.fail(job, DiffFailed("no").failure)),
        ("ended", lambda job: jobs.give_up(job, DiffFailed("it died").failure)),
        (None, lambda job: jobs.cancel(job.id)),
    ]
    for metric, end in ends:
        job = jobs.claim(jobs.create(Submission(metric)).id)
        assert job
        end(job)
        # what comes too late, or twice, does not count
        jobs.succeed(job, End({"emitted": 50}))
        jobs.fail(job, DiffFailed("late").failure)
    samples = samples_of(api)

    counted = {
        (dict(labels)["metric"], dict(labels)["status"]): number
        for (name, labels), number in samples.items()
        if name == "diffing_jobs_ended_total" and number
    }
    assert {
        ("ended", "succeeded"): 1,
        ("ended", "failed"): 2,
        ("one-off", "cancelled"): 1,
    } == {key: number for key, number in counted.items() if key[0] in ("ended", "one-off")}
    assert 3 == value(samples, "diffing_rows_emitted_total", metric="ended")
    assert 3 == value(samples, "diffing_attempts_total", metric="ended")


def test_a_job_waits_once_however_often_it_is_tried(idle: Service, api: Client) -> None:
    jobs, depth = idle.jobs(), value(samples_of(api), "diffing_queue_depth")
    job_id = jobs.create(Submission("tried")).id
    for _ in range(3):
        job = jobs.claim(job_id)
        assert job
        jobs.give_back(job)
    samples = samples_of(api)

    assert 1 == value(samples, "diffing_job_wait_seconds_count", metric="tried")
    assert 3 == value(samples, "diffing_attempts_total", metric="tried")
    assert depth + 1 == value(samples, "diffing_queue_depth")


def test_counters_do_not_go_back_when_jobs_are_removed(service: Service) -> None:
    jobs = service.jobs()
    for _ in range(3):
        job = jobs.claim(jobs.create(Submission("revenue")).id)
        assert job
        jobs.succeed(job, End({"emitted": 2}))
    client = service.api()
    before = samples_of(client)
    for job in jobs.ended_before(0):
        jobs.forget(job)
    after = samples_of(client)

    assert 1 == value(after, "diffing_jobs", status="succeeded")
    growing = {
        key: number
        for key, number in of_the_tables(before).items()
        if key[0].endswith(("_total", "_bucket", "_count", "_sum"))
    }
    assert growing == {key: after[key] for key in growing}
    assert 6 == value(after, "diffing_rows_emitted_total", metric="revenue")


def test_the_queue_is_told_with_its_depth_and_the_age_of_the_oldest(service: Service) -> None:
    jobs = service.jobs()
    for _ in range(3):
        jobs.create(Submission("revenue"))
    asked = datetime.now(UTC) - timedelta(seconds=100)
    service.execute(
        sa.update(schema.jobs).where(schema.jobs.c.id == 2).values(created_at=asked),
        "update jobs set status = 'processing' where id = 1",
    )
    samples = samples_of(service.api())

    assert 2 == value(samples, "diffing_queue_depth")
    assert 1 == value(samples, "diffing_jobs", status="processing")
    age = value(samples, "diffing_queue_oldest_age_seconds")
    assert 100 <= age <= (datetime.now(UTC) - asked).total_seconds()


@pytest.mark.on_files_alone
def test_metrics_that_cannot_be_counted_are_a_503(service: Service) -> None:
    client = service.api()
    client.get("/metrics")
    damage(service.settings.jobs_file)
    response = client.get("/metrics")

    assert 503 == response.status_code
    assert "urn:diffing:database-unavailable" == response.json()["type"]


@pytest.mark.on_files_alone
def test_a_scrape_stays_cheap_with_a_hundred_thousand_jobs(service: Service) -> None:
    service.database()
    summary = '{"emitted": 1, "padding": "' + "x" * 1_000 + '"}'
    with closing(sqlite3.connect(service.settings.jobs_file)) as database, database:
        database.execute(
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000) "
            "insert into jobs (metric, status, attempt, created_at, seen_at, summary) select "
            "'revenue', case when i % 4 then 'succeeded' else 'queued' end, 1, "
            "'2026-11-22 10:00:00.000000', '2026-11-22 10:00:00.000000', ? from n",
            [summary],
        )
    api = service.start("api", "--port", "0")
    client = service.client_of(api)
    samples = samples_of(client)
    before = cpu_seconds_of(api.pid)
    for _ in range(5):
        client.get("/metrics")

    assert 75_000 == value(samples, "diffing_jobs", status="succeeded")
    # how long it takes is up to what else the machine does
    assert cpu_seconds_of(api.pid) - before < 5 * 0.2


# settings that make no sense


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"workers": "100"}, "DIFFING_MEMORY_LIMIT: 0% is too little memory for a diff"),
        ({"memory_limit": "1KB"}, "DIFFING_MEMORY_LIMIT: 1KB is too little memory for a diff"),
        ({"memory_limit": "60%", "workers": "2"}, "DIFFING_MEMORY_LIMIT: 2 x 60% is more than the"),
        ({"memory_limit": "900TB"}, "DIFFING_MEMORY_LIMIT: 1 x 900TB is more than the"),
        ({"min_free": "90000TB"}, "DIFFING_MIN_FREE: 90000TB is more than the"),
        ({"stale_after": "0.01"}, "DIFFING_STALE_AFTER: "),
        ({"stale_after": "inf"}, "DIFFING_STALE_AFTER: "),
        ({"retention": "nan"}, "DIFFING_RETENTION: "),
        ({"job_timeout": "1e300"}, "DIFFING_JOB_TIMEOUT: "),
        ({"grace": "inf"}, "DIFFING_GRACE: "),
        ({"threads": "100000"}, "DIFFING_THREADS: "),
        ({"max_queued": str(2**70)}, "DIFFING_MAX_QUEUED: "),
        ({"log_format": "xml"}, "DIFFING_LOG_FORMAT: "),
    ],
    ids=lambda of: " ".join(f"{k}={v}" for k, v in of.items()) if isinstance(of, dict) else "",
)
def test_settings_that_make_no_sense_are_refused(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], said: str
) -> None:
    for name, text in settings.items():
        monkeypatch.setenv(f"DIFFING_{name.upper()}", text)

    with pytest.raises(BadSetting) as caught:
        refuse_nonsense(load_settings())
    assert caught.value.detail.startswith(said)
    assert "\n" not in caught.value.detail


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"memory_limit": "900TB"}, "DIFFING_MEMORY_LIMIT: 1 x 900TB is more than the"),
        ({"stale_after": "inf"}, "DIFFING_STALE_AFTER: "),
    ],
    ids=["on this machine", "anywhere"],
)
def test_no_program_starts_with_settings_that_make_no_sense(
    service: Service, settings: dict[str, object], said: str
) -> None:
    programs = [
        service.start(command, *port, **settings)
        for command, *port in (("worker",), ("api", "--port", "0"), ("serve", "--port", "0"))
    ]

    assert [2, 2, 2] == [program.ended() for program in programs]
    for program in programs:
        (line,) = program.lines()
        assert line.startswith(f"diffing: {said}"), line
    assert not service.folder.exists()


@pytest.mark.parametrize(
    ("variables", "threads"),
    [
        ({"DIFFING_THREADS": "3"}, 3),
        ({"diffing_threads": "3"}, 3),
        ({"DIFFING_THREADS": "3", "DIFFING_WORKERS": "", "DIFFING_NOTHING": "x"}, 3),
        ({"DIFFING_THREADS": ""}, len(os.sched_getaffinity(0))),
    ],
    ids=["in capitals", "in small letters", "beside others", "empty"],
)
def test_a_setting_comes_from_its_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], threads: int
) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(name, text)

    assert threads == load_settings().threads
    assert 5 == load_settings(threads=5).threads


@pytest.mark.parametrize("command", [("api",), ("serve",), ("worker",)])
def test_a_data_folder_that_is_a_file_is_refused_in_one_line(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "data").touch()
    with Service(tmp_path / "data") as service:
        program = service.start(*command)

        assert 2 == program.ended()
        (line,) = program.lines()
        assert line.startswith("diffing: Cannot create the folder"), line


def test_settings_that_are_empty_are_as_if_they_were_not_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = load_settings()
    for name in Settings.model_fields:
        monkeypatch.setenv(f"DIFFING_{name.upper()}", "")

    assert usual == load_settings()


def test_what_is_doubtful_is_said_once_and_done(service: Service) -> None:
    serve = service.start("serve", "--port", "0", retention=5, grace=20, job_timeout=10, worker=2)
    service.client_of(serve)
    serve.saw("working on up to")

    said = [line.split()[3] for line in serve.lines() if "is this intended?" in line]
    assert ["DIFFING_RETENTION", "DIFFING_GRACE", "DIFFING_WORKER"] == said


def test_a_variable_that_is_not_a_setting_is_doubtful() -> None:
    environment = {"diffing_worker": "2", "DIFFING_COLOUR": "red", "DIFFING_URL": "u", "HOME": "/"}

    assert [
        "DIFFING_COLOUR is not a setting",
        "diffing_worker is not a setting, DIFFING_WORKERS is",
    ] == strays(environment)


def test_the_address_of_a_service_of_kubernetes_is_no_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DIFFING_PORT", "tcp://10.0.0.1:8000")

    with pytest.raises(BadSetting, match=r"DIFFING_PORT: .*enableServiceLinks: false"):
        load_settings()


def test_the_defaults_raise_no_doubt(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    refuse_nonsense(settings)

    assert [] == doubts(settings)


def test_a_host_that_nobody_knows_is_refused_in_one_line(service: Service) -> None:
    program = service.start("api", host="nowhere.invalid")

    assert 2 == program.ended()
    (line,) = program.lines()
    assert line.startswith("diffing: Cannot listen on nowhere.invalid:8000: The name cannot be")
