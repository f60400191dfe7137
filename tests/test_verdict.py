"""The verdict: whether a diff found what was expected."""

import json
from pathlib import Path
from typing import Any

import pytest

from diffing.core.comparison import Comparison
from diffing.core.errors import BadArgument
from tests.command_line import DIFF, diffing, refused_by
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
    diffing(folder, *DIFF, *options, "--summary", "s.json")
    found: dict[str, Any] = json.loads((folder / "s.json").read_text())
    return found


@pytest.mark.parametrize(("rules", "met"), [(MET, True), (NOT_MET, False)])
def test_each_rule_is_met_or_not(folder: Path, rules: tuple[str, ...], met: bool) -> None:
    for rule in map(as_rule, rules):
        verdict = summary_of(folder, "--expect", rule)["verdict"]

        assert (met, [met]) == (verdict["passed"], [each["met"] for each in verdict["rules"]]), rule


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
        (("--expect", "chnged <= 1"), "unknown figure chnged; the figures are added, changed"),
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
