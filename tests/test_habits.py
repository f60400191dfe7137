"""The habits of people who type: each works, or one line says what to type instead."""

import hashlib
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from diffing.cli.habits import INSTEAD
from diffing.cli.main import app
from diffing.cli.typed import COMMANDS, with_command
from tests.command_line import CHANGED, DIFF, NEW, OLD, diffing, refused_by, run
from tests.conftest import one_in
from tests.service_under_test import PATIENCE_SECONDS

FOR_SHELLS = set("$<>|&;*?~\\")
COUNTS = "1 added · 1 changed · 1 removed · 2 unchanged, 1 of them within tolerance   "
GOOD = "-k id -v value"
DETAIL = "id,note,value,_change,_changed,_old_value\n9,x,90,added,,\n,c,31,changed,value,30\n"
TWO = "id,note,value\n9,x,90\n2,new note,20.000000000001\n,c,31\n"
JSON_LINES = '{"id":"9","note":"x","value":"90"}\n{"id":null,"note":"c","value":"31"}\n'
JSON = '[\n{"id":"9","note":"x","value":"90"},\n{"id":null,"note":"c","value":"31"}\n]\n'


@pytest.fixture
def typed(folder: Path) -> "Typed":
    return Typed(folder)


class Typed:
    """A shell in the folder of the small pair; it is left out where a line needs none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, line: str) -> subprocess.CompletedProcess[str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("DIFFING_")}
        environment = {**inherited, "TMPDIR": str(self.folder)}
        if line.startswith("diffing ") and not FOR_SHELLS & set(line):
            return run(self.folder, shlex.split(line)[1:], environment)
        return subprocess.run(
            ["/bin/bash", "-c", line],
            cwd=self.folder,
            env={**environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )


WORKS = [
    (f"diffing diff old.csv new.csv {GOOD}", CHANGED),
    (f"diffing old.csv new.csv {GOOD}", CHANGED),
    (f"diffing {GOOD} old.csv new.csv", CHANGED),
    (f"diffing ./old.csv $PWD/new.csv {GOOD}", CHANGED),
    ("diffing diff --old old.csv --new new.csv --key id --value value", CHANGED),
    (f"diffing --old old.csv new.csv {GOOD}", CHANGED),
    ("diffing old.csv new.csv --key=id --value=value", CHANGED),
    ("diffing old.csv new.csv -kid -vvalue", CHANGED),
    ("diffing old.csv new.csv -k id -v note,value", TWO),
    ("diffing old.csv new.csv -k id -v 'note, value'", TWO),
    ("diffing old.csv new.csv -k id -v note -v value", TWO),
    (f"diffing old.csv new.csv {GOOD} --detail", DETAIL),
    (f"cat old.csv | diffing - new.csv {GOOD}", CHANGED),
    (f"diffing old.csv - {GOOD} < new.csv", CHANGED),
    (f"gzip -c old.csv | diffing - new.csv {GOOD}", CHANGED),
    (f"gzip old.csv; diffing <(zcat old.csv.gz) <(cat new.csv) {GOOD}", CHANGED),
    (f"diffing old.csv /dev/stdin {GOOD} < new.csv", CHANGED),
    (f"mkfifo pipe; cat new.csv > pipe & diffing old.csv pipe {GOOD}", CHANGED),
    (f"diffing old.csv new.csv {GOOD} -o -", CHANGED),
    (f"diffing old.csv new.csv {GOOD} -o out.csv; cat out.csv", CHANGED),
    (f"diffing old.csv new.csv {GOOD} --format json", JSON),
    (f"diffing old.csv new.csv {GOOD} -o out.json; cat out.json", JSON),
    (f"diffing old.csv new.csv {GOOD} -o x.jsonl; cat x.jsonl", JSON_LINES),
    (f"diffing old.csv new.csv {GOOD} --format jsonl | cat", JSON_LINES),
    (f"diffing old.csv new.csv {GOOD} -q --removed - -o out.csv", "id,note,value\n5,e,50\n"),
    ("diffing version", "diffing 0.1.0\n"),
    ("diffing -V", "diffing 0.1.0\n"),
    ("diffing --version", "diffing 0.1.0\n"),
    ("diffing -version", "diffing 0.1.0\n"),
]


@pytest.mark.parametrize(
    ("line", "said"), one_in(2, map(list, WORKS)), ids=[line for line, _ in WORKS]
)
def test_a_habit_works(typed: Typed, line: str, said: str) -> None:
    done = typed(line)

    assert (0, said) == (done.returncode, done.stdout), done.stderr
    assert 2 >= done.stderr.count("\n")
    assert [] == [path.name for path in typed.folder.glob("diff*")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_pipe_is_copied_leaves_nothing_behind(folder: Path, number: int) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "tmp").mkdir()
    started = subprocess.Popen(
        [sys.executable, "-m", "diffing", "pipe", "new.csv", *GOOD.split()],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with (folder / "pipe").open("wb"):  # it waits until the pipe is read
        while not [*(folder / "tmp").rglob("old.csv")]:
            assert started.poll() is None
        started.send_signal(number)
        said = started.communicate(timeout=PATIENCE_SECONDS)

    assert (130, (b"", b"")) == (started.returncode, said)
    assert [] == [*(folder / "tmp").iterdir()]


HELP = [
    "diffing",
    "diffing -h",
    "diffing --help",
    "diffing help",
    "diffing keys",
    "diffing help diff",
]


@pytest.mark.parametrize("line", HELP)
def test_help_is_given_whichever_way_it_is_asked_for(typed: Typed, line: str) -> None:
    done = typed(line)

    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("Usage: diffing")


SAYS = [
    ("diffing old.csv new.csv", "Missing --key, the columns that identify a row."),
    ("diffing old.csv new.csv", "Unique in both files: --key id. --key auto takes the first."),
    ("diffing old.csv", "Give NEW, the second file"),
    ("diffing --new new.csv -k id", "Give OLD, the first file"),
    ("diffing diff", "Give two files, OLD and NEW, such as diffing old.csv new.csv -k id; or a"),
    ("diffing old.csv new.csv id value", "id is a third. Name columns with --key and --value."),
    (f"diffing - - {GOOD}", "Only one of OLD and NEW can be -"),
    ("diffing old.csv new.csv --vallue id", "Unknown option --vallue. Did you mean --value"),
    ("diffing old.csv new.csv -x", "Unknown option -x. See diffing diff -h."),
    ("diffing old.csv new.csv --sep ';'", "Unknown option --sep. Use --delimiter. See"),
    ("diffing old.csv new.csv --json", "Unknown option --json. Use --format json. See"),
    ("diffing old.csv new.csv --primary-key id", "--primary-key. Use --key. See diffing diff -h."),
    ("diffing old.csv new.csv --exclude=id", "--exclude. Use --ignore. See"),
    ("diffing compare old.csv new.csv", "No command or file is named compare. Use diff. See"),
    ("diffing dif old.csv new.csv", "No command or file is named dif. Did you mean 'diff'?"),
    ("diffing old.csv new.csv -k", "Give a value to -k, such as -k id. See diffing diff -h."),
    ("diffing old.csv new.csv --removed", "Give a value to --removed, such as --removed removed."),
    ("diffing old.csv new.csv -k 1", "old.csv: no column '1'. Line 1 names the columns 'id', 'n"),
    ("diffing old.csv new.csv -k '*'", "key names *, but only value may have patterns."),
    ("diffing old.csv new.csv -k id -d ';'", "Unknown option -d. Use --delimiter. See"),
    ("diffing old.csv new.csv -k id -U3", "Unknown option -U. Use --detail, which adds the col"),
    ("diffing old.csv new.csv -k id -n 10", "Unknown option -n. Use | head -n 20. See"),
    ("diffing --file1 old.csv --file2 new.csv", "Unknown option --file1. Use --old. See"),
    ("diffing OLD.csv new.csv -k id", "OLD.csv: no such file. Did you mean old.csv?"),
    ("diffing old.csv ./new.cvs -k id", "new.cvs: no such file. Did you mean new.csv?"),
    ("diffing '' new.csv -k id", "The name of a file is empty."),
    ("diffing old.csv '' -k id", "The name of a file is empty."),
    (f"diffing old.csv new.csv {GOOD} -o x.html", "x.html: .html is for reports: use --report x."),
    (f"diffing old.csv new.csv {GOOD} --rel-tol 5%", "COLUMN=NUMBER, not 5%. 5% is 0.05."),
    (f"diffing old.csv new.csv {GOOD} --abs-tol ''", "COLUMN=NUMBER, not empty."),
    ("diffing serve --port x", "Invalid --port: must be a whole number. See diffing serve -h."),
    ("diffing serve --port 99999", "--port: must be at most 65535"),
    ("diffing serve 8000", "8000 is not expected here. See diffing serve -h."),
    ("diffing sample --rows 0", "Invalid --rows: must be at least 1. See diffing sample -h."),
    (f"DIFFING_MEMORY_LIMIT=x diffing old.csv new.csv {GOOD}", "DIFFING_MEMORY_LIMIT: must be a s"),
    ("diffing history m --url http://127.0.0.1:1", "Start one with diffing serve, or name another"),
    (
        f"diffing old.csv new.csv {GOOD} --format xml",
        "Invalid --format: 'xml' is not one of 'csv',",
    ),
    (f"diffing old.csv new.csv {GOOD} -o x.xlsx", "x.xlsx: .xlsx is for reports: use --report x"),
    (f"diffing old.csv new.csv {GOOD} -o x.csv.gz", "unknown suffix .gz. Use .csv"),
    (f"diffing nope.csv new.csv {GOOD}", "nope.csv: no such file."),
    (f"diffing old.csv new.csv {GOOD} --duplicates no", "Invalid --duplicates: 'no' is not one of"),
    ("diffing old.csv new.csv -k ID -v value", "no column 'ID'. Did you mean 'id'?"),
    ("diffing old.csv new.csv -k id,nope -v value", "no column 'nope'."),
    ("diffing old.csv new.csv -k 'id value'", "names: --key id,value"),
    ("diffing old.csv new.csv -k id -v 'note value'", "Write a comma between names: --value note,"),
    ("diffing old.csv new.csv -k ''", "--key is empty. Name columns, such as --key id"),
    ("diffing old.csv --metric revenue", "Name the file with --old or --new, beside --metric."),
    (f": | diffing - new.csv {GOOD}", "standard input: the file is empty."),
    (f"printf 'id,value\\n1\\n' | diffing - new.csv {GOOD}", "standard input, line 2"),
    ("diffing keys create", "Give NAME. See diffing keys create -h."),
    ("diffing submit", "Give METRIC, or two files, OLD and NEW"),
    ("diffing submit old.csv", "Give NEW, the second file"),
    ("diffing submit old.csv new.csv -v value", "Missing --key, the columns that identify a row"),
]


@pytest.mark.parametrize(("line", "said"), SAYS, ids=[line for line, _ in SAYS])
def test_what_does_not_work_says_what_to_type_in_one_line(
    typed: Typed, line: str, said: str
) -> None:
    program, *words = shlex.split(line)
    in_shell = program != "diffing" or "|" in words or "-" in words
    done = typed(line) if in_shell else refused_by(typed.folder, *words)

    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("diffing: ")
    assert said in done.stderr
    assert 1 == done.stderr.count("\n")
    assert [] == [path.name for path in typed.folder.glob("diff*")]


@pytest.mark.parametrize("command", ["diffing", "diffing suggest-key", "diffing -k auto"])
def test_no_key_is_looked_for_in_a_file_of_another_delimiter(typed: Typed, command: str) -> None:
    for name, text in (("old.csv", OLD), ("new.csv", NEW)):
        (typed.folder / name).write_text(text.replace(",", ";"))

    done = typed(f"{command} old.csv new.csv")

    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("diffing: old.csv: the fields seem to be separated by a semi")


def test_files_without_a_common_column_are_shown_with_their_columns(typed: Typed) -> None:
    (typed.folder / "new.csv").write_text("9,x,90\n1,a,10\n")

    said = typed("diffing old.csv new.csv").stderr

    assert "Columns: old.csv has 'id', 'note', 'value'; new.csv has '9', 'x', '90'." in said


def test_columns_that_one_file_alone_has_are_named(typed: Typed) -> None:
    names = ",".join(f"c{place}" for place in range(7))
    (typed.folder / "old.csv").write_text(f"id,value,{names}\n1,2,,,,,,,\n")
    (typed.folder / "new.csv").write_text("id,value,revenue\n1,2,3\n")

    one, other = (
        typed(f"diffing {files} -k id") for files in ("old.csv new.csv", "new.csv new.csv")
    )

    said = "not compared: old alone has c0, c1, c2, c3, c4 and 2 more · new alone has revenue"
    assert said == one.stderr.splitlines()[1]
    assert "not compared" not in other.stderr


def test_a_killed_command_leaves_a_folder_that_a_later_one_removes(folder: Path) -> None:
    (folder / "tmp").mkdir()
    killed, living = (waiting_for_its_pipe(folder, name) for name in ("one", "two"))
    for left in (folder / "tmp").iterdir():
        os.utime(left, (0, 0))
    killed.kill()
    killed.communicate(timeout=PATIENCE_SECONDS)
    others = folder / "tmp/diffing-scratch-file"
    others.touch()
    os.utime(others, (0, 0))
    before = {path.name for path in (folder / "tmp").iterdir()}

    done = diffing(folder, *DIFF, TMPDIR=str(folder / "tmp"))
    after = {path.name for path in (folder / "tmp").iterdir()}
    living.send_signal(signal.SIGCONT)
    living.communicate(timeout=PATIENCE_SECONDS)

    assert (0, CHANGED) == (done.returncode, done.stdout)
    assert (3, 2) == (len(before), len(after)), (before, after)
    assert [others] == [*(folder / "tmp").iterdir()]


def waiting_for_its_pipe(folder: Path, name: str) -> subprocess.Popen[bytes]:
    """A command that has its scratch folder, and waits for the writer of a pipe."""
    os.mkfifo(folder / name)
    before = len([*(folder / "tmp").iterdir()])
    started = subprocess.Popen(
        [sys.executable, "-m", "diffing", name, "new.csv", *GOOD.split()],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with (folder / name).open("wb"):  # it waits until the pipe is read
        while len([*(folder / "tmp").rglob("old.csv")]) == before:
            assert started.poll() is None
        os.kill(started.pid, signal.SIGSTOP)
    return started


def test_a_column_whose_name_has_a_comma_is_one_column(typed: Typed) -> None:
    for name, text in (("old.csv", "1,2,3,4"), ("new.csv", "1,2,3,5")):
        (typed.folder / name).write_text(f'"a,b",a,b,v\n{text}\n')

    done = typed("diffing old.csv new.csv -k a,b -v v --summary s.json")
    quoted = typed("diffing old.csv new.csv -k '\"a,b\",a' -v v --summary q.json")

    assert (0, 0) == (done.returncode, quoted.returncode)
    assert '"key": [\n    "a,b"\n  ]' in (typed.folder / "s.json").read_text()
    assert '"key": [\n    "a,b",\n    "a"\n  ]' in (typed.folder / "q.json").read_text()


@pytest.mark.parametrize(
    ("old", "new", "status"), [(OLD, OLD, 0), (OLD, NEW, 1), (OLD, OLD[:-7], 1), (OLD, "x\n1\n", 2)]
)
def test_the_exit_status_can_tell_of_differences(
    typed: Typed, old: str, new: str, status: int
) -> None:
    (typed.folder / "old.csv").write_text(old)
    (typed.folder / "new.csv").write_text(new)

    assert status == typed(f"diffing old.csv new.csv {GOOD} --exit-code").returncode
    assert status // 2 * 2 == typed(f"diffing old.csv new.csv {GOOD}").returncode


def test_the_counts_are_shown_unless_it_is_to_be_quiet(typed: Typed) -> None:
    loud, quiet = (typed(f"diffing old.csv new.csv {GOOD} {option}") for option in ("", "-q"))

    assert loud.stderr.startswith(COUNTS)
    assert loud.stderr.endswith(" s\n")
    assert "" == quiet.stderr
    assert loud.stdout == quiet.stdout


def test_the_columns_that_changed_most_are_named(typed: Typed) -> None:
    names = [f"c{place}" for place in range(7)]
    for side in ("old", "new"):
        rows = [[row, *(side if row <= place else "" for place in range(7))] for row in range(7)]
        text = "\n".join(",".join(map(str, row)) for row in rows)
        (typed.folder / f"{side}.csv").write_text(f"id,{','.join(names)}\n{text}\n")

    done = typed(f"diffing old.csv new.csv -k id -v {','.join(names)} -o out.csv")

    said = "changed most: c6 7 · c5 6 · c4 5 · c3 4 · c2 3 · 2 more columns"
    assert said == done.stderr.splitlines()[1]


def test_detail_can_leave_out_columns_that_did_not_change(typed: Typed) -> None:
    (typed.folder / "old.csv").write_text("c,b,id,a,rest\n1,1,x,1,p\n1,1,y,1,p\n1,1,z,1,p\n")
    (typed.folder / "new.csv").write_text("c,b,id,a,rest\n1,2,x,1,q\n1,1,y,1.5,q\n7,7,w,7,q\n")
    line = "diffing old.csv new.csv -k id -v a,b,c --abs-tol a=0.7 -q"

    few = typed(f"{line} --detail --only-changed-columns")
    without = typed(f"{line} --only-changed-columns")

    header = "b,id,rest,_change,_changed,_old_b\n"
    assert f"{header}2,x,q,changed,b,1\n7,w,q,added,,\n" == few.stdout
    assert "diffing: Give --detail with --only-changed-columns.\n" == without.stderr


def at_a_terminal(folder: Path, *words: str) -> str:
    """The output of a command to a terminal, without its standard error."""
    ours, theirs = os.openpty()
    with open(ours, "rb", buffering=0) as terminal:  # noqa: PTH123 - a descriptor
        started = subprocess.Popen(
            [sys.executable, "-m", "diffing", *words],
            cwd=folder,
            env={**os.environ, "COLUMNS": "90", "LINES": "40", "TERM": "xterm", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        said = b""
        try:
            while block := terminal.read(65_536):
                said += block
        except OSError:  # Linux tells so of a terminal without writers
            pass
        assert 0 == started.wait(PATIENCE_SECONDS)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode()).replace("\r\n", "\n")


def test_a_terminal_shows_old_and_new_of_the_first_rows(folder: Path) -> None:
    said = at_a_terminal(folder, "old.csv", "new.csv", "-k", "id", "-v", "note,value")

    table = [" ".join(line.split()) for line in said.splitlines()]
    assert [
        "id note value",
        "+ 9 x 90",
        "~ 2 (empty) → new note 20.000000000001",
        "~ c 30 → 31",
    ] == table


def test_a_narrow_terminal_shows_whole_keys_and_fewer_columns(folder: Path) -> None:
    names = ["length", "width", "longitude", "latitude", "height"]
    for side, digits in (("old", "1.25"), ("new", "7.1234567890123")):
        rows = "".join(f"key-{row},{','.join([digits] * len(names))}\n" for row in range(3))
        (folder / f"{side}.csv").write_text(f"id,{','.join(names)}\n{rows}")

    said = at_a_terminal(folder, "old.csv", "new.csv", "-k", "id")

    header, first, *_ = (re.split(" {2,}", line.strip()) for line in said.splitlines())
    assert ["id", "length", "width", "also changed"] == header
    assert ["~", "key-0", *["1.25 → 7.1234567890123"] * 2, "longitude, latitude, height"] == first


def test_a_terminal_shows_few_of_many_rows_and_columns_and_how_to_get_all(folder: Path) -> None:
    names = [f"c{place:02}" for place in range(30)]
    for side, changed in (("old", 1), ("new", 2)):
        rows = "".join(f"{row},{','.join(['5'] * 29)},{changed}\n" for row in range(100))
        (folder / f"{side}.csv").write_text(f"id,{','.join(names)}\n{rows}")

    said = at_a_terminal(folder, "old.csv", "new.csv", "-k", "id", "-v", ",".join(names))

    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "id c29" == lines[0]
    assert "~ 0 1 → 2" == lines[1]
    hidden = "The first 20 of 100 rows, 29 columns hidden. Write all with -o changes.csv."
    assert hidden == lines[-1]
    assert 22 == len(lines)


def test_a_report_beside_a_table_has_the_checksum_of_the_result(folder: Path) -> None:
    said = at_a_terminal(folder, *DIFF[:-2], "--value", "value", "--report", "r.md")

    assert "30 → 31" in said
    assert hashlib.sha256(CHANGED.encode()).hexdigest() in (folder / "r.md").read_text()


def test_a_terminal_gets_csv_where_it_is_asked_for(folder: Path) -> None:
    assert CHANGED == at_a_terminal(folder, *DIFF[:-2], "--value", "value", "-o", "-")


def test_parquet_is_written_for_its_suffix(typed: Typed) -> None:
    done = typed(
        f"diffing old.csv new.csv {GOOD} -o x.parquet --removed gone.jsonl --summary s.json"
    )
    import duckdb

    with duckdb.connect() as connection:
        rows = connection.sql(f"from '{typed.folder}/x.parquet'").fetchall()
    assert (0, "") == (done.returncode, done.stdout)
    assert [("9", "x", "90"), (None, "c", "31")] == rows
    assert '{"id":"5","note":"e","value":"50"}\n' == (typed.folder / "gone.jsonl").read_text()
    size = (typed.folder / "x.parquet").stat().st_size
    assert f'"bytes": {size},' in (typed.folder / "s.json").read_text()


def test_settings_are_options_too(typed: Typed) -> None:
    (typed.folder / "there").mkdir()
    (typed.folder / "there/mine.toml").write_text(
        '[metric.mine]\nold = "o.csv"\nnew = "n.csv"\nkey = ["id"]\nvalue = ["value"]\n'
    )
    (typed.folder / "there/input").mkdir()
    (typed.folder / "old.csv").rename(typed.folder / "there/input/o.csv")
    (typed.folder / "new.csv").rename(typed.folder / "there/input/n.csv")

    done = typed("diffing diff --metric mine --data-dir there --metrics there/mine.toml")

    assert (0, CHANGED) == (done.returncode, done.stdout)


def test_each_command_shows_an_example(typed: Typed) -> None:
    for command in sorted(COMMANDS):
        words = ["keys", "create"] if command == "keys" else [command]
        said = typed(f"diffing {' '.join(words)} -h").stdout
        assert f"Examples:\n    diffing {' '.join(words)}" in said or command == "diff", command
        assert "Examples:\n    diffing " in said


def test_every_command_is_known_before_typer_is_loaded() -> None:
    import typer.main

    assert set(COMMANDS) == set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert ["diff", "a.csv"] == with_command(["a.csv"])


def test_completion_knows_the_commands_and_options(typed: Typed) -> None:
    script = typed("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION=1 diffing --show-completion bash")
    words = typed("_DIFFING_COMPLETE=complete_bash COMP_WORDS='diffing s' COMP_CWORD=1 diffing")

    assert 0 == script.returncode
    assert "_DIFFING_COMPLETE" in script.stdout
    assert ["sample", "serve", "submit", "suggest-key"] == sorted(words.stdout.split())


def test_habits_lead_to_options_and_commands_that_there_are(folder: Path) -> None:
    options = diffing(folder, "diff", "-h").stdout

    for habit, ours in INSTEAD.items():
        if habit.startswith("-"):
            assert all(f" {word} " in options for word in re.findall("--[a-z-]+", ours)), ours
            assert f" {habit} " not in options
        else:
            assert ours in COMMANDS
            assert habit not in COMMANDS
