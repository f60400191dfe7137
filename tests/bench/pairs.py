"""The files that are diffed."""

import csv
import gzip
import shutil
from dataclasses import dataclass
from pathlib import Path

from diffing.core.catalogue import load_catalogue
from diffing.engine.samples import METRICS, write_sample
from tests.bench.measure import apart

_SQL = Path(__file__).parent
_WIDE = 35
_HOT_VALUES = 50
NIGHTLY = (
    # shape, percent and name of each pair in the order of old
    ("nightly", 0, "nightly: 2 % restated, 1 % appended, 0.1 % gone"),
    ("restated", 1, "1 % restated"),
    ("restated", 5, "5 % restated"),
    ("restated", 30, "30 % restated"),
    ("noise", 0, "noise in a third"),
)


@dataclass(frozen=True)
class Pair:
    """Two files to compare, and by which columns."""

    name: str
    shape: str
    rows: int
    old: Path
    new: Path
    key: tuple[str, ...]
    value: tuple[str, ...]
    metric: str | None = None

    @property
    def bytes(self) -> int:
        """The size of both files."""
        return self.old.stat().st_size + self.new.stat().st_size

    @property
    def is_in_order(self) -> bool:
        """Whether the new file has the order of old."""
        return self.shape in {shape for shape, *_ in NIGHTLY}

    def read(self) -> None:
        """Bring both files into the cache."""
        for path in (self.old, self.new):
            with path.open("rb", buffering=0) as file:
                while file.read(1 << 20):
                    pass


def sample_pairs(rows: int, folder: Path) -> list[Pair]:
    """A pair of each bundled metric."""
    return [_sample(metric, rows, folder) for metric in METRICS]


def nightly_pairs(rows: int, folder: Path) -> list[Pair]:
    """Pairs whose new file has the order of old, as exports of two nights have."""
    old = _sample("c-revenue", rows, folder).old
    pairs = []
    for shape, percent, name in NIGHTLY:
        new = folder / f"{shape}-{percent}-{rows}-new.csv"
        _make(new, "nightly", sample=str(old), shape=shape, percent=percent)
        pairs.append(
            _of_metric("c-revenue", f"c-revenue, {rows:,} rows, {name}", shape, rows, old, new)
        )
    return pairs


def real_pairs(folder: Path) -> list[Pair]:
    """The real revenue pair, where its files are at hand."""
    rows = apart(_unpack_real, folder)
    paths = _sides("real", folder)
    return [_of_metric("revenue", "revenue, a real pair", "real", rows, *paths)] if rows else []


def wide_pair(rows: int, folder: Path) -> Pair:
    """Many value columns, of which each row may differ in several."""
    old, new = _sides(f"wide-{rows}", folder)
    for side, path in (("old", old), ("new", new)):
        _make(path, "wide", rows=rows, side=side)
    values = tuple(f"v{number:02}" for number in range(1, _WIDE + 1))
    name = f"{rows:,} rows of {_WIDE} value columns"
    return Pair(name, "wide", rows, old, new, ("country", "year"), values)


def hot_pairs(rows: int, copies: int, folder: Path) -> list[Pair]:
    """A sample pair as it is, and with a key that repeats many times: few values, then many."""
    plain = _sample("c-revenue", rows - copies, folder)
    pairs = [plain]
    for values in (_HOT_VALUES, copies):
        old, new = _sides(f"hot-{rows}-{copies}-{values}", folder)
        for side, sample, path in (("old", plain.old, old), ("new", plain.new, new)):
            _make(path, "hot", copies=copies, distinct=values, side=side, sample=str(sample))
        name = f"c-revenue, {rows:,} rows, {copies:,} of one key with {values:,} values"
        pairs.append(_of_metric("c-revenue", name, "hot", rows, old, new))
    return pairs


def _of_metric(metric: str, name: str, shape: str, rows: int, old: Path, new: Path) -> Pair:
    entry = load_catalogue(None).find(metric)
    return Pair(name, shape, rows, old, new, tuple(entry.key), tuple(entry.value), metric)


def _sides(name: str, folder: Path) -> tuple[Path, Path]:
    return folder / f"{name}-old.csv", folder / f"{name}-new.csv"


def _sample(metric: str, rows: int, folder: Path) -> Pair:
    old, new = _sides(f"{metric}-{rows}", folder)
    if not (old.exists() and new.exists()):
        apart(write_sample, metric, rows, old, new)
    return _of_metric(metric, f"{metric}, {rows:,} rows", "plain", rows, old, new)


def _make(path: Path, query: str, **parameters: int | str) -> None:
    if not path.exists():
        apart(_run, path, query, parameters)


def _run(path: Path, query: str, parameters: dict[str, int | str]) -> None:
    """Write a file by one of the queries here, whole or not at all."""
    # imported here: the process that measures stays small
    import duckdb

    part = path.with_suffix(".part")
    with duckdb.connect(config={"memory_limit": "2GB"}) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(
            (_SQL / f"{query}.sql").read_text("utf-8"), {**parameters, "path": str(part)}
        )
    part.replace(path)


def _unpack_real(folder: Path) -> int:
    """Unpack the real pair; the rows of new, or 0 without it."""
    # imported here: the process that measures stays small
    from tests.test_real_pairs import FOLDER

    for path, side in zip(_sides("real", folder), ("old", "new"), strict=True):
        packed = FOLDER / "revenue" / f"{side}.csv.gz"
        if not packed.exists():
            return 0
        if not path.exists():
            part = path.with_suffix(".part")
            with gzip.open(packed) as source, part.open("wb") as target:
                shutil.copyfileobj(source, target)
            part.replace(path)
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1
