"""The trials of `make torture`, short."""

import random
from pathlib import Path

import pytest

from tests.backends import own_backend
from tests.servers import CannotRun
from tests.torture import trials
from tests.torture.__main__ import table
from tests.torture.referee import Tally


def assert_clean(tally: Tally, accepted: int = 1) -> None:
    assert tally.is_clean, tally
    assert tally.accepted >= accepted
    assert tally.ends["succeeded"] >= 1
    assert sum(tally.faults.values()) >= 1, tally


@pytest.mark.slow
def test_no_job_is_lost_wrong_or_stuck_while_everything_is_killed(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**9)
    print(f"seed {seed}")
    tally = trials.chaos(tmp_path / "data", random.Random(seed), jobs=12, rows=60_000)

    assert_clean(tally, accepted=12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["postgresql", "redis"])
def test_no_job_is_lost_wrong_or_stuck_while_servers_are_stopped_too(
    tmp_path: Path, name: str
) -> None:
    rng = random.Random(7)
    try:
        with own_backend(name) as backend:
            tally = trials.chaos(tmp_path / "data", rng, jobs=12, rows=60_000, backend=backend)
    except CannotRun as error:
        pytest.skip(str(error))

    assert_clean(tally, accepted=12)


@pytest.mark.slow
def test_no_job_is_lost_wrong_or_stuck_while_hosts_are_cut_off(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**9)
    print(f"seed {seed}")
    try:
        tally = trials.hosts(tmp_path / "data", random.Random(seed), jobs=15, rows=60_000)
    except CannotRun as error:
        pytest.skip(str(error))

    assert_clean(tally, accepted=15)
    assert {
        "cut host off",
        "freeze bucket",
        "kill group of api",
        "kill group of worker",
        "stop postgresql",
        "stop redis",
    } == {*tally.faults}


@pytest.mark.slow
def test_many_clients_at_once_meet_no_error(tmp_path: Path) -> None:
    assert_clean(trials.crowd(tmp_path / "data", random.Random(5), clients=50, seconds=5))


@pytest.mark.slow
def test_no_job_is_lost_wrong_or_stuck_while_the_disk_fills_up(tmp_path: Path) -> None:
    try:
        tally = trials.disk(tmp_path / "data", random.Random(5), jobs=5)
    except OSError as error:
        pytest.skip(f"no file system can be mounted here: {error}")

    assert_clean(tally, accepted=5)


def test_the_table_sums_up() -> None:
    tallies = [Tally("a", accepted=2, lost=1), Tally("b", accepted=3)]
    tallies[0].ends["succeeded"] = 1

    assert "| all | 0 | 5 | 1 | 0 | 0 | 1 | 0 | 0 | 0 |" == table(tallies).splitlines()[-1]
    assert [False, True] == [tally.is_clean for tally in tallies]
