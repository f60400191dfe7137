"""The commands on the page of a job give the same result again."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import one_in
from tests.service_under_test import Client, Service

OLD = "id;label;price;seen\n1; a;1,5;2026-11-27T10:00Z\n2;b;2,5;x\n3;c;3,5;y\n"
NEW = "id;label;price;seen\n1;A;1,5;2026-11-27T10:00:00.5Z\n2;b;2,6;x\n4;d;4,5;z\n"
OPTIONS: dict[str, dict[str, Any]] = {
    "no option": {},
    "tolerances": {"rel_tol": "0.001", "abs_tol": ["0", "price=0.2"]},
    "kinds and rules": {
        **{"text": "label", "time": "seen", "time_tol": "1s"},
        **{"trim": "true", "nocase": "true", "empty": "x,y"},
    },
    "sums": {"measure": "id", "additive": "false"},
    "totals": {"totals": "true", "totals_by": "id"},
    "duplicates and a first old": {"duplicates": "error", "first": "added"},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("commands") / "data") as service:
        yield service


@pytest.fixture(scope="module")
def client(service: Service) -> Client:
    client, _ = service.api_and_worker()
    return client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "old.csv").write_text(OLD)
    (tmp_path / "new.csv").write_text(NEW)
    return tmp_path


def shown(client: Client, job_id: int) -> list[str]:
    page = client.get(f"/jobs/{job_id}").text
    return [unescape(found) for found in re.findall(r"<code>((?:curl|diffing) .*?)</code>", page)]


@pytest.mark.parametrize("options", one_in(6, OPTIONS.values()), ids=OPTIONS)
def test_the_commands_of_a_job_give_its_result_again(
    client: Client, folder: Path, options: dict[str, Any]
) -> None:
    files = {
        side: (f"{side}.csv", (folder / f"{side}.csv").read_bytes()) for side in ("old", "new")
    }
    fields = {"key": "id", "value": "label,price,seen", "delimiter": ";", "decimal": ","}
    answer = client.post("/api/diffing/new", files=files, data={**fields, **options})
    job_id = answer.json()["job_id"]
    client.wait_for_success(job_id)
    curl, diffing = shown(client, job_id)

    again = subprocess.run(["/bin/sh", "-c", curl], cwd=folder, capture_output=True, check=True)
    here = subprocess.run(
        ["/bin/sh", "-c", f"'{sys.executable}' -m {diffing}"],
        cwd=folder,
        capture_output=True,
        check=True,
    )

    found = int(re.sub(rb"\D", b"", again.stdout))
    client.wait_for_success(found)
    expected = client.get(f"/api/diffing/job/{job_id}/summary").json()
    summary = client.get(f"/api/diffing/job/{found}/summary").json()
    chosen = [name for name in expected if name not in ("seconds", "peak_rss_bytes")]
    assert {n: expected[n] for n in chosen} == {n: summary[n] for n in chosen}
    assert client.result_of(job_id) == here.stdout


def found_again(client: Client, job_id: int, folder: Path) -> int:
    """The job that the command with curl on the page of a job starts."""
    curl = shown(client, job_id)[0]
    done = subprocess.run(["/bin/sh", "-c", curl], cwd=folder, capture_output=True, check=True)
    found = int(re.sub(rb"\D", b"", done.stdout))
    client.wait_for_success(found)
    return found


def test_names_with_signs_of_curl_are_quoted(client: Client, tmp_path: Path) -> None:
    texts = {"old": ("May, all.csv", "k,v\n1,2\n"), "new": ("June; all.csv", "k,v\n1,3\n")}
    for file, text in texts.values():
        (tmp_path / file).write_text(text)
    job_id = client.post("/api/diffing/new", files=texts, data={"key": "k"}).json()["job_id"]
    client.wait_for_success(job_id)

    again = found_again(client, job_id, tmp_path)

    assert client.result_of(job_id) == client.result_of(again)


def test_a_job_of_a_metric_with_files_of_its_own_names_them(
    service: Service, client: Client, tmp_path: Path
) -> None:
    for name, amount in (("first.csv", 1), ("second.csv", 2)):
        service.write(name, f"date,segment_field,segment_value_id,stat,value\nd,f,i,s,{amount}\n")
    files = {"old": "first.csv", "new": "second.csv"}
    job_id = client.post("/api/diffing/new/revenue", json=files).json()["job_id"]
    client.wait_for_success(job_id)

    again = found_again(client, job_id, tmp_path)

    assert client.result_of(job_id) == client.result_of(again)
