"""`--explain` without a file: the account of an analysis, for people."""

import json
from pathlib import Path

import pytest

from diffing.cli.account import account_of
from diffing.cli.typed import with_command
from tests.command_line import diffing
from tests.test_analysis import Pair, analysed

OLD = "id,stat,value\n1,a,100\n2,a,20\n3,b,5\n4,,7\n"
NEW = "id,stat,value\n1,a,1250.5\n2,a,10\n4,,7.00000001\n5,b,2\n"
OPTIONS = ("old.csv", "new.csv", "-k", "id,stat", "-v", "value")

ACCOUNT = """\
Of 4 new rows: 1 added, 3 changed, 0 unchanged. Of 4 old rows: 1 removed.
Shares are of added, changed and removed rows only, not of the whole files.

Columns
  column  cells  up  down  from 0  to 0  filled  emptied  middle  largest       net
  value       3   2     1       0     0       0        0     0.5     0.92  1,140.50

From old to new: added - removed + up - down + other
  column  stat     added  removed        up  down  other       net
  value   a            0        0  1,150.50    10      0  1,140.50
  value   b            2        5         0     0      0        -3
  value   (empty)      0        0     1e-08     0      0     1e-08

Where, the most surprising first
  key   value    added  changed  removed  share
  id    3            0        0        1  20.0%
  id    5            1        0        0  20.0%
  id    1            0        1        0  20.0%
  stat  b            1        0        1  40.0%
  stat  a            0        2        0  40.0%
  stat  (empty)      0        1        0  20.0%

Rows still changed with another tolerance
  rel-tol  rows
    1e-09     3
    1e-08     2
        1     0

Series that moved most
  column  id  stat     cells       net  times usual
  value    1  a            1  1,150.50         1.81
  value    2  a            1       -10       0.0157
  value    4  (empty)      1     1e-08     1.43e-09
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "old.csv").write_text(OLD)
    (tmp_path / "new.csv").write_text(NEW)
    return tmp_path


def test_without_a_file_an_analysis_is_told_in_words_and_short_tables(folder: Path) -> None:
    done = diffing(folder, *OPTIONS, "-o", "out.csv", "-q", "--by", "stat", "--explain")

    assert (0, "") == (done.returncode, done.stderr)
    assert ACCOUNT == done.stdout


def test_beside_rows_on_standard_output_it_is_told_on_standard_error(folder: Path) -> None:
    done = diffing(folder, *OPTIONS, "-q", "--explain")

    assert NEW == done.stdout
    assert "Of 4 new rows: 1 added, 3 changed," == done.stderr[:34]


def test_with_a_file_it_is_the_document(folder: Path) -> None:
    done = diffing(folder, *OPTIONS, "-o", "out.csv", "-q", "--explain", "e.json")

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    assert 3 == json.loads((folder / "e.json").read_text())["rows"]["changed"]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["a.csv", "--explain"], ["diff", "a.csv", "--explain", "-"]),
        (["a.csv", "--explain", "--by", "x"], ["diff", "a.csv", "--explain", "-", "--by", "x"]),
        (["a.csv", "--explain", "-k", "x"], ["diff", "a.csv", "--explain", "-", "-k", "x"]),
        (["a.csv", "--explain", "-"], ["diff", "a.csv", "--explain", "-"]),
        (["a.csv", "--explain", "e.json"], ["diff", "a.csv", "--explain", "e.json"]),
        (["--explain=e.json"], ["diff", "--explain=e.json"]),
    ],
)
def test_a_file_may_follow(words: list[str], meant: list[str]) -> None:
    assert meant == with_command(words)


def test_long_lists_are_cut_and_counted(tmp_path: Path) -> None:
    rows = "".join(f"{i % 30},{i},1\n" for i in range(200))
    pair = Pair("g,id,value\n", f"g,id,value\n{rows}", ("g", "id"))

    said = account_of(analysed(pair, ("g",), tmp_path)).splitlines()

    assert "  and 18 more" in said
    assert len(said) < 60


def test_nothing_changed_is_one_sentence_and_its_notes(tmp_path: Path) -> None:
    said = account_of(analysed(Pair("id,value\n1,1\n", "id,value\n1,1\n"), (), tmp_path))

    assert (
        "Of 1 new rows: 0 added, 0 changed, 1 unchanged. Of 1 old rows: 0 removed."
        == said.splitlines()[0]
    )
    assert "\n\n" not in said


def test_patterns_and_the_times_with_most_rows_are_told(tmp_path: Path) -> None:
    days = [f"2024-01-{day:02}" for day in range(1, 11)]
    old = "day,id,value\n" + "".join(f"{day},{i},{i + 1}\n" for i, day in enumerate(days * 2))
    new = "day,id,value\n" + "".join(f"{day},{i},{i + 1}000\n" for i, day in enumerate(days * 2))

    said = account_of(analysed(Pair(old, new, ("day", "id")), (), tmp_path))

    assert (
        "Patterns of many changes\n"
        "  column  pattern  number  cells  of\n"
        "  value   factor     1000     20  20\n"
    ) in said
    assert "\nWhen: day by day, where most rows are\n        from  added  changed" in said
    assert "\n  2024-01-06      0        2        0\n  and 4 more\n" in said


def test_totals_and_periods_are_told(folder: Path) -> None:
    (folder / "old.csv").write_text("id,stat,value\n2024-01,a,10\n2024-02,a,2\n")
    (folder / "new.csv").write_text("id,stat,value\n2024-01,a,11\n2024-03,a,4\n")
    options = ("--totals", "--period", "id", "--settled-after", "1d")

    done = diffing(folder, *OPTIONS, *options, "-o", "out.csv", "-q", "--explain")

    assert (
        "  column  added  removed  up  down  other  net  old total  new total  residual\n"
        "  value       4        2   1     0      0    3         12         15         0\n"
    ) in done.stdout
    assert (
        "Settled, open and new periods\n"
        "  periods  old rows  new rows  added  changed  removed\n"
        "  settled         2         1      0        1        1\n"
    ) in done.stdout


def test_control_characters_of_files_do_not_reach_the_terminal(tmp_path: Path) -> None:
    pair = Pair("i\x1b[2J,v\n\x1b[31m,1\n", "i\x1b[2J,v\n\x1b[31m,2\n", ("i\x1b[2J",), ("v",))

    said = account_of(analysed(pair, ("i\x1b[2J",), tmp_path))

    assert "\x1b" not in said
    assert "?[31m" in said
