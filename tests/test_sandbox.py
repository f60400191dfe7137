"""A diff reaches its two inputs, its result and its own scratch folder, whatever a file tries."""

import gzip
import os
import re
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from diffing.core.catalogue import load_catalogue
from diffing.core.comparison import Comparison
from diffing.core.errors import BadCatalogue, BadInput, DiffingError, OutOfDisk
from diffing.core.spec import ConversionSpec
from diffing.csvfiles.open import open_csv
from diffing.csvfiles.split import Pieces
from diffing.engine import connection
from diffing.engine.connection import Session
from diffing.engine.convert import convert
from diffing.engine.diff import Diff
from diffing.engine.sql import Queries, sections
from diffing.files.results import Outputs
from diffing.sandbox import landlock
from diffing.sandbox.limits import Limits
from diffing.worker.child import _enclose
from diffing.worker.task import Task
from tests import reference
from tests.conftest import AS_LARGE, DiffTexts, named, one_in, spec_of
from tests.service_under_test import Client, LargePair, Service
from tests.test_csvfile import PACK, allocating_at_most

KEY = ["date", "segment_field", "segment_value_id", "stat"]


@dataclass(frozen=True)
class Data:
    """A data folder in which one job runs beside others.

    Args:
        folder: the data folder.
        old, new: the job's inputs.
        part: where the job's result is written.
        scratch: where the job spills.
    """

    folder: Path
    old: Path
    new: Path
    part: Path
    scratch: Path

    def __getitem__(self, name: str) -> Path:
        """A path, for templates of SQL."""
        return Path(getattr(self, name))

    def content(self) -> dict[str, str | bytes | None]:
        """All that is in the folder but for the scratch folder of the job."""
        return {
            str(path): str(path.readlink())
            if path.is_symlink()
            else path.read_bytes()
            if path.is_file()
            else None
            for path in self.folder.rglob("*")
            if self.scratch not in path.parents
        }


@pytest.fixture
def data(tmp_path: Path) -> Data:
    folder = tmp_path / "data"
    for name in ("input", "results", "tmp/1.1", "tmp/2.1"):
        (folder / name).mkdir(parents=True)
    data = Data(
        folder,
        folder / "input" / "old.csv",
        folder / "input" / "new.csv",
        folder / "results" / ".1-1-1.1.csv",
        folder / "tmp" / "1.1",
    )
    for path in (data.old, data.new, folder / "input" / "other.csv"):
        path.write_text("k,v\n1,2\n")
    (folder / "results" / "2.1.csv").write_text("k,v\nsecret,2\n")
    (folder / "tmp" / "2.1" / "spilt.csv").write_text("k,v\nsecret,2\n")
    (folder / "input" / "link.csv").symlink_to(folder / "results" / "2.1.csv")
    (folder / "input" / "up").symlink_to(folder)
    (folder / "other.json").write_text('{"secret": 1}')
    (folder / "schema.sql").write_text("create table imported (a int);")
    (folder / "load.sql").write_text("")
    with duckdb.connect(str(folder / "jobs.duckdb")) as connection:
        connection.execute("create table jobs as select 'secret' as error")
    data.part.touch()
    return data


Run = Callable[[str], dict[str, Any]]


@pytest.fixture
def run(data: Data, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A function that runs any SQL in the session of a diff, and gives the first row."""
    texts = dict(sections())
    queries = Queries(texts)
    monkeypatch.setattr(connection, "queries", lambda: queries)
    limits = Limits(2, "1GB", data.scratch)
    files = [
        open_csv(named(data.old), data.scratch),
        open_csv(named(data.new), data.scratch),
    ]
    pieces = [
        Pieces(file, name, 2, AS_LARGE) for file, name in zip(files, ("old", "new"), strict=True)
    ]
    with Session(limits, data.scratch, [data.part], pieces, threading.Event()) as opened:

        def run(sql: str) -> dict[str, Any]:
            texts["any"] = sql
            return opened.run("any")

        yield run


def refusal(run: Run, sql: str) -> str:
    """The error of DuckDB when it refuses; a client sees none of it."""
    with pytest.raises(DiffingError) as caught:
        run(sql)
    assert "/" not in caught.value.detail
    assert isinstance(caught.value.__cause__, duckdb.Error)
    return str(caught.value.__cause__)


# Each of them works in DuckDB as it comes; {folder} and the others are paths of Data.
ATTACKS = {
    "read text": "select content from read_text('/etc/passwd')",
    "read bytes": "select content from read_blob('/etc/passwd')",
    "read what it is": "select content from read_text('/proc/self/environ')",
    "read devices": "select content from read_text('/dev/null')",
    "read another input": "from read_csv('{folder}/input/other.csv')",
    "read by name alone": "from '{folder}/input/other.csv'",
    "read another result": "from read_csv('{folder}/results/2.1.csv')",
    "read what another job spilt": "from read_csv('{folder}/tmp/2.1/spilt.csv')",
    "read an input by its path": "from read_csv('{old}')",
    "read beside an input": "from read_csv('{folder}/input/../results/2.1.csv')",
    "read beside the scratch folder": "from read_csv('{scratch}/../2.1/spilt.csv')",
    "read beside the result": "from read_csv('{folder}/results/../input/other.csv')",
    "read through a link": "from read_csv('{folder}/input/link.csv')",
    "read through a link to a folder": "from read_csv('{folder}/input/up/results/2.1.csv')",
    "read by a pattern": "from read_csv('{folder}/input/o*.csv')",
    "read by a pattern of folders": "select content from read_text('{folder}/**/*.csv')",
    "read JSON": "from read_json('{folder}/other.json')",
    "guess CSV": "from sniff_csv('{folder}/input/other.csv')",
    "list": "from glob('/etc/*')",
    "list the data folder": "from glob('{folder}/**')",
    "read by copy": "create table t (k text, v text); copy t from '{folder}/input/other.csv'",
    "write": "copy (select 1) to '{folder}/written.csv'",
    "write beside an input": "copy (select 1) to '{folder}/input/written.csv'",
    "write beside the result": "copy (select 1) to '{folder}/results/written.csv'",
    "write beside the scratch folder": "copy (select 1) to '{scratch}/../2.1/written.csv'",
    "write through a link": "copy (select 1) to '{folder}/input/up/written.csv'",
    "write over an input": "copy (select 1) to '{old}' (format csv, use_tmp_file false)",
    "write over another result":
        "copy (select 1) to '{folder}/results/2.1.csv' (format csv, use_tmp_file false)",
    "write into folders":
        "copy (select 1 as a, 2 as b) to '{folder}/parts' (format csv, partition_by (a))",
    "write while explaining": "explain analyze copy (select 1) to '{folder}/written.csv'",
    "export": "export database '{folder}/export'",
    "import": "import database '{folder}'",
    "attach": "attach '{folder}/jobs.duckdb' as jobs",
    "attach to read": "attach '{folder}/jobs.duckdb' as jobs (read_only)",
    "attach a new database": "attach '{folder}/new.duckdb' as other",
    "attach through a link": "attach '{folder}/input/up/jobs.duckdb' as jobs",
    "keep a view of it": "create view v as from read_csv('{folder}/input/other.csv')",
    "keep a macro of it": "create macro f() as table from read_csv('/etc/passwd')",
    "ask in a text": "from query('from read_csv(''{folder}/input/other.csv'')')",
    "prepare": "prepare p as from read_csv('{folder}/input/other.csv')",
}  # fmt: skip


@pytest.mark.parametrize("attack", one_in(2, ATTACKS.values()), ids=ATTACKS)
def test_a_query_reaches_no_other_file(data: Data, run: Run, attack: str) -> None:
    before = data.content()

    assert "Permission Error" in refusal(run, attack.format_map(vars(data)))
    assert before == data.content()


@pytest.mark.parametrize("attack", one_in(3, ATTACKS.values()), ids=ATTACKS)
def test_each_attack_works_where_nothing_is_in_its_way(data: Data, attack: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(attack.format_map(vars(data))).fetchall()


def test_a_query_reaches_what_it_needs(data: Data, run: Run) -> None:
    assert {"k": 1, "v": 2} == run("from read_csv('old://0')")
    assert {"Count": 1} == run(f"copy (select 1) to '{data.part}' (format csv, use_tmp_file false)")
    assert {"Count": 1} == run(f"copy (select 1) to '{data.scratch / 'spilt.csv'}'")


@pytest.mark.parametrize("name", ["old://0", "new://1"])
def test_a_query_writes_over_no_piece(data: Data, run: Run, name: str) -> None:
    before = data.content()

    said = refusal(run, f"copy (select 1) to '{name}' (format csv, use_tmp_file false)")
    assert "pieces of a file are read-only" in said
    assert before == data.content()


@pytest.mark.parametrize("name", ["old://9", "old://../../etc/passwd", "new:///etc/passwd"])
def test_there_are_no_other_pieces(run: Run, name: str) -> None:
    assert "Permission Error" in refusal(run, f"from read_csv('{name}')")


@pytest.mark.parametrize(
    "attack",
    [
        "from read_csv('http://{address}/x.csv')",
        "from read_csv('https://{address}/x.csv')",
        "from read_parquet('http://{address}/x.parquet')",
        "from read_csv('s3://{address}/x.csv')",
        "from read_csv('hf://datasets/{address}/x.csv')",
        "from read_csv('file:///etc/passwd')",
        "from read_csv('memory://x')",
        "from read_csv('simplecache::http://{address}/x.csv')",
        "attach 'http://{address}/x.duckdb' as other",
        "attach 'jobs.sqlite3' as other (type sqlite)",
        "attach 'host={address}' as other (type postgres)",
        "copy (select 1) to 'http://{address}/x.csv'",
        "install httpfs",
        "install httpfs from 'http://{address}'",
        "force install json from community",
        "load httpfs",
        "load '/tmp/x.duckdb_extension'",
        "update extensions",
        "create secret (type s3, key_id 'a', secret 'b')",
        "create persistent secret (type http, bearer_token 'b')",
    ],
)
def test_a_query_reaches_no_network_and_no_extension(data: Data, run: Run, attack: str) -> None:
    before = data.content()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()

        refusal(run, attack.format(address=f"{host}:{port}"))
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert before == data.content()


@pytest.mark.parametrize(
    "setting",
    [
        "autoinstall_known_extensions",
        "autoload_known_extensions",
        "allow_community_extensions",
        "allow_persistent_secrets",
        "allow_unsigned_extensions",
        "enable_external_access",
        "python_enable_replacements",
        "python_scan_all_frames",
    ],
)
def test_what_reaches_beyond_the_files_is_off(run: Run, setting: str) -> None:
    assert {"off": False} == run(f"select current_setting('{setting}') as off")


def test_no_setting_can_be_changed(run: Run) -> None:
    names = run("select list(name) as names from duckdb_settings()")["names"]
    assert {"memory_limit", "profile_output", "log_query_path", "allowed_configs"} <= set(names)

    changed = [
        statement
        for name in set(names) - {"schema", "search_path"}  # where names without a schema are
        for statement in (f"reset {name}", f"set global {name} = '1'", f"pragma {name} = '1'")
        if "has been locked" not in refusal(run, statement)
    ]
    assert [] == changed


@pytest.mark.parametrize(
    "statement",
    [
        "pragma enable_profiling = 'json'",
        "pragma disable_profiling",
        "pragma enable_progress_bar",
        "call enable_logging(storage = 'file', storage_path = '{folder}/log')",
        "call enable_logging(storage = 'stdout')",
        "set memory_limit = '64GB'; select 1",
    ],
)
def test_no_other_way_leads_to_a_setting(data: Data, run: Run, statement: str) -> None:
    before = data.content()

    assert "has been locked" in refusal(run, statement.format_map(vars(data)))
    assert before == data.content()


def test_the_environment_is_not_to_be_read(run: Run) -> None:
    assert "getenv does not exist" in refusal(run, "select getenv('HOME')")


def test_variables_of_python_are_no_tables(data: Data) -> None:
    file = open_csv(named(data.old), data.scratch)
    limits, stop = Limits(1, "1GB", data.scratch), threading.Event()
    with Session(limits, data.scratch, [], [Pieces(file, "old", 1)], stop) as opened:
        connection = opened._connection
        rows = connection.sql("select 'secret' as a")

        with pytest.raises(duckdb.CatalogException, match="rows does not exist"):
            connection.execute("from rows")
        del rows


# --- the wall beneath ---


def _diff_enclosed(data: Data) -> str:
    """Run a diff as a child does; what it may reach afterwards is still what it might then."""
    spec = spec_of(data.old, data.new, Comparison(key=("k",), value=("v",)))
    task = Task(
        spec,
        Outputs(result=data.folder / "results" / "1.1.csv"),
        Limits(2, "1GB", data.scratch),
    )
    found = Diff(spec, task.limits, AS_LARGE).run(task.outputs, on_ready=partial(_enclose, task))
    return f"{found.unchanged} row is unchanged"


def _error_of(action: Callable[..., object], *arguments: object) -> str | None:
    try:
        action(*arguments)
    except OSError as error:
        return type(error).__name__
    return None


needs_landlock = pytest.mark.skipif(landlock.version() == 0, reason="this kernel has no Landlock")


@pytest.fixture
def enclosed(data: Data) -> Iterator[Callable[..., str | None]]:
    """A function that does something in a process that ran a diff, and tells the error."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert "1 row is unchanged" == pool.submit(_diff_enclosed, data).result()
        yield lambda action, *arguments: pool.submit(_error_of, action, *arguments).result()


@needs_landlock
def test_the_process_of_a_diff_reaches_no_other_file(
    data: Data, enclosed: Callable[..., str | None]
) -> None:
    before, other = data.content(), data.folder / "results" / "2.1.csv"

    for path in (
        Path("/etc/passwd"),
        Path("/proc/self/environ"),
        data.folder / "jobs.duckdb",
        data.folder / "input" / "other.csv",
        data.folder / "tmp" / "2.1" / "spilt.csv",
        other,
        data.old.with_name("link.csv"),
    ):
        assert "PermissionError" == enclosed(Path.read_bytes, path), path
    for path in (data.folder, data.folder / "input", Path("/etc"), Path.home()):
        assert "PermissionError" == enclosed(os.listdir, path), path
    for path in (data.old, other, data.folder / "new", data.folder / "tmp" / "new"):
        assert "PermissionError" == enclosed(Path.write_bytes, path, b"x"), path
    assert "PermissionError" == enclosed(Path.unlink, data.old)
    assert "PermissionError" == enclosed(os.truncate, data.old, 0)
    assert "PermissionError" == enclosed(Path.symlink_to, data.folder / "results" / "x", "/etc")
    assert before == data.content()


def _conversion_enclosed(folder: Path) -> str:
    """Convert as a child does; what it may reach afterwards is still what it might then."""
    source, outputs = folder / "1.1.csv", Outputs(folder / "1.1.json")
    limits = Limits(1, "512MB", folder, "0KB")
    task = Task(ConversionSpec(source, rows=1), outputs, limits)
    convert(ConversionSpec(source, rows=1), outputs, limits, partial(_enclose, task))
    return source.with_suffix(".json").name


@needs_landlock
def test_a_conversion_reaches_its_two_files_alone(tmp_path: Path) -> None:
    source, other = tmp_path / "1.1.csv", tmp_path / "2.1.csv"
    source.write_text("k,v\n1,2\n")
    other.write_text("k,v\nsomebody,else\n")
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:

        def error_of(action: Callable[..., object], *arguments: object) -> str | None:
            return pool.submit(_error_of, action, *arguments).result()

        assert "1.1.json" == pool.submit(_conversion_enclosed, tmp_path).result()
        assert error_of(Path.read_bytes, source) is None
        for path in (other, Path("/etc/passwd")):
            assert "PermissionError" == error_of(Path.read_bytes, path)
        for path in (source, other, tmp_path / "new"):
            assert "PermissionError" == error_of(Path.write_bytes, path, b"x"), path
    assert '[\n{"k":"1","v":"2"}\n]\n' == (tmp_path / "1.1.json").read_text()


@needs_landlock
def test_the_process_of_a_diff_reaches_what_it_needs(
    data: Data, enclosed: Callable[..., str | None]
) -> None:
    assert enclosed(Path.read_bytes, data.old) is None
    assert enclosed(Path.read_bytes, data.new) is None
    assert enclosed(Path.write_bytes, data.scratch / "new", b"x") is None
    assert enclosed(Path.read_bytes, Path("/proc/self/status")) is None
    assert enclosed(Path.read_bytes, Path(gzip.__file__)) is None


@pytest.mark.skipif(landlock.version() < 4, reason="this kernel's Landlock does not know TCP")
def test_the_process_of_a_diff_reaches_no_network(enclosed: Callable[..., str | None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()

        assert "PermissionError" == enclosed(socket.create_connection, address)
        assert "PermissionError" == enclosed(socket.create_server, ("127.0.0.1", 0))


@pytest.mark.skipif(landlock.version() < 6, reason="this kernel's Landlock does not know signals")
def test_the_process_of_a_diff_signals_no_other(enclosed: Callable[..., str | None]) -> None:
    assert "PermissionError" == enclosed(os.kill, os.getpid(), 0)


def test_each_diff_of_a_worker_is_enclosed(service: Service, large_pair: LargePair) -> None:
    large_pair.put_into(service)
    client, worker = service.api_and_worker()
    client.wait_for_diff(client.new_job())
    diff = service.the_diff_of(worker)
    service.signal(diff, signal.SIGSTOP)

    told = Path(f"/proc/{diff.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in told.splitlines()


def test_without_landlock_a_worker_says_so_and_works(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlock, "_CREATE_RULESET", -1)  # no such call, as on an older kernel

    assert 0 == landlock.version()
    landlock.enclose(read=[], write=[], rename=[], own=[])
    assert data.old.read_text()


# --- names from outside ---

NASTY = [
    "'); attach 'x.duckdb' as x; --",
    '"); drop table outcome; --',
    "$key",
    "key_0",
    "{{k}}",
    "columns(*)",
    "a\x00b",
    "a\nb",
    "\\",
    "../../etc/passwd",
    "o*?[a]",
    "SELECT",
]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.mark.parametrize("name", one_in(3, NASTY))
def test_a_column_may_have_any_name(
    diff_texts: DiffTexts, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements = recorded(monkeypatch)
    header = f"{quoted(name)},{quoted(f'{name} 2')},x\n"
    old, new = f"{header}1,2,3\n4,5,6\n7,8,9\n", f"{header}1,2,4\n4,6,6\n0,8,9\n"

    found = diff_texts(old, new, [name], [f"{name} 2"], duplicates="error")

    assert reference.diff(old, new, [name], [f"{name} 2"]).csv.encode() == found.result
    known = Queries(sections())
    assert {known.statements("counts"), known.macros["key_of"]} <= statements
    assert statements <= {*map(known.statements, sections()), *known.macros.values()}


def test_a_diff_is_given_its_outputs_and_pieces_and_no_other_name(
    diff_texts: DiffTexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound: list[dict[str, Any]] = []
    recorded(monkeypatch, bound)

    diff_texts("k,v\n1,2\n", "k,v\n1,3\n", ["k"], ["v"])
    (given,) = [parameters["files"] for parameters in bound if "files" in parameters]
    names = {re.sub(r"^/.*/(\.\d+-\d+-)?", "", name) for name in given}
    outputs = {"result.csv", "detail.csv", "removed.csv"}
    assert outputs | {"part.csv"} == {name for name in names if "://" not in name}
    assert {"old", "new"} == {name.split("://")[0] for name in names if "://" in name}


def test_repeated_keys_of_nasty_columns_are_told(diff_texts: DiffTexts) -> None:
    text = f"{quoted(NASTY[0])},v\n1,2\n1,2\n"

    with pytest.raises(BadInput, match=r"attach 'x\.duckdb' as x; --='1' \(2 rows\)"):
        diff_texts(text, text, [NASTY[0]], ["v"], duplicates="error")


def recorded(
    monkeypatch: pytest.MonkeyPatch, parameters: list[dict[str, Any]] | None = None
) -> set[str]:
    """All texts of which statements are made from here on, and the parameters in a list."""
    texts: set[str] = set()
    connect = duckdb.connect

    class Recording:
        def __init__(self) -> None:
            self._connection = connect()

        def extract_statements(self, text: str) -> object:
            texts.add(text)
            return self._connection.extract_statements(text)

        def execute(self, statement: duckdb.Statement, *bound: dict[str, Any]) -> object:
            assert isinstance(statement, duckdb.Statement)  # not a text
            if parameters is not None:
                parameters.extend(bound)
            return self._connection.execute(statement, *bound)

        def __getattr__(self, name: str) -> object:
            assert name not in {"sql", "query", "executemany"}
            return getattr(self._connection, name)

    monkeypatch.setattr(duckdb, "connect", Recording)
    monkeypatch.setattr(connection, "_parsed", {})
    return texts


ODD_FILES = ["o*.csv", "[ab].csv", "?.csv", "'); attach 'x' as x; --.csv", "$old.csv", "{a,b}.csv"]
METRIC = "[metric.m{number}]\nold = '''{old}'''\nnew = 'new.csv'\nkey = ['k']\nvalue = ['v']\n"


@pytest.fixture(scope="module")
def oddly_named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service with a metric for each file of an odd name, and files that patterns would match."""
    with Service(tmp_path_factory.mktemp("odd")) as service:
        for decoy in ("old.csv", "a.csv", "b.csv"):
            service.write(decoy, "k,v\n1,99\n")
        for name in ODD_FILES:
            service.write(name, "k,v\n1,2\n3,4\n")
        service.write("new.csv", "k,v\n1,2\n3,5\n")
        metrics = [METRIC.format(number=n, old=name) for n, name in enumerate(ODD_FILES)]
        client, _ = service.api_and_worker(
            metrics=service.write("metrics.toml", "\n".join(metrics))
        )
        yield client


@pytest.mark.parametrize("name", ODD_FILES)
def test_a_file_may_have_any_name(oddly_named: Client, name: str) -> None:
    job_id = oddly_named.new_job(f"m{ODD_FILES.index(name)}")

    oddly_named.wait_for_success(job_id)
    assert b"k,v\n3,5\n" == oddly_named.result_of(job_id)
    summary = oddly_named.get(f"/api/diffing/job/{job_id}/summary").json()
    assert name == summary["old"]["name"]


@pytest.mark.parametrize(
    "name", ["../x.csv", "a/../x.csv", "/etc/x.csv", "..\\\\x.csv", "/etc/passwd", "a\\u0000/x.csv"]
)
def test_a_catalogue_names_files_of_the_folder_alone(tmp_path: Path, name: str) -> None:
    catalogue = tmp_path / "metrics.toml"
    catalogue.write_text(METRIC.format(number="", old="X").replace("'''X'''", f'"{name}"'))

    with pytest.raises(BadCatalogue, match="metric m: old: must name a"):
        load_catalogue(catalogue)


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("idle")) as service:
        service.write_small_pair()
        yield service


def test_a_metric_is_looked_up_and_never_a_path_or_sql(idle: Service) -> None:
    client = idle.api()

    for name in (
        "..",
        "%2e%2e",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "..%5c..%5cx",
        "revenue%00",
        "revenue%00.csv",
        "revenue'",
        "revenue%22",
        "revenue';%20attach%20'x'%20as%20x;%20--",
        "revenue%20union%20select%201",
        "*",
        "revenu%3F",
        "%25s",
        "%24%7Bjndi:x%7D",
        "%0d%0aset-cookie:%20a=b",
        "a" * 5_000,
    ):
        response = client.post(f"/api/diffing/new/{name}")
        assert 404 == response.status_code, name
        assert "set-cookie" not in response.headers
    assert [] == idle.queued_tasks()


# --- links ---

OUT = ["/etc/passwd", "../jobs.sqlite3", "../tmp/x.csv", "/dev/zero", "../../outside.csv", "up/x"]


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A data folder with files beside the inputs, and a link to a folder of them."""
    with Service(tmp_path_factory.mktemp("linked") / "data") as service:
        service.settings.make_folders()
        for path in (service.folder / "tmp" / "x.csv", service.folder.parent / "outside.csv"):
            path.write_text("date\n")
        (service.settings.input_dir / "up").symlink_to("../tmp")
        (service.folder / "tmp" / "x").write_text("date\n")
        yield service


@pytest.fixture(scope="module")
def linked_api(linked: Service) -> Client:
    """An API without a worker."""
    return linked.api()


@pytest.mark.parametrize("target", OUT)
def test_an_input_that_links_out_of_its_folder_is_refused(
    linked: Service, linked_api: Client, target: str
) -> None:
    linked.write_small_pair()
    old = linked.settings.input_dir / "revenue_old.csv"
    old.unlink()
    old.symlink_to(target)

    response = linked_api.post("/api/diffing/new/revenue")
    assert 404 == response.status_code
    assert "urn:diffing:missing-input" == response.json()["type"]
    assert [] == linked.queued_tasks()


def test_a_link_that_came_after_the_job_is_refused_too(service: Service, tmp_path: Path) -> None:
    service.write_small_pair()
    client = service.api()
    job_id = client.new_job()
    old = service.settings.input_dir / "revenue_old.csv"
    old.rename(tmp_path / "outside.csv")
    old.symlink_to(tmp_path / "outside.csv")
    service.worker()

    error = client.wait_for_failure(job_id)["error"]
    assert "is a link that leads out of the data folder's input/" in error["detail"]


def test_an_input_may_link_to_another_of_its_folder(service: Service, tmp_path: Path) -> None:
    service.write_small_pair()
    folder, elsewhere = service.settings.input_dir, tmp_path / "exports"
    (folder / "revenue_old.csv").rename(folder / "2026-01-31.csv")
    (folder / "revenue_old.csv").symlink_to("2026-01-31.csv")
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    client, _ = service.api_and_worker()

    assert 2 == client.wait_for_success(client.new_job())["counts"]["emitted"]


# --- small files that become large ---


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("suffix", one_in(4, PACK))
def test_an_archive_is_unpacked_up_to_a_limit(tmp_path: Path, scratch: Path, suffix: str) -> None:
    path = tmp_path / f"data.csv{suffix}"
    path.write_bytes(PACK[suffix](b"k,v\n" + b"1,2\n" * 10_000_000))

    with allocating_at_most(20_000_000), pytest.raises(BadInput) as caught:
        open_csv(named(path), scratch, most=20_000_000)
    assert caught.value.detail == (
        f"data.csv{suffix}: contains more than 20,000,000 bytes of CSV. "
        "Compare a part of it, or raise DIFFING_MAX_UNPACKED_BYTES."
    )
    assert [] == list(scratch.iterdir())
    assert 40_000_004 == open_csv(named(path), scratch, most=40_000_004).path.stat().st_size


def test_the_limit_does_not_hold_for_what_is_not_packed(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b"k,v\n1,2\n")

    assert path == open_csv(named(path), scratch, most=7).path


def disk_of(monkeypatch: pytest.MonkeyPatch, folder: Path, size: int) -> None:
    """Let a disk have that size, and all that is on it be in a folder."""

    def usage(_: object) -> SimpleNamespace:
        return SimpleNamespace(free=size - sum(p.stat().st_size for p in folder.iterdir()))

    monkeypatch.setattr(shutil, "disk_usage", usage)


@pytest.mark.parametrize("suffix", one_in(4, PACK))
def test_to_unpack_leaves_a_tenth_of_the_disk(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"data.csv{suffix}"
    path.write_bytes(PACK[suffix](b"k,v\n" + b"1,2\n" * 4_700_000))
    disk_of(monkeypatch, scratch, 20_000_000)

    with pytest.raises(OutOfDisk, match=f"data.csv{suffix}: a copy would fill the disk"):
        open_csv(named(path), scratch)
    assert [] == list(scratch.iterdir())


@pytest.mark.slow
def test_to_rewrite_leaves_a_tenth_of_the_disk(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b'"a\n",b\n' + b'x,""\n' * 3_000_000)
    disk_of(monkeypatch, scratch, 10_000_000)

    with pytest.raises(OutOfDisk, match=r"data\.csv: a copy would fill the disk"):
        open_csv(named(path), scratch)
    assert [] == list(scratch.iterdir())


@pytest.mark.parametrize("suffix", one_in(4, PACK))
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\0" * 100_000_000, "line 1: the record is longer than 16,000,000 bytes"),
        (b"k," * 15_000, "the header names 15,001 columns; at most 4,000 can be compared"),
        (gzip.compress(b"k,v\n"), "it contains a .gz file. Unpack it once, and give the .gz file."),
    ],
    ids=["no header", "columns", "archive in an archive"],
)
def test_what_has_no_usable_header_is_not_unpacked(
    tmp_path: Path,
    scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    content: bytes,
    what: str,
) -> None:
    path = tmp_path / f"data.csv{suffix}"
    path.write_bytes(PACK[suffix](content))
    disk_of(monkeypatch, scratch, 0)

    with allocating_at_most(150_000_000), pytest.raises(BadInput, match=what):
        open_csv(named(path), scratch)


def test_a_bomb_fails_its_job_and_leaves_nothing(service: Service) -> None:
    service.write_small_pair()
    (service.settings.input_dir / "revenue_new.csv").unlink()
    header = ",".join([*KEY, "value"])
    service.write("revenue_new.csv.gz", gzip.compress(f"{header}\n".encode() + b"\n" * 7_500_000))
    client, _ = service.api_and_worker(max_unpacked_bytes=5_000_000)

    error = client.wait_for_failure(client.new_job())["error"]
    assert "urn:diffing:bad-input" == error["type"]
    assert error["detail"].startswith("revenue_new.csv.gz: contains more than 5,000,000 bytes")
    assert [] == [path for path in service.settings.tmp_dir.rglob("*") if path.is_file()]
    assert [] == list(service.settings.results_dir.iterdir())
