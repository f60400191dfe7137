"""The tables, and the data of the plot."""

import json
import os
import platform
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.measure import Cost
from tests.bench.pairs import Pair

_HEADER = (
    "rows | tool | wall s | CPU s | peak MB | x P wall | x P CPU | memory / input | rows right?",
    "---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---",
)
_LEGEND = """\
Medians of {repeat} interleaved runs, each a process of its own, the files in the cache. P is
*reading*: what DuckDB takes only to count every column of both files, all as text. The question is
the same for all: which rows of new are new, or have a value that differs by more than 1e-9 of the
larger one? The answer is a CSV file. Its rows are held against those of diffing, in any order, all
columns as text. A run that takes more than {seconds:g} s or {memory:.0f} GB, or writes more than
new holds, is killed, and the tool is not run on larger pairs.
"""


@dataclass(frozen=True)
class Result:
    """The cost of a tool for a pair, and whether its rows were right; or why it has none."""

    tool: str
    cost: Cost | None
    rows: str


@dataclass(frozen=True)
class Measured:
    """A pair with the results of all tools, reading first."""

    pair: Pair
    results: list[Result]


@dataclass(frozen=True)
class Circumstances:
    """The machine and the releases on which the figures depend."""

    command: str
    versions: list[str]
    repeat: int
    seconds: float
    memory: int


def table(measured: Measured) -> str:
    """The Markdown table of a pair."""
    pair = measured.pair
    floor = measured.results[0].cost
    lines = [
        f"### {pair.name}, {pair.bytes / 1e6:,.0f} MB",
        "",
        *(f"| {line} |" for line in _HEADER),
    ]
    lines += [_row(pair, result, floor) for result in measured.results]
    return "\n".join(lines) + "\n"


def write(folder: Path, circumstances: Circumstances, all_measured: list[Measured]) -> None:
    """Write bench.md and bench.json."""
    folder.mkdir(parents=True, exist_ok=True)
    legend = _LEGEND.format(
        repeat=circumstances.repeat,
        seconds=circumstances.seconds,
        memory=circumstances.memory / 1e9,
    )
    head = [
        f"`{circumstances.command}`",
        f"{machine()}; {', '.join(circumstances.versions)}.",
        legend,
    ]
    tables = [table(measured) for measured in all_measured]
    (folder / "bench.md").write_text("\n\n".join(head) + "\n" + "\n".join(tables), "utf-8")
    pairs = [
        {
            "pair": measured.pair.name,
            "metric": measured.pair.metric,
            "shape": measured.pair.shape,
            "rows": measured.pair.rows,
            "bytes": measured.pair.bytes,
            "results": [asdict(result) for result in measured.results],
        }
        for measured in all_measured
    ]
    data = {"machine": machine(), "versions": circumstances.versions, "pairs": pairs}
    (folder / "bench.json").write_text(json.dumps(data, indent=1) + "\n", "utf-8")


def machine() -> str:
    """The processor, its cores and the memory."""
    info = Path("/proc/cpuinfo").read_text("utf-8")
    model = re.search(r"^model name\s*: (.*)$", info, re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (
        f"{model[1] if model else platform.machine()}, {len(os.sched_getaffinity(0))} cores, "
        f"{memory / 2**30:.0f} GiB, Python {platform.python_version()}"
    )


def _row(pair: Pair, result: Result, floor: Cost | None) -> str:
    figures = ["-"] * 6
    if cost := result.cost:
        figures[:3] = _seconds(cost.wall), _seconds(cost.cpu), f"{cost.rss / 1e6:,.0f}"
        figures[5] = f"{cost.rss / pair.bytes:.2f}"
        if floor:
            figures[3:5] = f"{cost.wall / floor.wall:.1f}", f"{cost.cpu / floor.cpu:.1f}"
    return f"| {pair.rows:,} | {result.tool} | {' | '.join(figures)} | {result.rows} |"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}" if seconds < 10 else f"{seconds:.1f}"
