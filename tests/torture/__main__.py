"""Run all trials: `python -m tests.torture [--seed N] [--jobs 200] [--on redis | --hosts 3]`."""

import argparse
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.backends import NAMES, Backend, own_backend
from tests.servers import CannotRun
from tests.torture import trials
from tests.torture.referee import Tally

Trials = list[tuple[str, Callable[[Path, random.Random], Tally]]]
_COLUMNS = ("accepted", "succeeded", "failed", "cancelled", "lost", "wrong", "stuck", "twice")


def main() -> int:
    """Run them, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(prog="torture")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--on", choices=NAMES, default=NAMES[0], help="servers are started for it")
    parser.add_argument(
        "--hosts", type=int, choices=range(3, 10), help="cut off so many hosts instead"
    )
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        with own_backend(given.on) as backend:
            tallies = _run(given.seed, _hosts(given) if given.hosts else _trials(given, backend))
    except CannotRun as error:
        parser.exit(1, f"torture: {error}\n")
    print(f"\n{table(tallies)}\n")
    for tally in tallies:
        refused = f"; {tally.refused} x refused with 503" if tally.refused else ""
        print(f"{tally.trial}: {_listed(tally.faults)}{refused}")
    faults = [fault for tally in tallies for fault in tally.faults_of_ours]
    print("\n".join(faults[:50]))
    return 0 if all(tally.is_clean for tally in tallies) else 1


def _interrupt(number: int, _: object) -> None:
    """End all that runs; what ends it must not be interrupted, too."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


def _hosts(given: argparse.Namespace) -> Trials:
    return [("hosts", partial(trials.hosts, jobs=given.jobs, count=given.hosts))]


def _trials(given: argparse.Namespace, on: Backend) -> Trials:
    jobs = given.jobs
    return [
        ("chaos", partial(trials.chaos, jobs=jobs, backend=on)),
        ("crowd", partial(trials.crowd, clients=given.clients, seconds=given.seconds, backend=on)),
        ("disk", partial(trials.disk, jobs=max(jobs // 5, 1), backend=on)),
        ("memory", partial(trials.memory, jobs=max(jobs // 20, 1), backend=on)),
    ]


def _run(seed: int, every: Trials) -> list[Tally]:
    """Run each trial on a data folder of its own."""
    tallies = []
    for name, run in every:
        print(f"{name} …", flush=True)
        with tempfile.TemporaryDirectory(prefix="torture-") as folder:
            try:
                tallies.append(run(Path(folder) / "data", random.Random(f"{seed} {name}")))
            except OSError as error:
                if name != "disk":
                    raise
                print(f"left out: no file system can be mounted here: {error}")
    return tallies


def table(tallies: list[Tally]) -> str:
    """The tallies as a table in Markdown, with their sum."""
    rows = [
        (tally.trial, sum(tally.faults.values()), *_figures(tally, tally.ends)) for tally in tallies
    ]
    sums = tuple(sum(column) for column in zip(*(row[1:] for row in rows), strict=True))
    lines = [("trial", "faults injected", *_COLUMNS), ("---",) * (len(_COLUMNS) + 2), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in [*lines, ("all", *sums)])


def _figures(tally: Tally, ends: Counter[str]) -> tuple[int, ...]:
    return (
        tally.accepted,
        *(ends[end] for end in ("succeeded", "failed", "cancelled")),
        tally.lost,
        tally.wrong,
        tally.stuck,
        tally.twice,
    )


def _listed(faults: Counter[str]) -> str:
    return ", ".join(f"{count} x {fault}" for fault, count in sorted(faults.items()))


if __name__ == "__main__":
    sys.exit(main())
