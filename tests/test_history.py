"""The history of a metric: what its jobs found, for longer than their results, and what is odd."""

import gzip
import hashlib
import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from diffing.core.unusual import LEAST_RUNS, RUNS, unusual
from diffing.store import schema
from diffing.store.api_keys import ApiKeys
from diffing.store.history import History
from diffing.store.job import Submission
from diffing.store.jobs import End
from diffing.store.scopes import Scope
from tests.service_under_test import NEW, OLD, PATIENCE_SECONDS, Client, Service
from tests.waiting import wait_until

pytestmark = pytest.mark.on_servers("postgresql")

HISTORY = "/api/diffing/metrics/revenue/history"
RULES = {"expect": {"removed": 0, "added": "<= 100%"}}


def history_of(client: Client, metric: str = "revenue", query: str = "") -> list[dict[str, Any]]:
    """The runs on the first page."""
    response = client.get(f"/api/diffing/metrics/{metric}/history{query}")
    assert response.status_code == 200, response.text
    return list(response.json()["history"])


def found(changed: int, rows: int = 1000, removed: int = 0) -> dict[str, Any]:
    """A summary, as far as the history needs it."""
    side = {"name": "revenue.csv", "rows": rows, "bytes": 9, "sha256": "0" * 64}
    return {
        "added": 0,
        "changed": changed,
        "removed": removed,
        "unchanged": rows - changed,
        "within_tolerance": 0,
        "emitted": changed,
        "old": side,
        "new": side,
        "seconds": 1.5,
    }


def end_jobs(service: Service, *changed: int, **submission: Any) -> list[int]:
    """Jobs of revenue that succeeded, with so many changed rows each."""
    jobs, ids = service.jobs(), []
    for number in changed:
        job = jobs.claim(jobs.create(Submission("revenue", **submission)).id)
        assert job
        assert jobs.succeed(job, End(found(number)))
        ids.append(job.id)
    return ids


def test_each_ended_job_of_a_metric_is_in_its_history(shared: Service, client: Client) -> None:
    good = client.post("/api/diffing/new/revenue?wait=60", json=RULES).json()["job_id"]
    shared.write("short.csv", "date,value\n")
    one_off = client.post(
        "/api/diffing/new?wait=60",
        json={
            "old": "revenue_old.csv",
            "new": "revenue_new.csv",
            "key": ["stat"],
            "value": ["value"],
        },
    ).json()["job_id"]
    client.wait_for_success(good)
    client.wait_for_success(one_off)
    runs = {run["job_id"]: run for run in history_of(client)}

    assert one_off not in runs
    status, run = client.status_of(good), runs[good]
    for name in ("status", "created_at", "finished_at", "counts", "verdict", "error"):
        assert status[name] == run[name], name
    assert not run["verdict"]["passed"]
    assert not run["of_catalogue"]
    assert client.get(f"/api/diffing/job/{good}/summary").json()["seconds"] == run["seconds"]
    for side, text in (("old", OLD), ("new", NEW)):
        expected = {
            "name": f"revenue_{side}.csv",
            "rows": 4,
            "bytes": len(text.encode()),
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        }
        assert expected == run[side]


def test_the_sha256_is_that_of_the_file_on_the_disk(shared: Service, client: Client) -> None:
    packed = gzip.compress(NEW.encode())
    shared.write("packed.csv.gz", packed)
    body = {"old": "missing.csv", "new": "packed.csv", "first": "added"}
    job_id = client.post("/api/diffing/new/revenue?wait=60", json=body).json()["job_id"]
    client.wait_for_success(job_id)
    run = next(run for run in history_of(client) if run["job_id"] == job_id)

    assert None is run["old"]["sha256"]
    assert hashlib.sha256(packed).hexdigest() == run["new"]["sha256"]
    assert len(packed) == run["new"]["bytes"]


def test_failed_and_cancelled_jobs_are_in_it_with_the_reason(service: Service) -> None:
    service.write_small_pair()
    client = service.api()
    cancelled = client.new_job()
    client.delete(f"/api/diffing/job/{cancelled}")
    service.write("revenue_new.csv", f"{NEW}one,two\n")
    failed = client.new_job()
    service.worker()
    status = client.wait_for_failure(failed)
    first, second = history_of(client)

    assert (failed, "failed", status["error"]) == (first["job_id"], first["status"], first["error"])
    assert (None, None, None) == (first["counts"], first["new"], first["verdict"])
    assert (cancelled, "cancelled", None) == tuple(
        second[name] for name in ("job_id", "status", "seconds")
    )


def test_a_job_replaces_what_a_lost_job_with_its_id_left(service: Service) -> None:
    """As after the table of jobs alone was restored from a backup."""
    jobs = service.jobs()
    job = jobs.claim(jobs.create(Submission("revenue")).id)
    assert job
    end_jobs(service, 5)
    service.execute(sa.update(schema.history).values(job_id=job.id))

    assert jobs.succeed(job, End(found(7)))
    (run,) = History(service.database()).page("revenue", 10)
    assert (job.id, 7) == (run.job_id, (run.counts or {})["changed"])


def test_the_history_comes_in_pages(service: Service) -> None:
    service.settings.make_folders()
    ids = end_jobs(service, *range(7))
    client = service.api()
    first = client.get(f"{HISTORY}?limit=4")
    second = client.get(first.links["next"]["url"])

    assert ids[:2:-1] == [run["job_id"] for run in first.json()["history"]]
    assert ids[2::-1] == [run["job_id"] for run in second.json()["history"]]
    assert None is second.json()["next"]
    assert "next" not in second.links
    assert 400 == client.get(f"{HISTORY}?cursor=nonsense").status_code
    assert 404 == client.get("/api/diffing/metrics/nothing/history").status_code


def test_the_page_of_a_removed_job_leads_to_the_history(service: Service) -> None:
    service.write_small_pair()
    client, _ = service.api_and_worker(retention=0.5)
    gone, _ = client.new_job(), client.new_job()

    wait_until(lambda: client.get(f"/jobs/{gone}").status_code == 410, "the job stays")

    assert "leads to its history, which stays longer" in client.get(f"/jobs/{gone}").text
    assert "history" not in client.get("/jobs/99").text


def test_it_outlives_the_result_and_goes_after_its_own_time(service: Service) -> None:
    service.write_small_pair()
    client, worker = service.api_and_worker(retention=0.5)
    gone, newest = client.new_job(), client.new_job()
    wait_until(lambda: client.get(f"/api/diffing/job/{gone}").status_code == 410, "the job stays")

    wait_until(lambda: len(history_of(client)) == 2, "a job is not in the history")
    assert [newest, gone] == [run["job_id"] for run in history_of(client)]
    worker.signal(15)
    worker.ended()
    before = datetime.now(UTC) - timedelta(days=399)
    long_ago = before - timedelta(days=2)
    ends = schema.history.c
    for job_id, ended in ((newest, before), (gone, long_ago)):
        service.execute(
            sa.update(schema.history).where(ends.job_id == job_id).values(finished_at=ended)
        )
    service.worker()
    wait_until(lambda: len(history_of(client)) == 1, "the history is never shortened")
    assert [newest] == [run["job_id"] for run in history_of(client)]


def test_a_history_has_the_jobs_of_ones_own_api_key(service: Service) -> None:
    engine = service.database()
    ours, token = ApiKeys(engine).create("ours", {Scope.SUBMIT})
    _, other = ApiKeys(engine).create("other", {Scope.READ})
    _, admin = ApiKeys(engine).create("admin", {Scope.ADMIN})
    mine = end_jobs(service, 1, owner=ours.id)
    all_ = [*mine, *end_jobs(service, 2)]
    url = str(service.api(api_keys="on").base_url)

    def seen_with(token: str) -> list[int]:
        return [run["job_id"] for run in history_of(service.client_at(url, token))]

    assert (mine, [], all_[::-1]) == (seen_with(token), seen_with(other), seen_with(admin))


# what is unusual


def test_a_figure_far_from_the_usual_is_told_in_plain_words(service: Service) -> None:
    service.settings.make_folders()
    usual = [6000 + 10 * (number % 5) - 20 for number in range(RUNS + 5)]
    end_jobs(service, *usual)
    [odd] = end_jobs(service, 251_557)
    [after] = end_jobs(service, 6010)
    end_jobs(service, 251_557, comparison={"rel_tol": 0.5})
    runs = {run["job_id"]: run["unusual"] for run in history_of(service.api())}
    of_changed = [one["text"] for one in runs[odd] if one["figure"] == "changed"]

    assert ["changed 251,557: 42 times the usual 6,000 (median of 30 runs)"] == of_changed
    assert [odd] == [job_id for job_id, unusual in runs.items() if unusual]
    assert [] == runs[after]


def test_runs_with_files_or_options_of_their_own_are_not_the_usual(service: Service) -> None:
    service.settings.make_folders()
    end_jobs(service, *[5] * LEAST_RUNS)
    end_jobs(service, *[900] * RUNS, old="a.csv", new="b.csv")
    [odd] = end_jobs(service, 900)
    newest = history_of(service.api())[0]

    assert odd == newest["job_id"]
    assert [(5, LEAST_RUNS)] == [(one["usual"], one["runs"]) for one in newest["unusual"]]


def texts(value: float, earlier: list[float]) -> list[str]:
    return [one.text for one in unusual({"changed": value}, [{"changed": v} for v in earlier])]


def test_the_rule_is_the_modified_z_score() -> None:
    # the median is 10, the median distance 1: 3.5 / 0.6745 = 5.19
    earlier = [8.0, 9.0, 9.0, 10.0, 10.0, 10.0, 11.0, 11.0, 12.0]

    assert ([], []) == (texts(15.1, earlier), texts(4.9, earlier))
    assert ["changed 15.2: the usual is 10 (median of 9 runs)"] == texts(15.2, earlier)
    assert ["changed 4.8: the usual is 10 (median of 9 runs)"] == texts(4.8, earlier)


def test_where_most_runs_are_equal_the_mean_distance_counts() -> None:
    earlier = [0.0] * 9 + [10.0]  # the mean distance is 1: 3.5 * 1.2533 = 4.39

    assert [] == texts(4.3, earlier)
    assert ["changed 4.4: the usual is 0 (median of 10 runs)"] == texts(4.4, earlier)


def test_where_all_runs_are_equal_any_other_figure_is_unusual() -> None:
    assert [] == texts(7, [7.0] * 5)
    assert ["changed 8: the usual is 7 (median of 5 runs)"] == texts(8, [7.0] * 5)
    assert ["changed 17.5: 2.5 times the usual 7 (median of 5 runs)"] == texts(17.5, [7.0] * 5)


def test_after_few_runs_nothing_is_unusual() -> None:
    assert [] == texts(1_000_000, [1.0] * (LEAST_RUNS - 1))


# the command line


@pytest.fixture
def odd(service: Service) -> dict[str, str]:
    """The environment of a client whose metric had an odd night."""
    service.settings.make_folders()
    end_jobs(service, *[5] * 6, 50)
    return {
        **os.environ,
        "DIFFING_URL": str(service.api().base_url),
        "COLUMNS": "120",
        "LINES": "40",  # else rich takes a dumb terminal for 80 columns
        "TERM": "dumb",
    }


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "diffing", *arguments]


def test_the_command_writes_json(odd: dict[str, str]) -> None:
    done = subprocess.run(
        command("history", "revenue", "--limit", "2"), env=odd, capture_output=True, text=True
    )
    runs = json.loads(done.stdout)

    assert (0, "") == (done.returncode, done.stderr)
    assert [50, 5] == [run["counts"]["changed"] for run in runs]


def test_the_command_shows_a_table_on_a_terminal(odd: dict[str, str], tmp_path: Path) -> None:
    ours, its = pty.openpty()
    shown = tmp_path / "shown"
    with shown.open("wb") as file:
        process = subprocess.Popen(
            command("history", "revenue"), env=odd, stdout=its, stderr=subprocess.STDOUT
        )
        os.close(its)
        try:
            while data := os.read(ours, 4096):
                file.write(data)
        except OSError:  # how Linux says that the other end is closed
            pass
    os.close(ours)
    status = process.wait(PATIENCE_SECONDS)
    text = shown.read_text()

    assert 0 == status
    assert "job  ended" in text
    assert "changed 50: 10 times the usual 5 (median of 6 runs)" in text


def test_an_unknown_metric_is_one_line(odd: dict[str, str]) -> None:
    done = subprocess.run(command("history", "revenu"), env=odd, capture_output=True, text=True)

    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("diffing: Unknown metric revenu. Did you mean revenue?")
