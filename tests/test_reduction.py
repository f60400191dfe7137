"""The rows that both files share are read once, and change no result.

Here a diff reduces files of any size; elsewhere in the tests only large ones.
"""

import csv
import io
import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diffing.core.comparison import Comparison
from diffing.core.errors import DiffingError
from diffing.csvfiles.alignment import Alignment, Walking, together
from diffing.csvfiles.line_by_line import same_lines
from diffing.csvfiles.split import Cutting
from diffing.csvfiles.stretches import Irreducible
from diffing.engine.diff import Diff
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits
from tests import reference
from tests.conftest import examples, one_in, spec_of
from tests.reduced import watched
from tests.reference import counts_of
from tests.test_cases import REDUCED

REDUCING = REDUCED.cutting
WHOLE = Cutting(smallest=200, shared=math.inf)
HEADER = ("id", "name", "value", "note")
Row = tuple[str, str, str, str]
Diffed = tuple[bool, Any]
DiffRows = Callable[..., Diffed]


def text_of(rows: Sequence[Row], end: str = "\n", quote_all: bool = False) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL)
    if not quote_all:
        writer = csv.writer(text, lineterminator=end)
    writer.writerows([HEADER, *rows])
    return text.getvalue()


def numbered(count: int, start: int = 0) -> list[Row]:
    return [(str(i), f"name {i}", f"{i}.5", "") for i in range(start, start + count)]


@pytest.fixture
def diffed(tmp_path: Path) -> DiffRows:
    """A function that diffs two texts by one way: whether it reduced them, and what it said."""

    def run(
        old: str,
        new: str,
        key: Sequence[str] = ("id",),
        value: Sequence[str] = ("value",),
        cutting: Cutting = REDUCING,
        detail: bool = False,
        **more: object,
    ) -> Diffed:
        paths = tmp_path / "old.csv", tmp_path / "new.csv"
        for path, text in zip(paths, (old, new), strict=True):
            path.write_bytes(text.encode())
        outputs = [tmp_path / f"{name}.out" for name in ("result", "detail", "removed")]
        for path in outputs:
            path.unlink(missing_ok=True)
        comparison = Comparison.of(key=key, value=value, **more)
        limits = Limits(threads=2, memory="1GB", temp_folder=tmp_path)
        work = Diff(spec_of(*paths, comparison), limits, cutting)
        with watched() as reduced:
            try:
                summary = work.run(
                    Outputs(outputs[0], outputs[1] if detail else None, outputs[2])
                ).model_dump(exclude={"seconds", "peak_rss_bytes"})
            except DiffingError as error:
                return any(reduced), (type(error), error.detail)
        written = [path.read_bytes() for path in outputs if path.exists()]
        return any(reduced), (summary, written)

    return run


def assert_same(diffed: DiffRows, *arguments: object, **more: object) -> bool:
    """Both ways say the same; whether the files were reduced."""
    reduced, said = diffed(*arguments, cutting=REDUCING, **more)
    whole, expected = diffed(*arguments, cutting=WHOLE, **more)

    assert not whole
    assert expected == said
    return reduced


def test_what_was_restated_appended_and_removed_is_all_that_is_compared(diffed: DiffRows) -> None:
    old = numbered(2_000)
    new = [*old[:100], *old[103:], *numbered(20, 5_000)]
    new[50:60] = [(id_, name, "0", note) for id_, name, _, note in new[50:60]]

    reduced = assert_same(diffed, text_of(old), text_of(new))
    _, (summary, written) = diffed(text_of(old), text_of(new))

    assert reduced
    assert (20, 10, 3) == (summary["added"], summary["changed"], summary["removed"])
    expected = reference.diff(text_of(old), text_of(new), ["id"], ["value"])
    assert [expected.csv.encode(), expected.removed_csv.encode()] == written


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quote", one_in(2, [False, True]))
def test_fields_of_several_lines_are_cut_nowhere(diffed: DiffRows, end: str, quote: bool) -> None:
    old = [(id_, name, value, f"a{end}b\nc") for id_, name, value, _ in numbered(400)]
    new = list(old)
    for place in (7, 8, 100, 399):
        new[place] = (*old[place][:2], "0", f"a{end}b\nd")
    del new[200:203]

    assert assert_same(
        diffed, text_of(old, end, quote), text_of(new, end, quote), value=["value", "note"]
    )


def test_files_that_are_the_same_need_no_comparison(diffed: DiffRows) -> None:
    text = text_of(numbered(300))

    assert assert_same(diffed, text, text)
    assert assert_same(diffed, text, text.removesuffix("\n"))


def test_a_key_that_is_met_again_in_a_shared_row_is_compared_with_it(diffed: DiffRows) -> None:
    old = [*numbered(300), ("7", "again", "70", ""), *numbered(300, 1_000)]
    new = [
        *numbered(300),
        ("7", "again", "71", ""),
        ("9", "more", "9.5", ""),
        *numbered(300, 1_000),
    ]

    assert assert_same(diffed, text_of(old), text_of(new))
    assert assert_same(diffed, text_of(new), text_of(old))


def test_keys_that_only_shared_rows_repeat_are_counted(diffed: DiffRows) -> None:
    old = [*numbered(300), *numbered(30), *numbered(300, 1_000)]
    new = [*old, ("x", "", "", "")]

    reduced, (summary, _) = diffed(text_of(old), text_of(new))

    assert reduced
    assert {"old": 30, "new": 30} == summary["duplicate_keys"]


def test_texts_and_times_are_reduced_and_count_no_missing_numbers(diffed: DiffRows) -> None:
    old = numbered(2_000)
    new = [*old[:100], *old[103:]]
    new[50:52] = [(id_, f"{name} ", "0", note) for id_, name, _, note in new[50:52]]
    old[7] = new[7] = ("7", "n", "n/a", "")
    kinds = {"text": ["name"], "time": ["note"]}

    files = text_of(old), text_of(new)
    reduced = assert_same(diffed, *files, value=["name", "value", "note"], **kinds)
    _, (summary, _) = diffed(*files, value=["name", "value", "note"], **kinds)

    assert reduced
    assert {"old": 1, "new": 1} == summary["not_numbers"]


@pytest.mark.parametrize("rule", [{"trim": True}, {"nocase": True}, {"empty": ["gone"]}])
def test_keys_that_differ_in_their_bytes_are_compared_as_a_whole(
    diffed: DiffRows, rule: dict[str, object]
) -> None:
    old = [*numbered(1_000), ("Abc", "x", "1", ""), ("gone", "x", "1", "")]
    new = [*numbered(1_000), (" abc", "x", "1", ""), ("", "x", "1", "")]

    assert not assert_same(diffed, text_of(old), text_of(new), **rule)


def test_repeated_keys_are_refused_either_way(diffed: DiffRows) -> None:
    old = [*numbered(300), *numbered(3)]

    assert not assert_same(diffed, text_of(old), text_of(old[1:]), duplicates="error")


def test_old_values_are_those_of_the_first_row_either_way(diffed: DiffRows) -> None:
    old = [*numbered(300), ("7", "again", "70", "")]
    new = [*numbered(300), ("7", "again", "71", "")]

    assert assert_same(diffed, text_of(old), text_of(new), detail=True)


def test_copies_are_counted_either_way(diffed: DiffRows) -> None:
    copy = ("7", "name 7", "7.5", "")
    old = [*numbered(300), copy, *numbered(300, 1_000), copy, *numbered(3)]
    new = [*numbered(300), *numbered(300, 1_000), copy, *numbered(3)]

    assert assert_same(diffed, text_of(old), text_of(new), duplicates="count", detail=True)
    _, (summary, written) = diffed(text_of(old), text_of(new), duplicates="count")

    assert (0, 0, 1) == (summary["added"], summary["changed"], summary["removed"])
    assert text_of([copy]).encode() == written[1]


@pytest.mark.parametrize("damage", one_in(5, ['"', ",", "\r", "\x1f", "\0"]))
@pytest.mark.parametrize("row", one_in(2, [150, 3]))
def test_damage_has_the_same_words_wherever_it_is(diffed: DiffRows, damage: str, row: int) -> None:
    old = text_of(numbered(300)).splitlines(keepends=True)
    new = list(old)
    new[100] = new[100].replace(".5", ".6")
    for both in ((old, new), (old,), (new,)):
        damaged = [list(lines) for lines in (old, new)]
        for lines in both:
            damaged[lines is new][row] = lines[row].replace("name", f"na{damage}me")
        assert_same(diffed, *("".join(lines) for lines in damaged))


def test_files_with_other_columns_or_line_ends_are_compared_as_a_whole(diffed: DiffRows) -> None:
    old = text_of(numbered(300))

    assert not assert_same(diffed, old, old.replace("note", "remark", 1))
    assert not assert_same(diffed, old, old.replace("\n", "\r\n"))


EDITS = ["insert", "delete", "repeat", "move"]


@st.composite
def nights(draw: st.DrawFn, count: int) -> tuple[str, ...]:
    """A file and what became of it: rows changed, gone, inserted, repeated and moved as blocks."""
    random_ = random.Random(draw(st.integers(0, 2**32)))
    keys = draw(st.sampled_from([3, 60, 10**6]))
    texts = ["", "t", "two\nlines", "a,b", 'q"q', "é", "\r\n"][: draw(st.sampled_from([2, 7]))]

    def rows(count: int) -> list[Row]:
        return [
            (
                random_.choice(["", "a", *[str(random_.randrange(keys))] * 8]),
                random_.choice(texts),
                random_.choice(["1", "1.0", "1.0000000001", "n/a", "", str(random_.random())]),
                random_.choice(texts),
            )
            for _ in range(count)
        ]

    versions = [rows(draw(st.sampled_from([0, 5, 60, 300])))]
    for _ in range(count - 1):
        new = [
            (id_, name, "7", note) if random_.random() < 0.03 else (id_, name, value, note)
            for id_, name, value, note in versions[-1]
        ]
        for edit in draw(st.lists(st.sampled_from(EDITS), max_size=4)):
            start, end = sorted(random_.randrange(len(new) + 1) for _ in range(2))
            block, to = new[start:end], random_.randrange(len(new) + 1)
            if edit == "insert":
                new[start:start] = rows(random_.choice([1, 4, 40]))
            elif edit == "repeat":
                new[to:to] = block[:3]
            else:
                del new[start:end]
                if edit == "move":
                    new[to:to] = block
        versions.append(new)
    line_end = draw(st.sampled_from(["\n", "\r\n"]))
    quote = draw(st.booleans())
    return tuple(
        text_of(version, line_end, quote).removesuffix(line_end if draw(st.booleans()) else "")
        for version in versions
    )


@settings(
    max_examples=examples(30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    pair=nights(2),
    key=st.sampled_from([["id"], ["name", "id"]]),
    value=st.sampled_from([["value"], ["note", "value"]]),
    rel_tol=st.sampled_from([0.0, 1e-9]),
    detail=st.booleans(),
    duplicates=st.sampled_from(["allow", "count"]),
)
def test_any_pair_gives_what_the_reference_gives(
    diffed: DiffRows,
    pair: tuple[str, ...],
    key: list[str],
    value: list[str],
    rel_tol: float,
    detail: bool,
    duplicates: str,
) -> None:
    options = {"rel_tol": rel_tol, "detail": detail, "duplicates": duplicates}
    _, (summary, written) = diffed(*pair, key, value, **options)

    old, new = pair
    answer = reference.diff(old, new, key, value, rel_tol, duplicates=duplicates)
    counts = counts_of(answer)
    assert counts == {name: summary[name] for name in counts}
    texts = [answer.csv, *([answer.detail_csv] if detail else []), answer.removed_csv]
    assert [text.encode() for text in texts] == written


# --- what the walk finds ---


def stretches_of(
    folder: Path, old: bytes, new: bytes, parts: int = 1
) -> list[tuple[int, int, int]]:
    for name, text in (("old", old), ("new", new)):
        (folder / name).write_bytes(text)
    alignment = Alignment.of(folder / "old", folder / "new", 0, parts)
    walk = Walking(alignment)
    return list(together(walk(part, lambda _: None) for part in reversed(alignment.parts)))


def lines(*numbers: range) -> bytes:
    return b"".join(b"line %d of many\n" % number for part in numbers for number in part)


@given(
    old=st.lists(st.sampled_from([b"a\n", b"b\n", b"\n", b"cc\n"]), max_size=40),
    new=st.lists(st.sampled_from([b"a\n", b"b\n", b"\n", b"cc\n"]), max_size=40),
    tails=st.tuples(st.sampled_from([b"", b"x"]), st.sampled_from([b"", b"x"])),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_stretches_are_the_same_bytes_and_overlap_nowhere(
    tmp_path: Path, old: list[bytes], new: list[bytes], tails: tuple[bytes, bytes]
) -> None:
    text_old, text_new = b"".join(old) + tails[0], b"".join(new) + tails[1]
    found = stretches_of(tmp_path, text_old, text_new)

    assert [text_old[o : o + n] for o, _, n in found] == [text_new[p : p + n] for _, p, n in found]
    for side in (0, 1):
        taken = sorted((place[side], place[side] + place[2]) for place in found)
        assert all(end <= start for (_, end), (start, _) in pairwise(taken))
    for text, side in ((text_old, 0), (text_new, 1)):
        borders = [place[side] for place in found]
        borders += [place[side] + place[2] for place in found if place[side] + place[2] < len(text)]
        assert all(border == 0 or text[border - 1 : border] == b"\n" for border in borders)


FEW_LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"\n", b"cc\n"]), max_size=40)


@given(
    pairs=st.lists(
        st.tuples(*[st.sampled_from([b"a\n", b"b\n", b"\n", b"cc\n"])] * 2), max_size=40
    ),
    more=st.tuples(FEW_LINES, FEW_LINES),
    tails=st.tuples(st.sampled_from([b"", b"x"]), st.sampled_from([b"", b"x"])),
)
def test_lines_at_the_same_place_are_found_if_they_are_the_same_bytes(
    pairs: list[tuple[bytes, bytes]],
    more: tuple[list[bytes], list[bytes]],
    tails: tuple[bytes, bytes],
) -> None:
    texts = [[pair[side] for pair in pairs] + more[side] for side in (0, 1)]
    a, b = (b"".join(text) + tail for text, tail in zip(texts, tails, strict=True))
    same = same_lines(a, b)
    compared = [text[:end].count(b"\n") for text, end in zip((a, b), same.ends, strict=True)]

    found = [line for i, j, size in same.parts for line in _pairs(a[i : i + size], b[j : j + size])]
    together = list(zip(*texts, strict=False))[: compared[0]]
    assert compared[0] == compared[1]
    assert [(x, y) for x, y in together if x == y] == found
    assert sum(map(len, texts[0][: compared[0]])) == same.ends[0]


def _pairs(a: bytes, b: bytes) -> list[tuple[bytes, bytes]]:
    return list(zip(a.splitlines(keepends=True), b.splitlines(keepends=True), strict=True))


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("inserted", [0, 1, 300])
def test_lines_that_changed_all_over_leave_the_others_shared(
    tmp_path: Path, inserted: int, parts: int
) -> None:
    before = lines(range(200_000)).splitlines(keepends=True)
    after = [b"another " + line if not number % 80 else line for number, line in enumerate(before)]
    after[100_000:100_000] = [b"more %d\n" % number for number in range(inserted)]
    old, new = b"".join(before), b"".join(after)

    found = stretches_of(tmp_path, old, new, parts)

    assert all(old[o : o + n] == new[p : p + n] for o, p, n in found)
    shared = sum(old[o : o + n].count(b"\n") for o, _, n in found)
    assert 200_000 * 79 // 80 - 5 <= shared <= 200_000 * 79 // 80


def test_two_files_in_the_same_order_are_cut_at_the_same_lines(tmp_path: Path) -> None:
    before = lines(range(40_000))
    for name, text in (("old", before), ("new", lines(range(100)) + before[10_000:])):
        (tmp_path / name).write_bytes(text)

    cuts = Alignment.of(tmp_path / "old", tmp_path / "new", 0, parts=3).cuts

    old, new = ((tmp_path / name).read_bytes() for name in ("old", "new"))
    assert len(cuts) == 4
    assert all(old[o : o + 100] == new[n : n + 100] for o, n in cuts[1:-1])
    assert all(b - a > len(new) // 4 for (_, a), (_, b) in pairwise(cuts))


@pytest.mark.parametrize("parts", [1, 3])
def test_a_block_that_moved_is_found_where_it_was(tmp_path: Path, parts: int) -> None:
    old = lines(range(40_000))
    new = lines(range(20_000, 30_000), range(20_000), range(30_000, 40_000))

    found = stretches_of(tmp_path, old, new, parts)

    assert 0.9 * len(old) < sum(length for _, _, length in found)


def test_lines_in_another_order_are_given_up(tmp_path: Path) -> None:
    shuffled = lines(range(400_000)).splitlines(keepends=True)
    random.Random(1).shuffle(shuffled)

    with pytest.raises(Irreducible):
        stretches_of(tmp_path, lines(range(400_000)), b"".join(shuffled))
