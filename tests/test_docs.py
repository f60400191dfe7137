"""The documents list what there is, and name what can be found."""

import argparse
import re
import tomllib
from pathlib import Path

import pytest
import typer.main
from starlette.routing import Route

from diffing.api.app import make_app
from diffing.api.options import OneOffOptions
from diffing.cli.main import app
from diffing.core.catalogue import load_catalogue
from diffing.core.dialect import NAMES
from diffing.core.settings import ClientSettings, Settings
from tests.bench import __main__ as bench
from tests.conftest import ROOT
from tests.test_equality import ABS_TOLS, REL_TOLS, SPECIAL

DOCUMENTS = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in (
        "README.md",
        "CONTRIBUTING.md",
        "service/README.md",
        "service/diffing/api/README.md",
        "sql/README.md",
        "tests/README.md",
    )
}
README, SERVICE = DOCUMENTS["README.md"], DOCUMENTS["service/README.md"]
API = DOCUMENTS["service/diffing/api/README.md"]
BENCH = (ROOT / "tests/bench/results/bench.md").read_text(encoding="utf-8")
SETTINGS = {**Settings.model_fields, **ClientSettings.model_fields}
MOST_LINES = 200


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_is_listed_with_its_description(name: str) -> None:
    row = re.search(rf"^\| `DIFFING_{name.upper()}` \|[^|]*\| (.*) \|$", SERVICE, re.MULTILINE)

    assert row, f"service/README.md lacks DIFFING_{name.upper()}"
    assert SETTINGS[name].description == row[1]


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_is_listed_with_its_default(name: str) -> None:
    row = re.search(rf"^\| `DIFFING_{name.upper()}` \| (?:`(.*?)` )?\|", SERVICE, re.MULTILINE)
    default = SETTINGS[name].default
    # one that is empty or depends on the machine is told in the description
    told = SETTINGS[name].default_factory is None and default not in (None, "")

    assert row
    assert (str(default) if told else None) == row[1]


def test_no_setting_is_listed_that_is_not_there() -> None:
    listed = re.findall(r"^\| `DIFFING_(\w+)`", SERVICE, re.MULTILINE)

    assert sorted(name.upper() for name in SETTINGS) == sorted(listed)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_setting_is_named_that_is_not_there(document: str) -> None:
    named = set(re.findall(r"\bDIFFING_([A-Z_]+[A-Z])\b", DOCUMENTS[document]))

    assert named <= {name.upper() for name in SETTINGS} | {"REAL_PAIRS"}


def test_each_member_of_a_request_is_listed() -> None:
    [table] = re.findall(r"^\| member \|.*?(?=\n\n)", API, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| ([^|]*) \| ([^|]*) \|", table, re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`\"?(\w+)", "".join(row))}

    assert {*OneOffOptions.model_fields, *NAMES} <= listed


# of routes that are not in the OpenAPI document; the other ones are those of pages
OF_PROGRAMS = ("/openapi.json", "/docs")


def test_each_endpoint_is_listed(tmp_path: Path) -> None:
    app = make_app(Settings(data_dir=tmp_path), load_catalogue(None))
    routes = {
        (method, route.path.rstrip("/") or "/")
        for route in app.routes
        if isinstance(route, Route) and (route.include_in_schema or route.path in OF_PROGRAMS)
        for method in (route.methods or set()) - {"HEAD"}
    }

    rows = re.findall(r"^\| ((?:`[A-Z]+`(?: or )?)+) `(/[^` ?]*)", API, re.MULTILINE)
    listed = {
        (method, re.sub("<(.*?)>", r"{\1}", path))
        for methods, path in rows
        for method in re.findall("[A-Z]+", methods)
    }
    assert routes == listed


def test_each_runtime_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = [re.split("[>=;]", line)[0] for line in project["dependencies"]]
    of_servers = [re.split(r"[\[>=;]", line)[0] for line in extras["postgres"] + extras["redis"]]

    assert [] == [name for name in needed if f"- **{name}**" not in README]
    assert [] == [name for name in of_servers if f"- **{name}**" not in SERVICE]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_of_a_document_is_there(document: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    for target in set(re.findall(r"(?:[`$]|^) ?make ([a-z-]+)", DOCUMENTS[document], re.MULTILINE)):
        assert f"\n{target}:" in makefile


def test_each_command_is_listed() -> None:
    command = typer.main.get_command(app)
    listed = re.findall(r"`diffing ([a-z-]+)", SERVICE)

    assert set(command.commands) <= set(listed)  # type: ignore[attr-defined]


def test_each_option_of_diff_is_listed() -> None:
    command = typer.main.get_command(app)
    options = {
        name
        for parameter in command.commands["diff"].params  # type: ignore[attr-defined]
        for name in parameter.opts
        if name.startswith("--")
    }
    rows = re.findall(r"^\| ([^|\n]*--[^|\n]*) \|", SERVICE, re.MULTILINE)

    assert options == {name for row in rows for name in re.findall(r"--[a-z-]+", row)}


def test_the_metric_shown_is_one_of_the_catalogue(tmp_path: Path) -> None:
    [shown] = re.findall(r"^```toml\n(.*?)^```", SERVICE, re.MULTILINE | re.DOTALL)
    (tmp_path / "metrics.toml").write_text(shown)

    [metric] = load_catalogue(tmp_path / "metrics.toml").metrics.values()
    bundled = load_catalogue(None).find(metric.id)
    assert bundled == metric.model_copy(update={"tolerance": {}})


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_is_there(document: str) -> None:
    text, folder = DOCUMENTS[document], (ROOT / document).parent
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    paths = re.findall(r"`((?:service|sql|tests)/[\w./-]+)`", text)

    missing = [link for link in links if not (folder / link).exists()]
    assert [] == [*missing, *(path for path in paths if not (ROOT / path).exists())]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_heading_that_a_document_links_to_is_there(document: str) -> None:
    folder = (ROOT / document).parent
    for link, anchor in re.findall(r"\]\(([^)#:]*)#([^)]*)\)", DOCUMENTS[document]):
        text = (folder / link if link else ROOT / document).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
        assert anchor in [re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings]


def test_the_readme_shows_commands_that_a_test_runs() -> None:
    # test_readme.py types in what is a console, and the test below has the one of the table
    assert {"console", "sh", "python"} == set(re.findall(r"^```(\w+)", README, re.MULTILINE))


def test_the_command_of_the_table_is_that_which_was_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [command] = re.findall(r"^```sh\n(.*)\n```", README, re.MULTILINE)
    program, options = command.split(" -m tests.bench ")
    monkeypatch.setattr("sys.argv", ["bench", *options.split()])

    def without_memory(text: str) -> str:
        return re.sub(r"--memory \d+ ", "", text)  # of the machine

    measured = BENCH.splitlines()[0].strip("`")
    given: argparse.Namespace = bench._arguments()
    assert ".venv/bin/python" == program
    assert without_memory(measured) == without_memory(bench._command(given))


@pytest.mark.parametrize(
    ("tool", "pairs"),
    [
        *((name, 2) for name in ("reading", "diffing", "diffing, 512 MB", "duckdb", "polars")),
        ("diffing, last night's hashes", 1),
    ],
)
def test_the_table_shows_what_was_measured(tool: str, pairs: int) -> None:
    row = re.search(rf"^\| {tool} \|(.*)\|$", README, re.MULTILINE)
    sections = (
        re.search(rf"^### c-revenue, 10,000,000 rows, {pair}[^#]*", BENCH, re.MULTILINE)
        for pair in ("nightly", r"\d")
    )
    lines = [re.search(rf"^\| \S+ \| {tool} \|.*", s[0], re.MULTILINE) for s in sections if s]
    measured = [[cell.strip() for cell in line[0].strip("|").split("|")] for line in lines if line]

    assert row
    assert pairs == len(measured)
    cells = [
        cell
        for _, _, wall, _, peak, of_wall, of_cpu, memory, *_ in measured
        for cell in (f"{wall} s, {peak} MB", f"{of_wall}, {of_cpu}", memory)
    ]
    shown = [cell.strip() for cell in row[1].split("|")]
    assert [*cells, "", "", ""][:6] == shown


def test_the_readme_of_the_tests_counts_as_they_do() -> None:
    text = DOCUMENTS["tests/README.md"]
    lines = (ROOT / "tests/reference.py").read_text(encoding="utf-8").splitlines()

    assert f"{round(len(lines), -2)} plain lines" in text
    assert f"{len(SPECIAL)} special texts with {len(REL_TOLS) * len(ABS_TOLS)} pairs" in text


def test_the_readme_of_the_tests_names_each_of_their_modules() -> None:
    modules = {f"tests/{module.name}" for module in (ROOT / "tests").glob("test_*.py")}

    assert set() == modules - set(re.findall(r"`([\w./]+)`", DOCUMENTS["tests/README.md"]))
