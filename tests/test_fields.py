"""Many records at once: their fields, their keys and their numbers are those that others read."""

import csv
import io
import itertools
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diffing.csvfiles.fields import Block, Layout, PartOfRecord, blocks
from diffing.csvfiles.stretches import Irreducible
from diffing.engine.key_hashes import Shape, hashes_of
from diffing.engine.plain_numbers import without_plain_numbers
from tests.conftest import examples
from tests.test_equality import SPECIAL

TEXTS = st.text(st.sampled_from('ab1,"\n\ré \x1f'), max_size=20)
FIXTURES = settings(
    max_examples=examples(300),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def layout_of(columns: int = 3, line_end: str = "\n") -> Layout:
    return Layout(0, columns, line_end.encode(), range(columns))


def written(rows: list[list[str]], line_end: str, quoting: int) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator=line_end, quoting=quoting).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue().encode()


def fields_of(block: Block, columns: int) -> list[list[bytes]]:
    spans = [block.span(column, column) for column in range(columns)]
    return [
        [block.text[starts[row] :][: lengths[row]] for starts, lengths in spans]
        for row in range(block.rows)
    ]


@FIXTURES
@given(
    rows=st.lists(st.lists(TEXTS, min_size=3, max_size=3), min_size=1, max_size=12),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    size=st.sampled_from([1, 20, 1000]),
    ended=st.booleans(),
)
def test_the_fields_are_those_of_the_csv_module_without_quotes(
    tmp_path: Path,
    rows: list[list[str]],
    line_end: str,
    quoting: int,
    size: int,
    ended: bool,
) -> None:
    # csv leaves a CR bare where line ends are LF alone, which `blocks` refuses
    rows = [[text.replace("\r", "") for text in row] for row in rows if line_end == "\n"] or rows
    text = written(rows, line_end, quoting)
    path = tmp_path / "file.csv"
    path.write_bytes(text if ended else text.removesuffix(line_end.encode()))
    with path.open("rb") as file:
        whole = (0, path.stat().st_size)
        found = list(blocks(file.fileno(), whole, layout_of(3, line_end), size))

    fields = [row for _, block in found for row in fields_of(block, 3)]
    assert [[field.replace('"', "").encode() for field in row] for row in rows] == fields
    ends = [place + end for place, block in found for end in block.record_ends.tolist()]
    lengths = [len(written([row], line_end, quoting)) for row in rows]
    assert np.cumsum(lengths).tolist() == ends
    number = 0
    for _, block in found:
        those = rows[number : number + block.rows]
        number += block.rows
        assert any("\n" in field for row in those for field in row) == block.folded
        flat = [field for row in those for field in row]
        assert [i for i, field in enumerate(flat) if '"' in field] == block.with_quotes.tolist()


@pytest.mark.parametrize(
    "text",
    [
        b"a,b\n",
        b"a,b,c,d\n",
        b"a,b,c\n\n",
        b"a,b,c,d\na,b\n",
        b'a,b"b,c\n',
        b'a,"b"b,c\n',
        b'a, "b",c\n',
        b"a,b\r,c\n",
        b"a,b,c\r\n",
        b"\r,b,c\n",
        b"a,\0,c\n",
        b"a,\xff,c\n",
    ],
)
def test_text_that_others_may_read_otherwise_is_left_to_them(text: bytes) -> None:
    with pytest.raises(Irreducible):
        Block(text, layout_of())


@pytest.mark.parametrize("text", [b"a,b\n", b"a,b\r\r\n", b"a,\r\r\n", b"a\r,b\n"])
def test_every_record_ends_as_the_header_does(text: bytes) -> None:
    Block(b'"\r",b\r\n', layout_of(2, "\r\n"))
    with pytest.raises(Irreducible):
        Block(text, layout_of(2, "\r\n"))


def test_a_part_that_ends_inside_a_record_says_so(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b'1,"a\nb"\n2,c\n')
    with path.open("rb") as file, pytest.raises(PartOfRecord):
        list(blocks(file.fileno(), (0, 5), layout_of(2), 100))


@FIXTURES
@given(
    rows=st.lists(st.lists(TEXTS, min_size=4, max_size=4), min_size=1, max_size=12),
    more=st.lists(st.lists(TEXTS, min_size=4, max_size=4), max_size=3),
    numbers=st.sampled_from([["v"], []]),
    value=st.sampled_from(["another value", 'another, "quoted"\nvalue']),
)
def test_equal_keys_have_equal_hashes_in_any_block_and_quoting(
    rows: list[list[str]], more: list[list[str]], numbers: list[str], value: str
) -> None:
    shape = Shape.of(b"k,v,l,m\r\n", list("kvlm"), list("klm"), numbers)

    def hashed(rows: list[list[str]], quoting: int) -> list[int]:
        block = Block(written(rows, "\r\n", quoting), shape.layout)
        hashes: list[int] = hashes_of(block, shape).tolist()
        return hashes

    hashes = hashed(rows, csv.QUOTE_MINIMAL)
    others = [[row[0], value, *row[2:]] for row in rows]
    assert hashes == hashed(others + more, csv.QUOTE_MINIMAL)[: len(rows)]
    assert hashes == hashed(others + more, csv.QUOTE_ALL)[: len(rows)]


def test_keys_that_differ_in_a_few_places_have_other_hashes() -> None:
    numbers = itertools.product(range(50), repeat=3)
    keys = [f"{i:02}00000{j:02}00000{k:02}" for i, j, k in numbers]
    shape = Shape.of(b"k,v\n", ["k", "v"], ["k"], ["v"])
    text = "".join(f"{key},1\n" for key in keys).encode()

    assert len(keys) == len(set(hashes_of(Block(text, shape.layout), shape).tolist()))


NEARLY_NUMBERS = st.one_of(
    st.sampled_from([text for text in SPECIAL if text]),
    st.text(st.sampled_from("0123456789.-+eE_ ina/:Z\u00a0\u0663"), min_size=1, max_size=30),
    st.floats().map(str),
)


@FIXTURES
@given(texts=st.lists(NEARLY_NUMBERS, min_size=1, max_size=30))
def test_plain_numbers_are_numbers_and_what_is_surely_none_is_none(
    connection: duckdb.DuckDBPyConnection, texts: list[str]
) -> None:
    fields = [text.encode() for text in [*texts, ""]]
    lengths = np.array([len(field) for field in fields])
    starts = np.cumsum([0, *lengths[:-1]])
    text = b"".join(fields) + bytes(Block.PADDING)
    left = without_plain_numbers(text, starts, lengths)
    asked = "select number_in(text) is null from (select unnest($texts) as text)"
    none = [row[0] for row in connection.execute(asked, {"texts": texts}).fetchall()]

    doubtful = left.fields.tolist()
    assert len(texts) not in doubtful
    decided = [none[i] for i in range(len(texts)) if i not in doubtful]
    assert sum(decided) == left.no_numbers


def test_ordinary_numbers_are_plain() -> None:
    numbers = ["0", "12", "-3.25", "479.38277777777773", "123456789012345678901234"]
    text = "".join(numbers).encode() + bytes(Block.PADDING)
    lengths = np.array(list(map(len, numbers)))
    left = without_plain_numbers(text, np.cumsum([0, *lengths[:-1]]), lengths)

    assert not len(left.fields)
    assert not left.no_numbers
