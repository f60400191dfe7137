"""Time and memory of a diff, beside what it costs DuckDB only to read both files.

    python -m tests.bench [ROWS ...] [--repeat N] [--folder DIR]

For both bundled metrics at each number of rows, and for the real revenue pair where it is: prints
a Markdown table of medians over interleaved repetitions, each run a process of its own, the files
warm in the cache. "reading" counts every column of both files, all as text: the floor.
"""

import argparse
import gzip
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from service.samples import METRICS, write_sample
from tests.test_real_pairs import FOLDER

READING = """
import sys, duckdb
for path in sys.argv[1:]:
    duckdb.execute(
        "select count(columns(*)) from read_csv($path, all_varchar = true, header = true,"
        " delim = ',', quote = '\\"', escape = '\\"')",
        {"path": path},
    ).fetchall()
"""


@dataclass(frozen=True)
class Cost:
    """What one process took: seconds of wall and CPU time, bytes at the peak."""

    wall: float
    cpu: float
    rss: int


@dataclass(frozen=True)
class Pair:
    """Two files to compare."""

    metric: str
    name: str
    old: Path
    new: Path

    @property
    def bytes(self) -> int:
        return self.old.stat().st_size + self.new.stat().st_size


def measured(*command: str | Path) -> Cost:
    """Run a command to its end."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[:4]} ended with status {status}")
    wall = time.perf_counter() - started
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        int(statistics.median(cost.rss for cost in costs)),
    )


def sample_pair(metric: str, rows: int, folder: Path) -> Pair:
    old, new = (folder / f"{metric}-{rows}-{side}.csv" for side in ("old", "new"))
    if not new.exists():
        write_sample(metric, rows, old, new)
    return Pair(metric, f"{metric}, {rows:,} rows", old, new)


def real_pair(folder: Path) -> Pair | None:
    paths = []
    for side in ("old", "new"):
        packed, plain = FOLDER / "revenue" / f"{side}.csv.gz", folder / f"real-{side}.csv"
        if not packed.exists():
            return None
        if not plain.exists():
            with gzip.open(packed) as source, plain.open("wb") as target:
                shutil.copyfileobj(source, target)
        paths.append(plain)
    return Pair("revenue", "revenue, the real pair", *paths)


def row(pair: Pair, repeat: int, folder: Path) -> str:
    diff = (sys.executable, "-m", "service", "diff", "--metric", pair.metric)
    files = ("--old", pair.old, "--new", pair.new, "--output", folder / "out.csv")
    reads, diffs = [], []
    for _ in range(repeat):
        reads.append(measured(sys.executable, "-c", READING, pair.old, pair.new))
        diffs.append(measured(*diff, *files))
    floor, ours = median(reads), median(diffs)
    return (
        f"| {pair.name} | {pair.bytes / 1e6:,.0f} MB "
        f"| {floor.wall:.1f} s, {floor.rss / 1e6:,.0f} MB "
        f"| {ours.wall:.1f} s, {ours.rss / 1e6:,.0f} MB | {ours.wall / floor.wall:.1f} x "
        f"| {ours.cpu / floor.cpu:.1f} x | {ours.rss / pair.bytes:.2f} x |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("rows", type=int, nargs="*", default=[200_000, 5_000_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("data/bench"))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    pairs = [sample_pair(m, n, given.folder) for n in given.rows for m in METRICS]
    real = real_pair(given.folder)
    cores = len(os.sched_getaffinity(0))
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}\n")
    print("| pair | input | reading | diff | wall | CPU | memory / input |")
    print("|---|---|---|---|---|---|---|")
    for pair in [*pairs, *([real] if real else [])]:
        print(row(pair, given.repeat, given.folder), flush=True)


if __name__ == "__main__":
    main()
