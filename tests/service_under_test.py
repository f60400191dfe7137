"""The service as its users meet it: real processes, real HTTP, and nothing left running."""

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx2
import sqlalchemy as sa

from diffing.core.catalogue import load_catalogue
from diffing.core.settings import Settings
from diffing.engine.samples import write_sample
from diffing.files.results import Outputs
from diffing.store.clock import utc_now
from diffing.store.database import open_database
from diffing.store.jobs import Jobs
from diffing.store.queue import JOBS, JobQueue
from tests import fork_server
from tests.backends import Backend
from tests.preloaded import SERVICE, WORKERS, Fork, Preloaded
from tests.servers import LOOPBACK, PASSWORD, Place

# for what ought to happen soon, however busy the machine is: only a test that fails waits so long
PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.04
_ROOT = Path(__file__).parent.parent
_FILES = Backend()
_SECRETS = ("traceback", "select", 'file "', ".py", "sqlite", "psycopg", PASSWORD, str(_ROOT))

OLD = """\
date,segment_field,segment_name,segment_value,segment_value_id,stat,value
2026-01-31,country,Country,Norway,NO,revenue-30,100.5
2026-01-31,country,Country,Ghana,GH,revenue-30,7
2026-01-31,,,,,revenue-30,107.5
2026-01-31,country,Country,Peru,PE,revenue-30,3
"""
NEW = """\
date,segment_field,segment_name,segment_value,segment_value_id,stat,value
2026-01-31,,,,,revenue-30,107.50000000001
2026-01-31,country,Country,"Curaçao, island",CW,revenue-30,1
2026-01-31,country,Country,Ghana,GH,revenue-30,7.25
2026-01-31,country,Country,Norway,NO,revenue-30,100.5
"""


class Program:
    """One `diffing …` process; what it and its children say is kept line by line.

    Args:
        start: starts it, given the descriptor of its standard error.
    """

    def __init__(self, start: Callable[[int], "subprocess.Popen[bytes] | Fork"]) -> None:
        reading, writing = os.pipe()
        try:
            self._process = start(writing)
        finally:
            os.close(writing)
        self._stderr = os.fdopen(reading, encoding="utf-8")
        self.pid = self._process.pid
        self._lines: list[str] = []
        self._silent = self._awaited = False
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def saw(self, pattern: str) -> re.Match[str]:
        """The first match of a line; waits until it is said."""
        found = self.says(pattern, PATIENCE_SECONDS)
        assert found, f"not a word of {pattern!r} in {self._lines}"
        return found

    def says(self, pattern: str, seconds: float) -> re.Match[str] | None:
        """The same, if it is said in so many seconds."""
        with self._news:
            self._news.wait_for(lambda: self._silent or self._find(pattern), seconds)
            return self._find(pattern)

    def lines(self) -> list[str]:
        """All that was said, so far."""
        with self._news:
            return [*self._lines]

    def signal(self, number: int) -> None:
        """Send it a signal, and it alone."""
        self._process.send_signal(number)

    def signal_all(self, number: int) -> None:
        """Send a signal to it and to the processes of its group."""
        os.killpg(self.pid, number)

    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    @property
    def was_forked(self) -> bool:
        """Whether it is a fork, not a new process of Python."""
        return isinstance(self._process, Fork)

    def ended(self, patience: float = PATIENCE_SECONDS) -> int:
        """Its exit status; waits until it and all that share its standard error have ended."""
        status = self._process.wait(patience)
        self._awaited = True
        self._reader.join(patience)
        assert not self._reader.is_alive(), "a child outlived it"
        return status

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def ended_unasked(self) -> bool:
        """Whether it ended and no test waited for that."""
        return not self._awaited and self.has_ended()

    def drain(self) -> None:
        """Wait for the last word."""
        self._reader.join(PATIENCE_SECONDS)
        self._stderr.close()

    def _find(self, pattern: str) -> re.Match[str] | None:
        return next(filter(None, (re.search(pattern, line) for line in self._lines)), None)

    def _read(self) -> None:
        for line in self._stderr:
            with self._news:
                self._lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._silent = True
            self._news.notify_all()


def server(command: Sequence[str], enter: Sequence[str] = ()) -> Program:
    """Start a server of others that is a module of Python.

    Args:
        command: what follows `python`.
        enter: the command that enters the place where it runs.
    """
    return Program(
        lambda stderr: subprocess.Popen(
            [*enter, sys.executable, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
    )


class Client(httpx2.Client):
    """Speaks to the API; every error that it is told is looked at for what must not be said.

    Args:
        url: of the API.
        folder: the data folder, whose path is nobody's business.
    """

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(
            base_url=url,
            timeout=PATIENCE_SECONDS,
            event_hooks={"response": [self._look_at]},
            verify=False,  # it speaks HTTP; to load certificates takes longer than most requests
        )
        self._secrets = (*_SECRETS, str(folder))

    def new_job(self, metric: str = "revenue") -> int:
        """Queue a job that compares its files, even if another did."""
        response = self.post(f"/api/diffing/new/{metric}?fresh=1")
        assert response.status_code == 202, response.text
        return int(response.json()["job_id"])

    def newest_job(self) -> int:
        """The id of the job that was created last, 0 before the first."""
        jobs = self.get("/api/diffing/jobs").json()["jobs"]
        return int(jobs[0]["job_id"]) if jobs else 0

    def status_of(self, job_id: int) -> dict[str, Any]:
        """The status of a job from the API."""
        response = self.get(f"/api/diffing/job/{job_id}/status")
        assert response.status_code == 200, response.text
        return dict(response.json())

    def wait_until(
        self,
        job_id: int,
        reached: Callable[[dict[str, Any]], bool],
        patience: float = PATIENCE_SECONDS,
    ) -> dict[str, Any]:
        """The status of a job once it is as wanted; a job that ended otherwise is an error."""
        deadline = time.monotonic() + patience
        while not reached(status := self.status_of(job_id)):
            assert not status["finished_at"], status
            assert time.monotonic() < deadline, status
            time.sleep(_POLL_SECONDS)
        return status

    def wait_for_success(self, job_id: int, patience: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The status of a job once it succeeded."""
        return self.wait_until(job_id, lambda job: job["status"] == "succeeded", patience)

    def wait_for_failure(self, job_id: int) -> dict[str, Any]:
        """The status of a job once it failed."""
        return self.wait_until(job_id, lambda job: job["status"] == "failed")

    def wait_for_diff(self, job_id: int, attempt: int = 1) -> dict[str, Any]:
        """The status of a job whose diff runs: its process said what it is at."""
        return self.wait_until(
            job_id,
            lambda job: (
                (job["status"], job["attempt"]) == ("processing", attempt) and bool(job["stage"])
            ),
        )

    def result_of(self, job_id: int) -> bytes:
        """The CSV of a job that succeeded."""
        response = self.get(f"/api/diffing/job/{job_id}")
        assert response.status_code == 200, response.text
        return response.content

    def _look_at(self, response: httpx2.Response) -> None:
        if response.status_code < 400:
            return
        said = response.read().decode().lower()
        asked = str(response.request.url).lower()
        leaked = [
            word for word in self._secrets if word.lower() in said and word.lower() not in asked
        ]
        assert leaked == [], said


@dataclass(frozen=True)
class Running:
    """A process in /proc; the command begins with its name, the state is a letter of `ps`."""

    pid: int
    parent: int
    command: str
    state: str


class Service:
    """Starts programs on one data folder, and ends them all at the end.

    Args:
        folder: the data folder; no other service may use it, its path tells whose process is whose.
        backend: where its jobs and its queue are.
        place: where its programs run.
    """

    def __init__(self, folder: Path, backend: Backend = _FILES, place: Place = LOOPBACK) -> None:
        self.folder, self.backend, self._place = folder, backend, place
        self.settings = Settings(data_dir=folder, **backend.settings_of(folder))
        self._engines: list[sa.Engine] = []
        self._queues: list[JobQueue] = []
        self._programs: list[Program] = []
        self._clients: list[Client] = []

    def __enter__(self) -> Self:
        _open.add(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _open.remove(self)
        for client in self._clients:
            client.close()
        for program in self._programs:
            program.close()
        for queue in self._queues:
            close(queue)
        for engine in self._engines:
            engine.dispose()
        # some may be stopped, and none may outlive its test
        self.all_ended(or_kill=True)
        for program in self._programs:
            program.drain()

    def lost(self) -> dict[int, list[str]]:
        """The last lines of each program that ended without anybody waiting for it, by its pid."""
        return {
            program.pid: program.lines()[-20:]
            for program in self._programs
            if program.ended_unasked()
        }

    def write(self, name: str, content: str | bytes) -> Path:
        """Write an input file."""
        path = self.settings.input_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # a large pair is a link to a file that others use
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def result_file(self, job_id: int, attempt: int) -> Path:
        """The path of an attempt's result."""
        path = Outputs.of_attempt(self.settings.results_dir, job_id, attempt).result
        assert path
        return path

    def write_small_pair(self) -> None:
        """Write OLD and NEW, a pair of the metric revenue that is diffed in no time."""
        self.write("revenue_old.csv", OLD)
        self.write("revenue_new.csv", NEW)

    def write_sample(self, metric: str, rows: int) -> tuple[Path, Path]:
        """Write a sample pair of a bundled metric."""
        entry = load_catalogue(None).find(metric)
        old, new = self.settings.input_dir / entry.old, self.settings.input_dir / entry.new
        write_sample(metric, rows, old, new)
        return old, new

    def start(self, *arguments: str, **settings: object) -> Program:
        """Start `diffing` with arguments; settings are those of the service, as keywords."""
        return self._start("diffing", *arguments, **settings)

    def start_killed_at(self, call: str, *arguments: str, **settings: object) -> Program:
        """Start `diffing`, which is killed at a call of a function: see `killed_at`."""
        return self._start("tests.programs.killed_at", call, *arguments, **settings)

    def _start(self, module: str, *arguments: str, **settings: object) -> Program:
        preloaded = (
            None
            if self._place.enter
            else preloaded_of(WORKERS if "worker" in arguments else SERVICE)
        )
        if preloaded is None:
            return self.start_module(module, *arguments, **settings)
        program = partial(preloaded.start, [module, *arguments], self._environment(settings))
        return self._started(program)

    def start_module(self, module: str, /, *arguments: str, **settings: object) -> Program:
        """Start a module that is `diffing` in some way, as a new process of Python."""
        return self._started(
            lambda stderr: subprocess.Popen(
                [*self._place.enter, sys.executable, "-m", module, *arguments],
                cwd=_ROOT,
                env=self._environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
        )

    def api(self, **settings: object) -> Client:
        """Start an API on a free port."""
        return self.client_of(self.start("api", "--port", "0", **settings))

    def api_and_worker(self, **settings: object) -> tuple[Client, Program]:
        """Start an API and a worker, each by itself."""
        api = self.start("api", "--port", "0", **settings)
        worker = self.worker(**settings)
        return self.client_of(api), worker

    def worker(self, **settings: object) -> Program:
        """Start a worker."""
        worker = self.start("worker", **settings)
        worker.saw("working on up to")
        return worker

    def client_of(self, api: Program) -> Client:
        """A client of an API that was started on a free port; waits until it listens."""
        return self.client_at(api.saw(r"listening on (http://[^\s\"]+)")[1])

    def client_at(self, url: str, token: str | None = None) -> Client:
        """A client of an API that listens there, with the token of an API key or without."""
        client = Client(url, self.folder)
        if token:
            client.headers["Authorization"] = f"Bearer {token}"
        self._clients.append(client)
        return client

    def jobs(self, now: Callable[[], datetime] = utc_now) -> Jobs:
        """The jobs table, to act as a worker would."""
        return Jobs(self.database(), now)

    def database(self) -> sa.Engine:
        """The jobs database, opened anew."""
        self.settings.make_folders()
        self._engines.append(open_database(self.settings))
        return self._engines[-1]

    def queue(self, name: str = JOBS) -> JobQueue:
        """A queue, opened anew."""
        self._queues.append(JobQueue(self.settings, self.database(), name=name))
        return self._queues[-1]

    def execute(self, *statements: str | sa.Executable) -> None:
        """Do to the tables what no service does."""
        with self.database().begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement) if isinstance(statement, str) else statement)

    def all_lines(self) -> list[str]:
        """All that every program said, so far."""
        return [line for program in self._programs for line in program.lines()]

    def queued_tasks(self) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        """The arguments of what waits in the queue."""
        pending = self.queue().huey.pending()
        return [(tuple(task.args), dict(task.kwargs)) for task in pending]

    def running(self) -> list[Running]:
        """Every process that works on the folder, whoever its parent is by now."""
        mark = f"\0DIFFING_DATA_DIR={self.folder}\0".encode()
        # in /proc, one that was forked has the environment of where it was, and so have its own
        # forks; but these are in its session
        sessions = {program.pid for program in self._programs if program.was_forked}
        found = []
        for entry in Path("/proc").iterdir():
            # a process may end while it is looked at
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                if not entry.name.isdigit():
                    continue
                name, _, stat = (entry / "stat").read_text().partition("(")[2].rpartition(")")
                state, parent, _, session = stat.split()[:4]
                if not (state == "Z" or name == fork_server.WAITING) and (
                    int(session) in sessions or mark in b"\0" + (entry / "environ").read_bytes()
                ):
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found.append(Running(int(entry.name), int(parent), f"{name} {command}", state))
        return found

    def _environment(self, settings: dict[str, object]) -> dict[str, str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DIFFING_")}
        environment |= self.backend.environment
        environment["DIFFING_DATA_DIR"] = str(self.folder)
        environment["DIFFING_LOG_FORMAT"] = "text"
        for name in ("database_url", "queue_url"):
            if url := getattr(self.settings, name):
                environment[f"DIFFING_{name.upper()}"] = url.get_secret_value()
        if self.settings.storage_url:
            environment["DIFFING_STORAGE_URL"] = self.settings.storage_url
        return environment | {f"DIFFING_{k.upper()}": str(v) for k, v in settings.items()}

    def _started(self, start: Callable[[int], "subprocess.Popen[bytes] | Fork"]) -> Program:
        program = Program(start)
        self._programs.append(program)
        return program

    def child_of(self, program: Program, word: str) -> Running:
        """The child of a program that has the word in its command line."""
        (child,) = [r for r in self.running() if r.parent == program.pid and word in r.command]
        return child

    def diffs_of(self, worker: Program) -> list[Running]:
        """The processes of the diffs that a worker runs."""
        running = self.running()
        servers = {server.pid for server in self.fork_servers_of(worker)}
        return [r for r in running if r.parent in servers]

    def fork_servers_of(self, worker: Program) -> list[Running]:
        """The process that a worker's diffs are forked from; none before the first diff."""
        return [r for r in self.running() if r.parent == worker.pid and "forkserver" in r.command]

    def the_diff_of(self, worker: Program) -> Running:
        """The process of the one diff that a worker runs."""
        (diff,) = self.diffs_of(worker)
        return diff

    def signal(self, process: Running, number: int) -> None:
        """Send a signal to a process of the service."""
        assert process.pid in {running.pid for running in self.running()}
        os.kill(process.pid, number)

    def signalled(self, process: Running, number: int) -> bool:
        """Send a signal to a process of the service; False when it has ended meanwhile."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
            return True
        return False

    def all_ended(
        self, *besides: Program, patience: float = PATIENCE_SECONDS, or_kill: bool = False
    ) -> None:
        """Wait until no process works on the folder, besides those named."""
        spared = {program.pid for program in besides}
        deadline = time.monotonic() + patience
        while left := [r for r in self.running() if r.pid not in spared]:
            assert time.monotonic() < deadline, left
            for process in left:
                _wait_for_end(process.pid, deadline, or_kill=or_kill)


def close(queue: JobQueue) -> None:
    """Let go of what a queue keeps open."""
    storage = queue.huey.storage
    storage.close()
    if hasattr(storage, "pool"):  # that of Redis
        storage.pool.disconnect()


_open: set[Service] = set()
# what programs are forked from, by the modules that it loaded
_Preloads = dict[tuple[str, ...], Preloaded]
# the last is used; None: each program is a new process of Python
_forked_from: list[_Preloads | None] = [None]


@contextlib.contextmanager
def forked_programs() -> Iterator[None]:
    """Until the end of the block, programs are forked from processes that have loaded modules."""
    started: _Preloads = {}
    with _programs_of(started):
        try:
            yield
        finally:
            for preloaded in started.values():
                preloaded.close()


@contextlib.contextmanager
def new_programs() -> Iterator[None]:
    """Until the end of the block, programs are new processes of Python, as those of users are."""
    with _programs_of(None):
        yield


@contextlib.contextmanager
def _programs_of(started: _Preloads | None) -> Iterator[None]:
    _forked_from.append(started)
    try:
        yield
    finally:
        _forked_from.pop()


def preloaded_of(modules: tuple[str, ...]) -> Preloaded | None:
    """The process that has loaded those modules; None if programs are to be new processes."""
    started = _forked_from[-1]
    if started is None:
        return None
    if modules not in started:
        started[modules] = Preloaded(modules)
    return started[modules]


def require_programs_of_all() -> None:
    """Fail where a program of a service that is still needed has ended: later tests would, too."""
    lost = [service.lost() for service in _open]
    assert not any(lost), f"the test ended programs that others share: {lost}"


def _wait_for_end(pid: int, deadline: float, *, or_kill: bool) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if or_kill:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        select.select([handle], [], [], max(deadline - time.monotonic(), 0))
    except ProcessLookupError:
        return
    finally:
        os.close(handle)


@dataclass(frozen=True)
class LargePair:
    """A pair of the metric revenue whose diff takes seconds, and its result."""

    old: Path
    new: Path
    result: bytes

    def put_into(self, service: Service) -> None:
        """Make it the input of a service."""
        service.settings.make_folders()
        os.link(self.old, service.settings.input_dir / "revenue_old.csv")
        os.link(self.new, service.settings.input_dir / "revenue_new.csv")


def write_large_pair(folder: Path, rows: int = 400_000) -> LargePair:
    """Write a large pair: new is old backwards, with one value in a thousand changed."""
    header = "date,segment_field,segment_value_id,stat,value\n"
    old = [f"2026-01-31,country,{i},revenue-30,{i}.5\n" for i in range(rows)]
    new = [row if i % 1000 else row.replace(".5\n", ".75\n") for i, row in enumerate(old)][::-1]
    pair = LargePair(
        folder / "old.csv",
        folder / "new.csv",
        "".join([header, *(row for row in new if row.endswith(".75\n"))]).encode(),
    )
    pair.old.write_text(header + "".join(old))
    pair.new.write_text(header + "".join(new))
    return pair
