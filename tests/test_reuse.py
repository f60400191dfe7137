"""The same question is answered once: a job takes the result of one with the same bytes."""

import errno
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diffing.core import question
from diffing.core.comparison import Comparison
from diffing.core.input_file import InputFile
from diffing.core.question import question_of
from diffing.core.spec import DiffSpec
from diffing.engine import sql
from diffing.files.publish import link_or_copy
from diffing.store.api_keys import ApiKeys
from diffing.store.scopes import Scope
from tests.service_under_test import NEW, OLD, Client, Service
from tests.test_baselines import NEVER
from tests.test_faults import RESULT
from tests.test_submit import submitted
from tests.waiting import STALE_AFTER, wait_until

pytestmark = pytest.mark.on_servers("postgresql")

NEW_JOB = "/api/diffing/new/revenue?wait=60"


def asked(client: Client, path: str = NEW_JOB, **request: Any) -> dict[str, Any]:
    """The status of a new job that succeeded."""
    response = client.post(path, **request)
    assert response.status_code == 202, response.text
    return client.wait_for_success(response.json()["job_id"])


def everything_of(client: Client, job_id: int) -> list[bytes]:
    """The files of a job, and its summary."""
    paths = ("", "?detail=1", "/removed", "/summary")
    answers = [client.get(f"/api/diffing/job/{job_id}{path}") for path in paths]
    assert {200} == {answer.status_code for answer in answers}
    return [answer.content for answer in answers]


def test_the_same_question_is_answered_once(client: Client) -> None:
    first = asked(client, f"{NEW_JOB}&fresh=1")
    second = asked(client)
    third = asked(client, f"{NEW_JOB}&fresh=1")

    assert (None, first["job_id"], None) == tuple(
        status["reused_from"] for status in (first, second, third)
    )
    assert first["counts"] == second["counts"]
    assert everything_of(client, first["job_id"]) == everything_of(client, second["job_id"])
    page = client.get(f"/jobs/{second['job_id']}").text
    assert "not compared again" in page
    assert "not compared again" not in client.get(f"/jobs/{first['job_id']}").text
    history = client.get("/api/diffing/metrics/revenue/history").json()["history"]
    assert {first["job_id"]} == {
        run["reused_from"] for run in history if run["job_id"] == second["job_id"]
    }


def test_each_job_owns_its_files(shared: Service, client: Client) -> None:
    first = asked(client, f"{NEW_JOB}&fresh=1")["job_id"]
    second = asked(client)["job_id"]
    before = everything_of(client, second)
    for path in shared.settings.results_dir.glob(f"{first}.*"):
        path.unlink()

    assert before == everything_of(client, second)
    assert RESULT == client.result_of(second)


def test_totals_of_whole_files_are_taken_with_a_result(client: Client) -> None:
    options = {"totals": True, "measure": "stat"}
    first = asked(client, f"{NEW_JOB}&fresh=1", json=options)["job_id"]
    second = asked(client, json=options)

    assert first == second["reused_from"]
    totals = [
        client.get(f"/api/diffing/job/{job_id}/analysis").json()["bridge"][0]["totals"]
        for job_id in (first, second["job_id"])
    ]
    assert totals[0]["old"]["rows"] > 0
    assert totals[0] == totals[1]


def test_a_result_that_was_removed_is_not_taken(service: Service) -> None:
    service.write_small_pair()
    client, _ = service.api_and_worker()
    first = asked(client)["job_id"]
    (service.settings.results_dir / f"{first}.1.csv").unlink()
    second = asked(client)

    assert None is second["reused_from"]
    assert RESULT == client.result_of(second["job_id"])


def test_a_result_that_was_damaged_is_not_taken(service: Service) -> None:
    service.write_small_pair()
    client, _ = service.api_and_worker()
    first = asked(client)["job_id"]
    result = service.settings.results_dir / f"{first}.1.csv"
    result.write_bytes(RESULT.replace(b"7.25", b"7.26"))
    second = asked(client)

    assert None is second["reused_from"]
    assert RESULT == client.result_of(second["job_id"])


def test_bytes_decide_never_the_time_of_a_file(service: Service) -> None:
    service.write_small_pair()
    client, _ = service.api_and_worker()
    first = asked(client)["job_id"]
    new = service.settings.input_dir / "revenue_new.csv"
    before = new.stat()
    service.write("revenue_new.csv", NEW.replace("7.25", "7.26"))
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    other = asked(client)
    service.write("revenue_new.csv", NEW)
    same = asked(client)

    assert before.st_size == new.stat().st_size
    assert None is other["reused_from"]
    assert b"7.26" in client.result_of(other["job_id"])
    assert first == same["reused_from"]
    assert RESULT == client.result_of(same["job_id"])


def test_other_options_are_another_question(client: Client) -> None:
    asked(client)

    assert None is asked(client, json={"rel_tol": 0.125})["reused_from"]
    assert None is not asked(client, json={"rel_tol": 0.125})["reused_from"]


def test_uploads_are_compared_by_their_bytes(client: Client) -> None:
    def sent(new: str) -> dict[str, Any]:
        files = {"old": ("o.csv", OLD), "new": ("n.csv", new)}
        form = {"key": "stat", "value": "value"}
        return asked(client, "/api/diffing/new?wait=60", data=form, files=files)

    first, second, other = sent(NEW), sent(NEW), sent(NEW.replace("7.25", "7.26"))
    assert (None, first["job_id"], None) == tuple(
        status["reused_from"] for status in (first, second, other)
    )


def test_an_old_that_was_missing_is_not_one_that_is_empty(service: Service) -> None:
    service.write("revenue_new.csv", NEW)
    client, _ = service.api_and_worker()
    first = asked(client, json={"first": "added"})
    again = asked(client, json={"first": "added"})
    service.write("revenue_old.csv", "")
    empty = asked(client, json={"first": "added"})

    assert (None, first["job_id"], None) == tuple(
        status["reused_from"] for status in (first, again, empty)
    )


def test_a_result_of_another_api_key_is_not_taken(service: Service) -> None:
    service.write_small_pair()
    api_keys = ApiKeys(service.database())
    tokens = [api_keys.create(name, {Scope.SUBMIT})[1] for name in ("one", "two")]
    url = str(service.api(api_keys="on").base_url)
    service.worker()
    one, two = (service.client_at(url, token) for token in tokens)

    assert None is asked(one)["reused_from"]
    assert None is asked(two)["reused_from"]
    assert 2 == asked(two)["reused_from"]


def test_fresh_is_0_or_1(client: Client) -> None:
    assert 400 == client.post("/api/diffing/new/revenue?fresh=yes").status_code


def test_the_same_idempotency_key_with_fresh_is_another_request(client: Client) -> None:
    key = {"Idempotency-Key": "night-1"}
    first = client.post(NEW_JOB, headers=key).json()["job_id"]

    assert first == client.post(NEW_JOB, headers=key).json()["job_id"]
    assert 409 == client.post(f"{NEW_JOB}&fresh=1", headers=key).status_code


def test_the_command_has_the_option_fresh(client: Client, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    asked(client)
    assert 0 == submitted(client, "revenue", "--wait", "-o", out)[0]
    taken = client.status_of(client.newest_job())
    assert 0 == submitted(client, "revenue", "--wait", "-o", out, "--fresh")[0]
    fresh = client.status_of(client.newest_job())

    assert None is not taken["reused_from"]
    assert None is fresh["reused_from"]


@pytest.mark.slow
@pytest.mark.on_files_alone
def test_a_worker_that_is_killed_while_it_takes_a_result_leaves_none_in_part(
    service: Service,
) -> None:
    service.write_small_pair()
    client, worker = service.api_and_worker(stale_after=STALE_AFTER)
    first = asked(client)["job_id"]
    worker.signal(signal.SIGTERM)
    worker.ended()
    ids = {}
    for call in (1, 2, 3):
        for moment in ("before", "after"):
            at = f"diffing.files.results:link_or_copy:{call}:{moment}"
            killed = service.start_killed_at(at, "worker", stale_after=NEVER)
            ids[at] = client.post("/api/diffing/new/revenue").json()["job_id"]
            assert (at, -signal.SIGKILL) == (at, killed.ended())
    service.worker(stale_after=STALE_AFTER)

    results = service.settings.results_dir
    for at, job_id in ids.items():
        status = client.wait_for_success(job_id)
        assert (at, 2) == (at, status["attempt"])
        assert status["reused_from"] in {first, *ids.values()} - {job_id}
        assert RESULT == client.result_of(job_id)
        wait_until(
            lambda of=f"*{job_id}.1.*": not [*results.glob(of)], "a file of attempt 1 is left"
        )
        assert 3 == len([*results.glob(f"{job_id}.2.*")])


def test_where_links_are_impossible_a_file_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    (tmp_path / "1.1.csv").write_bytes(RESULT)
    link_or_copy(tmp_path / "1.1.csv", tmp_path / "2.1.csv")

    assert RESULT == (tmp_path / "2.1.csv").read_bytes()
    assert ["1.1.csv", "2.1.csv"] == sorted(path.name for path in tmp_path.iterdir())


# what a question is

SPEC = DiffSpec(
    InputFile(Path("/in/old.csv"), "old.csv"),
    InputFile(Path("/in/new.csv"), "new.csv"),
    Comparison.of(key=["id"], value=["value"]),
    "sales",
)


@pytest.mark.parametrize(
    "other",
    [
        replace(SPEC, metric="costs"),
        replace(SPEC, fingerprint=True),
        replace(SPEC, old=InputFile(Path("/in/old.csv"), "elder.csv")),
        replace(SPEC, new=InputFile(Path("/in/new.csv.gz"), "new.csv")),
        replace(SPEC, new=InputFile(Path("/in/new.tsv"), "new.csv")),
        replace(SPEC, comparison=Comparison.of(key=["id"], value=["value"], abs_tol=1)),
        replace(SPEC, comparison=Comparison.of(key=["id"], value=["other"])),
        replace(SPEC, comparison=Comparison.of(key=["id"], value=["value"], expect={"added": 0})),
    ],
)
def test_all_that_decides_over_a_result_is_part_of_the_question(other: DiffSpec) -> None:
    assert question_of(SPEC, exact_keys=False, sql="select 1") != question_of(
        other, exact_keys=False, sql="select 1"
    )


def test_releases_sql_and_whole_keys_are_part_of_the_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {
        question_of(SPEC, exact_keys=False, sql="select 1"),
        question_of(SPEC, exact_keys=True, sql="select 1"),
    }
    found.add(question_of(SPEC, exact_keys=True, sql="select 2"))
    monkeypatch.setattr(question, "__version__", "0.0.0")
    found.add(question_of(SPEC, exact_keys=False, sql="select 1"))
    monkeypatch.setattr(question, "version", lambda _: "9.9.9")
    found.add(question_of(SPEC, exact_keys=False, sql="select 1"))

    assert 5 == len(found)


def test_another_copy_of_parquet_is_another_sql(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sql.digest.__wrapped__()
    changed = sql.sections() | {"parquet_as_csv": "copy (select 1) to $output"}
    monkeypatch.setattr(sql, "sections", lambda: changed)

    assert sql.digest.__wrapped__() != before


def test_the_folder_of_the_files_is_not_part_of_it() -> None:
    elsewhere = replace(SPEC, old=InputFile(Path("/elsewhere/old.csv"), "old.csv"))

    assert question_of(SPEC, exact_keys=False, sql="select 1") == question_of(
        elsewhere, exact_keys=False, sql="select 1"
    )
