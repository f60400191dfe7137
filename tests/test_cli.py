"""The command line, as its users run it: real processes, files, exit statuses."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import typer.main
import xxhash

from diffing.cli.main import app
from diffing.core.dialect import PLAIN
from diffing.core.option_texts import NAMES
from diffing.engine.samples import write_sample
from tests import reference
from tests.command_line import CHANGED, DIFF, NEW, OLD, REMOVED, Done, diffing, refused_by
from tests.usual import USUAL_OPTIONS


def assert_refused(done: Done, said: str, folder: Path) -> None:
    assert (2, "") == (done.returncode, done.stdout)
    assert 1 == done.stderr.count("\n")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "out.csv").exists()


def test_the_changed_rows_go_to_standard_output(folder: Path) -> None:
    done = diffing(folder, *DIFF)

    assert (0, CHANGED, "") == (done.returncode, done.stdout, done.stderr)
    assert reference.diff(OLD, NEW, ["id"], ["value"]).csv == done.stdout


def test_names_that_look_like_emoji_or_markup_are_printed_as_they_are(folder: Path) -> None:
    (folder / "old.csv").write_text("id,:x:,[b]\n1,:smile:,2\n")
    (folder / "new.csv").write_text("id,:x:,[b]\n1,,3\n")

    done = diffing(folder, "old.csv", "new.csv", "-k", "id", "-o", "out.csv", "--explain")

    assert "changed most: :x: 1 \u00b7 [b] 1\n" in done.stderr
    assert "\n  :x: " in done.stdout


def test_the_summary_tells_what_was_compared_and_counted(folder: Path) -> None:
    done = diffing(folder, *DIFF, "--output", "out.csv", "--summary", "s.json", "--abs-tol", "0.5")

    summary = json.loads((folder / "s.json").read_text())
    measured = {name: summary.pop(name) for name in ("seconds", "peak_rss_bytes", "engine")}
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    assert CHANGED == (folder / "out.csv").read_text()
    result = (folder / "out.csv").read_bytes()
    assert {
        **USUAL_OPTIONS,
        "metric": None,
        "key": ["id"],
        "value": ["value"],
        "abs_tol": 0.5,
        "old_dialect": PLAIN.model_dump(),
        "new_dialect": PLAIN.model_dump(),
        "old": {
            "name": "old.csv",
            "rows": 4,
            "bytes": len(OLD),
            "fingerprint": None,
            "sha256": None,
        },
        "new": {
            "name": "new.csv",
            "rows": 4,
            "bytes": len(NEW),
            "fingerprint": None,
            "sha256": None,
        },
        "columns": {"only_old": [], "only_new": [], "changed": {"value": 1}},
        "added": 1,
        "changed": 1,
        "removed": 1,
        "unchanged": 2,
        "within_tolerance": 1,
        "within_tolerance_whole": 0,
        "emitted": 2,
        "duplicate_keys": {"old": 0, "new": 0},
        "not_numbers": {"old": 0, "new": 0},
        "periods": None,
        "verdict": None,
        "warnings": [],
        "result": {"rows": 2, "bytes": len(result), "sha256": sha256(result).hexdigest()},
    } == summary
    assert 0 < measured["seconds"] < 60
    assert 10e6 < measured["peak_rss_bytes"] < 2e9
    assert measured["engine"].startswith("duckdb 2.")


def test_detail_adds_what_each_row_was(folder: Path) -> None:
    done = diffing(folder, *DIFF, "--detail")

    assert (0, "") == (done.returncode, done.stderr)
    assert (
        "id,note,value,_change,_changed,_old_value\n9,x,90,added,,\n,c,31,changed,value,30\n"
        == done.stdout
        == reference.diff(OLD, NEW, ["id"], ["value"]).detail_csv
    )


def test_the_summary_of_a_detailed_result_is_of_that_file(folder: Path) -> None:
    done = diffing(folder, *DIFF, "--detail", "--summary", "s.json")

    said = json.loads((folder / "s.json").read_text())["result"]
    assert sha256(done.stdout.encode()).hexdigest() == said["sha256"]
    assert (2, len(done.stdout)) == (said["rows"], said["bytes"])


def test_removed_rows_go_to_a_file_of_their_own(folder: Path) -> None:
    done = diffing(folder, *DIFF, "--removed", "removed.csv")

    assert CHANGED == done.stdout
    assert REMOVED == (folder / "removed.csv").read_text()


def test_tolerances_given_for_a_column_replace_those_that_the_metric_has_for_it(
    folder: Path,
) -> None:
    (folder / "metrics.toml").write_text(
        '[metric.m]\nold = "old.csv"\nnew = "new.csv"\nkey = ["id"]\nvalue = ["note", "value"]\n'
        "rel_tol = 0.5\ntolerance = { note = { abs_tol = 3 }, value = { abs_tol = 50 } }\n"
    )
    files = ("--metric", "m", "--old", "old.csv", "--new", "new.csv", "--summary", "s.json")
    environment = {"DIFFING_METRICS": "metrics.toml"}

    diffing(folder, "diff", *files, "--rel-tol", "value=0.03", "--abs-tol", "7", **environment)

    summary = json.loads((folder / "s.json").read_text())
    assert (0.5, 7.0) == (summary["rel_tol"], summary["abs_tol"])
    assert {
        "note": {"rel_tol": None, "abs_tol": 3.0},
        "value": {"rel_tol": 0.03, "abs_tol": None},
    } == summary["tolerance"]


def test_a_fingerprint_of_each_input_is_taken_when_asked_for(folder: Path) -> None:
    diffing(folder, *DIFF, "--fingerprint", "--summary", "s.json")

    summary = json.loads((folder / "s.json").read_text())
    assert xxhash.xxh3_128_hexdigest(OLD.encode()) == summary["old"]["fingerprint"]
    assert xxhash.xxh3_128_hexdigest(NEW.encode()) == summary["new"]["fingerprint"]


def test_a_tolerance_may_be_of_one_value_column(folder: Path) -> None:
    (folder / "old.csv").write_text("id,a,b=c\n1,1,1\n2,1,1\n3,1,1\n4,1,1\n")
    (folder / "new.csv").write_text("id,a,b=c\n1,1.5,1\n2,1,1.5\n3,1.5,1.5\n4,1.05,1.4\n")
    two = ("--old", "old.csv", "--new", "new.csv", "--key", "id", "--value", "a", "--value", "b=c")

    one = diffing(folder, "diff", *two, "--abs-tol", "b=c=0.5")
    both = diffing(folder, "diff", *two, "--rel-tol", "0.1", "--abs-tol", "b=c=0.5")

    assert "id,a,b=c\n1,1.5,1\n3,1.5,1.5\n4,1.05,1.4\n" == one.stdout
    assert "id,a,b=c\n1,1.5,1\n3,1.5,1.5\n" == both.stdout


@pytest.mark.slow
def test_a_memory_limit_is_kept_to_and_changes_no_answer(folder: Path) -> None:
    write_sample("c-revenue", 1_500_000, folder / "c_old.csv", folder / "c_new.csv")

    def summary(**limit: str) -> dict[str, Any]:
        files = ("--old", "c_old.csv", "--new", "c_new.csv", "--output", "out.csv")
        done = diffing(
            folder, "diff", "--metric", "c-revenue", *files, "--summary", "s.json",
            DIFFING_EXACT_KEYS="true", DIFFING_THREADS="2", **limit,
        )  # fmt: skip
        assert 0 == done.returncode
        return dict(json.loads((folder / "s.json").read_text()))

    free, limited = summary(), summary(DIFFING_MEMORY_LIMIT="200MB")

    assert free["result"] == limited["result"]
    # what Python and the blocks of the files take comes on top where a limit is small
    assert limited["peak_rss_bytes"] < 380e6 < free["peak_rss_bytes"]


def test_repeated_keys_are_an_error_when_asked_for(folder: Path) -> None:
    (folder / "new.csv").write_text(NEW + ",d,1\n9,y,1\n,e,2\n")

    done = diffing(folder, *DIFF, "--output", "out.csv", "--duplicates", "error")

    said = "new.csv: 3 rows repeat the key of an earlier row"
    assert_refused(done, said, folder)
    assert "for example id='9' (2 rows); id=NULL (3 rows). " in done.stderr


@pytest.mark.parametrize("command", ["diff", "submit"])
def test_each_option_of_a_comparison_is_one_of_the_command_line(command: str) -> None:
    found = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    other_names = {"first": "old_may_be_missing", "additive": "not_additive"}
    typed = {other_names.get(name, name) for name in NAMES} - {"old_sniff", "new_sniff"}

    assert typed <= {parameter.name for parameter in found.params}


def test_kinds_of_columns_and_rules_of_fields_are_options(folder: Path) -> None:
    (folder / "old.csv").write_text("id,code,at\nA,0042,2026-11-27\nb,7,2026-11-27\n-,1,x\n")
    (folder / "new.csv").write_text(
        'id,code,at\n a,42,2026-11-27\nB,7,"2026-11-27T00:00:01"\n"a,b",1,x\n'
    )
    columns = ("--key", "id", "--value", "code", "--value", "at")
    kinds = ("--text", "code", "--time", "at", "--time-tol", "1s")
    rules = ("--trim", "--nocase", "--empty", "-", "--empty", "a,b")
    files = ("--old", "old.csv", "--new", "new.csv", "-q")

    done = diffing(folder, "diff", *files, *columns, *kinds, *rules, "--summary", "s.json")

    summary = json.loads((folder / "s.json").read_text())
    assert (0, "id,code,at\n a,42,2026-11-27\n", "") == (done.returncode, done.stdout, done.stderr)
    assert 2 == summary["within_tolerance"]
    assert (["code"], ["at"], "1s", True, True, ["-", "a,b"]) == tuple(
        summary[name] for name in ("text", "time", "time_tol", "trim", "nocase", "empty")
    )


def test_a_metric_brings_its_columns_and_files(folder: Path) -> None:
    diffing(folder, "sample", "--rows", "2000", "--out", "data/input")

    by_name = diffing(folder, "diff", "--metric", "cohort_revenue", "--summary", "s.json")
    by_file = diffing(
        folder,
        *("diff", "--metric", "c-revenue", "--old", "data/input/c_revenue_old.csv"),
        *("--new", "data/input/c_revenue_new.csv"),
    )

    assert "c-revenue" == json.loads((folder / "s.json").read_text())["metric"]
    assert by_file.stdout == by_name.stdout
    assert by_name.stdout.startswith("cohort,cohort_id,month_date,")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--key", "nope"), "no column 'nope'"),
        (("--rel-tol", "-1"), "--rel-tol must be a number, 0 or more"),
        (("--abs-tol", "nan"), "--abs-tol must be a number, 0 or more"),
        (("--abs-tol", "value=-1"), "--abs-tol of value must be a number, 0 or more"),
        (
            ("--rel-tol", "much"),
            "--rel-tol must be a number, 0 or more, or COLUMN=NUMBER, not much",
        ),
        (("--time-tol", "1m"), "--time-tol: must be a number with"),
        (("--settled-after", "1d"), "--period and --settled-after are given together"),
        (("--totals-by", "value"), "--totals-by names value"),
        (("--delimiter", '"'), 'a delimiter of " needs another quote'),
        (("--rel-tol", "id=1"), "tolerance set for id, which is not a value column"),
        (("--measure", "value"), "measure names value, which is not a key column"),
        (("--removed", "out.csv"), "Two outputs are the same file, out.csv"),
        (("--removed", "none/gone.csv"), "Cannot write none/gone.csv: No such file or directory"),
        (("--removed", "."), "it is a folder"),
        (("--old", "none.csv"), "none.csv"),
        (("--old", "."), "folder"),
        (("--metric", "revenue"), "not both"),
    ],
)
def test_bad_arguments_are_one_line_and_status_2(
    folder: Path, arguments: tuple[str, str], said: str
) -> None:
    done = refused_by(folder, *DIFF, "--output", "out.csv", *arguments)

    assert_refused(done, said, folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("id;v\n1;2\n", "Give --delimiter ';', or --sniff to apply what is found."),
        ("id\x01v\n1\x012\n", r"Give --delimiter $'\x01', or --sniff to apply what is found."),
        ("May\nid;v\n1;2\n", "Give --skip-lines 1 and --delimiter ';'."),
    ],
)
def test_advice_names_options_as_they_are_typed(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "a.csv").write_text(content)

    assert said in refused_by(tmp_path, "diff", "a.csv", "a.csv", "-k", "id", "-v", "v").stderr


def test_an_unknown_metric_is_answered_with_those_there_are(folder: Path) -> None:
    done = diffing(folder, "diff", "--metric", "revenu", "--output", "out.csv")

    assert_refused(done, "Did you mean revenue?", folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "new.csv: the file is empty"),
        (b"id,value\n1,2,3\n", "new.csv, line 2"),
        (b"id,value\n1,2\n3\n", "new.csv, line 3"),
        (b'id,value\n1,"2\n', "new.csv, line 2"),
        (b"id,value\n1,\xff\n", "UTF-8"),
        (b"id;value\n1;2\n", "semicolon"),
        (b"id,id\n1,2\n", "'id'"),
    ],
)
def test_a_file_that_is_no_csv_is_one_line_that_says_where(
    folder: Path, content: bytes, said: str
) -> None:
    (folder / "new.csv").write_bytes(content)

    assert_refused(refused_by(folder, *DIFF, "--output", "out.csv"), said, folder)


def test_an_output_that_cannot_be_written_is_one_line(folder: Path) -> None:
    done = diffing(folder, *DIFF, "--output", "none/out.csv")

    assert_refused(done, "Cannot write none/out.csv: No such file or directory", folder)


def test_a_summary_that_cannot_be_written_is_one_line(folder: Path) -> None:
    done = diffing(folder, *DIFF, "--output", "result.csv", "--summary", "none/s.json")

    assert_refused(done, "Cannot write none/s.json: No such file or directory", folder)


def test_a_bad_setting_names_its_variable(folder: Path) -> None:
    done = diffing(folder, "metrics", DIFFING_PORT="99999", DIFFING_MEMORY_LIMIT="much")

    assert 2 == done.returncode
    assert "DIFFING_PORT: " in done.stderr
    assert "DIFFING_MEMORY_LIMIT: " in done.stderr


def test_metrics_lists_the_catalogue_and_what_is_missing(folder: Path) -> None:
    done = diffing(folder, "metrics")

    assert 0 == done.returncode
    assert "c_revenue, cohort-revenue, cohort_revenue" in done.stdout
    assert "Missing input file revenue_old.csv of the metric revenue" in done.stdout


@pytest.mark.slow
def test_the_demo_does_the_main_job_over_http_and_exits(folder: Path) -> None:
    first, second = (diffing(folder, "demo", "--once", "--port", "0") for _ in range(2))

    assert (0, "", 0) == (first.returncode, first.stderr, second.returncode)
    assert "Made sample data" in first.stdout
    assert "Made sample data" not in second.stdout
    for metric in ("revenue", "c-revenue"):
        assert f"\n{metric}: added 1,000, changed 4,9" in first.stdout
    assert "of 200,000 old and 200,000 new rows" in first.stdout
    assert "\n  date,segment_field," in first.stdout
    assert "curl" not in first.stdout  # there is no server any more


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["revenue_old.csv"], "Missing input file revenue_new.csv"),
        (["revenue_new.csv.gz"], "Missing input file revenue_old.csv"),
        (
            ["revenue_old.csv", "revenue_new.csv.gz", "revenue_new.csv.zst"],
            "both revenue_new.csv.gz and revenue_new.csv.zst",
        ),
    ],
)
def test_the_demo_makes_no_sample_in_the_place_of_a_file(
    folder: Path, names: list[str], said: str
) -> None:
    inputs = folder / "data/input"
    inputs.mkdir(parents=True)
    for name in names:
        (inputs / name).write_text("mine")

    done = diffing(folder, "demo", "--once", "--port", "0")

    assert 2 == done.returncode
    assert said in done.stderr
    assert dict.fromkeys(names, "mine") == {p.name: p.read_text() for p in inputs.iterdir()}


def test_an_analysis_is_written_beside_all_other_outputs(folder: Path) -> None:
    done = diffing(
        folder, *DIFF, "--detail", "--removed", "r.csv", "--explain", "e.json", "--by", "id"
    )

    answer = reference.diff(OLD, NEW, ["id"], ["value"])
    assert (0, answer.detail_csv, "") == (done.returncode, done.stdout, done.stderr)
    assert answer.removed_csv == (folder / "r.csv").read_text()
    document = json.loads((folder / "e.json").read_text())
    assert [90.0, 1.0, -50.0] == [
        step["net"]
        for id_ in ("9", None, "5")
        for step in document["bridge"]
        if step["group"] == {"id": id_}
    ]


def test_values_that_are_not_added_up_are_named_by_options(folder: Path) -> None:
    options = ("-q", "--explain", "e.json", "--measure", "id", "--not-additive")

    done = diffing(folder, *DIFF, *options, "--summary", "s.json")

    document, summary = (json.loads((folder / f"{name}.json").read_text()) for name in "es")
    assert (CHANGED, "") == (done.stdout, done.stderr)
    assert (["id"], []) == (document["by"], document["bridge"])
    assert ("id", False) == (summary["measure"], summary["additive"])


@pytest.mark.parametrize("by", [(), ("--by", "id")])
def test_totals_have_the_groups_of_the_analysis(folder: Path, by: tuple[str, ...]) -> None:
    options = ("-q", "--explain", "e.json", "--totals", "--summary", "s.json", *by)

    done = diffing(folder, *DIFF, *options)

    document, summary = (json.loads((folder / name).read_text()) for name in ("e.json", "s.json"))
    assert (0, CHANGED) == (done.returncode, done.stdout)
    assert {True} == {step["totals"]["closes"] for step in document["bridge"]}
    assert (True, [*by[1:]]) == (summary["totals"], summary["totals_by"])


def test_the_rows_are_the_same_with_an_analysis(folder: Path) -> None:
    assert CHANGED == diffing(folder, *DIFF, "--explain", "e.json").stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--explain", "e.json", "--by", "value"), "by: value is not a key column."),
        (("--explain", "e.json", "--by", "id,id"), "by: id is named twice."),
        (("--by", "id"), "--by groups the analysis. Give --explain or --report, too."),
        (("--explain", "new.csv"), "would overwrite an input"),
    ],
)
def test_an_analysis_that_cannot_be_is_refused(
    folder: Path, options: tuple[str, ...], said: str
) -> None:
    assert_refused(refused_by(folder, *DIFF, "--output", "out.csv", *options), said, folder)


def test_an_analysis_reads_rows_of_any_dialect_with_all_their_columns(folder: Path) -> None:
    (folder / "o.csv").write_text("id;t;v;w;u\nA ;007;1.000,5;1;x\nb;8;2,5;1;x\n", "cp1252")
    (folder / "n.csv").write_text("id;t;v;w;u\na;7;1.001,5;1;é\nc;9;3,25;4;x\n", "cp1252")
    options = ("-k", "id", "-v", "t,v,w", "--text", "t", "--trim", "--nocase", "--delimiter", ";")
    notation = ("--decimal", ",", "--thousands", ".", "--encoding", "cp1252")
    wanted = ("--detail", "--only-changed-columns", "-o", "d.csv")

    alone = diffing(folder, "o.csv", "n.csv", *options, *notation, *wanted)
    rows = (folder / "d.csv").read_bytes()
    done = diffing(
        folder, "o.csv", "n.csv", *options, *notation, *wanted, "--explain", "e.json", "--by", "id"
    )

    assert (0, 0) == (alone.returncode, done.returncode), done.stderr
    assert rows == (folder / "d.csv").read_bytes()
    bridge = json.loads((folder / "e.json").read_text())["bridge"]
    assert {
        ("t", "a"): (1, 0.0),
        ("t", "b"): (0, 0.0),
        ("t", "c"): (0, 0.0),
        ("v", "a"): (0, 1.0),
        ("v", "b"): (0, -2.5),
        ("v", "c"): (0, 3.25),
        ("w", "b"): (0, -1.0),
        ("w", "c"): (0, 4.0),
    } == {(s["column"], s["group"]["id"]): (s["other"]["rows"], s["net"]) for s in bridge}


def test_cells_are_written_beside_all_other_outputs(folder: Path) -> None:
    done = diffing(
        folder, *DIFF, "--detail", "--removed", "r.csv", "--explain", "e.json", "--cells", "c.csv"
    )

    answer = reference.diff(OLD, NEW, ["id"], ["value"])
    assert (0, answer.detail_csv, "") == (done.returncode, done.stdout, done.stderr)
    assert answer.removed_csv == (folder / "r.csv").read_text()
    assert (
        "id,_column,_old,_new,_difference,_relative\n,value,30,31,1,0.03225806451612903\n"
        == (folder / "c.csv").read_text()
    )


def test_the_rows_are_the_same_with_cells_on_standard_output(folder: Path) -> None:
    done = diffing(folder, *DIFF, "-o", "out.csv", "--cells", "-")

    assert CHANGED == (folder / "out.csv").read_text()
    assert "id,_column,_old" == done.stdout[:15]


def test_cells_of_any_dialect_are_plain_csv(folder: Path) -> None:
    (folder / "o.csv").write_text("id;t;v\nA ;ä;1.000,5\nb;8;2,5\n", "cp1252")
    (folder / "n.csv").write_text("id;t;v\na;é;1.001,5\nb;8;2,5\n", "cp1252")
    options = ("-k", "id", "-v", "t,v", "--trim", "--nocase", "--delimiter", ";")
    notation = ("--decimal", ",", "--thousands", ".", "--encoding", "cp1252")

    wanted = ("-o", "out.csv", "--cells", "c.csv", "-q")
    done = diffing(folder, "o.csv", "n.csv", *options, *notation, *wanted)

    assert (0, "") == (done.returncode, done.stderr)
    assert ["a,t,ä,é,,", "a,v,1000.5,1001.5,1.0,0.000998502246630055"] == (
        (folder / "c.csv").read_text().splitlines()[1:]
    )


def test_cells_that_would_replace_an_input_are_refused(folder: Path) -> None:
    said = "would overwrite an input"
    assert_refused(
        refused_by(folder, *DIFF, "--output", "o.csv", "--cells", "new.csv"), said, folder
    )
