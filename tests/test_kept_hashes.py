"""The key hashes of tonight's new are kept, and tomorrow's old is not read for them."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diffing.core.comparison import Comparison
from diffing.core.input_file import InputFile
from diffing.core.spec import DiffSpec
from diffing.engine import kept_hashes
from diffing.engine.diff import Diff
from diffing.engine.key_hashes import KeyHashes, Shape
from diffing.engine.key_reading import Parallelism, Reading, Source
from diffing.files.hash_cache import HashCache
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits
from tests import reference
from tests.command_line import diffing
from tests.conftest import examples, one_in
from tests.reference import counts_of
from tests.service_under_test import Service
from tests.test_reduction import HEADER, REDUCING, WHOLE, Row, nights, numbered, text_of

Said = tuple[dict[str, Any], list[bytes]]


class Nights:
    """Diffs of one export, night by night.

    Args:
        folder: an empty folder.
        most_bytes: of the kept hashes.
    """

    def __init__(self, folder: Path, most_bytes: int = 10**9) -> None:
        self.folder = folder
        self.hashes = folder / "hashes"
        self.hashes.mkdir()
        self.cache = HashCache(self.hashes, most_bytes)
        self.key, self.value = ["id"], ["value"]

    def diff(self, old: str, new: str, *, whole: bool = False) -> Said:
        """Diff two texts, and keep the hashes of new; or diff them as a whole."""
        paths = self.folder / "old.csv", self.folder / "new.csv"
        for path, text in zip(paths, (old, new), strict=True):
            path.write_bytes(text.encode())
        outputs = Outputs(self.folder / "result.csv", removed=self.folder / "removed.csv")
        spec = DiffSpec(
            InputFile(paths[0], "old.csv"),
            InputFile(paths[1], "new.csv"),
            Comparison.of(key=self.key, value=self.value),
            sha256=True,
            hashes=None if whole else self.hashes,
        )
        limits = Limits(threads=2, memory="1GB", temp_folder=self.folder)
        summary = Diff(spec, limits, WHOLE if whole else REDUCING).run(outputs)
        self.cache.take(self.folder)
        return (
            summary.model_dump(exclude={"seconds", "peak_rss_bytes"}),
            [path.read_bytes() for path in sorted(outputs.paths)],
        )

    @property
    def kept(self) -> list[Path]:
        """The files of hashes, the oldest first."""
        return sorted(self.hashes.iterdir(), key=lambda path: path.stat().st_mtime_ns)

    def shape(self, text: str) -> Shape:
        return Shape.of(text.encode().splitlines(True)[0], HEADER, self.key, self.value)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read whole for their key hashes."""
    read: list[str] = []
    begin = Reading.begin

    def beginning(self: Reading, most_rows: int) -> None:
        read.append(self.source.path.name)
        begin(self, most_rows)

    monkeypatch.setattr(Reading, "begin", beginning)
    return read


def three_nights() -> tuple[str, str, str]:
    first = numbered(2_000)
    second: list[Row] = [*first[:100], *first[103:], *numbered(20, 5_000)]
    third: list[Row] = [*second[3:], *numbered(5, 7_000), second[9]]
    third[50:60] = [(id_, name, "0", note) for id_, name, _, note in third[50:60]]
    return text_of(first), text_of(second), text_of(third)


def test_the_next_night_reads_no_old_file_for_its_hashes(tmp_path: Path, passes: list[str]) -> None:
    first, second, third = three_nights()
    by_night = Nights(tmp_path)

    by_night.diff(first, second)
    assert "old.csv" in passes
    passes.clear()
    said = by_night.diff(second, third)

    assert passes
    assert "old.csv" not in passes
    assert by_night.diff(second, third, whole=True) == said


@settings(
    max_examples=examples(30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    versions=nights(3),
    key=st.sampled_from([["id"], ["name", "id"]]),
    value=st.sampled_from([["value"], ["note", "value"]]),
)
def test_any_nights_give_what_the_reference_gives_with_kept_hashes(
    tmp_path_factory: pytest.TempPathFactory,
    versions: Sequence[str],
    key: list[str],
    value: list[str],
) -> None:
    by_night = Nights(tmp_path_factory.mktemp("nights"))
    by_night.key, by_night.value = key, value
    for old, new in pairwise(versions):
        summary, written = by_night.diff(old, new)
        answer = reference.diff(old, new, key, value)
        counts = counts_of(answer)
        assert counts == {name: summary[name] for name in counts}
        assert [answer.removed_csv.encode(), answer.csv.encode()] == written


@given(versions=nights(2))
@settings(max_examples=examples(30), deadline=None)
def test_the_hashes_kept_of_new_are_those_that_a_pass_over_it_finds(
    tmp_path_factory: pytest.TempPathFactory, versions: Sequence[str]
) -> None:
    by_night = Nights(tmp_path_factory.mktemp("nights"))
    by_night.diff(*versions)
    shape = by_night.shape(versions[1])

    for path in by_night.kept:
        kept = kept_hashes.read(path, shape, 10**6)
        source = Source(by_night.folder / "new.csv", shape, REDUCING.blocks)
        with Reading(source, Parallelism(1, lambda: None)) as reading:
            reading.begin(10**6)
            found = reading.hashes()
        assert found.hashes.tolist() == kept.hashes.tolist()
        assert (found.doubtful, found.no_numbers) == (kept.doubtful, kept.no_numbers)
        assert not found.folded


@given(
    versions=st.lists(st.lists(st.integers(0, 9), max_size=30), min_size=2, max_size=3),
    at_once=st.integers(1, 5),
)
@settings(max_examples=examples(100), deadline=None)
def test_hashes_are_put_together_block_by_block(
    tmp_path_factory: pytest.TempPathFactory, versions: list[list[int]], at_once: int
) -> None:
    folder = tmp_path_factory.mktemp("blocks")
    shape = Shape.of(b"id,value\n", ["id", "value"], ["id"], ["value"])
    kept = None
    for number, (old, new) in enumerate(pairwise(versions)):
        parts = [Counter(old), Counter(old) - Counter(new), Counter(new) - Counter(old)]
        before, lacked, added = (hashes_of(part.elements()) for part in parts)
        of_new = kept_hashes.Change(before, lacked, added, kept, at_once).of_new()
        kept = folder / str(number)

        assert of_new
        of_new.write(kept, shape, lambda: None)
        assert kept_hashes.read(kept, shape, 100).hashes.tolist() == sorted(new)


def hashes_of(numbers: Iterable[int]) -> KeyHashes:
    return KeyHashes(np.array(sorted(numbers), np.uint64), [], Counter(), 0)


@pytest.mark.parametrize("lacked", [[3], [5, 5], [0], [9]])
def test_hashes_of_new_are_not_made_of_hashes_that_old_lacks(
    tmp_path: Path, lacked: list[int]
) -> None:
    before, added = hashes_of([2, 4, 5, 6]), hashes_of([])
    of_new = kept_hashes.Change(before, hashes_of(lacked), added, at_once=2).of_new()
    shape = Shape.of(b"id,value\n", ["id", "value"], ["id"], ["value"])

    assert of_new
    with pytest.raises(kept_hashes.Unsuitable):
        of_new.write(tmp_path / "hashes", shape, lambda: None)


def test_hashes_of_another_file_of_the_same_size_are_not_used(tmp_path: Path) -> None:
    first, second, _ = three_nights()
    by_night = Nights(tmp_path)
    by_night.diff(first, second)
    another = second.replace("\n5004,", "\n7777,")
    assert len(another) == len(second)
    repeated = another + "7777,again,9.5,\n"

    said = by_night.diff(another, repeated)

    assert by_night.diff(another, repeated, whole=True) == said


def damage(path: Path, how: str) -> None:
    text = bytearray(path.read_bytes())
    if how == "a byte":
        text[-1_000] ^= 1
    elif how == "cut short":
        del text[-8:]
    elif how == "no text":
        text = bytearray(b"\xff\n")
    else:
        name = how.removeprefix("another ").encode()
        text = bytearray(re.sub(rb'"%s": "\w' % name, rb'"%s": "!' % name, text))
        text[-32:] = blake3(text[:-32]).digest()
    path.write_bytes(text)


@pytest.mark.parametrize(
    "how", one_in(2, ["a byte", "no text", "cut short", "another function", "another parquet"])
)
def test_damaged_hashes_are_not_used(tmp_path: Path, passes: list[str], how: str) -> None:
    first, second, third = three_nights()
    by_night = Nights(tmp_path)
    by_night.diff(first, second)
    [kept] = by_night.kept
    damage(kept, how)
    passes.clear()

    said = by_night.diff(second, third)

    assert "old.csv" in passes
    assert by_night.diff(second, third, whole=True) == said


def test_hashes_of_other_columns_are_not_used(tmp_path: Path, passes: list[str]) -> None:
    first, second, third = three_nights()
    by_night = Nights(tmp_path)
    by_night.diff(first, second)
    passes.clear()
    by_night.key = ["name", "id"]

    by_night.diff(second, third)

    assert "old.csv" in passes


def test_the_oldest_hashes_make_room_for_others(tmp_path: Path) -> None:
    size = 2_000 * 8 + 2_000
    by_night = Nights(tmp_path, most_bytes=2 * size)
    texts = [text_of(numbered(2_000 + more)) for more in range(4)]

    names = []
    for old, new in pairwise(texts):
        by_night.diff(old, new)
        names.append(by_night.kept[-1].name)

    assert names[1:] == [path.name for path in by_night.kept]


def test_hashes_that_are_larger_than_all_may_be_are_not_kept(tmp_path: Path) -> None:
    by_night = Nights(tmp_path, most_bytes=1_000)
    by_night.diff(text_of(numbered(2_000)), text_of(numbered(2_001)))

    assert [] == by_night.kept


def claim_text(path: Path) -> None:
    """Let a file of hashes say that its file has seven values that are no number."""
    about, rest = path.read_bytes().split(b"\n", 1)
    text = about.replace(b'"no_numbers": 0', b'"no_numbers": 7') + b"\n" + rest[:-32]
    path.write_bytes(text + blake3(text).digest())


REVENUE = "date,segment_field,segment_name,segment_value,segment_value_id,stat,value\n"


def revenue(*rows: range) -> str:
    """An export of revenue that is large enough to be reduced."""
    lines = (f"2026-01-31,country,Country,Place {i},{i},revenue-30,{i}.5\n" for i in chain(*rows))
    return REVENUE + "".join(lines)


def test_a_worker_keeps_the_hashes_for_the_next_diff(service: Service) -> None:
    client, _ = service.api_and_worker(HASHES_LIMIT="1MB")
    nights = revenue(range(100_000)), revenue(range(100_003)), revenue(range(5, 100_003))
    said = []
    for old, new in pairwise(nights):
        service.write("revenue_old.csv", old)
        service.write("revenue_new.csv", new)
        job_id = client.new_job("revenue")
        client.wait_for_success(job_id)
        said.append(client.get(f"/api/diffing/job/{job_id}/summary").json())
        [kept] = service.settings.hashes_dir.iterdir()  # two would have more than 1 MB
        claim_text(kept)

    assert [(3, 0), (0, 5)] == [(summary["added"], summary["removed"]) for summary in said]
    assert [0, 7] == [summary["not_numbers"]["old"] for summary in said]


def test_the_command_line_keeps_hashes_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    for name, text in (("a", revenue(range(90_000))), ("b", revenue(range(1, 90_000)))):
        (tmp_path / name).write_text(text)
    columns = ("-k", "segment_value_id", "-v", "value")
    for old, new in (("a", "b"), ("b", "a")):
        done = diffing(tmp_path, old, new, *columns, "--hashes", "kept", "-o", "out.csv")
        assert 0 == done.returncode, done.stderr

    names = {path.name.partition(".")[0] for path in (tmp_path / "kept").iterdir()}
    assert {blake3((tmp_path / name).read_bytes()).hexdigest() for name in "ab"} == names
    assert (
        REVENUE + "2026-01-31,country,Country,Place 0,0,revenue-30,0.5\n"
        == (tmp_path / "out.csv").read_text()
    )


def test_a_folder_for_hashes_that_is_missing_is_an_error(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text("id,value\n1,2\n")

    done = diffing(tmp_path, "a", "b", "-k", "id", "-v", "value", "--hashes", "nowhere")

    assert (2, "") == (done.returncode, done.stdout)
    assert "nowhere" in done.stderr
