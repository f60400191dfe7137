"""Too little room: a data folder that fills up again and again, and memory limits too small."""

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.service_under_test import Client, Service
from tests.torture.referee import METRICS, Referee, Tally, job_in

STALE_AFTER = 3.0


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[None]:
    """A file system of its own in a folder.

    Raises:
        OSError: this process may not mount one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        system("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    except subprocess.CalledProcessError as error:
        raise OSError(error.stderr.decode().strip()) from None
    try:
        yield
    finally:
        system("umount", "--lazy", str(folder))  # a database may be open still


def system(program: str, *arguments: str) -> str:
    """Run a program of the system, and return what it prints."""
    command = [shutil.which(program) or program, *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout.decode()


def fill(folder: Path) -> Path:
    """Leave no byte free."""
    path = folder / "ballast"
    with path.open("ab", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return path


def fill_the_disk(
    service: Service, referee: Referee, rng: random.Random, tally: Tally, jobs: int
) -> None:
    """Jobs while the data folder fills up and gets room again; it must be small."""
    settings = {"metrics": referee.catalogue, "stale_after": STALE_AFTER, "threads": 1}
    client, worker = service.api_and_worker(**settings)
    asked = 0
    while asked < jobs:
        ballast = fill(service.folder)
        tally.faults["disk full"] += 1
        asked += _ask(client, referee, rng, tally, rng.randint(1, 4))
        time.sleep(rng.uniform(0, 1.5))
        ballast.unlink()
        asked += _ask(client, referee, rng, tally, rng.randint(0, 2))
        time.sleep(rng.uniform(0, 1.5))
    referee.judge(tally, client, patience=120)
    worker.signal(signal.SIGTERM)
    worker.ended()
    referee.judge_what_is_left(tally)


def starve(service: Service, referee: Referee, rng: random.Random, tally: Tally, jobs: int) -> None:
    """Jobs under memory limits from far too small to nearly enough."""
    client = service.api(metrics=referee.catalogue)
    for _ in range(jobs):
        worker = service.worker(
            metrics=referee.catalogue, memory_limit=f"{rng.randint(5, 60)}MB", temp_limit="1MB"
        )
        tally.faults["memory limit too small"] += 1
        _ask(client, referee, rng, tally, 2)
        referee.wait(client)
        worker.signal(signal.SIGTERM)
        worker.ended()
    referee.judge(tally, client, patience=60)
    referee.judge_what_is_left(tally)


def _ask(client: Client, referee: Referee, rng: random.Random, tally: Tally, times: int) -> int:
    accepted = 0
    for _ in range(times):
        metric = rng.choice(METRICS)
        response = client.post(f"/api/diffing/new/{metric}?fresh=1")
        if (job_id := job_in(response)) is not None:
            referee.accept(job_id, metric)
            accepted += 1
        elif not (response.status_code == 503 and "database-unavailable" in response.text):
            tally.faults_of_ours.append(f"{response.status_code}: {response.text}")
    return accepted
