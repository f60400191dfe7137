"""The README says what there is, and what it says is so."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from starlette.routing import Route

from diffing.api.app import make_app
from diffing.core.catalogue import load_catalogue
from diffing.core.settings import ClientSettings, Settings
from diffing.engine.sql import SQL_DIR
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


SETTINGS = {**Settings.model_fields, **ClientSettings.model_fields}


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_is_listed_with_its_description(name: str) -> None:
    row = re.search(rf"^\| `DIFFING_{name.upper()}` \|[^|]*\| (.*) \|$", README, re.MULTILINE)

    assert row, f"the README lacks DIFFING_{name.upper()}"
    assert SETTINGS[name].description == row[1]


def test_no_setting_is_listed_that_is_not_there() -> None:
    listed = set(re.findall(r"^\| `DIFFING_(\w+)`", README, re.MULTILINE))

    assert {name.upper() for name in SETTINGS} == listed


def test_each_endpoint_is_listed(tmp_path: Path) -> None:
    app = make_app(Settings(data_dir=tmp_path), load_catalogue(None))
    routes = {
        route.path.rstrip("/")
        for route in app.routes
        if isinstance(route, Route) and not route.path.startswith("/docs/")
    }

    listed = {re.sub("<(.*?)>", r"{\1}", path) for path in re.findall(r"`(/[^` ]*)`", README)}
    assert routes <= listed


def test_each_runtime_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [re.split("[>=;]", line)[0] for line in project["dependencies"]]

    assert [] == [name for name in needed if f"- **{name}**" not in README]


def test_every_make_target_of_the_readme_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    for target in set(re.findall(r"[`$] ?make ([a-z-]+)", README)):
        assert f"\n{target}:" in makefile


def test_the_session_in_the_duckdb_shell_is_as_shown(tmp_path: Path) -> None:
    for name in ("old.csv", "new.csv"):
        shown = re.search(rf"^\$ cat {name}\n(.*?)\$ ", README, re.MULTILINE | re.DOTALL)
        assert shown
        (tmp_path / name).write_text(shown[1])
    session = README.split("$ duckdb -init sql/macros.sql\n")[1].split("```")[0]
    turns = re.findall(r"^D (.*?;)\n(.*?)(?=^D |\Z)", session, re.MULTILINE | re.DOTALL)

    assert len(turns) == 2
    for asked, answered in turns:
        done = subprocess.run(
            [
                Path(sys.executable).with_name("duckdb"),
                "-init",
                SQL_DIR / "macros.sql",
                "-c",
                asked,
            ],
            cwd=tmp_path,
            env={"HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert answered == done.stdout


def test_the_command_line_does_as_shown(tmp_path: Path) -> None:
    block = next(b for b in README.split("```console\n") if b.startswith("$ cat old.csv"))
    turns = re.findall(r"^\$ (.*?)\n(.*?)(?=^\$ |^```)", block, re.MULTILINE | re.DOTALL)
    files = {c.removeprefix("cat "): text for c, text in turns if c.endswith("csv")}
    [(command, result)] = [(c, text) for c, text in turns if c.startswith("diffing")]
    [summary] = [text for c, text in turns if c == "cat summary.json"]
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    done = subprocess.run(
        [sys.executable, "-m", "diffing", *command.split()[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    said, shown = json.loads((tmp_path / "summary.json").read_text()), json.loads(summary)
    assert result == done.stdout
    assert list(shown) == list(said)
    for spent in ("seconds", "peak_rss_bytes"):
        shown[spent] = said[spent]
    assert shown == said
