"""Keys are found: the smallest sets of columns that are unique in the whole of both files."""

import itertools
import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffing.engine.key_sets import KeySets, differences
from tests.command_line import diffing, refused_by


def write(path: Path, header: str, rows: Sequence[Sequence[object]]) -> None:
    path.write_text(
        "".join(f"{line}\n" for line in [header, *(",".join(map(str, r)) for r in rows)])
    )


def suggested(folder: Path, *arguments: str) -> list[str]:
    done = diffing(folder, "suggest-key", *arguments)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout.splitlines()


def test_the_smallest_unique_set_is_named(tmp_path: Path) -> None:
    rows = [(day, shop, day * shop % 5, "x") for day in range(30) for shop in range(40)]
    write(tmp_path / "a.csv", "day,shop,amount,const", rows)

    assert ["--key day --key shop"] == suggested(tmp_path, "a.csv")


def test_a_key_is_unique_in_both_files(tmp_path: Path) -> None:
    write(tmp_path / "old.csv", "id,day,x", [(i, i % 7, 0) for i in range(100)])
    write(tmp_path / "new.csv", "x,day,id", [(0, i % 7, i % 50) for i in range(100)])

    assert ["--key id"] == suggested(tmp_path, "old.csv")
    assert ["--key day --key id"] == suggested(tmp_path, "old.csv", "new.csv")


def test_a_row_far_behind_the_first_ones_counts(tmp_path: Path) -> None:
    rows = [(i, i // 10, "") for i in range(60_000)]
    write(tmp_path / "a.csv", "id,part,extra", [*rows, (7, 9_999, "")])

    assert ["--key id --key part"] == suggested(tmp_path, "a.csv")


def test_an_empty_field_is_a_value(tmp_path: Path) -> None:
    write(tmp_path / "once.csv", "id,x", [("", 1), (1, 1), (2, 1)])
    write(tmp_path / "twice.csv", "id,x", [("", 1), ("", 2), (2, 1)])

    assert ["--key id"] == suggested(tmp_path, "once.csv")
    assert ["--key id --key x"] == suggested(tmp_path, "twice.csv")


def test_names_that_look_like_keys_come_before_measures(tmp_path: Path) -> None:
    numbers = random.Random(0)
    rows = [(numbers.random(), i // 9, i % 9, numbers.random()) for i in range(500)]
    write(tmp_path / "a.csv", "amount,week,shop_code,score", rows)

    assert ["--key week --key shop_code"] == suggested(tmp_path, "a.csv")


def test_a_measure_is_taken_where_nothing_else_tells_rows_apart(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "shop_code,amount", [(i % 3, i / 8) for i in range(99)])

    assert ["--key amount"] == suggested(tmp_path, "a.csv")


def test_equal_sets_are_alternatives(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "id,Iso Code,x", [(i, f"c{i}", 1) for i in range(9)])

    assert ["--key id", "--key 'Iso Code'"] == suggested(tmp_path, "a.csv")


def test_lines_in_fields_and_separators_confuse_nothing(tmp_path: Path) -> None:
    text = 'id,note\n1,"a\n2,b"\n2,b\n3,"a\n2,b"\n' + "4,\x1f\n"
    (tmp_path / "a.csv").write_text(text)

    assert ["--key id"] == suggested(tmp_path, "a.csv")


def test_a_wide_file_is_no_trouble(tmp_path: Path) -> None:
    columns = ["day", "shop", *(f"m{i}" for i in range(1_500))]
    rows = [(i // 20, i % 20, *(f"{i % 7}.5" for _ in range(1_500))) for i in range(200)]
    write(tmp_path / "a.csv", ",".join(columns), rows)

    assert ["--key day --key shop"] == suggested(tmp_path, "a.csv")


def test_files_without_a_common_column_have_no_key(tmp_path: Path) -> None:
    write(tmp_path / "old.csv", "a", [(1,)])
    write(tmp_path / "new.csv", "b", [(1,)])

    done = refused_by(tmp_path, "suggest-key", "old.csv", "new.csv")

    assert "old.csv and new.csv have no column in common" in done.stderr


@pytest.mark.slow
def test_a_search_ends_in_time(tmp_path: Path) -> None:
    rows = random.Random(1)
    # no set of fewer than about 20 of these columns tells all rows apart
    table = sorted({tuple(rows.choices("ab", k=60)) for _ in range(16_000)})
    write(tmp_path / "a.csv", ",".join(f"c{i}" for i in range(60)), table)

    done = refused_by(tmp_path, "suggest-key", "--seconds", "1", "a.csv")

    assert "No key of a.csv was found in time." in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,1\n1,1\n", "No set of columns is unique in a.csv: rows repeat in all columns"),
        ("a,b\n1,1\n2\n", "a.csv, line 3: expected 2 fields"),
        ("", "a.csv: the file is empty"),
    ],
)
def test_a_file_without_a_key_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.csv").write_text(text)

    done = refused_by(tmp_path, "suggest-key", "a.csv")

    assert (2, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
    assert said in done.stderr


class TestOfADiff:
    FILES = ("diff", "--old", "old.csv", "--new", "new.csv")

    @pytest.fixture
    def pair(self, tmp_path: Path) -> Path:
        write(tmp_path / "old.csv", "name,number,score", [("a", 1, 5), ("b", 2, 6)])
        write(tmp_path / "new.csv", "number,label,score", [(1, "a", 5), (2, "b", 7)])
        return tmp_path

    def test_the_error_for_a_missing_key_names_some(self, pair: Path) -> None:
        done = refused_by(pair, *self.FILES, "--rename", "name=label", "--value", "score")

        assert done.stderr == (
            "diffing: Missing --key, the columns that identify a row. Unique in both files: "
            "--key number; or --key label. --key auto takes the first.\n"
        )

    def test_auto_takes_the_first_and_says_so(self, pair: Path) -> None:
        auto = diffing(pair, *self.FILES, "--key", "auto", "--summary", "s.json")
        named = diffing(pair, *self.FILES, "--key", "number")

        summary = json.loads((pair / "s.json").read_text())
        assert named.stdout == auto.stdout
        assert (["number"], ["score"]) == (summary["key"], summary["value"])
        assert ["urn:diffing:key-found"] == [w["type"] for w in summary["warnings"]]
        assert "\ndiffing: warning: The key is number: " in auto.stderr

    def test_a_value_column_is_no_key(self, pair: Path) -> None:
        done = diffing(
            pair, *self.FILES, "--key", "auto", "--value", "number", "--summary", "s.json"
        )

        assert 0 == done.returncode, done.stderr
        assert ["score"] == json.loads((pair / "s.json").read_text())["key"]

    @pytest.mark.parametrize(
        ("rule", "alike"),
        [("--trim", ("a ", " a")), ("--nocase", ("a", "A")), ("--empty=NA", ("NA", ""))],
    )
    def test_fields_that_are_the_same_by_a_rule_repeat(
        self, pair: Path, rule: str, alike: tuple[str, str]
    ) -> None:
        rows = [(alike[0], 1, 5), (alike[1], 2, 5), ("b", 3, 5)]
        for name in ("old.csv", "new.csv"):
            write(pair / name, "code,amount,score", rows)

        plain, ruled = (
            diffing(pair, *self.FILES, "--key", "auto", "--summary", "s.json", *rules)
            and json.loads((pair / "s.json").read_text())["key"]
            for rules in ((), (rule,))
        )

        assert (["code"], ["amount"]) == (plain, ruled)

    def test_without_a_key_auto_fails(self, pair: Path) -> None:
        write(pair / "new.csv", "name,number,score", [("a", 1, 5), ("a", 1, 5)])

        done = refused_by(pair, *self.FILES, "--key", "auto")

        assert "No set of columns is unique in old.csv and new.csv" in done.stderr

    def test_a_column_with_that_name_is_the_key(self, pair: Path) -> None:
        for name in ("old.csv", "new.csv"):
            write(pair / name, "auto,id,x", [(1, 1, 1), (1, 2, 1)])

        diffing(pair, *self.FILES, "--key", "auto", "--summary", "s.json")

        assert ["auto"] == json.loads((pair / "s.json").read_text())["key"]

    def test_the_catalogue_may_ask_for_it(self, pair: Path) -> None:
        (pair / "metrics.toml").write_text(
            '[metric.m]\nold = "old.csv"\nnew = "new.csv"\nkey = "auto"\n'
        )
        files = ("--old", "old.csv", "--new", "new.csv", "--summary", "s.json")

        diffing(pair, "diff", "--metric", "m", *files, DIFFING_METRICS="metrics.toml")

        assert ["number"] == json.loads((pair / "s.json").read_text())["key"]


rows_of_few_values = st.integers(1, 5).flatmap(
    lambda width: st.lists(
        st.tuples(*[st.sampled_from("012")] * width), min_size=1, max_size=12, unique=True
    )
)


@given(rows=rows_of_few_values)
@settings(max_examples=300, deadline=None)
def test_the_search_meets_every_smallest_key_in_the_order_of_its_cost(
    rows: list[tuple[str, ...]],
) -> None:
    width = len(rows[0])
    costs = [1 + 2**place / 1_000 for place in range(width)]  # no two sets cost the same
    sets, found = KeySets(costs, lambda: None), []
    for columns, cost in sets:
        if repeated := differences(rows, columns):
            sets.reject(repeated)
        else:
            sets.accept(columns)
            found.append((round(cost, 6), columns))

    def is_key(columns: Sequence[int]) -> bool:
        return len({tuple(row[place] for place in columns) for row in rows}) == len(rows)

    every = [
        some
        for size in range(1, width + 1)
        for some in itertools.combinations(range(width), size)
        if is_key(some)
    ]
    smallest = [some for some in every if not any({*other} < {*some} for other in every)]
    assert sorted((round(sum(costs[p] for p in some), 6), some) for some in smallest) == found


def test_a_file_of_another_dialect_is_searched_with_its_options(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("# made up\nday;shop\n1;1\n1;2\n2;1\n", encoding="utf-16")

    refused = diffing(tmp_path, "suggest-key", "a.csv")

    assert (2, True) == (refused.returncode, "Give --encoding utf-16" in refused.stderr)
    dialect = ("--encoding", "utf-16", "--delimiter", ";", "--skip-lines", "1")
    assert ["--key day --key shop"] == suggested(tmp_path, "a.csv", *dialect)
