"""The list of cells has each value that changed, once, with its difference."""

import csv
import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from diffing.core.errors import DiffFailed, ResultGone
from diffing.core.spec import CellsSpec
from diffing.engine.analysis.cells import Cells
from diffing.sandbox.limits import Limits
from tests import analysis_reference as plain
from tests.conftest import examples
from tests.reference import csv_of, number
from tests.test_analysis import Pair, analysis_of, diffed, files

ADDED = ["_column", "_old", "_new", "_difference", "_relative"]


def cells_of(pair: Pair, folder: Path) -> list[list[str]]:
    """The list of cells of a pair, with its header."""
    return cells_in(diffed(pair, folder), folder)


def cells_in(summary: dict[str, Any], folder: Path) -> list[list[str]]:
    """The list of cells of the diff that a folder has."""
    target = folder / "cells.csv"
    target.touch()
    rows = Cells(CellsSpec(folder / "detail.csv", summary), Limits(1, "1GB", folder)).write(target)
    with target.open(encoding="utf-8", newline="") as file:
        header, *cells = csv.reader(file, strict=True)
    assert len(cells) == rows == sum(summary["columns"]["changed"].values())
    return [header, *cells]


def difference_in(old: str, new: str) -> float | None:
    """The difference of two fields that are finite numbers; exact for whole numbers."""
    numbers = number(old), number(new)
    if None in numbers or not all(map(math.isfinite, numbers)):  # type: ignore[arg-type]
        return None
    if {*old, *new} <= set("-0123456789"):
        return int(new) - int(old)
    difference = numbers[1] - numbers[0]  # type: ignore[operator]
    return difference if math.isfinite(difference) else None


def assert_agrees(pair: Pair, listed: list[list[str]]) -> None:
    header, *found = listed
    keys = [name for name in pair.answer.header if name in pair.key]
    cells = plain.cells_of(pair.answer, [*pair.value], keys, pair.tolerances)
    changed = [cell for cell in cells if cell.kind == "changed"]

    assert [*keys, *ADDED] == header
    assert [
        [*(text or "" for text in cell.group), cell.column, cell.old, cell.new] for cell in changed
    ] == [cell[:-2] for cell in found]
    for cell, (*_, difference, relative) in zip(changed, found, strict=True):
        expected = difference_in(cell.old, cell.new)
        assert expected == (float(difference) if difference else None) or expected == int(
            difference
        )
        assert (cell.relative if cell.numbers else None) == (float(relative) if relative else None)


def test_each_changed_cell_is_a_line_in_the_order_of_new(tmp_path: Path) -> None:
    pair = Pair(
        "id,a,b\n1,1,x\n2,2,2.5\n,3,3\n4,4,4\n",
        "b,a,id\n3,3,\n2.25,5,2\n1,1,9\n,1,1\n",
        value=("a", "b"),
    )

    assert [
        ["id", *ADDED],
        ["2", "a", "2", "5", "3", "0.6"],
        ["2", "b", "2.5", "2.25", "-0.25", "0.1"],
        ["1", "b", "x", "", "", ""],
    ] == cells_of(pair, tmp_path)


def test_a_difference_of_long_whole_numbers_is_exact(tmp_path: Path) -> None:
    pair = Pair("id,value\n1,9007199254740992\n", "id,value\n1,9007199254740993\n")

    [_, [*_, difference, _]] = cells_of(pair, tmp_path)

    assert "1" == difference


def test_without_changes_there_is_only_the_header(tmp_path: Path) -> None:
    pair = Pair("id,value\n1,1\n", "id,value\n2,1\n")

    assert [["id", *ADDED]] == cells_of(pair, tmp_path)
    assert f"id,{','.join(ADDED)}\n" == (tmp_path / "cells.csv").read_text()


def test_an_added_name_that_is_taken_gets_an_underscore(tmp_path: Path) -> None:
    pair = Pair("_old,value\n1,1\n", "_old,value\n1,2\n", ("_old",))

    [header, _] = cells_of(pair, tmp_path)

    assert ["_old", "_column", "__old", "_new", "_difference", "_relative"] == header


@pytest.mark.parametrize("name", ["'; drop table x; --", '"', "<script>alert(1)</script>", "a\n,b"])
def test_any_name_is_only_a_name(name: str, tmp_path: Path) -> None:
    header = csv_of([("id", name)])

    pair = Pair(f"{header}1,1\n", f"{header}1,3\n", value=(name,))

    assert_agrees(pair, cells_of(pair, tmp_path))


def test_a_lost_or_other_detail_is_refused(tmp_path: Path) -> None:
    pair = Pair("id,value\n1,1\n2,2\n", "id,value\n1,2\n2,3\n")
    summary = diffed(pair, tmp_path)
    detail, target = tmp_path / "detail.csv", tmp_path / "cells.csv"
    target.touch()
    cells = Cells(CellsSpec(detail, summary), Limits(1, "1GB", tmp_path))

    detail.write_text(detail.read_text().replace("2,3,changed,value,2\n", ""))
    with pytest.raises(DiffFailed, match="The cells do not add up"):
        cells.write(target)
    detail.unlink()
    with pytest.raises(ResultGone, match="Start a new job"):
        cells.write(target)


@given(
    pair=st.builds(
        Pair,
        files(repeated=True),
        files(repeated=True),
        key=st.just(("key 2", "key")),
        value=st.just(("value 2", "value")),
        rel_tol=st.sampled_from([None, 0.0, 1e-9, 0.1]),
        abs_tol=st.sampled_from([0.0, 1.0]),
    )
)
@settings(
    max_examples=examples(20),
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
def test_any_pair_gives_what_the_reference_gives(pair: Pair) -> None:
    with TemporaryDirectory() as folder:
        summary = diffed(pair, Path(folder))
        found = cells_in(summary, Path(folder))
        document = analysis_of(summary, (), Path(folder))

    assert_agrees(pair, found)

    counts = {column["column"]: column["cells"] for column in document["columns"]}
    listed = [cell[2] for cell in found[1:]]
    assert counts == {name: listed.count(name) for name in set(listed)}
