"""The outputs of the commands: no file is destroyed, no device replaced."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.command_line import CHANGED, DIFF, OLD, REMOVED, diffing, refused_by
from tests.conftest import Mount, one_in
from tests.service_under_test import PATIENCE_SECONDS, Service

FULL = "diffing: The disk is full. Free some space and try again.\n"


@pytest.fixture
def named(folder: Path) -> Path:
    """The folder, whose files have other names, too."""
    (folder / "link.csv").symlink_to("new.csv")
    (folder / "twin.csv").hardlink_to(folder / "old.csv")
    (folder / "here").symlink_to(folder)
    return folder


def in_shell(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of the shell in which $DIFF is the command."""
    return subprocess.run(
        ["/bin/bash", "-c", line],
        cwd=folder,
        env={**os.environ, "DIFF": f"{sys.executable} -m diffing {' '.join(DIFF)}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    "outputs",
    [
        ("--output", "new.csv"),
        ("--output", "./old.csv"),
        ("--output", "link.csv"),
        ("--output", "twin.csv"),
        ("--output", "here/new.csv"),
        ("--removed", "old.csv"),
        ("--summary", "new.csv"),
        ("--output", "out.csv", "--summary", "old.csv"),
    ],
)
def test_an_output_that_is_an_input_is_refused(named: Path, outputs: tuple[str, ...]) -> None:
    before = contents(named)

    done = refused_by(named, *DIFF, *outputs)

    assert (2, "") == (done.returncode, done.stdout)
    assert f"The output {Path(outputs[-1])} would overwrite an input." in done.stderr
    assert before == contents(named)


@pytest.mark.parametrize(
    "outputs",
    [
        ("--output", "out.csv", "--summary", "out.csv"),
        ("--output", "out.csv", "--removed", "./out.csv"),
        ("--removed", "out.csv", "--summary", "here/out.csv"),
        ("--output", "there.csv", "--removed", "same.csv"),
    ],
)
def test_two_outputs_that_are_one_file_are_refused(named: Path, outputs: tuple[str, ...]) -> None:
    (named / "there.csv").write_text("mine")
    (named / "same.csv").hardlink_to(named / "there.csv")
    before = contents(named)

    done = refused_by(named, *DIFF, *outputs)

    assert (2, "") == (done.returncode, done.stdout)
    assert "Two outputs are the same file" in done.stderr
    assert before == contents(named)


def test_an_output_that_is_an_input_of_the_metric_is_refused(folder: Path) -> None:
    diffing(folder, "sample", "--rows", "10", "--metric", "revenue", "--out", "data/input")
    before = contents(folder / "data/input")

    done = diffing(folder, "diff", "--metric", "revenue", "--output", "data/input/revenue_old.csv")

    assert 2 == done.returncode
    assert "would overwrite an input" in done.stderr
    assert before == contents(folder / "data/input")


def test_submit_does_not_write_over_what_it_sends(folder: Path, service: Service) -> None:
    url = str(service.api().base_url)

    done = diffing(folder, "submit", *DIFF[1:], "--wait", "-o", "old.csv", DIFFING_URL=url)

    assert 2 == done.returncode
    assert "would overwrite an input" in done.stderr
    assert OLD == (folder / "old.csv").read_text()


def test_a_link_is_followed_and_stays_a_link(folder: Path) -> None:
    (folder / "target.csv").write_text("earlier")
    (folder / "out.csv").symlink_to("target.csv")
    (folder / "dangling.csv").symlink_to("made.csv")

    done = diffing(folder, *DIFF, "--output", "out.csv", "--removed", "dangling.csv")

    assert (0, "") == (done.returncode, done.stderr)
    assert (folder / "out.csv").is_symlink()
    assert (folder / "dangling.csv").is_symlink()
    assert CHANGED == (folder / "target.csv").read_text()
    assert REMOVED == (folder / "made.csv").read_text()


def test_a_file_keeps_its_mode_when_it_is_written_anew(folder: Path) -> None:
    (folder / "out.csv").write_text("earlier")
    (folder / "out.csv").chmod(0o640)

    diffing(folder, *DIFF, "--output", "out.csv")

    assert CHANGED == (folder / "out.csv").read_text()
    assert 0o640 == stat.S_IMODE((folder / "out.csv").stat().st_mode)


def test_a_pipe_is_written_through_and_stays_a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((folder / "pipe").read_text()))
    reader.start()

    done = diffing(folder, *DIFF, "--output", "pipe")
    reader.join(60)

    assert (0, "") == (done.returncode, done.stderr)
    assert [CHANGED] == read
    assert (folder / "pipe").is_fifo()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_a_device_is_written_through_and_stays_a_device(folder: Path) -> None:
    null = folder / "null"
    os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))

    done = diffing(folder, *DIFF, "--output", "null", "--removed", "null", "--summary", "null")

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    assert null.is_char_device()


@pytest.mark.parametrize("name", one_in(3, ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]))
def test_standard_output_by_name_is_appended_to(folder: Path, name: str) -> None:
    done = in_shell(folder, f"echo before > log; $DIFF --output {name} >> log; echo after >> log")

    assert (0, "") == (done.returncode, done.stderr)
    assert f"before\n{CHANGED}after\n" == (folder / "log").read_text()


@pytest.mark.parametrize(
    ("line", "said"),
    one_in(
        2,
        [
            ["$DIFF > /dev/full", "The disk is full."],
            ["$DIFF --output /dev/full", "The disk is full."],
            ["$DIFF >&-", "Standard output is closed. Name a file with --output."],
            [f"{sys.executable} -m diffing metrics > /dev/full", "No space left on device"],
            [f"{sys.executable} -m diffing --help > /dev/full", "No space left on device"],
        ],
    ),
)
def test_standard_output_that_cannot_be_written_is_one_line(
    folder: Path, line: str, said: str
) -> None:
    done = in_shell(folder, line)

    assert (2, 1) == (done.returncode, done.stderr.count("\n"))
    assert said in done.stderr


def test_no_output_is_left_if_the_last_one_cannot_be_written(folder: Path) -> None:
    outputs = ("--output", "out.csv", "--removed", "gone.csv", "--summary", "/dev/full")
    done = diffing(folder, *DIFF, *outputs)

    assert (2, FULL) == (done.returncode, done.stderr)
    assert not {"out.csv", "gone.csv"} & {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("option", ["--summary", "--cells", "--explain"])
def test_a_full_disk_is_named_whatever_was_to_be_written(
    folder: Path, mount: Mount, option: str
) -> None:
    mount(folder / "small", "4k")
    (folder / "small" / "filling").write_bytes(bytes(4096))
    done = diffing(folder, *DIFF, "--output", "out.csv", option, "small/out.json")

    assert (2, FULL) == (done.returncode, done.stderr)
    assert ["filling"] == [path.name for path in (folder / "small").iterdir()]
    assert not (folder / "out.csv").exists()


def test_a_closed_standard_output_is_no_obstacle_for_a_file(folder: Path) -> None:
    done = in_shell(folder, "$DIFF --output out.csv >&- 2>&-")

    assert 0 == done.returncode
    assert CHANGED == (folder / "out.csv").read_text()


def test_a_reader_that_leaves_ends_it_without_a_word(folder: Path) -> None:
    rows = "".join(f"{number},1\n" for number in range(100_000))
    (folder / "new.csv").write_text(f"id,value\n{rows}")

    done = in_shell(folder, "$DIFF | head -1")

    assert ("id,value\n", "") == (done.stdout, done.stderr)


def test_a_machine_without_room_for_temporary_files_is_told_so(folder: Path) -> None:
    done = in_shell(folder, "ulimit -f 0; $DIFF")

    assert (2, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
    assert "No folder for temporary files is usable. Set TMPDIR" in done.stderr


def test_messages_name_files_as_they_were_given(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "data.csv").write_text(OLD)
    (folder / "b/data.csv").write_text("id,value\n1,2,3\n")

    done = diffing(
        folder,
        *("diff", "--old", "a/data.csv", "--new", "b/data.csv", "--key", "id", "--value", "value"),
    )

    assert "diffing: b/data.csv, line 2" in done.stderr


def test_messages_say_which_file_when_both_have_one_name(folder: Path) -> None:
    done = diffing(
        folder,
        *("diff", "--old", "old.csv", "--new", "old.csv", "--key", "nope", "--value", "value"),
    )

    assert "diffing: old.csv (old): no column 'nope'" in done.stderr
