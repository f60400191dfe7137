"""Named edge cases: each folder of `tests/cases` has two files, and the answer of a diff.

In `case.toml`, `about` tells what is dangerous; the comparison follows, and then either the counts
(`[summary]`) or words that the error must contain (`refused`). `expected.csv` is the result;
`detail.csv` and `removed.csv` are there where they matter. The reference and the specification
(`sql/anti_join.sql`) have to agree with every case, so that none can be wrong alone; but the
specification cannot count, so cases with `duplicates = "count"` have the reference alone.
"""

import gzip
import hashlib
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from diffing.core.comparison import Comparison
from diffing.core.errors import BadArgument, BadInput
from diffing.csvfiles.scan import Portions
from diffing.csvfiles.split import Cutting
from diffing.engine.diff import Diff
from diffing.engine.on_cluster import OnCluster
from diffing.engine.summary import ResultSummary, Summary
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits
from tests import reference, specification
from tests.conftest import AS_LARGE, EVERY_EXAMPLE, spec_of
from tests.reference import counts_of
from tests.rules import Rules

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

OUTPUTS = ("result", "detail", "removed")
UNPACK: dict[str, Callable[[bytes], bytes]] = {
    ".csv": bytes,
    ".gz": gzip.decompress,
    ".zst": zstd.decompress,
}


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sides(Strict):
    old: int
    new: int


class Columns(Strict):
    only_old: tuple[str, ...] | None = None
    only_new: tuple[str, ...] | None = None
    changed: dict[str, int] | None = None


class Counts(Strict):
    """The part of a summary that a case foretells; None where it is beside the point."""

    added: int
    changed: int
    removed: int
    unchanged: int
    within_tolerance: int
    within_tolerance_whole: int | None = None
    duplicate_keys: Sides | None = None
    not_numbers: Sides | None = None
    columns: Columns | None = None


class Case(Strict):
    """One folder of `tests/cases`."""

    folder: Path
    about: str
    key: list[str]
    value: list[str]
    rel_tol: float | None = None
    abs_tol: float = 0.0
    tolerance: dict[str, dict[str, float]] = {}
    text: list[str] = []
    time: list[str] = []
    time_tol: str | None = None
    trim: bool = False
    nocase: bool = False
    empty: list[str] = []
    duplicates: str = "allow"
    summary: Counts | None = None
    refused: list[str] = []

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def rules(self) -> Rules:
        names = {field.name for field in fields(Rules)}
        return Rules(**self.model_dump(include=names))

    def input(self, side: str) -> Path:
        [path] = self.folder.glob(f"{side}.csv*")
        return path

    def expected(self, output: str, otherwise: str) -> bytes:
        """The content of a file of the case; without one, the answer of the reference."""
        path = self.folder / f"{output}.csv"
        return path.read_bytes() if path.exists() else otherwise.encode()

    def answer(self) -> reference.Answer:
        old, new = text_in(self.input("old")), text_in(self.input("new"))
        tolerances = self.rel_tol, self.abs_tol, self.tolerance
        return reference.diff(
            *(old, new, self.key, self.value),
            *tolerances,
            rules=self.rules,
            duplicates=self.duplicates,
        )

    def specified(self, scratch: Path) -> list[reference.Row]:
        """The rows to emit, as the specification has them."""
        paths = self.input("old"), self.input("new")
        tolerances = self.rel_tol, self.abs_tol, self.tolerance
        return specification.emitted(paths, self.key, self.value, tolerances, scratch, self.rules)

    def run(
        self,
        folder: Path,
        threads: int,
        exact_keys: bool = False,
        cutting: Cutting = AS_LARGE,
        cluster: OnCluster | None = None,
    ) -> Summary:
        """Diff the files for real, with every output in that folder."""
        comparison = Comparison.of(**self.model_dump(include=set(Comparison.model_fields)))
        limits = Limits(threads, memory="1GB", temp_folder=folder, exact_keys=exact_keys)
        result, detail, removed = (folder / f"{name}.csv" for name in OUTPUTS)
        outputs = Outputs(result, detail, removed)
        spec = spec_of(self.input("old"), self.input("new"), comparison)
        return Diff(spec, limits, cutting, cluster).run(outputs)


def text_in(path: Path) -> str:
    return UNPACK[path.suffix](path.read_bytes()).decode("utf-8-sig")


def like(foretold: dict[str, Any], counts: dict[str, Any]) -> dict[str, Any]:
    """Of the counts, those that are foretold."""
    return {
        name: like(part, counts[name]) if isinstance(part, dict) else counts[name]
        for name, part in foretold.items()
    }


CASES = [
    Case(folder=path.parent, **tomllib.loads(path.read_text(encoding="utf-8")))
    for path in sorted(Path(__file__).with_name("cases").glob("*/case.toml"))
]
ANSWERED = [pytest.param(case, id=case.name) for case in CASES if not case.refused]
# the specification compares as duplicates = "allow"
SPECIFIED = [
    pytest.param(case, id=case.name)
    for case in CASES
    if not case.refused and case.duplicates != "count"
]
REFUSED = [pytest.param(case, id=case.name) for case in CASES if case.refused]


@pytest.mark.parametrize("case", ANSWERED)
def test_the_reference_says_what_the_case_expects(case: Case) -> None:
    answer = case.answer()

    assert case.summary is not None
    foretold = case.summary.model_dump(exclude_none=True)
    assert foretold == like(foretold, counts_of(answer))
    assert case.expected("expected", "no such file") == answer.csv.encode()
    assert case.expected("detail", answer.detail_csv) == answer.detail_csv.encode()
    assert case.expected("removed", answer.removed_csv) == answer.removed_csv.encode()


@pytest.mark.parametrize("case", SPECIFIED)
def test_the_anti_join_says_what_the_case_expects(case: Case, tmp_path: Path) -> None:
    expected = case.expected("expected", "no such file").decode()

    assert reference.rows_of(expected)[1:] == case.specified(tmp_path)


# A file in which keys repeat, or values are no numbers, is compared by another method: one that a
# sample suggests, one after that for other files was tried in vain, or the one for small files.
SEES_ALL, SEES_NOTHING, NONE = 2_048, 1, 0


@dataclass(frozen=True)
class Way:
    """How a diff comes to its answer; whichever it takes, the answer is the same.

    Args:
        threads: of the diff.
        exact_keys: whether keys are compared whole, in pieces, or by their hashes.
        cutting: sizes of pieces and samples.
    """

    threads: int
    exact_keys: bool
    cutting: Cutting


def sampled(sample: int) -> Cutting:
    """Small files in pieces as large ones, if a sample has so many bytes; else as they are."""
    return Cutting(1, sample, sorted=2) if sample else Cutting()


# In pieces by whole keys, as numbers if possible; and in one piece by hashes, as any values. `make
# test` takes one of them for each case, in turn. `make test-all` adds the rows that the files do
# not share, and another way: where keys repeat, that of a sample that shows it.
TWO_WAYS = (Way(4, True, sampled(SEES_NOTHING)), Way(4, False, sampled(NONE)))
SAMPLED = Way(4, False, sampled(SEES_ALL))
REDUCED = Way(2, False, Cutting(200, shared=0, blocks=Portions(2_000, 500), sorted=2))
OTHER_WAYS = (
    SAMPLED,
    Way(1, False, sampled(SEES_NOTHING)),
    Way(16, False, sampled(SEES_NOTHING)),
)


def ways_of(case: Case) -> list[Way]:
    """The ways of a case, in turn."""
    place = CASES.index(case)
    way, other = TWO_WAYS[:: -1 if place % 2 else 1]
    repeats = case.name.startswith(("duplicates", "count"))
    more = SAMPLED if repeats else (other, *OTHER_WAYS)[place // 2 % 4]
    return [way, REDUCED, more] if EVERY_EXAMPLE else [way]


def answered_by(
    case: Case, way: Way, folder: Path, cluster: OnCluster | None = None
) -> dict[str, Any]:
    """The summary of a diff, whose outputs in an empty folder are those that the case expects."""
    answer = case.answer()

    summary = case.run(folder, way.threads, way.exact_keys, way.cutting, cluster)

    written = {path.name: path.read_bytes() for path in folder.iterdir()}
    result = case.expected("expected", "no such file")
    assert {
        "result.csv": result,
        "detail.csv": case.expected("detail", answer.detail_csv),
        "removed.csv": case.expected("removed", answer.removed_csv),
    } == written
    counts = counts_of(answer)
    assert counts == summary.model_dump(include=set(counts))
    assert len(answer.emitted) == summary.emitted
    assert answer.new_rows == summary.added + summary.changed + summary.unchanged
    if case.duplicates == "count":
        assert answer.old_rows == summary.removed + summary.changed + summary.unchanged
    assert summary.result == ResultSummary(
        rows=len(answer.emitted), bytes=len(result), sha256=hashlib.sha256(result).hexdigest()
    )
    for path, rows, side in (
        (case.input("old"), answer.old_rows, summary.old),
        (case.input("new"), answer.new_rows, summary.new),
    ):
        assert (path.name, path.stat().st_size, rows) == (side.name, side.bytes, side.rows)
    return summary.model_dump(exclude={"seconds", "peak_rss_bytes"})


@pytest.mark.parametrize("case", ANSWERED)
def test_a_diff_says_what_the_case_expects_by_each_way(case: Case, tmp_path: Path) -> None:
    said = []
    for place, way in enumerate(ways_of(case)):
        folder = tmp_path / str(place)
        folder.mkdir()
        said.append(answered_by(case, way, folder))

    assert [said[0]] * len(said) == said


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_why_in_one_line_and_leaves_nothing_behind(
    case: Case, tmp_path: Path
) -> None:
    details = set()
    for cutting in (AS_LARGE, REDUCED.cutting) if EVERY_EXAMPLE else (AS_LARGE,):
        with pytest.raises((BadInput, BadArgument)) as caught:
            case.run(tmp_path, threads=4, cutting=cutting)
        details.add((type(caught.value), caught.value.detail))

    [(_, said)] = details
    assert [] == [words for words in case.refused if words not in said]
    assert [said] == said.splitlines()
    assert str(case.folder) not in said
    assert str(tmp_path) not in said
    assert [] == list(tmp_path.iterdir())
