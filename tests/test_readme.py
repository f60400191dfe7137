"""The sessions of the README with curl, typed in one after the other."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from diffing.core.catalogue import load_catalogue
from tests.conftest import ROOT
from tests.service_under_test import Client, Service

README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "localhost:8000"
# a worker may have taken the job already
EITHER = ('"status":"processing"', '"status":"queued"')


def sessions(heading: str) -> list[tuple[str, str]]:
    """The commands in the console blocks under a heading, with what they print."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [
        (command.replace("\\\n", ""), said.rstrip("\n"))
        for block in blocks
        for command, said in re.findall(
            r"^\$ ((?:[^\n]*\\\n)*[^\n]*)\n(.*?)(?=^\$ |\Z)", block, re.MULTILINE | re.DOTALL
        )
    ]


def typed(command: str, client: Client, folder: Path) -> str:
    """What a command prints when it is typed into a shell."""
    address = str(client.base_url).removeprefix("http://").rstrip("/")
    done = subprocess.run(
        ["/bin/bash", "-c", command.replace(ADDRESS, address)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.rstrip("\n")


@pytest.fixture
def after_make_run(service: Service) -> Client:
    """A service that has done what `make run` does."""
    client, _ = service.api_and_worker()
    metrics = load_catalogue(None).metrics
    for metric in metrics:
        service.write_sample(metric, 200_000)
    for metric in metrics:
        client.wait_for_success(client.new_job(metric))
    return client


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl on this machine")
def test_every_session_with_curl_is_as_shown(after_make_run: Client, service: Service) -> None:
    parts = ("Over HTTP", "Who may do what", "Running it")
    turns = [turn for part in parts for turn in sessions(part)]

    assert len([command for command, _ in turns if command.startswith("curl ")]) >= 10
    for command, shown in turns:
        if command.startswith("diffing "):
            continue  # tests/test_access.py types these in
        said = typed(command, after_make_run, service.folder.parent)
        assert shown == said.replace(*EITHER), command
