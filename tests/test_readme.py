"""Every console session of the documents, typed in from top to bottom after `make run`."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.service_under_test import PATIENCE_SECONDS, Client, Service

DOCUMENTS = ("README.md", "service/README.md", "service/diffing/api/README.md")
ADDRESS = "localhost:8000"
RUN = "make run ONCE=1"
# the image has the same command line; `make image-test` tries it in one
IN_DOCKER = r'docker run --rm -v "\$PWD:/w" -w /w -u "\$\(id -u\):\$\(id -g\)" diffing\s+'
API_KEY = r"\b[0-9a-f]{12}\b"
# what differs from run to run
VARIABLE = (
    (r"in \d+\.\d s \(\d+\.\d s with the queue\), \d+ MB", "in SECONDS, MEMORY"),
    (r"   \d+\.\d s(?=\n|$)", "   SECONDS"),
    (r'"seconds": [0-9.]+', '"seconds": SECONDS'),
    (r'"peak_rss_bytes": \d+', '"peak_rss_bytes": MEMORY'),
    (r"(?<=  )\d{4}-\d\d-\d\d(?=  )", "TODAY"),
    # a worker may have taken the job already
    (r'"status":"processing"', '"status":"queued"'),
)

Turn = tuple[str, str]


def sessions(document: str) -> list[Turn]:
    """The commands in the console blocks of a document, each with the output shown."""
    text = (ROOT / document).read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [
        (command.replace("\\\n", ""), shown.rstrip("\n"))
        for block in blocks
        for command, shown in re.findall(
            r"^\$ ((?:[^\n]*\\\n)*[^\n]*)\n(.*?)(?=^\$ |\Z)", block, re.MULTILINE | re.DOTALL
        )
    ]


def plain(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, word in VARIABLE:
        text = re.sub(pattern, word, text)
    return text


def recipe(command: str) -> str:
    """The commands that `make` would run, on any free port."""
    done = subprocess.run(
        ["/bin/bash", "-c", f"{command} --dry-run --assume-old=.venv/bin/.runs PORT=0"],
        cwd=ROOT,
        # what a make around the tests hands on has this one say more
        env={k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.replace(".venv/bin/", "")


class Terminal:
    """A shell in a folder of its own, in which `diffing` and `duckdb` are those of this project.

    Args:
        folder: the working folder, whose `data` is that of a service.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._address = ADDRESS
        self._api_keys: dict[str, str] = {}

    def talk_to(self, client: Client) -> None:
        """Send what is for `localhost:8000` to a service on another port."""
        self._address = str(client.base_url).removeprefix("http://").rstrip("/")

    def types(self, command: str, shown: str) -> None:
        """Type a command, and compare what it prints with what a document shows."""
        if command.startswith("duckdb "):
            self._types_sql(command, shown)
            return
        said = self.output_of(re.sub(IN_DOCKER, "diffing ", command))
        if command.startswith("diffing keys create"):
            self._api_keys[found(shown)] = found(said)
        assert plain(self._with_real_keys(shown)) == plain(said), command

    def output_of(self, command: str) -> str:
        """The text that a command prints on either output."""
        command = self._with_real_keys(command)
        settings = {"DIFFING_URL": f"http://{self._address}"}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("DIFFING_")}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["/bin/bash", "-c", command.replace(ADDRESS, self._address)],
            cwd=self._folder,
            env={**inherited, **settings, "PATH": path, "HOME": str(self._folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        return done.stdout.rstrip("\n")

    def _types_sql(self, command: str, shown: str) -> None:
        (self._folder / "sql").unlink(missing_ok=True)
        (self._folder / "sql").symlink_to(ROOT / "sql")  # it is typed in the checkout
        turns = re.findall(r"^D (.*?;)\n(.*?)(?=^D |\Z)", f"{shown}\n", re.MULTILINE | re.DOTALL)
        assert turns
        for asked, answer in turns:
            # on standard error it says which file it loads
            typed = f"{command} -c {quoted(asked)} 2> /dev/null"
            said = self.output_of(typed)
            assert answer.rstrip("\n") == said, asked

    def _with_real_keys(self, text: str) -> str:
        for shown, real in self._api_keys.items():
            text = text.replace(shown, real)
        return text


def found(text: str) -> str:
    """The id of an API key in a text."""
    match = re.search(API_KEY, text)
    assert match, text
    return match[0]


def quoted(sql: str) -> str:
    """SQL as one word of the shell."""
    return "'" + sql.replace("'", "'\\''") + "'"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which `make run` ran, and what that printed."""
    folder = tmp_path_factory.mktemp("made")
    return folder, Terminal(folder).output_of(recipe(RUN))


def typed_in(document: str, service: Service, said: str) -> None:
    """Type in all sessions of a document, after `make run` and beside its service."""
    terminal = Terminal(service.folder.parent)
    client, _ = service.api_and_worker()
    terminal.talk_to(client)
    for command, shown in sessions(document):
        if command == RUN:
            assert plain(shown) == plain(said)
        else:
            terminal.types(command, shown)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl on this machine")
@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_session_is_as_shown(document: str, service: Service, made: tuple[Path, str]) -> None:
    folder, said = made
    shutil.copytree(folder, service.folder.parent, dirs_exist_ok=True)

    typed_in(document, service, said)


def test_the_python_of_the_readmes_works(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    for command, _ in sessions("README.md"):
        if command.startswith("printf"):
            terminal.output_of(command)
    blocks = [
        block
        for document in ("README.md", "service/README.md")
        for block in re.findall(
            r"^```python\n(.*?)^```", (ROOT / document).read_text(encoding="utf-8"), re.M | re.S
        )
    ]

    end = "assert 1 == found.summary.changed; print(changed)"
    script = "\n".join([*blocks, end])
    (tmp_path / "script.py").write_text(script)
    assert "[(None, 'c', '31', 'changed', 'value', '30')]" == terminal.output_of(
        f"{sys.executable} script.py"
    )
    assert 2 == len(blocks)


def test_the_sessions_show_what_users_do() -> None:
    shown = [command for document in DOCUMENTS for command, _ in sessions(document)]

    assert RUN in shown
    for word, number in (
        ("curl ", 18),
        ("diffing old.csv ", 3),
        ("diffing keys ", 3),
        ("duckdb ", 1),
    ):
        assert number <= sum(word in command for command in shown), word


def test_the_sessions_of_the_duckdb_shell_are_as_shown(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    for command, _ in sessions("README.md"):
        if command.startswith("printf"):
            terminal.output_of(command)

    for command, shown in sessions("sql/README.md"):
        if command.startswith("duckdb "):
            terminal.types(command, shown)
