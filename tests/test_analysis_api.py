"""The analysis of a job over HTTP: the document of the command line, made once, from its files."""

import fcntl
import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import pytest

from diffing.files.publish import locked_folder
from diffing.files.results import ANALYSIS_VERSION, Outputs
from diffing.store.baselines import Baselines
from diffing.store.history import History
from diffing.store.job import Submission
from diffing.store.jobs import End, Jobs
from diffing.worker.sweeper import Sweeper
from tests.command_line import diffing
from tests.conftest import one_in
from tests.service_under_test import PATIENCE_SECONDS, Client, Service
from tests.test_api import assert_problem, assert_waits

METRICS = """
[metric.small]
old = "old.csv"
new = "new.csv"
key = ["id", "note, \\"quoted\\""]
value = ["value"]
totals = true
totals_by = ["id", "note, \\"quoted\\""]
"""
SHAPES = (
    *("Analysis", "Bridge", "BridgeOfPeriods", "BridgesOfPeriods"),
    *("Step", "Total", "TotalsOfGroup"),
)
HEADER = 'id,"note, ""quoted""",value\n'
OLD = f"{HEADER}1,a,10\n2,,20\n,c,30\n5,e,50\n"
NEW = f"{HEADER}9,x,90\n2,,20.5\n,c,31\n1,a,10\n"
DIFF = ("diff", "--old", "old.csv", "--new", "new.csv", "--key", "id", "--key", 'note, "quoted"')
BY = {"by": 'id,"note, ""quoted"""'}


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("analysis")) as service:
        service.write("old.csv", OLD)
        service.write("new.csv", NEW)
        yield service


@pytest.fixture(scope="module")
def client(working: Service) -> Client:
    client, _ = working.api_and_worker(metrics=working.write("metrics.toml", METRICS))
    return client


@pytest.fixture(scope="module")
def url(client: Client) -> str:
    """The URL of the analysis of a job that succeeded."""
    job_id = client.new_job("small")
    client.wait_for_success(job_id)
    return f"/api/diffing/job/{job_id}/analysis"


@pytest.mark.parametrize("by", one_in(3, [BY, {}, {"by": "id"}]))
def test_the_document_is_that_of_the_command_line(
    client: Client, url: str, by: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "old.csv").write_text(OLD)
    (tmp_path / "new.csv").write_text(NEW)
    given = [option for text in by.values() for option in ("--by", text)]

    answer = client.get(url, params=by)

    totals = ("--totals", "--totals-by", "id", "--totals-by", 'note, "quoted"')
    explain = ("--value", "value", *totals, "--explain", "e.json", "-q")
    done = diffing(tmp_path, *DIFF, *explain, *given)
    assert (0, "") == (done.returncode, done.stderr)
    assert (200, "application/json") == (answer.status_code, answer.headers["content-type"])
    assert (tmp_path / "e.json").read_text() == answer.text
    assert bool(by) == bool(answer.json()["by"])
    assert {True} == {step["totals"]["closes"] for step in answer.json()["bridge"]}


@pytest.mark.parametrize(
    ("suffix", "media_type"),
    [
        ("csv", "text/csv; charset=utf-8"),
        ("json", "application/json"),
        ("parquet", "application/vnd.apache.parquet"),
    ],
)
def test_the_cells_are_those_of_the_command_line(
    client: Client, url: str, suffix: str, media_type: str, tmp_path: Path
) -> None:
    (tmp_path / "old.csv").write_text(OLD)
    (tmp_path / "new.csv").write_text(NEW)

    answer = client.get(url.replace("analysis", "cells"), params={"format": suffix})

    wanted = ("--cells", f"cells.{suffix}", "-q")
    done = diffing(tmp_path, *DIFF, "--value", "value", *wanted)
    assert (0, "") == (done.returncode, done.stderr)
    assert (200, media_type) == (answer.status_code, answer.headers["content-type"])
    assert (tmp_path / f"cells.{suffix}").read_bytes() == answer.content
    assert f'_cells_{url.split("/")[-2]}.{suffix}"' in answer.headers["content-disposition"]


def test_the_cells_have_the_fields_and_their_difference(client: Client, url: str) -> None:
    assert [
        {
            "id": "2",
            'note, "quoted"': None,
            "_column": "value",
            "_old": "20",
            "_new": "20.5",
            "_difference": "0.5",
            "_relative": "0.024390243902439025",
        },
        {
            "id": None,
            'note, "quoted"': "c",
            "_column": "value",
            "_old": "30",
            "_new": "31",
            "_difference": "1",
            "_relative": "0.03225806451612903",
        },
    ] == client.get(url.replace("analysis", "cells"), params={"format": "json"}).json()


def test_an_unknown_format_of_cells_is_refused(client: Client, url: str) -> None:
    answer = client.get(url.replace("analysis", "cells"), params={"format": "xlsx"})

    assert_problem(answer, 400, "format must be one of csv, json, parquet.")


def test_a_document_is_made_once(client: Client, working: Service, url: str) -> None:
    first = client.get(url, params={"by": "id"})
    made = {path.name for path in working.settings.results_dir.glob("*.analysis*")}

    again = client.get(url, params={"by": "id"}, headers={"If-None-Match": first.headers["etag"]})

    assert 304 == again.status_code
    assert made == {path.name for path in working.settings.results_dir.glob("*.analysis*")}
    assert first.headers["etag"] != client.get(url).headers["etag"]
    assert [] == list(working.settings.tmp_dir.iterdir())


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("value", "by: value is not a key column. Key columns: id, note"),
        ("id,id", "by: id is named twice."),
        ('"', "by is not a CSV record."),
        ("../../etc/passwd", "is not a key column"),
        ("", "is not a key column"),
    ],
)
def test_other_columns_are_refused(client: Client, url: str, by: str, said: str) -> None:
    assert_problem(client.get(url, params={"by": by}), 400, said)


def test_a_document_of_another_release_is_made_anew(client: Client, working: Service) -> None:
    job_id = client.new_job("small")
    client.wait_for_success(job_id)
    folder = working.settings.results_dir
    current = Outputs.analysis(folder, job_id, 1, (1,))
    for version in ("", ANALYSIS_VERSION - 1, ANALYSIS_VERSION + 1):
        other = current.with_name(f"{job_id}.1.analysis{version}-1.json")
        other.write_text('{"bridge": []}')

    answer = client.get(f"/api/diffing/job/{job_id}/analysis", params={"by": "id"})

    assert (200, ["id"]) == (answer.status_code, answer.json()["by"])
    page = client.get(f"/jobs/{job_id}", params={"by": "id"})
    assert (200, True) == (page.status_code, 'id="bridge"' in page.text)


def test_a_document_of_another_shape_has_another_version() -> None:
    document = files("diffing.api").joinpath("openapi.json").read_text(encoding="utf-8")
    schemas = json.loads(document)["components"]["schemas"]
    shape = json.dumps([schemas[name] for name in SHAPES], sort_keys=True)

    # after a change, raise ANALYSIS_VERSION, and give the new digest
    assert (3, "6bb2a3d1f23ca338") == (
        ANALYSIS_VERSION,
        hashlib.sha256(shape.encode()).hexdigest()[:16],
    )


@pytest.mark.parametrize("what", ["analysis", "cells"])
def test_before_success_it_is_the_status(service: Service, what: str) -> None:
    service.write_small_pair()
    client = service.api()
    job_id = client.new_job()

    assert_waits(client.get(f"/api/diffing/job/{job_id}/{what}"), job_id, "queued")


def test_a_document_that_is_not_ready_is_waited_for(service: Service) -> None:
    service.write_small_pair()
    client, worker = service.api_and_worker()
    job_id = client.new_job()
    client.wait_for_success(job_id)
    worker.signal(15)
    worker.ended()

    answer = client.get(f"/api/diffing/job/{job_id}/analysis?wait=0")

    assert_waits(answer, job_id, "queued")
    service.worker()
    assert 200 == client.get(f"/api/diffing/job/{job_id}/analysis?wait=60").status_code


@pytest.mark.parametrize(
    ("what", "lost"),
    one_in(
        4,
        [
            ["analysis", "result"],
            ["analysis", "detail"],
            ["analysis", "removed"],
            ["cells", "result"],
            ["cells", "detail"],
        ],
    ),
)
def test_without_its_files_it_is_gone(
    client: Client, working: Service, what: str, lost: str
) -> None:
    job_id = client.new_job("small")
    client.wait_for_success(job_id)
    outputs = Outputs.of_attempt(working.settings.results_dir, job_id, 1)
    Path(getattr(outputs, lost)).unlink()

    assert_problem(client.get(f"/api/diffing/job/{job_id}/{what}"), 410, "Start a new job.")


def test_the_sweeper_leaves_the_folder_of_a_running_analysis_alone(service: Service) -> None:
    service.write_small_pair()
    client, worker = service.api_and_worker()
    job_id = client.new_job()
    client.wait_for_success(job_id)
    worker.signal(15)
    worker.ended()
    settings = service.settings
    engine = service.database()
    sweeper = Sweeper(settings, Jobs(engine), History(engine), Baselines(engine))
    abandoned = settings.tmp_dir / f".1-1-{job_id}.1.analysis-1.json"
    abandoned.mkdir()

    with locked_folder(settings.tmp_dir / f".2-1-{job_id}.1.analysis-1.json") as folder:
        (folder / "cells.parquet").touch()
        sweeper.sweep()

        assert [folder] == list(settings.tmp_dir.iterdir())
    assert [] == list(settings.tmp_dir.iterdir())


def test_the_sweeper_takes_no_folder_from_one_who_locks_it_meanwhile(service: Service) -> None:
    settings, jobs, engine = service.settings, service.jobs(), service.database()
    settings.make_folders()
    job = jobs.claim(jobs.create(Submission("revenue")).id)
    assert job
    assert jobs.succeed(job, End({"emitted": 0}))
    left = settings.tmp_dir / f".1-1-{job.id}.1.analysis-1.json"
    left.mkdir()
    locked, swept = threading.Event(), threading.Event()

    def write() -> bool:
        with locked_folder(left) as folder:
            locked.set()
            swept.wait(PATIENCE_SECONDS)
            return folder.is_dir()

    def begins_meanwhile(_: Path) -> bool:
        written.append(threads.submit(write))
        locked.wait(0.2)
        return True

    written: list[Future[bool]] = []
    with ThreadPoolExecutor(1) as threads:
        Sweeper(
            settings, jobs, History(engine), Baselines(engine), leave_cluster=begins_meanwhile
        ).sweep()
        swept.set()
        assert [True] == [one.result() for one in written]


def test_a_folder_that_was_removed_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real, locks = tmp_path / "folder", fcntl.flock, []

    def flock(handle: int, kind: int) -> None:
        locks.append(kind)
        if len(locks) == 1:
            path.rmdir()
        real(handle, kind)

    monkeypatch.setattr("fcntl.flock", flock)
    with locked_folder(path) as folder:
        assert folder.is_dir()
        assert 2 == len(locks)


def test_the_name_of_an_analysis_says_its_groups() -> None:
    for by in ((), (1,), (12, 3)):
        name = Outputs.analysis(Path(), 7, 2, by).name

        assert by == Outputs.analysed_by(name)
        assert (7, 2) == Outputs.attempt_of(name)
    assert Outputs.has_cells(Outputs.cells(Path(), 7, 2).name)
    assert (7, 2) == Outputs.attempt_of("7.2.cells.parquet")
    assert not Outputs.has_cells("7.2.cells.json")
    assert not Outputs.has_cells("7.2.detail.csv")
    assert None is Outputs.analysed_by("7.2.json")
    # one of an earlier release is removed with its job
    assert (7, 2) == Outputs.attempt_of("7.2.analysis-1.json")
    assert None is Outputs.analysed_by("7.2.detail.json")
