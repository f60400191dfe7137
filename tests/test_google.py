"""Files in Google Cloud Storage: the same diff as of files in S3."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from diffing.files.credentials import take_credentials
from tests.backends import OneForAll, backend_of
from tests.command_line import CHANGED, NEW, OLD
from tests.servers import Urls, free_port
from tests.service_under_test import PATIENCE_SECONDS, Service, server
from tests.test_baselines import SALES, accept, asked, counts, sales, with_catalogue

NAME = "exports"
ON_THIS_MACHINE = {
    # the emulator does not tell the type of a bucket, for which gcsfs waits a minute
    "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
    # gcsfs looks for the credentials of a machine of Google
    "NO_GCE_CHECK": "true",
    "GCE_METADATA_HOST": "127.0.0.1:1",
    "GCE_METADATA_IP": "127.0.0.1:1",
}


@dataclass(frozen=True)
class Store:
    """A server of Google Cloud Storage with one bucket.

    Args:
        url: of the server.
    """

    url: str

    def put(self, key: str, content: str) -> None:
        """Write a file."""
        answer = httpx2.post(
            f"{self.url}/upload/storage/v1/b/{NAME}/o",
            params={"uploadType": "media", "name": key},
            content=content.encode(),
            timeout=PATIENCE_SECONDS,
        )
        assert 200 == answer.status_code, answer.text

    def keys(self, prefix: str) -> list[str]:
        """The names of all files below a prefix."""
        answer = httpx2.get(f"{self.url}/storage/v1/b/{NAME}/o", params={"prefix": prefix})
        return [file["name"] for file in answer.json().get("items", [])]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    port = free_port()
    emulator = ["-m", "gcp_storage_emulator", "start", "--host=127.0.0.1", f"--port={port}"]
    started = server([*emulator, "--in-memory", f"--default-bucket={NAME}"])
    try:
        started.saw("All services started")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
            for name, value in ON_THIS_MACHINE.items():
                patch.setenv(name, value)
            yield Store(f"http://127.0.0.1:{port}")
    finally:
        started.close()
        started.drain()


def diffed(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A diff by a new process of Python, whose modules are those that it loads itself."""
    return subprocess.run(
        [sys.executable, "-m", "diffing", *arguments, "-k", "id", "-v", "value"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


def test_a_file_may_have_a_url(store: Store, tmp_path: Path) -> None:
    store.put("old.csv", OLD)
    store.put("new.csv", NEW)
    done = diffed(tmp_path, "gs://exports/old.csv", "gs://exports/new.csv", "-q")

    assert (0, "", CHANGED) == (done.returncode, done.stderr, done.stdout)


@pytest.mark.slow
def test_a_missing_file_is_named(store: Store, tmp_path: Path) -> None:
    store.put("new.csv", NEW)
    done = diffed(tmp_path, "gs://exports/lost.csv", "gs://exports/new.csv")

    assert done.returncode not in (0, 1)
    assert "gs://exports/lost.csv: no such file" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_hosts_share_inputs_results_and_accepted_files(
    store: Store, servers: Urls, tmp_path: Path
) -> None:
    there = backend_of("postgresql", servers.database, servers.queue)
    shared = OneForAll("postgresql", there.database, storage=f"gs://{NAME}/hosts")
    with Service(tmp_path / "one", shared) as one, Service(tmp_path / "two", shared) as two:
        for host in (one, two):
            with_catalogue(host, SALES)
        api = one.client_of(one.start_module("diffing", "api", "--port", "0"))
        two.start_module("diffing", "worker").saw("working on up to")
        nights = []
        for values in ((1, 2), (1, 2, 3), (9, 2, 3)):
            store.put("hosts/input/sales.csv", str(sales(*values)))
            nights.append(asked(api, "sales", "&fresh=1"))
            if len(nights) == 2:
                accept(api, nights[1]["job_id"])
        result = api.result_of(nights[2]["job_id"]).decode()

    assert [(2, 0, 0), (1, 0, 0), (0, 1, 0)] == list(map(counts, nights))
    assert sales(9).splitlines() == result.splitlines()
    assert 3 == len(store.keys("hosts/kept/"))


def test_no_credentials_of_a_store_stay_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = {
        "AWS_SECRET_ACCESS_KEY": "a",
        "AZURE_STORAGE_ACCOUNT_KEY": "b",
        "GOOGLE_APPLICATION_CREDENTIALS": "c",
        "FSSPEC_GS_TOKEN": "d",
    }
    for name, text in secret.items():
        monkeypatch.setenv(name, text)

    assert secret.items() <= take_credentials().items()
    assert not {*secret} & {*os.environ}
