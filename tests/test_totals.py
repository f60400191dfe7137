"""The totals of whole files: the bridge leads from one to the other, for groups and periods."""

import json
import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from diffing.core.comparison import Comparison
from diffing.core.errors import BadArgument, BadInput, DiffFailed
from diffing.core.grouping import places_of
from diffing.core.spec import AnalysisSpec
from diffing.csvfiles.split import CUTTING, Cutting
from diffing.engine.analysis import totals
from diffing.engine.analysis.analyse import Analysis, as_json
from diffing.engine.diff import Diff
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits
from tests import analysis_reference as plain
from tests import reference
from tests.conftest import examples, spec_of
from tests.reduced import watched
from tests.test_analysis import FIELDS, files

STATES = ("settled", "open", "new", "none")
OLD = "day,stat,seg,value\n1,usd,a,10\n1,pct,a,0.5\n1,usd,,7\n2,usd,a,100\n"
NEW = "day,stat,seg,value\n1,usd,a,13\n1,pct,b,0.25\n1,usd,,2\n2,usd,a,100\n"
KEY = ("day", "stat", "seg")

Analysed = Callable[..., dict[str, Any]]


def summed(
    folder: Path,
    texts: tuple[str, str],
    by: tuple[str, ...] = (),
    cutting: Cutting = CUTTING,
    **options: Any,
) -> dict[str, Any]:
    """The analysis of two CSV texts, through a diff that takes totals."""
    paths = folder / "old.csv", folder / "new.csv"
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8", newline="")
    comparison = Comparison.of(**{"key": KEY, "value": ("value",), "totals": True, **options})
    limits = Limits(2, "1GB", folder)
    outputs = Outputs(
        detail=folder / "detail.csv",
        removed=folder / "removed.csv",
        totals=folder / "totals.json",
    )
    diff = Diff(spec_of(*paths, comparison), limits, cutting)
    with watched() as reduced:
        summary = diff.run(outputs)
    spec = AnalysisSpec(
        folder / "detail.csv",
        folder / "removed.csv",
        summary.model_dump(mode="json"),
        places_of(by, summary.key),
        totals=folder / "totals.json",
    )
    document: dict[str, Any] = json.loads(as_json(Analysis(spec, limits).run()))
    return document | {"reduced": any(reduced)}


@pytest.fixture
def analyse(tmp_path: Path) -> Analysed:
    """A function that analyses two CSV texts."""
    return lambda *given, **options: summed(tmp_path, *given, **options)


def totals_in(document: dict[str, Any]) -> dict[Any, Any]:
    return {
        tuple(step["group"].values()): step["totals"]
        and (
            step["totals"]["old"]["amount"],
            step["net"],
            step["totals"]["new"]["amount"],
            step["totals"]["closes"],
        )
        for step in document["bridge"]
    }


def test_the_bridge_leads_from_the_total_of_old_to_that_of_new(analyse: Analysed) -> None:
    [step] = analyse((OLD, NEW))["bridge"]

    assert {
        "old": {"rows": 4, "amount": 117.5},
        "new": {"rows": 4, "amount": 115.25},
        "left_out": 0,
        "residual": 0.0,
        "closes": True,
    } == step["totals"]
    assert -2.25 == step["net"]


def test_a_total_beyond_all_doubles_is_unknown_and_still_closes(analyse: Analysed) -> None:
    old = "day,stat,seg,value\n1,usd,a,1\n2,usd,a,0\n"
    new = "day,stat,seg,value\n1,usd,a,1.0000000001\n2,usd,a,1.7e308\n3,usd,a,1.7e308\n"

    [step] = analyse((old, new))["bridge"]

    assert None is step["totals"]["new"]["amount"]
    assert step["totals"]["residual"] > 0
    assert step["totals"]["closes"]


def test_values_with_many_changes_for_their_rows_come_first(analyse: Analysed) -> None:
    of_usd, of_pct = ([f"{day},{stat},a" for day in range(100)] for stat in ("usd", "pct"))
    rows = [*of_usd, *of_pct[:12]]
    changed = {*of_usd[:20], *of_pct[:10]}
    old = "day,stat,seg,value\n" + "".join(f"{row},1\n" for row in rows)
    new = "day,stat,seg,value\n" + "".join(f"{row},{1 + (row in changed)}\n" for row in rows)

    first, with_totals = (
        [one["value"] for one in analyse((old, new), **by)["slices"] if one["column"] == "stat"]
        for by in ({}, {"totals_by": ("stat",)})
    )
    assert ["usd", "pct"] == first
    assert ["pct", "usd"] == with_totals


def test_each_measure_and_group_has_totals_of_its_own(analyse: Analysed) -> None:
    document = analyse((OLD, NEW), ("seg",), measure="stat", totals_by=("seg",))

    assert {
        ("usd", "a"): (110.0, 3.0, 113.0, True),
        ("usd", None): (7.0, -5.0, 2.0, True),
        ("pct", "a"): (0.5, -0.5, 0.0, True),
        ("pct", "b"): (0.0, 0.25, 0.25, True),
    } == totals_in(document)
    rows = {
        (one["column"], one["value"]): (one["old_rows"], one["new_rows"])
        for one in document["slices"]
    }
    assert {
        ("day", "1"): (None, None),
        ("stat", "usd"): (3, 3),
        ("stat", "pct"): (1, 1),
        ("seg", "a"): (3, 2),
        ("seg", "b"): (0, 1),
        ("seg", None): (1, 1),
    } == rows


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "are not grouped, so these groups have none."),
        ({"totals_by": ("stat",)}, "are taken by 'stat', so these groups have none."),
    ],
)
def test_groups_without_totals_are_said(
    analyse: Analysed, options: dict[str, Any], said: str
) -> None:
    document = analyse((OLD, NEW), ("seg",), **options)

    assert {None} == set(totals_in(document).values())
    assert said in " ".join(document["notes"])


def test_fewer_groups_than_those_of_the_totals_are_added_up(analyse: Analysed) -> None:
    document = analyse((OLD, NEW), ("seg",), totals_by=KEY)

    assert {
        ("a",): (110.5, 2.5, 113.0, True),
        ("b",): (0.0, 0.25, 0.25, True),
        (None,): (7.0, -5.0, 2.0, True),
    } == totals_in(document)


def test_moves_within_tolerance_are_a_residual_and_said(analyse: Analysed) -> None:
    new = NEW.replace("2,usd,a,100", "2,usd,a,100.5")

    document = analyse((OLD, new), rel_tol=0.1)

    [step] = document["bridge"]
    assert (0.5, False) == (step["totals"]["residual"], step["totals"]["closes"])
    assert (
        "Bridges that leave a residual: 1; numbers within tolerance moved, too."
        in document["notes"]
    )


def test_moves_far_below_the_others_are_rounding(analyse: Analysed) -> None:
    new = NEW.replace("2,usd,a,100", "2,usd,a,100.000000001")

    [step] = analyse((OLD, new), rel_tol=1e-9)["bridge"]

    assert step["totals"]["closes"]
    assert pytest.approx(1e-9, rel=1e-4) == step["totals"]["residual"]


def test_repeated_keys_leave_a_residual_that_is_said(analyse: Analysed) -> None:
    document = analyse((f"{OLD}2,usd,a,5\n", NEW))

    assert -5.0 == document["bridge"][0]["totals"]["residual"]
    assert "keys repeat, so a row of new may equal several of old." in " ".join(document["notes"])
    counted = analyse((f"{OLD}2,usd,a,5\n", NEW), duplicates="count")
    assert counted["bridge"][0]["totals"]["closes"]


def test_infinite_values_are_in_no_total(analyse: Analysed) -> None:
    old = OLD.replace("1,usd,,7", "1,usd,,nan").replace("2,usd,a,100", "2,usd,a,inf")
    [step] = analyse((old, NEW))["bridge"]

    assert (10.5, 115.25, 2, True) == (
        step["totals"]["old"]["amount"],
        step["totals"]["new"]["amount"],
        step["totals"]["left_out"],
        step["totals"]["closes"],
    )


def test_totals_follow_the_rules_and_the_kinds_of_columns(analyse: Analysed) -> None:
    old = "ID,note,value\n A ,1,10\nb,2,-\n"
    new = "value,ID,note\n12,a,3\n4,B,2\n"
    rules = {"trim": True, "nocase": True, "empty": ("-",), "text": ("note",)}

    document = analyse(
        (old, new), ("ID",), key=("ID",), value=("note", "value"), totals_by=("ID",), **rules
    )

    found = {(s["column"], s["group"]["ID"]): s["totals"] for s in document["bridge"]}
    assert {("note", "a"), ("value", "a"), ("value", "b")} == set(found)
    assert (10.0, 12.0) == tuple(found["value", "a"][s]["amount"] for s in ("old", "new"))
    assert (0.0, 4.0) == tuple(found["value", "b"][s]["amount"] for s in ("old", "new"))
    assert (0.0, 0.0) == tuple(found["note", "a"][s]["amount"] for s in ("old", "new"))


def test_files_that_duckdb_refuses_are_rewritten_for_the_totals(analyse: Analysed) -> None:
    expected = analyse((OLD, NEW), totals_by=("stat",))

    refused = [
        text.replace("usd,a", 'usd,"a"').replace("\n", "\r\n") + "\r\n\n" for text in (OLD, NEW)
    ]
    again = analyse(tuple(refused), totals_by=("stat",))

    assert expected["bridge"] == again["bridge"]


def test_too_many_groups_have_no_totals(analyse: Analysed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "MOST_SUMS", 2)

    document = analyse((OLD, NEW), ("seg",), totals_by=("seg",))

    assert {None} == set(totals_in(document).values())
    assert (
        "The totals of the whole files have too many groups, so they are left out."
        in document["notes"]
    )


def test_sums_of_values_that_are_not_additive_are_not_taken(
    analyse: Analysed, tmp_path: Path
) -> None:
    assert [] == analyse((OLD, NEW), additive=False)["bridge"]
    assert not (tmp_path / "totals.json").exists()


def test_totals_that_contradict_the_diff_are_a_fault(
    analyse: Analysed, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = totals.write_totals

    def wrong(target: Path, *given: Any) -> None:
        right(target, *given)
        document = json.loads(target.read_text())
        document["new"][0]["sum"] += 1
        target.write_text(json.dumps(document))

    monkeypatch.setattr("diffing.engine.measure.write_totals", wrong)

    with pytest.raises(DiffFailed, match="do not add up"):
        analyse((OLD, NEW))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"totals_by": ("value",)}, "totals_by names value, which is not a key column"),
        ({"totals": False, "totals_by": ("seg",)}, "`totals_by` is set, but not `totals`"),
    ],
)
def test_wrong_options_are_refused(analyse: Analysed, options: dict[str, Any], said: str) -> None:
    with pytest.raises(BadArgument, match=said):
        analyse((OLD, NEW), **options)


def test_a_key_that_is_found_must_have_the_columns_of_totals(analyse: Analysed) -> None:
    texts = "id,note,value\n1,a,1\n2,a,2\n", "id,note,value\n1,a,1\n2,a,3\n"

    with pytest.raises(BadInput, match="does not contain the totals_by"):
        analyse(texts, key="auto", totals_by=("note",))


def test_files_that_share_rows_have_the_same_totals(tmp_path: Path) -> None:
    draw = random.Random(3)
    rows = [f"{i},{'ab'[i % 2]},,{draw.uniform(-1e9, 1e9)!r}" for i in range(4000)]
    other = [*rows[5:2000], "9999,a,,17.25", *rows[2000:]]
    other[77], other[3000] = "82,a,,1e-300", f"{other[3000]}7"
    old, new = ("\n".join(["day,stat,seg,value", *some, ""]) for some in (rows, other))

    whole, reduced = (
        summed(tmp_path, (old, new), ("stat",), Cutting(shared=shared), totals_by=("stat",))
        for shared in (float("inf"), 0)
    )

    assert [False, True] == [one.pop("reduced") for one in (whole, reduced)]
    assert whole == reduced
    assert [True, True] == [step["totals"]["closes"] for step in whole["bridge"]]


# --- periods ---


def test_settled_open_and_new_periods_have_bridges_of_their_own(analyse: Analysed) -> None:
    old = "day,stat,seg,value\n2026-01,x,a,10\n2026-01,x,b,1\n2026-03,x,a,5\nsoon,x,a,3\n"
    new = "day,stat,seg,value\n2026-01,x,a,12\n2026-03,x,a,4\n2026-04,x,a,8\nsoon,x,a,3\n"
    periods = {"period": "day", "settled_after": "45d"}

    found = analyse((old, new), ("stat",), **periods, totals_by=("stat",))["periods"]

    assert STATES == tuple(found)
    steps = {state: step for state in STATES for step in found[state]["bridge"]}
    assert {"settled": 1.0, "open": -1.0, "new": 8.0} == {s: steps[s]["net"] for s in steps}
    assert {"settled": (11.0, 12.0), "open": (5.0, 4.0), "new": (0.0, 8.0)} == {
        state: (step["totals"]["old"]["amount"], step["totals"]["new"]["amount"])
        for state, step in steps.items()
    }
    assert all(step["totals"]["closes"] for step in steps.values())
    assert (2, 1, 1) == tuple(
        found["settled"]["rows"][name] for name in ("old_rows", "new_rows", "removed")
    )
    assert 1 == found["none"]["rows"]["unchanged"]


def test_without_periods_there_are_no_bridges_of_them(analyse: Analysed) -> None:
    assert None is analyse((OLD, NEW))["periods"]


def test_groups_that_are_not_named_are_counted_for_each_state(analyse: Analysed) -> None:
    header = "day,stat,seg,value\n"
    rows = "".join(f"2026-0{i % 2 + 1},{i % 130},{i},1\n" for i in range(1000))
    old = f"{header}2026-01,0,none,1\n"

    found = analyse(
        (old, f"{old}{rows}"), ("stat",), period="day", settled_after="1d", today="2026-06-01"
    )["periods"]

    *named, rest = found["settled"]["bridge"]
    # the 130 groups are half even and half odd, and so are the months
    assert 65 == len(named) + rest["groups"]
    assert 500 == sum(step["added"]["rows"] for step in found["settled"]["bridge"])
    assert 500 == sum(step["added"]["rows"] for step in found["new"]["bridge"])


# --- any pair ---


def total(amount: Fraction) -> float | None:
    return plain.rounded(amount)


@given(
    old=files(repeated=False),
    new=files(repeated=False),
    by=st.sampled_from([(), ("key",), ("key 2", "key")]),
    rel_tol=st.sampled_from([None, 0.0, 0.1]),
    period=st.booleans(),
)
@settings(max_examples=examples(20), deadline=None, phases=[Phase.generate, Phase.shrink])
def test_any_pair_has_the_totals_of_the_reference(
    old: str, new: str, by: tuple[str, ...], rel_tol: float | None, period: bool
) -> None:
    value = ["value 2", "value"]
    options: dict[str, Any] = {"period": "key", "settled_after": "1d"} if period else {}
    with TemporaryDirectory() as folder:
        document = summed(
            Path(folder),
            (old, new),
            by,
            key=("key", "key 2"),
            value=value,
            rel_tol=rel_tol,
            totals_by=("key", "key 2"),
            **options,
        )

    of_old, of_new = (plain.totals_of(text, value, [*by]) for text in (old, new))
    for step in document["bridge"]:
        at = step["column"], tuple(step["group"].values())
        before, after = (of.get(at, (0, Fraction(0))) for of in (of_old, of_new))
        found = step["totals"]
        assert (before[0], total(before[1])) == (found["old"]["rows"], found["old"]["amount"])
        assert (after[0], total(after[1])) == (found["new"]["rows"], found["new"]["amount"])
        assert after[0] - before[0] == step["added"]["rows"] - step["removed"]["rows"]
    if period:
        assert_periods_add_up(document)


def assert_periods_add_up(document: dict[str, Any]) -> None:
    """The bridges of all states have the rows and values of the bridge of all periods."""
    parts = (*plain.PARTS,)
    rows: dict[Any, int] = {}
    for state in STATES:
        for step in document["periods"][state]["bridge"]:
            for part in parts:
                at = step["column"], tuple(step["group"].items()), part
                rows[at] = rows.get(at, 0) + step[part]["rows"]
    assert rows == {
        (step["column"], tuple(step["group"].items()), part): step[part]["rows"]
        for step in document["bridge"]
        for part in parts
    }


@given(texts=st.lists(FIELDS, min_size=2, max_size=20))
@settings(max_examples=examples(20), deadline=None, phases=[Phase.generate, Phase.shrink])
def test_the_steps_of_one_column_always_close(texts: list[str]) -> None:
    middle = len(texts) // 2
    old, new = (
        "id,value\n" + "".join(f"{i},{reference.written(text)}\n" for i, text in enumerate(some))
        for some in (texts[:middle], texts[middle:])
    )
    with TemporaryDirectory() as folder:
        document = summed(Path(folder), (old, new), key=("id",), rel_tol=0.0)

    assert all(step["totals"]["residual"] in (0.0, None) for step in document["bridge"])
