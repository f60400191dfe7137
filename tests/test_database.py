"""A jobs database of any earlier release is brought up to date; others are refused."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from diffing.core.errors import BadSetting, DatabaseUnavailable
from diffing.core.progress import Progress
from diffing.store import migrate
from diffing.store.database import changing, open_file, reading, unusable_file
from diffing.store.dialects import Lock, lock
from diffing.store.job import Submission
from diffing.store.jobs import Jobs
from diffing.store.schema import REVISION, metadata
from tests.service_under_test import Service
from tests.waiting import STALE_AFTER

# as the releases without a version wrote it
FIRST_RELEASE = """
    CREATE TABLE jobs (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, metric VARCHAR NOT NULL,
        status VARCHAR NOT NULL, stage VARCHAR, attempt INTEGER NOT NULL,
        created_at DATETIME NOT NULL, started_at DATETIME, finished_at DATETIME,
        seen_at DATETIME NOT NULL, summary JSON, error JSON
    );
    CREATE INDEX jobs_by_status ON jobs (status, seen_at);
    INSERT INTO jobs VALUES (7, 'revenue', 'queued', NULL, 1, '2026-11-22 10:00:00.000000',
        '2026-11-22 10:00:01.000000', NULL, '2026-11-22 10:00:02.000000', NULL, NULL);
"""
WITH_BYTES_READ = f"""{FIRST_RELEASE}
    ALTER TABLE jobs ADD COLUMN bytes_read BIGINT;
    ALTER TABLE jobs ADD COLUMN bytes_total BIGINT;
"""
REVISION_3 = """
    CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
    INSERT INTO alembic_version VALUES ('3');
"""
WITH_IDEMPOTENCY_KEYS = f"""{WITH_BYTES_READ}
    ALTER TABLE jobs ADD COLUMN idempotency_key VARCHAR;
    ALTER TABLE jobs ADD COLUMN request VARCHAR;
    CREATE UNIQUE INDEX jobs_by_idempotency_key ON jobs (idempotency_key);
    {REVISION_3}
"""
TO_REVISION_4 = """
    CREATE TABLE jobs_of_4 (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, metric VARCHAR, status VARCHAR NOT NULL,
        stage VARCHAR, attempt INTEGER NOT NULL, created_at DATETIME NOT NULL, started_at DATETIME,
        finished_at DATETIME, seen_at DATETIME NOT NULL, summary JSON, error JSON,
        bytes_read BIGINT, bytes_total BIGINT, idempotency_key VARCHAR, request VARCHAR,
        comparison JSON, old VARCHAR, new VARCHAR, upload VARCHAR, owner VARCHAR
    );
    INSERT INTO jobs_of_4 SELECT *, NULL, NULL, NULL, NULL, NULL FROM jobs;
    DROP TABLE jobs;
    ALTER TABLE jobs_of_4 RENAME TO jobs;
    CREATE INDEX jobs_by_status ON jobs (status, seen_at);
    CREATE UNIQUE INDEX jobs_by_idempotency_key ON jobs (idempotency_key);
    CREATE TABLE keys (
        id VARCHAR NOT NULL PRIMARY KEY, name VARCHAR NOT NULL, digest VARCHAR NOT NULL,
        scopes VARCHAR NOT NULL, created_at DATETIME NOT NULL, revoked_at DATETIME
    );
    CREATE TABLE workers (
        id VARCHAR NOT NULL PRIMARY KEY, slots INTEGER NOT NULL, started_at DATETIME NOT NULL,
        seen_at DATETIME NOT NULL
    );
    UPDATE alembic_version SET version_num = '4';
"""
WITH_SUBMISSIONS = f"{WITH_IDEMPOTENCY_KEYS}{TO_REVISION_4}"
TO_REVISION_5 = """
    ALTER TABLE jobs ADD COLUMN request_id VARCHAR;
    ALTER TABLE jobs ADD COLUMN traceparent VARCHAR;
    CREATE TABLE totals (
        name VARCHAR NOT NULL, metric VARCHAR NOT NULL, label VARCHAR NOT NULL,
        value BIGINT NOT NULL, PRIMARY KEY (name, metric, label)
    );
    CREATE TABLE durations (
        name VARCHAR NOT NULL, metric VARCHAR NOT NULL, label VARCHAR NOT NULL,
        at_most FLOAT NOT NULL, number BIGINT NOT NULL, seconds FLOAT NOT NULL,
        PRIMARY KEY (name, metric, label, at_most)
    );
    UPDATE alembic_version SET version_num = '5';
"""
WITH_TOTALS = f"{WITH_SUBMISSIONS}{TO_REVISION_5}"
EARLIER = {
    "first release": FIRST_RELEASE,
    "with bytes read": WITH_BYTES_READ,
    "with idempotency keys": WITH_IDEMPOTENCY_KEYS,
    "with submissions": WITH_SUBMISSIONS,
    "with totals": WITH_TOTALS,
}


def written(path: Path, sql: str) -> Path:
    """A database of those statements."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)
    return path


def revision_of(path: Path) -> str:
    """The version that a database carries."""
    with closing(sqlite3.connect(path)) as connection:
        (revision,) = connection.execute("select version_num from alembic_version").fetchone()
    return str(revision)


def schema_of(path: Path) -> dict[str, tuple[set[object], set[object], bool]]:
    """Of each table: its columns in any order, its indices, whether it uses no number twice."""
    with closing(sqlite3.connect(path)) as connection:

        def pragma(call: str) -> list[tuple[object, ...]]:
            return connection.execute(f"pragma {call}").fetchall()

        tables = connection.execute("select name, sql from sqlite_master where type = 'table'")
        return {
            table: (
                {tuple(column[1:]) for column in pragma(f"table_xinfo({table})")},
                {
                    (name, unique, tuple(column[2] for column in pragma(f"index_info({name})")))
                    for _, name, unique, *_ in pragma(f"index_list({table})")
                },
                "AUTOINCREMENT" in sql,
            )
            for table, sql in tables.fetchall()
        }


def test_a_new_database_is_made_as_the_migrations_would(tmp_path: Path) -> None:
    migrated = written(
        tmp_path / "migrated",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
    )
    for path in (migrated, tmp_path / "made"):
        open_file(path).dispose()

    assert {"jobs", "conversions", "keys", "workers", "totals", "durations"} < set(
        schema_of(migrated)
    )
    assert schema_of(migrated) == schema_of(tmp_path / "made")


def test_the_newest_migration_is_the_one_that_the_schema_names() -> None:
    scripts = ScriptDirectory(str(migrate.MIGRATIONS))

    assert [REVISION] == scripts.get_heads()


@pytest.mark.parametrize("sql", ["", *EARLIER.values()], ids=["new", *EARLIER])
def test_a_database_comes_to_the_schema_of_this_release(tmp_path: Path, sql: str) -> None:
    engine = open_file(written(tmp_path / "jobs.sqlite3", sql))

    with engine.connect() as connection:
        assert [] == compare_metadata(MigrationContext.configure(connection), metadata)
    assert REVISION == revision_of(tmp_path / "jobs.sqlite3")


@pytest.mark.parametrize("sql", EARLIER.values(), ids=EARLIER)
def test_the_jobs_of_an_earlier_release_go_on(tmp_path: Path, sql: str) -> None:
    jobs = Jobs(open_file(written(tmp_path / "jobs.sqlite3", sql)))
    job = jobs.claim(7)

    assert job
    assert ("revenue", 2) == (job.metric, job.attempt)
    assert jobs.beat(job, Progress("comparing", 1, 2))
    assert 8 == jobs.create(Submission("revenue")).id


def test_a_job_of_an_earlier_release_is_done_when_this_one_starts(service: Service) -> None:
    service.write_small_pair()
    written(service.settings.jobs_file, FIRST_RELEASE)
    client, _ = service.api_and_worker(stale_after=STALE_AFTER)

    assert 2 == client.wait_for_success(7)["attempt"]


def test_many_that_start_together_on_an_older_database_migrate_it_once(tmp_path: Path) -> None:
    path = written(tmp_path / "jobs.sqlite3", FIRST_RELEASE)
    with ThreadPoolExecutor(8) as threads:
        every = list(threads.map(open_file, [path] * 8))

    assert {"revenue"} == {Jobs(engine).get(7).metric for engine in every}
    assert REVISION == revision_of(path)


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    half = FIRST_RELEASE.replace("seen_at DATETIME NOT NULL,", "").replace(", seen_at)", ")")
    half = half.replace("'2026-11-22 10:00:02.000000', ", "") + "CREATE VIEW alembic_version AS "
    path = written(tmp_path / "jobs.sqlite3", half + "SELECT '1' AS version_num;")
    before = path.read_bytes()

    with pytest.raises(BadSetting, match="Cannot use"):
        open_file(path)
    assert before[100:] == path.read_bytes()[100:]  # the header tells that it is in WAL mode


def test_a_database_of_a_newer_release_is_refused_in_one_line_and_left_alone(
    service: Service,
) -> None:
    service.jobs().create(Submission("revenue"))
    with closing(sqlite3.connect(service.settings.jobs_file)) as connection, connection:
        connection.execute("update alembic_version set version_num = '999'")
    programs = [
        service.start("api", "--port", "0"),
        service.start("worker"),
        service.start("serve", "--port", "0"),
    ]

    assert [2, 2, 2] == [program.ended() for program in programs]
    for program in programs:
        (line,) = program.lines()
        assert "was written by a newer release" in line
    assert "999" == revision_of(service.settings.jobs_file)


def test_a_database_that_is_damaged_within_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    jobs = Jobs(open_file(path))
    for _ in range(200):
        jobs.create(Submission("revenue"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    raw = bytearray(path.read_bytes())
    raw[-4096:] = b"\xff" * 4096
    path.write_bytes(raw)

    with pytest.raises(BadSetting, match=r"Cannot use .* use another data folder or database"):
        open_file(path)


def test_a_database_that_another_process_holds_is_not_to_be_moved_away(
    tmp_path: Path,
) -> None:
    path = tmp_path / "jobs.sqlite3"
    open_file(path)
    with closing(sqlite3.connect(path)) as holder:
        holder.execute("begin exclusive")

        with pytest.raises(BadSetting, match=r"locked\. Another process locks it"):
            open_file(path, lock_seconds=1)


def test_a_disk_that_is_full_at_the_start_needs_space_and_no_new_database() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("pragma max_page_count = 1")
        with pytest.raises(sqlite3.OperationalError) as full:
            connection.execute("create table jobs (id integer)")

    said = str(unusable_file(Path("jobs.sqlite3"), "the queue", full.value))

    assert "Cannot use jobs.sqlite3 as the queue: database or disk is full. Free" in said
    assert "Move it away" not in said


def test_work_that_reads_before_it_writes_keeps_out_other_writers_from_the_start(
    tmp_path: Path,
) -> None:
    path = tmp_path / "jobs.sqlite3"
    jobs, others = Jobs(open_file(path)), open_file(path, lock_seconds=0.1)

    with changing(open_file(path)) as connection:
        lock(connection, Lock.KEEP)

        with pytest.raises(DatabaseUnavailable, match="busy"):
            Jobs(others).create(Submission("revenue"))
        with reading(others) as reader:
            assert not reader.execute(sa.select(metadata.tables["jobs"])).all()

    assert 1 == jobs.create(Submission("revenue")).id
