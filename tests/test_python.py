"""The diff from Python, as its users call it."""

import gc
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import diffing
from diffing import diff
from diffing.core.comparison import Comparison
from diffing.core.dialect import NAMES
from diffing.core.errors import BadArgument, BadInput, DiffingError, InputChanged, NotAcceptable
from tests import reference
from tests.command_line import DIFF, NEW, OLD
from tests.command_line import diffing as command
from tests.conftest import one_in

ROWS = [("9", "x", "90"), (None, "c", "31")]


@pytest.fixture(autouse=True)
def _in_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(folder / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)


def left_behind() -> list[str]:
    gc.collect()
    return [path.name for path in Path("tmp").iterdir()]


def test_rows_are_a_relation_and_the_summary_counts_them() -> None:
    found = diff("old.csv", "new.csv", key="id", value="value")

    assert ROWS == found.rows.fetchall()
    assert ["id", "note", "value"] == found.rows.columns
    assert [("9",)] == found.rows.filter("value = '90'").project("id").fetchall()
    assert (1, 1, 1, 2) == (
        found.summary.added,
        found.summary.changed,
        found.summary.removed,
        found.summary.unchanged,
    )
    assert "<Difference: 1 added, 1 changed, 1 removed, 2 unchanged>" == repr(found)


def test_detail_is_that_of_the_command_line() -> None:
    found = diff(Path("old.csv"), "new.csv", ["id"], ["note", "value"], abs_tol=1, detail=True)

    answer = reference.diff(OLD, NEW, ["id"], ["note", "value"], abs_tol=1)
    said = [tuple(field or "" for field in row) for row in found.rows.fetchall()]
    assert answer.detail_rows == said
    assert list(answer.detail_header) == found.rows.columns


def test_each_option_of_a_comparison_is_an_argument() -> None:
    options = {*Comparison.model_fields, *NAMES} - {"first"} | {"old_may_be_missing"}

    assert options <= set(inspect.signature(diff).parameters)


def test_the_options_are_those_of_the_command_line() -> None:
    options = {
        "abs_tol": 0.5,
        "rel_tol": 0,
        "tolerance": {"value": {"abs_tol": 2}},
        "duplicates": "error",
        "old_may_be_missing": True,
        "fingerprint": True,
    }
    found = diff("old.csv", "new.csv", "id", "value", **options)  # type: ignore[arg-type]

    words = (
        *("--abs-tol", "0.5", "--rel-tol", "0", "--abs-tol", "value=2", "--duplicates", "error"),
        *("--old-may-be-missing", "--fingerprint", "--summary", "summary.json"),
    )
    assert 0 == command(Path(), *DIFF, *words).returncode
    said = json.loads(Path("summary.json").read_text())
    mine = found.summary.model_dump(mode="json")
    for measured in ("seconds", "peak_rss_bytes"):
        said.pop(measured)
        mine.pop(measured)
    assert said == mine


def test_only_changed_columns_can_be_asked_for() -> None:
    found = diff(
        "old.csv", "new.csv", "id", ["value", "note"], detail=True, only_changed_columns=True
    )
    few = diff("old.csv", "old.csv", "id", "value", detail=True, only_changed_columns=True)

    assert ["id", "note", "value", "_change", "_changed", "_old_value", "_old_note"] == (
        found.rows.columns
    )
    assert ["id", "note", "_change", "_changed"] == few.rows.columns


def test_rows_live_on_without_their_difference() -> None:
    rows = diff("old.csv", "new.csv", "id", "value").rows

    assert [] == left_behind()
    assert ROWS == rows.fetchall()


def test_files_are_removed_at_the_end_of_a_block() -> None:
    with diff("old.csv", "new.csv", "id", "value") as found:
        assert 1 == len(left_behind())
        rows = found.rows
    with diff("old.csv", "new.csv", "id", "value") as closed:
        pass

    assert [] == left_behind()
    assert ROWS == rows.fetchall() == found.rows.fetchall()
    with pytest.raises(BadArgument, match="The difference is closed"):
        _ = closed.rows


@pytest.mark.parametrize(
    "begun",
    [
        "from diffing import diff; found = diff('old.csv', 'new.csv', 'id', 'value')",
        "from diffing.files.publish import published; from pathlib import Path; "
        "stream = published([Path('/dev/stdout')]); stream.__enter__()",
    ],
    ids=["a difference", "an output that is streamed"],
)
def test_a_killed_process_leaves_a_folder_that_a_later_diff_removes(begun: str) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", f"{begun}; import os; os.kill(os.getpid(), 9)"], check=False
    )
    assert -9 == killed.returncode
    (left,) = Path("tmp").iterdir()
    os.utime(left, (0, 0))

    with diff("old.csv", "new.csv", "id", "value"):
        assert left.name not in left_behind()


@pytest.mark.parametrize("options", one_in(2, [{"detail": True, "only_changed_columns": True}, {}]))
def test_an_analysis_is_that_of_the_command_line(options: dict[str, bool]) -> None:
    words = ("--explain", "e.json", "--by", "id", "--value", "note", "--measure", "id")
    assert 0 == command(Path(), *DIFF, *words).returncode

    with diff("old.csv", "new.csv", "id", ["value", "note"], measure="id", **options) as found:  # type: ignore[arg-type]
        document = found.explain(by="id")
        total = found.explain()

    assert json.loads(Path("e.json").read_text()) == document
    assert document["rows"] == total["rows"]
    assert [] == left_behind()


def test_an_analysis_reads_files_of_any_dialect() -> None:
    Path("old.csv").write_text("id;v\n1;1.000,5\n", "cp1252")
    Path("new.csv").write_text("id;v\n1;2.000,75\n", "cp1252")
    options = {"delimiter": ";", "decimal": ",", "thousands": ".", "encoding": "cp1252"}

    found = diff("old.csv", "new.csv", "id", "v", **options)  # type: ignore[arg-type]

    assert [1000.25] == [step["net"] for step in found.explain()["bridge"]]


def test_an_analysis_of_files_that_changed_since_is_refused() -> None:
    found = diff("old.csv", "new.csv", "id", "value")
    Path("new.csv").write_text(f"{NEW}8,y,80\n")

    with pytest.raises(InputChanged, match=r"new\.csv changed since it was compared"):
        found.explain()


def test_an_analysis_by_other_columns_or_after_the_end_is_refused() -> None:
    found = diff("old.csv", "new.csv", "id", "value")

    with pytest.raises(BadArgument, match="by: value is not a key column"):
        found.explain("value")
    found.close()
    with pytest.raises(BadArgument, match=r"The difference is closed\. Explain it inside"):
        found.explain()


def test_a_difference_without_rows_has_none() -> None:
    found = diff("old.csv", "old.csv", "id", "value")

    assert [] == found.rows.fetchall()
    assert ["id", "note", "value"] == found.rows.columns


def test_fields_of_several_lines_are_kept() -> None:
    Path("new.csv").write_text(NEW + '7,"a\nb ""c"", d",8\n')

    found = diff("old.csv", "new.csv", "id", "value")

    assert ("7", 'a\nb "c", d', "8") == found.rows.fetchall()[-1]


REFUSED = {
    "no key": (
        {"value": "value"},
        BadArgument,
        "Missing key, the columns that identify a row. Unique in both files: key='id'. key='auto' "
        "takes the first.",
    ),
    "no such column": ({"key": "ID", "value": "value"}, BadInput, "Did you mean 'id'?"),
    "tolerance": ({"key": "id", "value": "value", "abs_tol": -1}, BadArgument, "abs_tol: must be"),
    "option": ({"key": "id", "value": "value", "duplicates": "no"}, BadArgument, "duplicates"),
    "detail": (
        {"key": "id", "value": "value", "only_changed_columns": True},
        BadArgument,
        "Give detail=True",
    ),
}


@pytest.mark.parametrize(("options", "kind", "said"), REFUSED.values(), ids=REFUSED)
def test_errors_are_exceptions_with_one_line_and_leave_nothing_behind(
    options: dict[str, object], kind: type[DiffingError], said: str
) -> None:
    with pytest.raises(kind) as caught:
        diff("old.csv", "new.csv", **options)  # type: ignore[arg-type]

    assert said in caught.value.detail == str(caught.value)
    assert 1 == len(caught.value.detail.splitlines())
    assert [] == left_behind()


@pytest.mark.parametrize(
    "switch", ["old_may_be_missing", "detail", "only_changed_columns", "fingerprint", "trim"]
)
def test_a_switch_that_is_a_text_is_refused(switch: str) -> None:
    with pytest.raises(BadArgument) as caught:
        diff("old.csv", "new.csv", "id", "value", **({"detail": True} | {switch: "no"}))  # type: ignore[arg-type]

    assert f"{switch}: must be true or false." == caught.value.detail


def test_an_error_of_a_file_has_the_words_of_the_command_line() -> None:
    Path("new.csv").write_text("id,value\n1\n")

    with pytest.raises(BadInput) as caught:
        diff("old.csv", "new.csv", "id", "value")

    assert f"diffing: {caught.value}\n" == command(Path(), *DIFF).stderr


def test_names_that_duckdb_would_change_are_refused_for_rows_alone() -> None:
    for name in ("old.csv", "new.csv"):
        Path(name).write_text("id,ID,value\n1,2,3\n")

    found = diff("old.csv", "new.csv", "id", "value")

    assert 1 == found.summary.unchanged
    with pytest.raises(NotAcceptable, match="differ only in case"):
        _ = found.rows


def test_an_import_is_cheap() -> None:
    script = "import sys, diffing; print([m for m in sys.modules if m.split('.')[0] in sys.argv])"
    slow = ("duckdb", "pydantic", "typer", "numpy", "rich", "sqlalchemy")
    done = subprocess.run(
        [sys.executable, "-c", script, *slow], capture_output=True, text=True, check=True
    )

    assert "[]\n" == done.stdout
    with pytest.raises(AttributeError, match="no attribute 'dif'"):
        _ = diffing.dif


def test_copies_that_are_counted_add_up_in_the_analysis(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("k,v\na,1\na,5\nb,2\nb,2\n")
    (tmp_path / "new.csv").write_text("k,v\na,5\na,1.5\na,7\nb,2\n")
    with diff(
        tmp_path / "old.csv", tmp_path / "new.csv", key="k", value="v", duplicates="count"
    ) as found:
        document = found.explain()

    # 1 became 1.5, 7 is one more, and one of the two 2 is gone
    (bridge,) = document["bridge"]
    steps = {name: bridge[name] for name in ("added", "removed", "up", "down", "net")}
    assert {
        "added": {"rows": 1, "amount": 7.0},
        "removed": {"rows": 1, "amount": 2.0},
        "up": {"rows": 1, "amount": 0.5},
        "down": {"rows": 0, "amount": 0.0},
        "net": 5.5,
    } == steps
    assert "Keys repeat" not in " ".join(document["notes"])
