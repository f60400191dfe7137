"""What several tests share: a diff of two texts, and the real processes over real HTTP."""

import atexit
import gc
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from diffing.core.comparison import Comparison
from diffing.core.input_file import InputFile
from diffing.core.progress import Progress
from diffing.core.spec import DiffSpec
from diffing.csvfiles.split import Cutting
from diffing.engine.diff import Diff
from diffing.engine.sql import query
from diffing.engine.summary import Summary
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits
from tests import command_line
from tests.backends import Backend, backend_of
from tests.servers import CannotRun, Urls, shared_servers
from tests.service_under_test import (
    Client,
    LargePair,
    Service,
    forked_programs,
    new_programs,
    require_programs_of_all,
    write_large_pair,
)
from tests.torture.shortage import mounted

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.bucket import Bucket

Mount = Callable[[Path, str], None]

ROOT = Path(__file__).parent.parent


@atexit.register
def _end_quietly() -> None:
    # DuckDB's binding prints pages about references that hypothesis still holds at exit; the last
    # line of a run shall be pytest's
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


# The files that take longest, so that neither of two that share the work begins one at the end.
_FIRST = (
    "diff",
    "helpers",
    "baselines",
    "spark",
    "shared_baselines",
    "cases",
    "reduction",
    "worker",
    "torture",
    "reuse",
    "analysis",
    "kept_hashes",
    "faults",
    "openapi",
    "storage",
    "mutations",
    "sandbox",
    "results",
    "pages_of_changes",
    "on_servers",
    "readme",
    "containers",
    "habits",
    "pages",
    "rows",
    "verdict",
    "analysis_memory",
    "totals",
    "shell",
    "csvfile",
    "cells",
    "remote_files",
    "cli",
    "guards",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; within a file, and among the rest, the order stays."""
    places = {f"test_{name}": place for place, name in enumerate(_FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(_FIRST)))


def pytest_collection_finish() -> None:
    """Thousands of collected tests are no garbage; each search for garbage would look at them.

    Tests make little garbage, too, and by default Python looks for it every 700 objects.
    """
    gc.freeze()
    gc.set_threshold(50_000)


# `make test-all` sets it
EVERY_EXAMPLE = bool(os.environ.get("EVERY_EXAMPLE"))


def examples(most: int) -> int:
    """How many examples hypothesis tries: a tenth, but for `make test-all`."""
    return most if EVERY_EXAMPLE else most // 10


def one_in(most: int, parameters: Iterable[object]) -> list[Any]:
    """Parameters of one rule, of which `make test` takes one in so many, `make test-all` all.

    A list has the values of several parameters.
    """
    return [
        pytest.param(
            *(parameter if isinstance(parameter, list) else [parameter]),
            marks=[pytest.mark.slow] if place % most else [],
        )
        for place, parameter in enumerate(parameters)
    ]


# Small files are read in as many pieces as there are threads, and written in parts, as large ones.
AS_LARGE = Cutting(smallest=1, sorted=3)


@dataclass(frozen=True)
class Outcome:
    """What a diff said: the bytes of each output, and the summary."""

    result: bytes
    detail: bytes
    removed: bytes
    summary: Summary


DiffTexts = Callable[..., Outcome]


def named(path: Path) -> InputFile:
    """A file that goes by its name."""
    return InputFile(path, path.name)


def spec_of(old: Path, new: Path, comparison: Comparison) -> DiffSpec:
    """A diff of two files that go by their names."""
    return DiffSpec(named(old), named(new), comparison)


@pytest.fixture
def diff_texts(tmp_path: Path) -> DiffTexts:
    """A function that diffs two CSV files given as text or bytes."""

    def run(
        old: str | bytes,
        new: str | bytes,
        key: list[str],
        value: list[str],
        rel_tol: float | None = None,
        abs_tol: float = 0.0,
        threads: int = 2,
        memory: str = "1GB",
        temp: str | None = None,
        exact_keys: bool = False,
        cutting: Cutting = AS_LARGE,
        on_progress: Callable[[Progress], None] = lambda _: None,
        **more: Any,
    ) -> Outcome:
        for name, content in (("old.csv", old), ("new.csv", new)):
            raw = content.encode() if isinstance(content, str) else content
            (tmp_path / name).write_bytes(raw)
        result, detail, removed = (
            tmp_path / f"{name}.csv" for name in ("result", "detail", "removed")
        )
        work = Diff(
            spec_of(
                tmp_path / "old.csv",
                tmp_path / "new.csv",
                Comparison.of(key=key, value=value, rel_tol=rel_tol, abs_tol=abs_tol, **more),
            ),
            Limits(threads, memory, tmp_path, temp, exact_keys),
            cutting,
        )
        summary = work.run(Outputs(result, detail, removed), on_progress=on_progress)
        return Outcome(result.read_bytes(), detail.read_bytes(), removed.read_bytes(), summary)

    return run


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that knows when values are equal."""
    with duckdb.connect() as connection:
        connection.execute(query("equality"))
        yield connection


# --- the command line ---


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the small pair of the command line."""
    (tmp_path / "old.csv").write_text(command_line.OLD)
    (tmp_path / "new.csv").write_text(command_line.NEW)
    return tmp_path


# --- the real processes, over HTTP ---


@pytest.fixture(scope="session", autouse=True)
def _forked_programs() -> Iterator[None]:
    """Programs are forked from a process that has loaded their modules."""
    with forked_programs():
        yield


@pytest.fixture
def new_processes() -> Iterator[None]:
    """Programs of the test are new processes of Python, as those of users are."""
    with new_programs():
        yield


@pytest.fixture(autouse=True)
def _shared_programs_go_on() -> Iterator[None]:
    """It is the test that ended a shared program that fails, not only those after it."""
    yield
    require_programs_of_all()


@pytest.fixture(scope="module")
def bucket() -> Iterator["Bucket"]:
    """A bucket that this process and its programs reach."""
    from tests.bucket import Bucket  # few tests need it

    with Bucket() as bucket, pytest.MonkeyPatch.context() as patch:
        for name, value in bucket.environment.items():
            patch.setenv(name, value)
        yield bucket


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """A Chromium. Without one, the tests that need it are skipped."""
    # few tests need it, and it takes a while to load
    from playwright.sync_api import sync_playwright

    from tests.browser import chromium

    with sync_playwright() as programs:
        browser = programs.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of a service runs on files, and on the servers that a mark of its file names."""
    mark = metafunc.definition.get_closest_marker("on_servers")
    if mark is None or "backend" not in metafunc.fixturenames:
        return
    has = metafunc.definition.get_closest_marker
    always = always_on.args if (always_on := has("always_on")) else ()
    on_files = [] if has("on_no_file") else ["sqlite"]
    on_servers = [
        pytest.param(name, marks=[] if name in always else [pytest.mark.slow])
        for name in ([] if has("on_files_alone") else mark.args)
        if not (name == "redis" and has("without_queue"))
    ]
    metafunc.parametrize("backend", [*on_files, *on_servers], indirect=True, scope="module")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Urls:
    """Servers of PostgreSQL and Redis for all tests. Where they are not installed: a skip."""
    folder, owner = tmp_path_factory.getbasetemp(), os.getpid()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder, owner = folder.parent, os.getppid()
    try:
        return shared_servers(folder, owner)
    except CannotRun as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def backend(request: pytest.FixtureRequest) -> Backend:
    """Where the services of a test have their jobs and their queue."""
    name = getattr(request, "param", "sqlite")
    if name == "sqlite":
        return Backend()
    urls: Urls = request.getfixturevalue("servers")
    return backend_of(name, urls.database, urls.queue)


@pytest.fixture
def service(tmp_path: Path, backend: Backend) -> Iterator[Service]:
    """A service with a data folder of its own; whatever it starts ends with the test."""
    with Service(tmp_path / "data", backend) as service:
        yield service


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> Iterator[Service]:
    """A service for all tests of a file that leave its programs and the small pair as they are."""
    with Service(tmp_path_factory.mktemp("shared") / "data", backend) as service:
        service.write_small_pair()
        yield service


@pytest.fixture(scope="module")
def client(shared: Service) -> Client:
    """A client of a whole service with the small pair of the metric revenue."""
    client, _ = shared.api_and_worker()
    return client


@pytest.fixture(scope="module")
def idle_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A data folder with the small pair of the metric revenue, that no worker works on."""
    with Service(tmp_path_factory.mktemp("idle")) as service:
        service.write_small_pair()
        yield service


@pytest.fixture(scope="session")
def large_pair(tmp_path_factory: pytest.TempPathFactory) -> LargePair:
    """A pair of files whose diff takes seconds."""
    return write_large_pair(tmp_path_factory.mktemp("large"))


@pytest.fixture
def mount() -> Iterator[Mount]:
    """A function that makes a folder a file system of its own; a skip where that cannot be."""
    with ExitStack() as stack:

        def run(folder: Path, size: str) -> None:
            try:
                stack.enter_context(mounted(folder, size))
            except OSError as error:
                pytest.skip(f"no file system can be mounted here: {error}")

        yield run
