"""The tools that are measured: reading, diffing, and the peers in environments of their own."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

from tests.bench.pairs import Pair

PEERS = ("duckdb", "polars", "diffly", "datacompy", "pandas", "csv-diff")
_HERE = Path(__file__).parent
_READING = """
import sys, duckdb
for path in sys.argv[1:]:
    duckdb.execute(
        "select count(columns(*)) from read_csv($path, all_varchar = true, header = true,"
        " delim = ',', quote = '\\"', escape = '\\"')",
        {"path": path},
    ).fetchall()
"""

Command = list[str | Path]


@dataclass(frozen=True)
class Tool:
    """A program that writes the changed rows of a pair to a file, or at least reads it."""

    name: str
    command: Callable[[Pair, Path], Command]  # a pair and the file to write
    settings: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[Pair], object] = lambda _: None  # called before a pair is measured
    in_order: bool = False  # only for pairs whose new file has the order of old

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its process: none of diffing's but its own settings."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("DIFFING_")}
        return {**inherited, **self.settings}


@dataclass(frozen=True)
class Missing:
    """A tool that cannot be had here."""

    name: str


def _read(pair: Pair, _: Path) -> Command:
    return [sys.executable, "-c", _READING, pair.old, pair.new]


def _diff(pair: Pair, output: Path) -> Command:
    columns = ["--metric", pair.metric] if pair.metric else []
    if not pair.metric:
        columns += [argument for name in pair.key for argument in ("--key", name)]
        columns += [argument for name in pair.value for argument in ("--value", name)]
    files: Command = ["--old", pair.old, "--new", pair.new, "--output", output]
    summary = output.with_suffix(".json")
    return [sys.executable, "-m", "diffing", "diff", *columns, *files, "--summary", summary]


def _hashes(pair: Pair) -> Path:
    return pair.old.with_suffix(".hashes")


def _keep_hashes(pair: Pair) -> None:
    """Keep the hashes of old, as the diff of the night before did."""
    folder = _hashes(pair)
    folder.mkdir(exist_ok=True)
    if not any(folder.iterdir()):
        night_before = replace(pair, new=pair.old)
        subprocess.run(
            _diff_with_hashes(night_before, pair.old.with_suffix(".same.csv")), check=True
        )


def _diff_with_hashes(pair: Pair, output: Path) -> Command:
    return [*_diff(pair, output), "--hashes", _hashes(pair), "--quiet"]


READING = Tool("reading", _read)
DIFFING = Tool("diffing", _diff)
DIFFING_IN_LITTLE = Tool("diffing, 512 MB", _diff, {"DIFFING_MEMORY_LIMIT": "512MB"})
DIFFING_WITH_HASHES = Tool(
    "diffing, last night's hashes", _diff_with_hashes, prepare=_keep_hashes, in_order=True
)
OURS = (READING, DIFFING, DIFFING_WITH_HASHES, DIFFING_IN_LITTLE)


def peer(name: str, folder: Path) -> Tool | Missing:
    """A peer in its environment, which is made where it is not there yet."""
    script = (_HERE / "peers" / name.replace("-", "_")).with_suffix(".py")
    python = environment(name, script.with_suffix(".txt"), folder)
    if python is None:
        return Missing(name)

    def command(pair: Pair, output: Path) -> Command:
        # -P: a script named like the package that it imports must not be found in its place
        columns = [",".join(pair.key), ",".join(pair.value)]
        return [python, "-P", script, pair.old, pair.new, output, *columns]

    return Tool(name, command)


def environment(name: str, requirements: Path, folder: Path) -> Path | None:
    """The Python of an environment with these requirements; this one where there are none."""
    if not requirements.exists():
        return Path(sys.executable)
    home = folder / "env" / name
    python, done = home / "bin" / "python", home / requirements.name
    wanted = requirements.read_text("utf-8")
    if done.exists() and done.read_text("utf-8") == wanted:
        return python
    pip: Command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    venv: Command = [sys.executable, "-m", "venv", "--clear", home]
    for command in (venv, [*pip, "-r", requirements]):
        if subprocess.run(command, capture_output=True).returncode:
            return None
    done.write_text(wanted, "utf-8")
    return python


def versions(names: list[str]) -> list[str]:
    """Names and versions of the tools, as their requirements pin them."""
    own = ["diffing " + version("diffing"), "DuckDB " + version("duckdb")]
    pins = [(_HERE / "peers" / name.replace("-", "_")).with_suffix(".txt") for name in names]
    return own + [
        path.read_text("utf-8").splitlines()[0].replace("==", " ") for path in pins if path.exists()
    ]
