"""Measures diffs of generated pairs, and of the real revenue pair where it is.

    python -m tests.bench [ROWS ...] [--nightly ROWS ...] [--shapes] [--repeat N]
        [--peers NAME ... | --no-peers]

Prints a table for each pair, and writes them to bench.md, with bench.json and bench.svg beside it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.measure import Bounds, Cost, Failure, apart, measured, median
from tests.bench.pairs import (
    Pair,
    hot_pairs,
    nightly_pairs,
    real_pairs,
    sample_pairs,
    wide_pair,
)
from tests.bench.report import Circumstances, Measured, Result, table, write
from tests.bench.rows import compared
from tests.bench.tools import (
    DIFFING,
    OURS,
    PEERS,
    READING,
    Missing,
    Tool,
    environment,
    peer,
    versions,
)

_ROWS = (200_000, 1_000_000)
_PLOT = Path(__file__).with_name("plot.py")


class Bench:
    """Runs tools on pairs, from the smallest to the largest."""

    def __init__(
        self, tools: Sequence[Tool | Missing], repeat: int, seconds: float, memory: int
    ) -> None:
        self._tools = tools
        self._repeat = repeat
        self._seconds = seconds
        self._memory = memory
        self._given_up: list[tuple[str, Pair]] = []

    def measure(self, pair: Pair, folder: Path) -> Measured:
        """Run all tools on a pair, in turns."""
        candidates = [tool for tool in self._tools if _suits(tool, pair)]
        tools = [tool for tool in candidates if isinstance(tool, Tool)]
        tools = [tool for tool in tools if not self._is_hopeless(tool, pair)]
        for tool in tools:
            tool.prepare(pair)
        pair.read()
        bounds = Bounds(self._seconds, self._memory, pair.new.stat().st_size)
        outputs = {tool.name: folder / f"{number}.csv" for number, tool in enumerate(tools)}
        costs: dict[str, list[Cost]] = {tool.name: [] for tool in tools}
        failures: dict[str, Failure] = {}
        for _ in range(self._repeat):
            for tool in tools:
                if tool.name in failures:
                    continue
                command = tool.command(pair, outputs[tool.name])
                outcome = measured(command, outputs[tool.name], bounds, tool.environment)
                if isinstance(outcome, Cost):
                    costs[tool.name].append(outcome)
                else:
                    failures[tool.name] = outcome
                    print(f"{tool.name}: {outcome.reason} {outcome.said}", file=sys.stderr)
        self._given_up += [(name, pair) for name, failure in failures.items() if failure.hopeless]
        return Measured(
            pair, [_result(tool, costs.get(tool.name), outputs, failures) for tool in candidates]
        )

    def _is_hopeless(self, tool: Tool, pair: Pair) -> bool:
        """Whether the tool gave up on a smaller pair that was not harder."""
        return any(
            tool.name == name
            and smaller.rows < pair.rows
            and smaller.shape in ("plain", pair.shape)
            for name, smaller in self._given_up
        )


def _suits(tool: Tool | Missing, pair: Pair) -> bool:
    return isinstance(tool, Missing) or pair.is_in_order or not tool.in_order


def _result(
    tool: Tool | Missing,
    costs: Sequence[Cost] | None,
    outputs: dict[str, Path],
    failures: dict[str, Failure],
) -> Result:
    name = tool.name
    if isinstance(tool, Missing):
        return Result(name, None, "not installed")
    if costs is None:
        return Result(name, None, "not run")
    if name in failures:
        return Result(name, None, failures[name].reason)
    return Result(name, median(costs), _verdict(name, outputs, failures))


def _verdict(name: str, outputs: dict[str, Path], failures: dict[str, Failure]) -> str:
    if name == READING.name:
        return "-"
    if name == DIFFING.name:
        return "the reference"
    if DIFFING.name in failures:
        return "no reference"
    return apart(compared, outputs[DIFFING.name], outputs[name])


def _pairs(given: argparse.Namespace) -> list[Pair]:
    folder = given.folder
    pairs = [pair for rows in sorted(given.rows) for pair in sample_pairs(rows, folder)]
    pairs += [pair for rows in given.nightly for pair in nightly_pairs(rows, folder)]
    pairs += real_pairs(folder)
    if given.shapes:
        pairs.append(wide_pair(given.wide_rows, folder))
        pairs += hot_pairs(given.hot_rows, given.hot_copies, folder)
    return sorted(pairs, key=lambda pair: pair.rows)


def _tools(given: argparse.Namespace) -> Iterator[Tool | Missing]:
    yield from OURS
    for name in given.peers:
        found = peer(name, given.folder)
        if isinstance(found, Missing):
            print(f"{name} could not be installed", flush=True)
        yield found


def _plot(out: Path, folder: Path) -> None:
    python = environment("plot", _PLOT.with_suffix(".txt"), folder)
    if python is None:
        print("no plot: matplotlib could not be installed")
        return
    subprocess.run([python, _PLOT, out / "bench.json", out / "bench.svg"], check=True)


def _arguments() -> argparse.Namespace:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=summary)
    parser.add_argument("rows", type=int, nargs="*", default=list(_ROWS), metavar="ROWS")
    parser.add_argument("--repeat", type=int, default=3, metavar="N")
    parser.add_argument("--folder", type=Path, default=Path("data/bench"), metavar="DIR")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).with_name("results"), metavar="DIR"
    )
    parser.add_argument("--limit", type=float, default=300, metavar="SECONDS", help="of one run")
    parser.add_argument(
        "--memory", type=float, default=machine * 0.75 / 1e9, metavar="GB", help="of one run"
    )
    peers = parser.add_mutually_exclusive_group()
    peers.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), metavar="NAME")
    peers.add_argument("--no-peers", dest="peers", action="store_const", const=[])
    parser.add_argument("--no-plot", dest="plot", action="store_false")
    parser.add_argument(
        "--nightly", type=int, nargs="+", default=[], metavar="ROWS", help="new in the order of old"
    )
    parser.add_argument("--shapes", action="store_true", help="many columns, and a repeated key")
    parser.add_argument("--wide-rows", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--hot-rows", type=int, default=4_000_000, metavar="N")
    parser.add_argument("--hot-copies", type=int, default=65_000, metavar="N")
    return parser.parse_args()


def _command(given: argparse.Namespace) -> str:
    """The command that asks for the same, without its folders."""
    words = ["python -m tests.bench", *map(str, given.rows), f"--repeat {given.repeat}"]
    words += [f"--limit {given.limit:g}", f"--memory {given.memory:.0f}"]
    if given.nightly:
        words.append(" ".join(["--nightly", *map(str, given.nightly)]))
    if given.shapes:
        words += [f"--shapes --wide-rows {given.wide_rows}"]
        words += [f"--hot-rows {given.hot_rows} --hot-copies {given.hot_copies}"]
    if given.peers != list(PEERS):
        words.append(" ".join(["--peers", *given.peers]) if given.peers else "--no-peers")
    return " ".join(words)


def main() -> None:
    """Measure, print and write."""
    given = _arguments()
    given.folder = given.folder.resolve()
    given.folder.mkdir(parents=True, exist_ok=True)
    tools, pairs = list(_tools(given)), _pairs(given)
    memory = int(given.memory * 1e9)
    circumstances = Circumstances(
        _command(given), versions(given.peers), given.repeat, given.limit, memory
    )
    bench, done = Bench(tools, given.repeat, given.limit, memory), list[Measured]()
    for pair in pairs:
        with tempfile.TemporaryDirectory(prefix="run-", dir=given.folder) as folder:
            done.append(bench.measure(pair, Path(folder)))
        print(table(done[-1]), flush=True)
        write(given.out, circumstances, done)
    if given.plot and given.peers:
        _plot(given.out, given.folder)


if __name__ == "__main__":
    main()
