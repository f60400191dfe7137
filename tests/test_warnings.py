"""A result that is right, but looks like a mistake in the request, comes with a warning."""

from typing import Any

import pytest

from diffing.engine.summary import DiffWarning
from tests.conftest import DiffTexts, Outcome, one_in
from tests.service_under_test import Service

NO_KEY = "urn:diffing:no-key-in-common"
FEW_KEYS = "urn:diffing:few-keys-in-common"
REPEATED = "urn:diffing:repeated-keys"


def file_of(keys: list[str], header: str = "id,v") -> str:
    return "\n".join([header, *(f"{key},1" for key in keys), ""])


def numbered(count: int, form: str = "{}") -> list[str]:
    return [form.format(i) for i in range(count)]


def types(outcome: Outcome) -> list[str]:
    return [warning.type for warning in outcome.summary.warnings]


WAYS = {
    "case": ("Ab", "aB", "case"),
    "case beyond ASCII": ("Ä", "ä", "case"),
    "blanks": ("a", "a ", "blanks"),
    "several blanks": ("a b", "a   b", "blanks"),
    "tab": ("a b", "a\tb", "blanks"),
    "no-break space": ("a b", "a\u00a0b", "no-break spaces or invisible characters"),
    "narrow no-break space": ("a b", "a\u202fb", "no-break spaces or invisible characters"),
    "byte order mark": ("a", "a\ufeff", "no-break spaces or invisible characters"),
    "leading zeros": ("0042", "42", "leading zeros"),
    "leading zeros before letters": ("00A7", "A7", "leading zeros"),
    "decimals": ("1", "1.0", "how a number is written"),
    "exponent": ("1200", "1.2e3", "how a number is written"),
    "thousands": ("1200", '"1,200"', "how a number is written"),
    "day first": ("2026-01-31", "31/01/2026", "how a date is written"),
    "month first": ("2026-01-31", "01/31/2026", "how a date is written"),
    "points": ("2026-01-31", "31.01.2026", "how a date is written"),
    "without hyphens": ("2026-01-31", "20260131", "how a date is written"),
    "with midnight": ("2026-01-31", "2026-01-31 00:00:00", "how a date is written"),
    "in ISO 8601": ("2026-01-31 10:20:00", "2026-01-31T10:20:00Z", "how a date is written"),
    "Unicode": ("é", "e\u0301", "their Unicode form"),
}


@pytest.mark.parametrize(("old", "new", "words"), one_in(2, map(list, WAYS.values())), ids=WAYS)
@pytest.mark.parametrize("turned", one_in(2, [False, True]))
def test_no_key_in_common_is_a_warning_with_its_reason(
    diff_texts: DiffTexts, old: str, new: str, words: str, turned: bool
) -> None:
    before, after = (new, old) if turned else (old, new)
    outcome = diff_texts(file_of([before]), file_of([after]), ["id"], ["v"])
    old_key, new_key = (key.strip('"') for key in (before, after))

    assert outcome.summary.warnings == (
        DiffWarning(
            type=NO_KEY,
            title="No key in common",
            detail=f"0 of 1 rows of new.csv have a key of old.csv, by id. The keys seem to differ "
            f"in {words}: id is {old_key!r} in old.csv and {new_key!r} in new.csv.",
        ),
    )


def test_the_differing_column_of_a_key_is_named(diff_texts: DiffTexts) -> None:
    old, new = "day,id,v\n1,a,1\n1,b,1\n", "day,id,v\n1,A,1\n1,B,1\n"

    (warning,) = diff_texts(old, new, ["day", "id"], ["v"]).summary.warnings

    assert "by day, id. The keys seem to differ in case: id is 'a' in old.csv" in warning.detail


def test_without_a_visible_reason_none_is_named(diff_texts: DiffTexts) -> None:
    old, new = file_of(numbered(50, "a{}")), file_of([*numbered(49, "b{}"), "A1"])

    (warning,) = diff_texts(old, new, ["id"], ["v"]).summary.warnings

    assert warning.detail == (
        "0 of 50 rows of new.csv have a key of old.csv, by id. "
        "Check the key columns, and how both files write them. diffing suggest-key names a key."
    )


def test_hardly_any_key_in_common_is_a_warning(diff_texts: DiffTexts) -> None:
    old = file_of(numbered(95, "A{}") + numbered(5, "x{}"))
    new = file_of(numbered(95, "a{}") + numbered(5, "x{}"))

    (warning,) = diff_texts(old, new, ["id"], ["v"]).summary.warnings

    assert (FEW_KEYS, "Hardly any key in common") == (warning.type, warning.title)
    assert "5 of 100 rows of new.csv have a key of old.csv, by id. The keys" in warning.detail


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (numbered(20), [*numbered(2), *numbered(18, "n{}")]),
        (numbered(3), numbered(1000)),
        (numbered(1000), numbered(3)),
        ([], numbered(3)),
        (numbered(3), []),
        ([], []),
    ],
    ids=["a tenth", "many more", "many less", "none in old", "none in new", "none at all"],
)
def test_keys_in_common_are_no_reason_to_warn(
    diff_texts: DiffTexts, old: list[str], new: list[str]
) -> None:
    found = types(diff_texts(file_of(old), file_of(new), ["id"], ["v"]))

    assert {"urn:diffing:few-rows"} >= {*found}


@pytest.mark.slow
@pytest.mark.parametrize("threads", one_in(2, [4, 1]))
def test_the_reason_is_seen_in_large_files_of_another_order(
    diff_texts: DiffTexts, threads: int
) -> None:
    count = 150_000
    old, new = file_of(numbered(count, "A{}")), file_of(numbered(count, "a{}")[::-1])

    (warning,) = diff_texts(old, new, ["id"], ["v"], threads=threads).summary.warnings

    assert "The keys seem to differ in case: id is 'A" in warning.detail


@pytest.mark.parametrize("side", ["old", "new"])
def test_more_than_1_percent_of_repeated_keys_is_a_warning(
    diff_texts: DiffTexts, side: str
) -> None:
    keys = numbered(98)
    files = {"old": keys, "new": keys, side: [*keys, "1", "1"]}

    (warning,) = diff_texts(*map(file_of, files.values()), ["id"], ["v"]).summary.warnings

    assert (REPEATED, "Rows repeat their key") == (warning.type, warning.title)
    assert warning.detail.startswith(
        f"2 of 100 rows of {side}.csv repeat the key of an earlier row. The key id does not"
    )


def test_1_percent_of_repeated_keys_is_none(diff_texts: DiffTexts) -> None:
    text = file_of([*numbered(99), "1"])

    assert [] == types(diff_texts(text, text, ["id"], ["v"]))


def test_both_sides_may_repeat_keys_and_have_none_in_common(diff_texts: DiffTexts) -> None:
    outcome = diff_texts(file_of(["a", "a"]), file_of(["A", "A"]), ["id"], ["v"])

    assert [NO_KEY, REPEATED] == types(outcome)
    assert "1 of 2 rows of old.csv and 1 of 2 rows of new.csv repeat" in (
        outcome.summary.warnings[1].detail
    )


def test_copies_that_are_counted_are_no_reason_to_warn(diff_texts: DiffTexts) -> None:
    old, new = file_of(["a"] * 100 + ["b"]), file_of(["a"] + ["b"] * 100)

    outcome = diff_texts(old, new, ["id"], ["v"], duplicates="count")

    assert (99, 99) == (outcome.summary.added, outcome.summary.removed)
    assert [] == types(outcome)


def test_a_job_shows_its_warnings_in_summary_and_status(service: Service) -> None:
    service.settings.make_folders()
    client, _ = service.api_and_worker()
    files = {"old": ("a.csv", "id,v\nA,1\n"), "new": ("b.csv", "id,v\na,1\n")}
    answer = client.post("/api/diffing/new", files=files, data={"key": "id", "value": "v"})
    job_id = int(answer.json()["job_id"])
    client.wait_for_success(job_id)
    (warning,) = client.get(f"/api/diffing/job/{job_id}/status").json()["warnings"]

    assert {"type", "title", "detail"} == warning.keys()
    assert NO_KEY == warning["type"]
    assert warning["detail"].endswith("differ in case: id is 'A' in a.csv and 'a' in b.csv.")
    assert [warning] == client.get(f"/api/diffing/job/{job_id}/summary").json()["warnings"]


def test_whole_numbers_within_a_tolerance_are_a_warning(diff_texts: DiffTexts) -> None:
    old, new = "id,v\n1,1764200000\n2,5\n", "id,v\n1,1764200001\n2,5.0\n"

    outcome = diff_texts(old, new, ["id"], ["v"], rel_tol=1e-9)

    assert ["urn:diffing:whole-numbers"] == types(outcome)
    assert outcome.summary.warnings[0].detail.startswith("1 row counts as unchanged, although")
    assert [] == types(diff_texts(old, new, ["id"], ["v"]))


@pytest.mark.parametrize(
    ("new", "tolerances", "cure"),
    [
        ("1000000001", {"rel_tol": 1e-9}, "leave out `rel_tol`."),
        ("1000000001", {"abs_tol": 1}, "leave out `abs_tol`."),
        ("1000000001.0", {}, "give `rel_tol=0`."),
    ],
)
def test_its_cure_names_the_tolerance_that_was_given(
    diff_texts: DiffTexts, new: str, tolerances: dict[str, Any], cure: str
) -> None:
    old, new = (f"id,v\n1,{value}\n" for value in ("1000000000", new))
    (warning,) = diff_texts(old, new, ["id"], ["v"], **tolerances).summary.warnings

    assert warning.detail.endswith(f"To compare whole numbers exactly, {cure}")


@pytest.mark.parametrize(
    ("old", "new", "warned"), one_in(2, [[100, 49, True], [100, 50, False], [99, 0, False]])
)
def test_a_new_file_with_few_rows_is_a_warning(
    diff_texts: DiffTexts, old: int, new: int, warned: bool
) -> None:
    rows = [f"{number},1" for number in range(old)]
    outcome = diff_texts(
        "\n".join(["id,v", *rows, ""]), "\n".join(["id,v", *rows[:new], ""]), ["id"], ["v"]
    )

    words = [w.detail for w in outcome.summary.warnings if w.type == "urn:diffing:few-rows"]
    said = "new.csv has 49 rows, and old.csv has 100. Check that the export is complete."
    assert words == ([said] if warned else [])


@pytest.mark.parametrize("values", [["v"], ["v", "w"]])
def test_numbers_with_a_decimal_comma_are_a_warning(
    diff_texts: DiffTexts, values: list[str]
) -> None:
    old, new = 'id,v,w\n1,"1,5",a\n2,"2,5",b\n3,x,c\n', 'id,v,w\n1,"1,50",a\n2,"2,50",b\n3,y,c\n'
    said = [w.detail for w in diff_texts(old, new, ["id"], values).summary.warnings]

    assert [
        "Most changed rows have a value such as '1,50', which is compared as a text. "
        "Give `decimal=,` if these are numbers."
    ] == said


@pytest.mark.parametrize(
    ("new", "more"),
    [
        ('id,v\n1,"1,50"\n2,y\n', {}),  # half of the changed rows, and no more
        ('id,v\n1,"1,50"\n2,"2,50"\n', {"text": ["v"]}),
        ('id,v\n1,"1,5"\n2,9\n', {}),
    ],
)
def test_other_commas_are_no_reason_to_warn(
    diff_texts: DiffTexts, new: str, more: dict[str, Any]
) -> None:
    outcome = diff_texts('id,v\n1,"1,5"\n2,"2,5"\n', new, ["id"], ["v"], **more)

    assert 0 < outcome.summary.changed
    assert () == outcome.summary.warnings
