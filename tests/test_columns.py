"""The columns of a diff: by default, by pattern, ignored and renamed; resolved in two headers."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests import reference
from tests.command_line import Done, diffing, refused_by
from tests.conftest import one_in

OLD = "id,amount,price_a,price_b,updated_at\n1,5,10,7,Mon\n2,6,20,7,Mon\n3,1,1,1,Mon\n"
NEW = "updated_at,id,revenue,price_a,price_b\nTue,1,5,10,7\nTue,2,6,21,7\nTue,4,1,1,1\n"
FILES = ("diff", "--old", "old.csv", "--new", "new.csv")


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    (tmp_path / "old.csv").write_text(OLD)
    (tmp_path / "new.csv").write_text(NEW)
    return tmp_path


def summary_of(folder: Path, *options: str) -> dict[str, Any]:
    done = diffing(folder, *FILES, *options, "--summary", "s.json", "--output", "out.csv")
    assert 0 == done.returncode, done.stderr
    return dict(json.loads((folder / "s.json").read_text()))


def refused(folder: Path, *options: str) -> Done:
    done = refused_by(folder, *FILES, *options, "--output", "out.csv")
    assert (2, "") == (done.returncode, done.stdout)
    assert not (folder / "out.csv").exists()
    return done


@pytest.mark.parametrize(
    ("options", "value"),
    one_in(
        3,
        [
            [(), ["updated_at", "price_a", "price_b"]],
            [("--value", "*"), ["updated_at", "price_a", "price_b"]],
            [("--value", "price_*"), ["price_a", "price_b"]],
            [("--value", "p*b", "--value", "*_a"), ["price_a", "price_b"]],
            [("--value", "price_b", "--value", "price_a"), ["price_b", "price_a"]],
            [("--value", "price_b", "--value", "*"), ["updated_at", "price_a", "price_b"]],
            [("--ignore", "updated_*"), ["price_a", "price_b"]],
            [("--ignore", "price_a,updated_at"), ["price_b"]],
            [("--value", "price_*", "--ignore", "price_a"), ["price_b"]],
            [("--ignore", "id", "--ignore", "no_such_*"), ["updated_at", "price_a", "price_b"]],
            [("--rename", "amount=revenue"), ["updated_at", "revenue", "price_a", "price_b"]],
            [("--value", "revenue", "--rename", "amount=revenue"), ["revenue"]],
        ],
    ),
)
def test_the_summary_names_the_columns_that_were_compared(
    pair: Path, options: tuple[str, ...], value: list[str]
) -> None:
    summary = summary_of(pair, "--key", "id", *options)

    said = reference.diff(OLD.replace("amount", "revenue"), NEW, ["id"], value)
    assert (["id"], value) == (summary["key"], summary["value"])
    assert said.csv == (pair / "out.csv").read_text()
    assert (said.changed, said.unchanged) == (summary["changed"], summary["unchanged"])


def test_the_summary_names_the_columns_that_one_file_alone_has(pair: Path) -> None:
    apart = summary_of(pair, "--key", "id")
    renamed = summary_of(pair, "--key", "id", "--rename", "amount=revenue")

    assert (["amount"], ["revenue"]) == (apart["columns"]["only_old"], apart["columns"]["only_new"])
    assert ([], []) == (renamed["columns"]["only_old"], renamed["columns"]["only_new"])
    assert {"amount": "revenue"} == renamed["rename"]


def test_a_key_may_be_renamed_and_removed_rows_keep_the_names_of_old(pair: Path) -> None:
    (pair / "new.csv").write_text(NEW.replace("id", "number"))
    key = ("--key", "number", "--rename", "id=number", "--value", "price_a")

    done = diffing(pair, *FILES, *key, "--removed", "gone.csv", "--detail")

    assert done.stdout == (
        "updated_at,number,revenue,price_a,price_b,_change,_changed,_old_price_a\n"
        "Tue,2,6,21,7,changed,price_a,20\nTue,4,1,1,1,added,,\n"
    )
    assert OLD.splitlines()[0::3] == (pair / "gone.csv").read_text().splitlines()


def test_a_tolerance_may_be_of_a_pattern_and_a_name_replaces_it(pair: Path) -> None:
    (pair / "old.csv").write_text("id,price_a,price_b,price_note,n\n1,1,1,x,1\n")
    (pair / "new.csv").write_text("id,price_a,price_b,price_note,n\n1,1.05,1.05,x,1\n")
    wide = ("--key", "id", "--text", "price_note", "--abs-tol", "price_*=0.1")

    within = summary_of(pair, *wide)
    narrow = summary_of(pair, *wide, "--abs-tol", "price_b=0.01")
    none = refused_by(pair, *FILES, "--key", "id", "--abs-tol", "cost_*=1")

    assert (0, 1) == (within["changed"], narrow["changed"])
    assert {"price_a", "price_b"} == within["tolerance"].keys()
    assert {"price_a": 0, "price_b": 1, "price_note": 0, "n": 0} == narrow["columns"]["changed"]
    assert "A tolerance is set for 'cost_*', not a value column of numbers." in none.stderr


def test_columns_may_swap_their_names(pair: Path) -> None:
    # long enough to look for shared rows, of which there are none: equal lines are other rows
    rows = "".join(f"{i},{i},{i % 7}\n" for i in range(500_000))
    for name in ("old.csv", "new.csv"):
        (pair / name).write_text(f"id,a,b\n{rows}")

    summary = summary_of(pair, "--key", "id", "--rename", "a=b,b=a")

    assert 499_993 == summary["changed"]


def test_a_name_with_a_star_is_that_column(pair: Path) -> None:
    (pair / "old.csv").write_text("id,a*,ab\n1,1,1\n")
    (pair / "new.csv").write_text("id,a*,ab\n1,1,2\n")

    assert ["a*"] == summary_of(pair, "--key", "id", "--value", "a*")["value"]
    assert ["ab"] == summary_of(pair, "--key", "id", "--ignore", "a*")["value"]


def test_a_tolerance_may_be_of_a_column_that_a_pattern_selects(pair: Path) -> None:
    loose = summary_of(pair, "--key", "id", "--value", "price_*", "--abs-tol", "price_a=1")

    assert (0, 1) == (loose["changed"], loose["within_tolerance"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--key", "id", "--value", "cost_*"),
            "No column of both files matches 'cost_*'. old.csv has the columns 'id', 'amount', ",
        ),
        (
            ("--key", "id", "--value", "rev*"),
            "No column of both files matches 'rev*'. ",
        ),
        (
            ("--key", "id", "--rename", "amuont=revenue"),
            "old.csv: no column 'amuont'. Did you mean 'amount'? Line 1 names the columns 'id'",
        ),
        (
            ("--key", "id", "--rename", "amount=income"),
            "new.csv: no column 'income'. Line 1 names the columns 'updated_at', 'id', 'revenue'",
        ),
        (
            ("--key", "id", "--rename", "amount=price_a"),
            "old.csv: has a column 'price_a' already",
        ),
        (("--key", "id", "--rename", "amount=x,id=x"), "two columns renamed to x"),
        (
            ("--key", "id", "--rename", "amount=revenue", "--ignore", "amount"),
            "'amount' is to be ignored, but has another name in new. Ignore it by that name: "
            "--ignore revenue.",
        ),
        (("--key", "id", "--rename", "amount"), "rename must be OLD=NEW"),
        (("--key", "id", "--rename", "a=b=c"), "rename must be OLD=NEW"),
        (("--key", "id", "--rename", "a=b", "--rename", "a=c"), "rename of a is given twice"),
        (
            ("--key", "id", "--ignore", "*"),
            "No value column is left: each column that both files have is part of the key, or "
            "ignored. Leave one out of --key or --ignore. If all of them identify a row, add a "
            "column with the same text in each row to both files. old.csv has the columns",
        ),
        (
            ("--key", "id", "--abs-tol", "revenue=1"),
            "A tolerance is set for 'revenue', not a value column of numbers. Those are "
            "'updated_at', 'price_a', 'price_b'.",
        ),
    ],
)
def test_columns_that_cannot_be_found_are_an_error_that_lists_the_others(
    pair: Path, options: tuple[str, ...], said: str
) -> None:
    assert said in refused(pair, *options).stderr


def test_the_catalogue_has_the_same_options(pair: Path) -> None:
    (pair / "metrics.toml").write_text(
        '[metric.m]\nold = "old.csv"\nnew = "new.csv"\nkey = ["id"]\nvalue = ["*"]\n'
        'ignore = ["updated_*"]\nrename = { amount = "revenue" }\n'
    )
    metric = ("diff", "--metric", "m", "--old", "old.csv", "--new", "new.csv", "--summary", "s")

    diffing(pair, *metric, DIFFING_METRICS="metrics.toml")
    asked = json.loads((pair / "s").read_text())
    diffing(pair, *metric, "--ignore", "price_*", DIFFING_METRICS="metrics.toml")
    replaced = json.loads((pair / "s").read_text())

    assert ["revenue", "price_a", "price_b"] == asked["value"]
    assert ["updated_at", "revenue"] == replaced["value"]


def test_a_first_night_needs_no_renamed_column(pair: Path) -> None:
    (pair / "old.csv").unlink()

    summary = summary_of(pair, "--key", "id", "--rename", "amount=revenue", "--old-may-be-missing")

    assert (3, ["updated_at", "revenue", "price_a", "price_b"]) == (
        summary["added"],
        summary["value"],
    )


def table(header: str, *columns: list[object]) -> str:
    rows = zip(range(len(columns[0])), *columns, strict=True)
    return f"id,{header}\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)


AMOUNTS: list[object] = [number * 7 % 31 for number in range(40)]
RECOMPUTED: list[object] = [f"{number}.0000000001" for number in AMOUNTS]
OTHERS: list[object] = [number / 8 for number in range(40)]
CONSTANT: list[object] = ["k"] * 40


class TestSuggestedRenames:
    @staticmethod
    def warning(folder: Path, old: str, new: str, *options: str) -> str:
        (folder / "old.csv").write_text(old)
        (folder / "new.csv").write_text(new)
        summary = summary_of(folder, "--key", "id", "--value", "x", *options)
        (found,) = [w for w in summary["warnings"] if "renamed" in w["type"]] or [{"detail": ""}]
        assert (["x"], {}) == (summary["value"], summary["rename"])
        return str(found["detail"])

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            (("amount", AMOUNTS), ("revenue", AMOUNTS), "amount and revenue (by their fields)"),
            (("amount", AMOUNTS), ("revenue", [0, 1, 2, *AMOUNTS[3:]]), "amount and revenue (by"),
            (("amount", AMOUNTS), ("revenue", RECOMPUTED), "amount and revenue (by their fields)"),
            (
                ("Unit Price", AMOUNTS),
                ("unit_price", OTHERS),
                "Unit Price and unit_price (by their",
            ),
            (("revenue", AMOUNTS), ("revenues", OTHERS), "`rename=revenue=revenues`."),
            (("amount", AMOUNTS), ("revenue", OTHERS), ""),
            (("amount", CONSTANT), ("revenue", CONSTANT), ""),
        ],
    )
    def test_columns_that_are_alike_are_suggested(
        self,
        tmp_path: Path,
        old: tuple[str, list[object]],
        new: tuple[str, list[object]],
        said: str,
    ) -> None:
        before = table(f"x,{old[0]}", AMOUNTS, old[1])
        after = table(f"{new[0]},x", new[1], AMOUNTS)

        warning = self.warning(tmp_path, before, after)

        assert said in warning
        assert bool(said) == bool(warning)

    def test_each_column_is_suggested_once_and_fields_count_more_than_names(
        self, tmp_path: Path
    ) -> None:
        before = table("x,total_a,total_b", AMOUNTS, AMOUNTS, OTHERS)
        after = table("x,total_1,total_2", AMOUNTS, OTHERS, AMOUNTS)

        assert self.warning(tmp_path, before, after).endswith(
            "`rename=total_a=total_2` `rename=total_b=total_1`."
        )

    def test_what_is_ignored_is_not_suggested(self, tmp_path: Path) -> None:
        before, after = table("x,a_at", AMOUNTS, AMOUNTS), table("x,b_at", AMOUNTS, AMOUNTS)

        assert "" == self.warning(tmp_path, before, after, "--ignore", "*_at")

    def test_a_few_rows_prove_nothing(self, tmp_path: Path) -> None:
        before, after = table("x,a", [1, 2, 3], [1, 2, 3]), table("x,b", [1, 2, 3], [1, 2, 3])

        assert "" == self.warning(tmp_path, before, after)


def test_a_pattern_that_ignores_nothing_is_a_warning(pair: Path) -> None:
    options = ("--ignore", "updated_*", "--ignore", "upadted_*", "--ignore", "revenue")

    (warning,) = summary_of(pair, "--key", "id", *options)["warnings"]

    assert "No column matches 'upadted_*', which the diff was to ignore." == warning["detail"]
