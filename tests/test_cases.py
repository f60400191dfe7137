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
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from diffing.core.comparison import Comparison
from diffing.core.errors import BadArgument, BadInput
from diffing.csvfiles.split import Cutting
from diffing.engine.diff import Diff
from diffing.engine.summary import ResultSummary, Summary
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits
from tests import reference, specification
from tests.conftest import AS_LARGE, spec_of
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
        self, folder: Path, threads: int, exact_keys: bool = False, cutting: Cutting = AS_LARGE
    ) -> Summary:
        """Diff the files for real, with every output in that folder."""
        comparison = Comparison.of(**self.model_dump(include=set(Comparison.model_fields)))
        limits = Limits(threads, memory="1GB", temp_folder=folder, exact_keys=exact_keys)
        result, detail, removed = (folder / f"{name}.csv" for name in OUTPUTS)
        outputs = Outputs(result, detail, removed)
        spec = spec_of(self.input("old"), self.input("new"), comparison)
        return Diff(spec, limits, cutting).run(outputs)


def text_in(path: Path) -> str:
    return UNPACK[path.suffix](path.read_bytes()).decode("utf-8-sig")


def counts_of(answer: reference.Answer) -> dict[str, Any]:
    return {
        "added": answer.added,
        "changed": answer.changed,
        "removed": answer.removed,
        "unchanged": answer.unchanged,
        "within_tolerance": answer.within_tolerance,
        "within_tolerance_whole": answer.within_tolerance_whole,
        "duplicate_keys": {"old": answer.duplicate_keys_old, "new": answer.duplicate_keys_new},
        "not_numbers": {"old": answer.not_numbers_old, "new": answer.not_numbers_new},
        "columns": {
            "only_old": answer.only_old,
            "only_new": answer.only_new,
            "changed": answer.changed_columns,
        },
    }


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


# In pieces by whole keys, as numbers if possible; and in one piece by hashes, as any values. `make
# test` takes one of them for each case, in turn; `make test-all` both and one of the others.
TWO_WAYS = [(4, True, SEES_NOTHING), (4, False, NONE)]
OTHER_WAYS = [(1, False, SEES_NOTHING), (4, False, SEES_ALL), (16, False, SEES_NOTHING)]
DIFFED = [
    pytest.param(
        case,
        *way,
        id="-".join(map(str, (case.name, *way))),
        marks=[] if way == TWO_WAYS[place % 2] else [pytest.mark.slow],
    )
    for place, case in enumerate(CASES)
    if not case.refused
    for way in (*TWO_WAYS, OTHER_WAYS[place % 3])
]


@pytest.mark.parametrize(("case", "threads", "exact_keys", "sample"), DIFFED)
def test_a_diff_says_what_the_case_expects(
    case: Case, threads: int, exact_keys: bool, sample: int, tmp_path: Path
) -> None:
    answer, cutting = case.answer(), Cutting(1, sample, sorted=2) if sample else Cutting()

    summary = case.run(tmp_path, threads, exact_keys, cutting)

    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
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


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_why_in_one_line_and_leaves_nothing_behind(
    case: Case, tmp_path: Path
) -> None:
    with pytest.raises((BadInput, BadArgument)) as caught:
        case.run(tmp_path, threads=4)

    said = caught.value.detail
    assert [] == [words for words in case.refused if words not in said]
    assert [said] == said.splitlines()
    assert str(case.folder) not in said
    assert str(tmp_path) not in said
    assert [] == list(tmp_path.iterdir())
