"""The trials, each on a data folder of its own."""

import random
from pathlib import Path

from tests.backends import Backend
from tests.service_under_test import Client, Service
from tests.torture.chaos import Chaos
from tests.torture.cluster import cluster
from tests.torture.crowd import Crowd
from tests.torture.hosts import Hosts
from tests.torture.referee import Referee, Tally
from tests.torture.shortage import fill_the_disk, mounted, starve

_ROWS = 200_000
_FEW_ROWS = 20_000
_FILES = Backend()


def chaos(
    folder: Path, rng: random.Random, jobs: int, rows: int = _ROWS, backend: Backend = _FILES
) -> Tally:
    """Kill, stop, tell to stop, let the clock jump, and stop servers."""
    tally = Tally("kill, stop, SIGTERM, clock")
    with Service(folder, backend) as service:
        referee = Referee(service, rows)
        trial = Chaos(service, referee, rng, tally, backend.servers)
        trial.run(jobs)
        with Client(trial.url, folder) as client:
            referee.judge(tally, client, patience=180)
        trial.stop()
        referee.judge_what_is_left(tally)
    return tally


def crowd(
    folder: Path, rng: random.Random, clients: int, seconds: float, backend: Backend = _FILES
) -> Tally:
    """Many clients at once."""
    tally = Tally(f"{clients} clients for {seconds:g} s")
    with Service(folder, backend) as service:
        Crowd(service, Referee(service, _FEW_ROWS), rng, tally).run(clients, seconds)
    return tally


def disk(folder: Path, rng: random.Random, jobs: int, backend: Backend = _FILES) -> Tally:
    """A small disk that fills up.

    Raises:
        OSError: no file system can be mounted.
    """
    tally = Tally("40 MB disk that fills up")
    with mounted(folder, "40m"), Service(folder, backend) as service:
        fill_the_disk(service, Referee(service, _FEW_ROWS), rng, tally, jobs)
    return tally


def memory(folder: Path, rng: random.Random, jobs: int, backend: Backend = _FILES) -> Tally:
    """Memory limits too small."""
    tally = Tally("memory limits of 5 to 60 MB")
    with Service(folder, backend) as service:
        starve(service, Referee(service, _ROWS), rng, tally, jobs)
    return tally


def hosts(folder: Path, rng: random.Random, jobs: int, count: int = 3, rows: int = _ROWS) -> Tally:
    """Hosts that are cut off, whose servers stop, and whose bucket freezes.

    Raises:
        CannotRun: a server is not installed, or this process may not make namespaces.
    """
    tally = Tally(f"{count} hosts")
    with cluster(folder, count) as made:
        trial = Hosts(made, Referee(made.outside, rows), rng, tally)
        trial.run(jobs)
        trial.stop()
    return tally
