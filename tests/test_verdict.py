"""The verdict: whether a diff found what was expected."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from math import inf, isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffing import diff
from diffing.core.comparison import Comparison
from diffing.core.errors import BadArgument
from diffing.core.expectations import rule_in
from diffing.engine.diff import Diff
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits
from tests.command_line import DIFF, diffing, refused_by, run_here
from tests.conftest import examples, one_in, spec_of
from tests.service_under_test import Service

# of the small pair: 1 added, 1 changed, 1 removed and 2 unchanged rows, in files of 4 rows
MET = (
    *("changed <= 1", "changed<2", "changed = 1", "changed == 1", "changed 25%", "changed >= 25 %"),
    *("added > 0.5", "removed = 25%", "unchanged 2", "emitted <= 50%", "within_tolerance = 1"),
    *("within_tolerance_whole = 0", "duplicate_keys = 0%", "not_numbers = 0", "columns = same"),
    "value.changed <= 25%",
)
NOT_MET = (
    *("changed < 1", "changed <= 24.9999999%", "added = 0", "removed > 1", "emitted < 50%"),
    *("unchanged >= 3", "value.changed = 0", "within_tolerance < 25%"),
)
CATALOGUE = """
[metric.revenue]
old = "revenue_old.csv"
new = "revenue_new.csv"
key = ["date", "segment_field", "segment_value_id", "stat"]
value = ["value"]
expect = { changed = 0, added = "<= 50%", columns = "same" }
"""


def as_rule(text: str) -> str:
    """A text with a sign between name and limit, as the command line wants it."""
    name, _, limit = text.partition(" ")
    return text if any(sign in text for sign in "<>=") else f"{name} = {limit}"


def summary_of(folder: Path, *options: str) -> dict[str, Any]:
    run_here(folder, *DIFF, *options, "--summary", "s.json", "-o", "result.csv")
    found: dict[str, Any] = json.loads((folder / "s.json").read_text())
    return found


def expecting(rules: Iterable[str]) -> list[str]:
    """The options that expect those rules."""
    return [option for rule in rules for option in ("--expect", as_rule(rule))]


def rounds(rules: Iterable[str]) -> Iterator[list[str]]:
    """The rules, in lists without two rules of a figure, which no diff can have."""
    left = [*rules]
    while left:
        some = {re.split("[ <>=]", rule)[0]: rule for rule in left}
        yield [*some.values()]
        left = [rule for rule in left if rule not in some.values()]


@pytest.mark.parametrize(("rules", "met"), [(MET, True), (NOT_MET, False)])
def test_each_rule_is_met_or_not(folder: Path, rules: tuple[str, ...], met: bool) -> None:
    for some in rounds(rules):
        verdict = summary_of(folder, *expecting(some))["verdict"]

        found = [each["met"] for each in verdict["rules"]]
        assert (met, [met] * len(some)) == (verdict["passed"], found), some


def test_rules_that_are_not_met_come_first_with_their_figures(folder: Path) -> None:
    rules = ("--expect", "added <= 3", "--expect", "removed<1%", "--expect", "columns=same")
    done = diffing(folder, *DIFF, *rules, "--summary", "s.json")
    verdict = json.loads((folder / "s.json").read_text())["verdict"]

    assert 0 == done.returncode
    assert "verdict: not as expected: removed is 1, 25 %; expected: < 1%\n" == done.stderr
    assert {
        "passed": False,
        "rules": [
            {"rule": "removed", "expected": "< 1%", "figure": 1, "share": 25.0, "met": False},
            {"rule": "added", "expected": "<= 3", "figure": 1, "share": None, "met": True},
            {"rule": "columns", "expected": "same", "figure": 0, "share": None, "met": True},
        ],
    } == verdict


def test_columns_of_one_file_alone_are_not_the_same(folder: Path) -> None:
    (folder / "new.csv").write_text("id,value,more\n1,10,x\n")

    verdict = summary_of(folder, "--expect", "columns = same")["verdict"]

    # note is only in old, more only in new
    assert (False, 2) == (verdict["passed"], verdict["rules"][0]["figure"])


def test_repeated_keys_and_texts_of_both_files_count(folder: Path) -> None:
    (folder / "old.csv").write_text("id,value\n1,a\n1,2\n")
    (folder / "new.csv").write_text("id,value\n1,b\n1,c\n")
    rules = ("duplicate_keys <= 50%", "duplicate_keys = 2", "not_numbers = 75%", "not_numbers = 3")

    for rule in rules:
        assert summary_of(folder, "--expect", rule)["verdict"]["passed"], rule


def test_of_no_rows_nothing_is_a_share(folder: Path) -> None:
    (folder / "old.csv").write_text("id,value\n")
    (folder / "new.csv").write_text("id,value\n")

    verdict = summary_of(folder, "--expect", "changed <= 1%", "--expect", "removed=0%")["verdict"]

    assert verdict["passed"]
    assert [None, None] == [rule["share"] for rule in verdict["rules"]]


def test_without_rules_no_verdict_is_given(folder: Path) -> None:
    assert summary_of(folder)["verdict"] is None


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ((), 0),
        (("--exit-code",), 1),
        (("--exit-code", "differences"), 1),
        (("--exit-code", "verdict", "--expect", "changed <= 1"), 0),
        (("--exit-code=verdict", "--expect", "changed <= 1"), 0),
        (("--exit-code", "verdict", "--expect", "changed < 1"), 1),
        (("--expect", "changed < 1", "--exit-code", "verdict"), 1),
        (("--expect", "changed < 1"), 0),
    ],
)
def test_the_exit_status_follows_differences_or_the_verdict(
    folder: Path, options: tuple[str, ...], status: int
) -> None:
    assert status == diffing(folder, *DIFF, *options).returncode


def test_people_read_that_all_rules_are_met(folder: Path) -> None:
    loud = [word for word in DIFF if word != "-q"]

    done = diffing(folder, *loud, "--expect", "changed=1", "--expect", "added=1")

    assert done.stderr.endswith("verdict: as expected, by 2 rules\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--expect", "chnged <= 1"), "figure chnged. Did you mean changed? The figures are added"),
        (("--expect", "note.changed <= 1"), "expect names note, which is not a value column"),
        (("--expect", "changed"), "changed is not a rule such as changed <= 1%"),
        (("--expect", "changed <= one"), "the limit of changed must be a number, or a text"),
        (("--expect", "changed <= -1"), "the limit of changed must be a number, or a text"),
        (("--expect", "columns = 3"), 'columns can only be expected to be "same"'),
        (("--expect", "added=1", "--expect", "added=2"), "expect of added is given twice"),
        (("--exit-code", "verdict"), "Give --expect with --exit-code verdict"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused(
    folder: Path, options: tuple[str, ...], said: str
) -> None:
    done = refused_by(folder, *DIFF, *options)

    assert 2 == done.returncode
    assert said in done.stderr


@pytest.mark.parametrize("limit", [-1, float("nan"), float("inf"), True, None, [1], "1e3", "5 %%"])
def test_a_limit_is_a_number_or_a_text_with_one(limit: object) -> None:
    with pytest.raises(BadArgument, match="the limit of changed must be a number"):
        Comparison.of(key=["a"], value=["b"], expect={"changed": limit})


def test_limits_of_a_request_replace_those_of_the_metric() -> None:
    comparison = Comparison.of(key=["a"], value=["b.c"], expect={"changed": 0, "added": "<= 1 %"})

    replaced = comparison.with_options({"expect": {"changed": 1e-3, "b.c.changed": "==5%"}})

    assert {"changed": "= 0.001", "added": "<= 1%", "b.c.changed": "= 5%"} == replaced.expect


def test_a_metric_a_request_and_a_form_may_have_rules(service: Service) -> None:
    service.write_small_pair()
    (service.settings.data_dir / "metrics.toml").write_text(CATALOGUE)
    client, _ = service.api_and_worker()
    files = {"old": ("a.csv", "id,v\n1,1\n"), "new": ("b.csv", "id,v\n1,2\n2,2\n")}
    form = {"key": "id", "value": "v", "expect": ["changed = 1", "added <= 50%"]}
    asked = [
        client.post("/api/diffing/new/revenue"),
        client.post("/api/diffing/new/revenue", json={"expect": {"changed": "<= 90%"}}),
        client.post("/api/diffing/new", files=files, data=form),
        client.post("/api/diffing/new", files=files, data={"key": "id", "value": "v"}),
    ]
    ids = [answer.json()["job_id"] for answer in asked]
    for job_id in ids:
        client.wait_for_success(job_id)
    verdicts = [client.get(f"/api/diffing/job/{i}/status").json()["verdict"] for i in ids]
    refused = client.post("/api/diffing/new/revenue", json={"expect": {"removd": 0}})

    assert [False, True, True, None] == [v and v["passed"] for v in verdicts]
    assert {"changed", "added", "columns"} == {rule["rule"] for rule in verdicts[0]["rules"]}
    assert (422, True) == (refused.status_code, "unknown figure removd" in refused.text)
    for verdict, found in (("passed", [ids[2], ids[1]]), ("not-passed", [ids[0]])):
        listed = client.get(f"/api/diffing/jobs?verdict={verdict}").json()["jobs"]
        assert found == [job["job_id"] for job in listed]
    assert 400 == client.get("/api/diffing/jobs?verdict=fine").status_code
    metrics = client.get("/metrics").text
    assert 'diffing_verdicts_total{metric="revenue",verdict="passed"} 1.0' in metrics
    assert 'diffing_verdicts_total{metric="revenue",verdict="not-passed"} 1.0' in metrics
    assert 'diffing_verdicts_total{metric="one-off",verdict="passed"} 1.0' in metrics


PERIODS = ("--key", "month", "--value", "w", "--period", "month", "--settled-after", "45d")


@pytest.fixture
def months(tmp_path: Path) -> Path:
    """Four months of ten rows and a text that is none; May is only in new, where rows changed."""
    old = [f"2026-0{month},{i},100,1" for month in range(1, 5) for i in range(10)]
    old.append("soon,0,1,1")
    new = [*old, *(f"2026-05,{i},7,7" for i in range(5))]
    new[3], new[33] = "2026-01,3,150,1", "2026-04,3,,1"
    del new[12]
    for name, rows in (("old.csv", old), ("new.csv", new)):
        (tmp_path / name).write_text("\n".join(["month,id,value,w", *rows, ""]))
    return tmp_path


def test_rows_are_counted_by_the_state_of_their_period(months: Path) -> None:
    periods = summary_of(months, *PERIODS)["periods"]

    names = ("old_rows", "new_rows", "added", "changed", "removed", "unchanged")
    # the last day of March is less than 45 days before May
    assert {
        "today": "2026-05-01",
        "newest_of_old": "2026-04-01",
        "settled": dict(zip(names, (20, 19, 0, 1, 1, 18), strict=True)),
        "open": dict(zip(names, (20, 20, 0, 1, 0, 19), strict=True)),
        "new": dict(zip(names, (0, 5, 5, 0, 0, 0), strict=True)),
        "none": dict(zip(names, (1, 1, 0, 0, 0, 1), strict=True)),
    } == periods


FIGURES = [
    ("settled.changed = 1", 1, None),
    ("settled.removed <= 5%", 1, 5.0),
    ("settled.unchanged = 18", 18, None),
    ("open.emitted <= 5%", 1, 5.0),
    ("new.added = 5", 5, None),
    ("settled.value.moved <= 2.5%", 50.0, 2.5),
    ("settled.value.largest <= 50", 50.0, None),
    ("settled.value.changed <= 6%", 1, 100 / 19),
    ("open.value.largest = 100%", 1.0, 100.0),  # 100 became empty
    ("new.value.moved = 0", 0.0, None),
    ("value.moved = 150", 150.0, None),
    ("value.largest <= 100%", 1.0, 100.0),
    ("w.moved = 0%", 0.0, 0.0),
]


def test_figures_of_periods_and_values(months: Path) -> None:
    asked = expecting(rule for rule, *_ in FIGURES)

    found = summary_of(months, *PERIODS, *asked)["verdict"]["rules"]

    assert [(figure, share, True) for _, figure, share in FIGURES] == [
        (rule["figure"], rule["share"], rule["met"]) for rule in found
    ]


@pytest.mark.parametrize("value", ["inf", "nan", "other words"])
def test_a_change_that_is_no_number_is_infinite(folder: Path, value: str) -> None:
    (folder / "old.csv").write_text("id,value\n1,words\n2,2\n")
    (folder / "new.csv").write_text(f"id,value\n1,{value}\n2,2\n")

    for rules in (("value.moved <= 1%", "value.largest <= 100%"), ("value.moved < 9",)):
        verdict = summary_of(folder, *expecting(rules))["verdict"]

        assert not verdict["passed"]
        found = [(rule["figure"], rule["share"], rule["met"]) for rule in verdict["rules"]]
        assert [(None, None, False)] * len(rules) == found


LARGE = "1e308"


@pytest.mark.parametrize(
    ("values", "rule", "figure", "met"),
    [
        # their doubles are the same
        (("9007199254740992", "9007199254740993"), "v.moved = 0", 1.0, False),
        (("9007199254740991", "9007199254740993"), "v.largest <= 2", 2.0, True),
        (("-2", "9007199254740992"), "v.moved = 9007199254740994", 9007199254740994.0, True),
        (("9007199254740992", "-2"), "v.moved = 9007199254740994", 9007199254740994.0, True),
        (("-1e16", "10000000000000001"), "v.moved = 20000000000000000", 2e16, True),
        # the sum of old exceeds all doubles, and perhaps that of the moves
        ((LARGE, "0"), "v.moved <= 100%", LARGE, False),
        ((LARGE, "0"), "v.moved >= 1%", LARGE, False),
        ((LARGE, f"-{LARGE}"), "v.moved >= 1%", None, True),
    ],
)
def test_moves_of_large_numbers_are_exact_or_exceed_every_limit(
    values: tuple[str, str], rule: str, figure: str | float | None, met: bool, tmp_path: Path
) -> None:
    for name, value in zip(("old.csv", "new.csv"), values, strict=True):
        (tmp_path / name).write_text(f"id,v\n1,{LARGE}\n2,{LARGE}\n3,{value}\n")

    with diff(tmp_path / "old.csv", tmp_path / "new.csv", "id", expect=dict([rule_in(rule)])) as of:
        verdict = of.summary.verdict

    assert verdict
    [found] = verdict.rules
    expected = figure if figure is None else float(figure)
    assert (expected, None, met) == (found.figure, found.share, found.met)


def test_a_given_day_settles_more_periods(months: Path) -> None:
    periods = summary_of(months, *PERIODS, "--today", "2026-12-31")["periods"]

    assert ("2026-12-31", 40, 0) == (
        periods["today"],
        periods["settled"]["old_rows"],
        periods["open"]["old_rows"],
    )
    assert 5 == periods["new"]["new_rows"]


@pytest.mark.parametrize(
    ("text", "last"),
    one_in(
        3,
        [
            ["2024", "2024-12-31"],
            ["2024-02", "2024-02-29"],
            ["2024-Q1", "2024-03-31"],
            ["2024Q4", "2024-12-31"],
            ["2024-02-28", "2024-02-28"],
            ["2024-02-28T23:59:59Z", "2024-02-28"],
            ["20240228", "2024-02-28"],
        ],
    ),
)
def test_a_period_is_settled_some_time_after_its_last_day(
    tmp_path: Path, text: str, last: str
) -> None:
    for name in ("old.csv", "new.csv"):
        (tmp_path / name).write_text(f"month,id,value,w\n{text},1,1,1\n")

    day = date.fromisoformat(last) + timedelta(days=45)
    states = [
        summary_of(tmp_path, *PERIODS, "--today", str(today))["periods"]["settled"]["old_rows"]
        for today in (day - timedelta(days=1), day)
    ]

    assert [0, 1] == states


def test_columns_in_any_order_and_rules_of_keys(months: Path) -> None:
    lines = (months / "new.csv").read_text().splitlines()
    turned = [",".join(reversed(line.split(","))).replace("2026", " 2026") for line in lines]
    expected = summary_of(months, *PERIODS)["periods"]
    (months / "new.csv").write_text("\n".join([*turned, ""]).replace("2026-05", "2026-05 "))

    assert expected == summary_of(months, *PERIODS, "--trim")["periods"]


def test_files_that_duckdb_refuses_are_rewritten_for_the_periods(months: Path) -> None:
    expected = summary_of(months, *PERIODS)["periods"]
    for name in ("old.csv", "new.csv"):
        text = (months / name).read_text()
        (months / name).write_bytes(text.replace("soon,0", '"so""on",0').encode() + b"\r\n\n")

    assert expected == summary_of(months, *PERIODS)["periods"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--period", "value", "--settled-after", "1d"), "value, which is not a key column"),
        (("--period", "id"), "--period and --settled-after are given together"),
        (("--today", "2026-11-30"), "today is set, but no period"),
        ((*PERIODS[4:], "--key", "month", "--today", "30.11.2026"), "must be a date such as"),
        (("--expect", "settled.changed = 0"), "expect names settled.changed, but no period is set"),
        (("--expect", "settled.columns = 0"), "unknown figure settled.columns"),
        (("--text", "value", "--expect", "value.moved = 0"), "but value has no numbers"),
    ],
)
def test_periods_that_cannot_be_are_refused(
    folder: Path, options: tuple[str, ...], said: str
) -> None:
    done = refused_by(folder, *DIFF, *options)

    assert 2 == done.returncode
    assert said in done.stderr


def test_moves_need_all_columns(folder: Path) -> None:
    rules = ("--expect", "value.moved = 0", "--detail", "--only-changed-columns")

    done = diffing(folder, *DIFF, *rules)

    assert 2 == done.returncode
    assert "Leave out --only-changed-columns" in done.stderr


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["2026-01", "2026-02", "2026-03", "none", ""]),
            st.integers(0, 3),
            st.sampled_from([None, "", "1", "2", "-3", "x"]),
            st.sampled_from([None, "", "1", "2.5", "-3", "x"]),
        ),
        max_size=20,
        unique_by=lambda row: row[:2],
    ),
)
@settings(max_examples=examples(30), deadline=None)
def test_any_periods_add_up(rows: list[tuple[str, int, str | None, str | None]]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, place in (("old.csv", 2), ("new.csv", 3)):
            lines = [f"{r[0]},{r[1]},{r[place]}" for r in rows if r[place] is not None]
            (folder / file).write_text("\n".join(["m,i,v", *lines, ""]))
        comparison = Comparison.of(
            key=["m", "i"],
            value=["v"],
            period="m",
            settled_after="1d",
            expect={"settled.v.moved": 0, "open.v.moved": "<= 5%", "v.moved": 0},
        )
        limits = Limits(1, "1GB", folder)
        found = Diff(spec_of(folder / "old.csv", folder / "new.csv", comparison), limits).run(
            Outputs(result=folder / "result.csv")
        )
    assert found.periods
    months = sorted(r[0] for r in rows if r[0].startswith("2026") and r[3] is not None)
    olds = [r[0] for r in rows if r[0].startswith("2026") and r[2] is not None]

    def state(month: str) -> str:
        if not month.startswith("2026"):
            return "none"
        if not olds or month > max(olds):
            return "new"
        return "settled" if months and month < months[-1] else "open"

    moved = dict.fromkeys(("settled", "open", "new", "none"), 0.0)
    counts = {name: Counter[str]() for name in moved}
    for month, _, old, new in rows:
        count = counts[state(month)]
        count["old_rows"] += old is not None
        count["new_rows"] += new is not None
        if old is None or new is None or old == new:
            kinds = {(True, False): "added", (False, True): "removed", (False, False): "unchanged"}
            if (old, new) != (None, None):
                count[kinds[old is None, new is None]] += 1
            continue
        count["changed"] += 1
        moved[state(month)] += _difference(old, new)
    assert {
        name: {kind: count[kind] for kind in found.periods.settled.model_fields_set}
        for name, count in counts.items()
    } == {name: getattr(found.periods, name).model_dump() for name in counts}
    assert found.verdict
    figures = {rule.rule: rule.figure for rule in found.verdict.rules}
    assert figures == {
        name: figure if isfinite(figure) else None
        for name, figure in (
            ("settled.v.moved", moved["settled"]),
            ("open.v.moved", moved["open"]),
            ("v.moved", sum(moved.values())),
        )
    }


def _difference(old: str, new: str) -> float:
    numbers = [float(text) for text in (old, new) if text not in ("", "x")]
    if not numbers:
        return inf
    return abs(numbers[0] - numbers[1]) if len(numbers) == 2 else abs(numbers[0])


def test_periods_and_moves_follow_renamed_columns_and_other_decimals(months: Path) -> None:
    rules = ("--expect", "settled.value.moved = 50", "--expect", "settled.changed = 1")
    expected = summary_of(months, *PERIODS, *rules)
    lines = (months / "old.csv").read_text().splitlines()[1:]
    rows = [line.replace(",", ";").replace(";100;", ";100,0;") for line in lines]
    old = ["Monat;Nr;Wert;w", *rows]
    (months / "old.csv").write_text("\n".join([*old, ""]))
    names = ("--rename", "Monat=month,Nr=id,Wert=value")
    dialect = ("--old-delimiter", ";", "--old-decimal", ",")

    found = summary_of(months, *PERIODS, *rules, *names, *dialect)

    assert expected["verdict"]["passed"]
    assert (expected["periods"], expected["verdict"]) == (found["periods"], found["verdict"])


def test_rules_may_name_columns_that_a_pattern_selects(folder: Path) -> None:
    (folder / "old.csv").write_text("id,value_a,value_b\n1,1,x\n")
    (folder / "new.csv").write_text("id,value_a,value_b\n1,2,x\n")
    asked = ("diff", "old.csv", "new.csv", "-k", "id", "-v", "value_*", "--text", "value_b", "-q")
    said = {
        rule: diffing(folder, *asked, "--expect", rule)
        for rule in ("value_a.moved = 1", "value_c.moved = 1", "value_b.moved = 1")
    }

    assert [0, 2, 2] == [done.returncode for done in said.values()]
    assert "value_c, which is not a value column" in said["value_c.moved = 1"].stderr
    assert "value_b has no numbers" in said["value_b.moved = 1"].stderr


def test_a_key_that_was_found_has_to_contain_the_period(folder: Path) -> None:
    (folder / "old.csv").write_text("id,day,v\n1,2026-01-01,1\n2,2026-01-01,1\n")
    periods = ("--period", "day", "--settled-after", "1d")

    done = diffing(folder, "old.csv", "old.csv", "-k", "auto", *periods)

    assert 2 == done.returncode
    assert "'id', does not contain the period 'day'. Name the key columns." in done.stderr


def test_python_gives_the_same_verdict(months: Path) -> None:
    rules = {"settled": {"changed": 0}, "value.moved": "<= 10%"}
    expected = summary_of(
        months, *PERIODS, "--expect", "settled.changed=0", "--expect", "value.moved <= 10%"
    )
    with diff(
        months / "old.csv",
        months / "new.csv",
        key=["id", "month"],
        value=["value", "w"],
        period="month",
        settled_after="45d",
        today=date(2026, 5, 1),
        expect=rules,
    ) as found:
        summary = found.summary.model_dump(mode="json")

    assert (expected["verdict"], expected["periods"]) == (summary["verdict"], summary["periods"])
