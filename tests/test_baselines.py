"""Accepted files and pins: jobs are compared with the new files of earlier ones."""

import gzip
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from diffing.core.catalogue import load_catalogue
from diffing.core.errors import BadCatalogue, ContentGone, DiskUnavailable
from diffing.core.input_file import InputFile
from diffing.files.kept import KeptFiles
from diffing.store.api_keys import ApiKeys
from diffing.store.scopes import Scope
from tests.backends import Backend
from tests.conftest import one_in
from tests.service_under_test import Client, Service
from tests.test_submit import submitted
from tests.waiting import STALE_AFTER, wait_until

pytestmark = pytest.mark.on_servers("postgresql")

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SALES = """
[metric.sales]
old = "accepted"
new = "sales.csv"
key = ["id"]
value = ["value"]
"""
PLAIN = SALES.replace('"accepted"', '"sales_old.csv"').replace("metric.sales", "metric.plain")
METRIC = "/api/diffing/metrics/sales"


def sales(*values: object) -> str:
    """An export: a line per value."""
    return "id,value\n" + "".join(f"{number},{value}\n" for number, value in enumerate(values, 1))


def with_catalogue(service: Service, text: str = SALES) -> None:
    service.settings.make_folders()
    (service.folder / "metrics.toml").write_text(text)


def night(service: Service, client: Client, *values: object, query: str = "") -> dict[str, Any]:
    """The status of a job about a new export, which succeeded."""
    service.write("sales.csv", sales(*values))
    return asked(client, "sales", query)


def asked(client: Client, metric: str, query: str = "", **request: Any) -> dict[str, Any]:
    response = client.post(f"/api/diffing/new/{metric}?wait=60{query}", **request)
    assert response.status_code == 202, response.text
    return client.wait_for_success(response.json()["job_id"])


def accept(client: Client, job_id: int, note: str = "", metric: str = "sales") -> httpx2.Response:
    return client.post(
        f"/api/diffing/metrics/{metric}/accept", json={"job_id": job_id, "note": note}
    )


def accepted(client: Client) -> list[tuple[int, str]]:
    """The job and the cause of each acceptance, newest first."""
    found = client.get(f"{METRIC}/accepted").json()["accepted"]
    return [(one["job_id"], one["how"]) for one in found]


def counts(status: dict[str, Any]) -> tuple[int, int, int]:
    return tuple(status["counts"][name] for name in ("added", "changed", "removed"))


def kept_by(service: Service) -> set[str]:
    """The SHA-256 of each kept file, by its name."""
    return {path.name[:64] for path in service.settings.kept_dir.iterdir() if path.name != "lock"}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# accepted files


def test_each_night_is_compared_with_the_file_that_was_accepted_last(service: Service) -> None:
    with_catalogue(service)
    client, _ = service.api_and_worker()
    first = night(service, client, 1, 2)
    second = night(service, client, 1, 2, 3)
    third = night(service, client, 9, 2, 3)
    answer = accept(client, second["job_id"], "one more shop")
    fourth = night(service, client, 9, 2, 3)

    assert [(2, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)] == [
        counts(status) for status in (first, second, third, fourth)
    ]
    assert None is first["baseline"]
    assert [first["job_id"], first["job_id"], second["job_id"]] == [
        status["baseline"]["job_id"] for status in (second, third, fourth)
    ]
    assert 200 == answer.status_code
    assert {
        "metric": "sales",
        "job_id": second["job_id"],
        "name": "sales.csv",
        "sha256": sha256(sales(1, 2, 3)),
        "how": "request",
        "api_key": None,
        "note": "one more shop",
    } == {name: value for name, value in answer.json().items() if name != "accepted_at"}
    assert [(second["job_id"], "request"), (first["job_id"], "first")] == accepted(client)
    history = client.get(f"{METRIC}/history").json()["history"]
    assert [None, None, "one more shop", ""] == [
        run["accepted"] and run["accepted"]["note"] for run in history
    ]


def test_accepting_again_changes_nothing_and_one_may_go_back(service: Service) -> None:
    with_catalogue(service)
    client, _ = service.api_and_worker()
    first = night(service, client, 1)["job_id"]
    second = night(service, client, 2)["job_id"]
    answers = [accept(client, second, note).json() for note in ("once", "twice")]

    assert answers[0] == answers[1]
    assert "once" == answers[0]["note"]
    assert [(second, "request"), (first, "first")] == accepted(client)
    accept(client, first)
    assert first == night(service, client, 3)["baseline"]["job_id"]
    assert 3 == len(accepted(client))


def test_a_file_is_accepted_by_itself_if_its_verdict_is_passed(service: Service) -> None:
    rules = 'accept = "when expected"\nexpect = { changed = "<= 1" }\n'
    with_catalogue(service, SALES + rules)
    client, _ = service.api_and_worker()
    first = night(service, client, 1, 2, 3)["job_id"]
    good = night(service, client, 1, 2, 4)["job_id"]
    bad = night(service, client, 7, 8, 4)
    after = night(service, client, 7, 2, 4)

    assert [(after["job_id"], "expected"), (good, "expected"), (first, "first")] == accepted(client)
    assert not bad["verdict"]["passed"]
    assert good == after["baseline"]["job_id"]


@pytest.mark.on_files_alone
def test_the_bytes_that_a_job_read_are_accepted_though_its_file_was_overwritten(
    service: Service,
) -> None:
    with_catalogue(service)
    client, _ = service.api_and_worker()
    night(service, client, 1)
    job_id = night(service, client, 2)["job_id"]
    service.write("sales.csv", sales(3))

    assert sha256(sales(2)) == accept(client, job_id).json()["sha256"]
    assert (0, 0, 0) == counts(night(service, client, 2))


@pytest.mark.on_files_alone
def test_a_file_that_was_overwritten_before_it_was_kept_is_refused(service: Service) -> None:
    with_catalogue(service, PLAIN)
    service.write("sales_old.csv", sales(1))
    service.write("sales.csv", sales(2))
    client, _ = service.api_and_worker()
    job_id = asked(client, "plain")["job_id"]
    before = (service.settings.input_dir / "sales.csv").stat()
    service.write("sales.csv", sales(3))
    os.utime(service.settings.input_dir / "sales.csv", ns=(0, before.st_mtime_ns))
    answer = accept(client, job_id, metric="plain")

    assert 409 == answer.status_code
    assert "urn:diffing:content-gone" == answer.json()["type"]
    assert answer.json()["detail"].startswith("The file sales.csv has changed since the job")
    assert set() == kept_by(service)


def test_another_metric_can_be_accepted_and_compared_with_it(service: Service) -> None:
    with_catalogue(service, PLAIN)
    service.write("sales_old.csv", sales(1))
    service.write("sales.csv", sales(2))
    client, _ = service.api_and_worker()
    job_id = asked(client, "plain")["job_id"]

    assert 200 == accept(client, job_id, metric="plain").status_code
    assert (0, 1, 0) == counts(asked(client, "plain"))
    assert (0, 0, 0) == counts(asked(client, "plain", "&old=accepted"))


@pytest.mark.slow
@pytest.mark.on_files_alone
@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_packed_files_are_accepted_too(service: Service, ending: str) -> None:
    with_catalogue(service)
    pack: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstd.compress}
    packed = pack[ending](sales(1, 2).encode())
    service.write(f"sales.csv{ending}", packed)
    client, _ = service.api_and_worker()
    asked(client, "sales")
    (service.settings.input_dir / f"sales.csv{ending}").unlink()

    assert {hashlib.sha256(packed).hexdigest()} == kept_by(service)
    assert (0, 1, 0) == counts(night(service, client, 1, 3))


@pytest.mark.on_files_alone
def test_a_baseline_is_read_in_the_dialect_of_new(service: Service) -> None:
    with_catalogue(service, f'{SALES}new_dialect = {{ delimiter = ";", decimal = "," }}\n')
    service.write("sales.csv", "id;value\n1;1,5\n2;2\n")
    client, _ = service.api_and_worker()
    asked(client, "sales")
    service.write("sales.csv", "id;value\n1;1,50\n2;3,5\n")

    assert (0, 1, 0) == counts(asked(client, "sales"))


def test_uploads_of_a_metric_are_neither_compared_with_it_nor_accepted_first(
    service: Service,
) -> None:
    with_catalogue(service)
    client, _ = service.api_and_worker()
    files = {"old": ("o.csv", sales(1)), "new": ("n.csv", sales(2))}
    sent = asked(client, "sales", files=files)

    assert None is sent["baseline"]
    assert (0, 1, 0) == counts(sent)
    assert [] == accepted(client)
    assert 200 == accept(client, sent["job_id"]).status_code
    assert (0, 1, 0) == counts(night(service, client, 3))


@pytest.mark.on_files_alone
def test_a_kept_file_that_was_damaged_or_lost_is_told(service: Service) -> None:
    with_catalogue(service)
    client, _ = service.api_and_worker()
    night(service, client, *range(200_000))
    [kept] = service.settings.kept_dir.glob("*.csv.zst")
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    damaged = client.post("/api/diffing/new/sales?fresh=1").json()["job_id"]
    failure = client.wait_for_failure(damaged)["error"]
    kept.unlink()
    lost = client.post("/api/diffing/new/sales?fresh=1")

    assert "urn:diffing:bad-input" == failure["type"]
    assert (404, "urn:diffing:missing-input") == (lost.status_code, lost.json()["type"])
    assert "was lost from the data folder's kept/" in lost.json()["detail"]
    assert 1 == len(accepted(client))


def test_a_request_with_options_or_files_of_its_own_accepts_nothing_by_itself(
    service: Service,
) -> None:
    rules = 'accept = "when expected"\nexpect = { changed = 0 }\n'
    with_catalogue(service, SALES + rules)
    client, _ = service.api_and_worker()
    first = night(service, client, 1, 2)["job_id"]
    service.write("sales.csv", sales(1, 3))
    service.write("other.csv", sales(1, 2, 3))
    lax = asked(client, "sales", json={"expect": {"changed": "<= 100%"}})
    other = asked(client, "sales", json={"new": "other.csv"})

    assert lax["verdict"]["passed"]
    assert other["verdict"]["passed"]
    assert [(0, 1, 0), (1, 0, 0)] == [counts(lax), counts(other)]
    assert {first} == {status["baseline"]["job_id"] for status in (lax, other)}
    assert [(first, "first")] == accepted(client)


# pins


@pytest.mark.slow
def test_a_pin_can_be_compared_with_at_any_time(service: Service) -> None:
    with_catalogue(service)
    client, _ = service.api_and_worker()
    july = night(service, client, 1, 2)["job_id"]
    made = [
        client.post(f"{METRIC}/pins", json={"name": "board-july", "job_id": july}) for _ in range(2)
    ]
    for value in (3, 4):
        accept(client, night(service, client, 1, value)["job_id"])
    against_july = night(service, client, 1, 4, query="&old=pin:board-july")
    in_json = asked(client, "sales", json={"old": "pin:board-july"})
    typed = submitted(client, "sales", "--old", "pin:board-july", "--wait", "--fresh")

    assert [200, 200] == [answer.status_code for answer in made]
    assert made[0].json() == made[1].json()
    assert [made[0].json()] == client.get(f"{METRIC}/pins").json()["pins"]
    assert (0, 1, 0) == counts(against_july) == counts(in_json)
    assert (0, client.result_of(against_july["job_id"]).decode()) == typed[:2]
    ended = client.get(f"/api/diffing/job/{client.newest_job()}/status").json()
    assert "board-july" == ended["baseline"]["pin"]
    assert "board-july" == against_july["baseline"]["pin"]
    assert july == against_july["baseline"]["job_id"]


def test_the_name_of_a_pin_belongs_to_one_job_until_it_is_removed(service: Service) -> None:
    with_catalogue(service)
    client, _ = service.api_and_worker()
    first, second = (night(service, client, value)["job_id"] for value in (1, 2))
    client.post(f"{METRIC}/pins", json={"name": "july", "job_id": first})
    taken = client.post(f"{METRIC}/pins", json={"name": "july", "job_id": second})

    assert (409, "urn:diffing:pin-taken") == (taken.status_code, taken.json()["type"])
    assert 204 == client.delete(f"{METRIC}/pins/july").status_code
    assert 404 == client.delete(f"{METRIC}/pins/july").status_code
    assert 200 == client.post(f"{METRIC}/pins", json={"name": "july", "job_id": second}).status_code
    unknown = client.post("/api/diffing/new/sales?old=pin:august")
    assert (404, "urn:diffing:unknown-pin") == (unknown.status_code, unknown.json()["type"])


# what is refused


def test_only_a_job_of_the_metric_that_succeeded_is_accepted(service: Service) -> None:
    with_catalogue(service, SALES + PLAIN)
    service.write("sales_old.csv", sales(1))
    client, _ = service.api_and_worker()
    good = night(service, client, 1)["job_id"]
    other = asked(client, "plain")["job_id"]
    service.write("sales.csv", "id,value\n1,2,3\n")
    bad = client.post("/api/diffing/new/sales?wait=60").json()["job_id"]
    client.wait_for_failure(bad)
    said = [accept(client, job_id) for job_id in (other, bad, 99)]

    assert [409, 409, 404] == [answer.status_code for answer in said]
    assert f"Job {other} is of the metric plain, not of sales." == said[0].json()["detail"]
    assert [(good, "first")] == accepted(client)
    for body in ({}, {"job_id": "1"}, {"job_id": good, "why": "?"}, {"job_id": True}):
        assert 422 == client.post(f"{METRIC}/accept", json=body).status_code
    assert 415 == client.post(f"{METRIC}/accept", data={"job_id": "1"}).status_code
    assert 404 == accept(client, good, metric="nothing").status_code
    assert 400 == client.post("/api/diffing/new/sales?old=sales.csv").status_code
    both = client.post("/api/diffing/new/sales?old=accepted", json={"old": "sales.csv"})
    assert 422 == both.status_code


def test_accepting_needs_a_scope_of_its_own(service: Service) -> None:
    with_catalogue(service)
    api_keys = ApiKeys(service.database())
    _, token = api_keys.create("nightly", {Scope.READ, Scope.SUBMIT})
    reviewer, other = api_keys.create("reviewer", {Scope.ACCEPT})
    url = str(service.api(api_keys="on").base_url)
    service.worker()
    nightly, reviewing = service.client_at(url, token), service.client_at(url, other)
    job_id = night(service, nightly, 1)["job_id"]
    pin = {"name": "july", "job_id": job_id}

    assert 403 == accept(nightly, job_id).status_code
    assert 403 == nightly.post(f"{METRIC}/pins", json=pin).status_code
    assert 403 == nightly.delete(f"{METRIC}/pins/july").status_code
    assert 403 == reviewing.post("/api/diffing/new/sales").status_code
    second = night(service, nightly, 2)["job_id"]
    assert reviewer.id == accept(reviewing, second).json()["api_key"]
    assert reviewer.id == reviewing.post(f"{METRIC}/pins", json=pin).json()["api_key"]
    assert 200 == nightly.get(f"{METRIC}/pins").status_code


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'{SALES}rename = {{ a = "value" }}\n', "rename: an accepted file has the names of new"),
        (f'{SALES}accept = "when expected"\n', "accept: needs rules in expect"),
        (f'{PLAIN}accept = "when expected"\n', 'accept: needs old = "accepted"'),
        (f'{SALES}accept = "always"\n', "accept: must be 'when expected'"),
        (SALES.replace('"accepted"', '"pin:july"'), "old: must name"),
        (SALES.replace('"sales.csv"', '"accepted"'), "new: must name"),
    ],
)
def test_a_catalogue_is_refused_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "metrics.toml").write_text(text)

    with pytest.raises(BadCatalogue, match=re.escape(said)):
        load_catalogue(tmp_path / "metrics.toml")


# the kept files


def test_a_content_is_kept_once_whatever_needs_it(service: Service) -> None:
    with_catalogue(service)
    client, _ = service.api_and_worker()
    first, second, third = (night(service, client, value)["job_id"] for value in (1, 2, 1))
    accept(client, third)
    client.post(f"{METRIC}/pins", json={"name": "july", "job_id": first})

    assert {sha256(sales(1)), sha256(sales(2))} == kept_by(service)
    assert 2 == len([*service.settings.kept_dir.glob("*.csv.zst")])
    assert second


@pytest.mark.slow
def test_a_pinned_or_accepted_file_is_never_swept_and_others_are(service: Service) -> None:
    with_catalogue(service)
    client, worker = service.api_and_worker()
    pinned, current, other = (night(service, client, value)["job_id"] for value in (1, 2, 3))
    newest = night(service, client, 4)
    client.post(f"{METRIC}/pins", json={"name": "july", "job_id": pinned})
    accept(client, current)
    checks = client.get("/ready").json()["checks"]
    sizes = [path.stat().st_size for path in service.settings.kept_dir.glob("*.zst")]
    assert f"4 files, {sum(sizes) / 1e6:,.1f} MB." == checks["kept"]["detail"]
    figures = client.get("/metrics").text
    assert "diffing_kept_files 4.0" in figures
    assert f"diffing_kept_bytes {float(sum(sizes))}" in figures
    worker.signal(signal.SIGTERM)
    worker.ended()
    (service.settings.kept_dir / f".1-1-{'0' * 64}.csv.zst").touch()
    service.worker(retention=0.5, history_retention=0.5)
    # the newest job is never removed, so its file stays, too
    left = {sha256(sales(value)) for value in (1, 2, 4)}
    wait_until(lambda: kept_by(service) == left, "a file stays")

    assert other
    assert current == night(service, client, 4, query="&fresh=1")["baseline"]["job_id"]
    assert (0, 1, 0) == counts(night(service, client, 4, query="&old=pin:july"))
    assert newest["job_id"]


def test_what_is_taken_into_use_is_not_swept(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path)
    (tmp_path / "new.csv").write_text(sales(1))
    name = kept.keep(InputFile(tmp_path / "new.csv", "new.csv"), sha256(sales(1)))
    with kept.staying():
        kept.remove_all_but(set)
        assert kept.path_of(name).exists()
    kept.remove_all_but(lambda: {name})
    assert kept.path_of(name).exists()
    kept.remove_all_but(set)

    assert not kept.path_of(name).exists()


def test_another_content_than_that_of_the_job_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    (tmp_path / "new.csv").write_text(sales(1))

    with pytest.raises(ContentGone, match="has changed since the job read it"):
        KeptFiles(folder).keep(InputFile(tmp_path / "new.csv", "new.csv"), sha256(sales(2)))
    assert [] == [*folder.iterdir()]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    (tmp_path / "new.csv").write_text(sales(1))

    with pytest.raises(DiskUnavailable, match="Too little disk space is free"):
        KeptFiles(folder, 10**18).keep(InputFile(tmp_path / "new.csv", "new.csv"), sha256(sales(1)))
    assert [] == [*folder.iterdir()]


def test_a_folder_that_cannot_be_written_is_a_503_and_accepts_nothing(service: Service) -> None:
    with_catalogue(service)
    client, _ = service.api_and_worker()
    job_id = night(service, client, 1)["job_id"]
    lock = service.settings.kept_dir / "lock"
    lock.unlink()
    lock.mkdir()  # root may write all files
    refused = accept(client, job_id)
    lock.rmdir()

    assert 503 == refused.status_code
    assert "The folder of kept files cannot be used." in refused.json()["detail"]
    assert 200 == accept(client, job_id).status_code


# kill -9


STEPS = {
    "before the file is kept": "diffing.files.kept:KeptFiles.keep:1:before",
    "while the file is written": "diffing.files.kept:KeptFiles._copy:1:after",
    "before the file has its name": "diffing.files.publish:sync:1:before",
    "after the file has its name": "diffing.files.publish:sync:2:after",
    "after the file is kept": "diffing.files.kept:KeptFiles.keep:1:after",
    "before the job knows the file": "diffing.store.baselines:Baselines.take:1:before",
    "before the file is accepted": "diffing.store.baselines:Baselines.accept:1:before",
    "before the transaction ends": "diffing.store.baselines:_insert:1:after",
    "after the file is accepted": "diffing.store.baselines:Baselines.accept:1:after",
}


def one_by_one(catalogue: str, number: int) -> str:
    """The catalogue of a metric, for so many metrics with files of their own."""
    return "".join(
        re.sub(r"\w+(?=\.csv|\])", rf"\g<0>{place}", catalogue) for place in range(number)
    )


def has_kept(service: Service, export: str) -> bool:
    """Whether the kept file of an export is whole."""
    [kept] = service.settings.kept_dir.glob(f"{sha256(export)}*.zst")
    return export.encode() == zstd.decompress(kept.read_bytes())


@pytest.mark.slow
def test_an_api_that_is_killed_while_it_accepts_loses_and_doubles_nothing(
    service: Service, backend: Backend
) -> None:
    steps = {step: at for step, at in STEPS.items() if "store" in at or not backend.database}
    with_catalogue(service, one_by_one(PLAIN, len(steps)))
    client, _ = service.api_and_worker()
    exports = []
    for number, (step, at) in enumerate(steps.items()):
        metric = f"plain{number}"
        exports.append(sales(2, number))
        service.write(f"sales_old{number}.csv", sales(1))
        service.write(f"sales{number}.csv", exports[-1])
        job_id = asked(client, metric)["job_id"]
        killed = service.start_killed_at(at, "api", "--port", "0")
        with pytest.raises(httpx2.TransportError):
            accept(service.client_of(killed), job_id, "the first try", metric=metric)
        assert (step, -signal.SIGKILL) == (step, killed.ended())

        def notes(metric: str = metric) -> list[str]:
            found = client.get(f"/api/diffing/metrics/{metric}/accepted").json()["accepted"]
            return [one["note"] for one in found]

        was_accepted = step == "after the file is accepted"
        assert (step, ["the first try"] if was_accepted else []) == (step, notes())
        if was_accepted:  # and its file is there, and whole
            assert has_kept(service, exports[-1])
        assert 200 == accept(client, job_id, "the second try", metric=metric).status_code
        assert (step, ["the first try" if was_accepted else "the second try"]) == (step, notes())
        assert has_kept(service, exports[-1])
    assert (0, 0, 0) == counts(asked(client, "plain0", "&old=accepted"))
    service.worker()  # it sweeps at its start
    wait_until(lambda: {*map(sha256, exports)} == kept_by(service), "a part is left")


# none of the killed workers takes over the job of an earlier one
NEVER = 3_600


@pytest.mark.slow
def test_a_worker_that_is_killed_while_it_accepts_loses_and_doubles_nothing(
    service: Service,
) -> None:
    calls = [
        "diffing.store.baselines:Baselines.take:1:before",
        "diffing.store.baselines:Baselines.take:1:after",
        "diffing.files.kept:KeptFiles._copy:1:after",
        "diffing.files.kept:KeptFiles.keep:1:after",
        "diffing.store.jobs:accept_by_itself:1:before",
        "diffing.store.jobs:accept_by_itself:1:after",
        "diffing.store.jobs:Jobs.succeed:1:after",
    ]
    with_catalogue(service, one_by_one(SALES, len(calls)))
    client = service.api(stale_after=STALE_AFTER)
    ids = []
    for number, at in enumerate(calls):
        service.write(f"sales{number}.csv", sales(number))
        killed = service.start_killed_at(at, "worker", stale_after=NEVER)
        ids.append(client.post(f"/api/diffing/new/sales{number}").json()["job_id"])
        assert (at, -signal.SIGKILL) == (at, killed.ended())
    service.worker(stale_after=STALE_AFTER)

    for number, (job_id, at) in enumerate(zip(ids, calls, strict=True)):
        attempt = client.wait_for_success(job_id)["attempt"]
        assert (at, 1 if at.endswith("succeed:1:after") else 2) == (at, attempt)
        metric = f"/api/diffing/metrics/sales{number}"
        found = client.get(f"{metric}/accepted").json()["accepted"]
        assert (at, [(job_id, "first")]) == (at, [(one["job_id"], one["how"]) for one in found])
        assert 1 == len(client.get(f"{metric}/history").json()["history"])
        assert has_kept(service, sales(number))
    wait_until(lambda: {sha256(sales(n)) for n in range(len(calls))} == kept_by(service), "a part")
    service.write("sales0.csv", sales(-1))
    assert (0, 1, 0) == counts(asked(client, "sales0"))


# the command line


@pytest.mark.on_files_alone
def test_the_command_accepts(service: Service) -> None:
    with_catalogue(service)
    client, _ = service.api_and_worker()
    night(service, client, 1)
    second = night(service, client, 2)["job_id"]

    def run(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "diffing", *arguments],
            env={**os.environ, "DIFFING_URL": str(client.base_url)},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr

    said = f"sales: sales.csv of job {second} is accepted\n"
    assert (0, said, "") == run("accept", "sales", str(second), "--note", "fine")
    assert "fine" == client.get(f"{METRIC}/accepted").json()["accepted"][0]["note"]
    status, out, error = run("accept", "sales", "99")
    assert (2, "", "diffing: Unknown job 99.\n") == (status, out, error)


def test_a_diff_without_a_service_says_where_the_accepted_file_is(tmp_path: Path) -> None:
    (tmp_path / "metrics.toml").write_text(SALES)
    done = subprocess.run(
        [sys.executable, "-m", "diffing", "diff", "--metric", "sales", "--metrics", "metrics.toml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert 2 == done.returncode
    assert "use: diffing submit sales" in done.stderr


# a week


def test_a_drift_in_a_settled_month_is_caught_accepted_and_in_the_history(
    service: Service,
) -> None:
    rules = """
period = "date"
settled_after = "40d"
accept = "when expected"
expect = { removed = 0, settled = { changed = 0 } }
"""
    with_catalogue(service, SALES.replace('["id"]', '["date", "shop"]') + rules)
    client, _ = service.api_and_worker()

    def export(day: int, *, drift: bool) -> str:
        months = [f"2026-{month:02}-01" for month in range(1, 11)]
        days = [f"2026-11-{number:02}" for number in range(1, 20 + day)]
        lines = [
            # the figures of the last days still move; those of March were restated one night
            f"{date},{shop},{100 + shop + (day if date == days[-2] else 0)}"
            if not (drift and date == "2026-03-01" and shop == 2)
            else f"{date},{shop},250"
            for date in (*months, *days)
            for shop in range(3)
        ]
        return "\n".join(["date,shop,value", *lines, ""])

    nights = []
    for day in range(1, 8):
        service.write("sales.csv", export(day, drift=day >= 5))
        nights.append(asked(client, "sales"))
        if day == 5:
            accept(client, nights[-1]["job_id"], "March was restated, ticket 7")
    history = client.get(f"{METRIC}/history").json()["history"][::-1]
    ids = [status["job_id"] for status in nights]

    assert [None, True, True, True, False, True, True] == [
        status["verdict"] and (status["verdict"]["passed"] if status["baseline"] else None)
        for status in nights
    ]
    [unmet] = [rule for rule in nights[4]["verdict"]["rules"] if not rule["met"]]
    assert ("settled.changed", 1) == (unmet["rule"], unmet["figure"])
    assert [None, *ids[:-1]] == [run["baseline"] and run["baseline"]["job_id"] for run in history]
    assert ["first", *["expected"] * 3, "request", *["expected"] * 2] == [
        run["accepted"]["how"] for run in history
    ]
    assert "March was restated, ticket 7" == history[4]["accepted"]["note"]
    assert history[4]["new"]["sha256"] == sha256(export(5, drift=True))


@pytest.mark.on_files_alone
def test_a_job_whose_new_file_cannot_be_kept_fails(service: Service) -> None:
    with_catalogue(service)
    service.write("sales.csv", sales(1, 2))
    client, worker = service.api_and_worker()
    first = asked(client, "sales", "&fresh=1")["job_id"]
    worker.signal(signal.SIGTERM)
    worker.ended()
    most = shutil.disk_usage(service.folder).total // 10**6 - 1
    service.worker(min_free=f"{most}MB")
    service.write("sales.csv", sales(1, 3))
    second = client.post("/api/diffing/new/sales?fresh=1").json()["job_id"]
    error = client.wait_for_failure(second)["error"]

    assert "Too little disk space is free to keep a file." in error["detail"]
    assert [(first, "first")] == accepted(client)
    wait_until(
        lambda: not [*service.settings.results_dir.glob(f"{second}.*")], "its files are left"
    )


@pytest.mark.on_files_alone
@pytest.mark.parametrize("name", one_in(2, ["a/b", "-a", "a" * 81]))
def test_a_pin_of_another_name_is_refused_with_what_is_possible(
    service: Service, name: str
) -> None:
    with_catalogue(service)
    answer = service.api().post(f"{METRIC}/pins", json={"name": name, "job_id": 1})

    assert 422 == answer.status_code
    assert "name: must be 1 to 80 letters, digits, points, hyphens" in answer.json()["detail"]
