"""The README says what there is, and what it says is so."""

import re
import tomllib
from pathlib import Path

import pytest
from starlette.routing import Route

from service.api import make_app
from service.catalogue import load_catalogue
from service.settings import Settings
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_each_setting_is_listed_with_its_description(name: str) -> None:
    row = re.search(rf"^\| `DIFFING_{name.upper()}` \|[^|]*\| (.*) \|$", README, re.MULTILINE)

    assert row, f"the README lacks DIFFING_{name.upper()}"
    assert Settings.model_fields[name].description == row[1]


def test_no_setting_is_listed_that_is_not_there() -> None:
    listed = set(re.findall(r"^\| `DIFFING_(\w+)`", README, re.MULTILINE))

    assert {name.upper() for name in Settings.model_fields} == listed


def test_each_endpoint_is_listed(tmp_path: Path) -> None:
    app = make_app(Settings(data_dir=tmp_path), load_catalogue(None))
    routes = {route.path.rstrip("/") for route in app.routes if isinstance(route, Route)}

    listed = {re.sub("<(.*?)>", r"{\1}", path) for path in re.findall(r"`(/[^` ]*)`", README)}
    assert routes <= listed


def test_each_runtime_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [re.split("[>=;]", line)[0] for line in project["dependencies"]]

    assert [] == [name for name in needed if f"- **{name}**" not in README]


def test_every_make_target_of_the_readme_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    for target in set(re.findall(r"[`$] ?make ([a-z]+)", README)):
        assert f"\n{target}:" in makefile
