"""Real servers of PostgreSQL and Redis, each in a folder of its own, on loopback.

`python -m tests.servers PID FILE` starts one of each, and writes their URLs into a file.
It ends them when the process of that id has ended.
"""

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_ROOT = Path(__file__).parent.parent
_PATIENCE_SECONDS = 60.0
# must never be said to anybody; with a character that a URL has to write as %40
PASSWORD, _PASSWORD_IN_URL = "un@guessable", "un%40guessable"
_OF_POSTGRES = ("initdb", "postgres", "pg_ctl")


class CannotRun(Exception):
    """A server is not installed, or this machine cannot run what is needed."""


def program(name: str) -> str:
    """The path of a server's program.

    Raises:
        CannotRun: it is not installed.
    """
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(debian[-1]) if debian else shutil.which(name)
    if not found:
        raise CannotRun(f"{name} is not installed: run `make servers` as root")
    return found


@dataclass(frozen=True)
class Place:
    """Where a server listens.

    Args:
        address: that it listens on.
        enter: the first words of a command that runs there; none for this machine.
    """

    address: str = "127.0.0.1"
    enter: tuple[str, ...] = ()

    def port(self, usual: int) -> int:
        """A free port: the usual one, unless others may have it."""
        return usual if self.enter else free_port()


LOOPBACK = Place()


@dataclass(frozen=True)
class Folder:
    """A folder of a server, and the user whose it is.

    Args:
        path: of the folder.
        user: PostgreSQL refuses to run as root, so that is another one for root.
    """

    path: Path
    user: str | None

    @classmethod
    def new(cls, *, user: str | None = None) -> Self:
        """An empty folder in the one for temporary files."""
        folder = cls(Path(tempfile.mkdtemp(prefix="diffing-server-")), user)
        if user:
            shutil.chown(folder.path, user)
        return folder

    def run(self, *command: str) -> None:
        """Run a program as the user of the folder."""
        subprocess.run(self.as_user(command), cwd=self.path, check=True, stdout=subprocess.DEVNULL)

    def start(self, place: Place, *command: str) -> "subprocess.Popen[bytes]":
        """Start a program as the user of the folder."""
        with (self.path / "log").open("ab") as log:
            return subprocess.Popen(
                [*place.enter, *self.as_user(command)],
                cwd=self.path,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def as_user(self, command: Sequence[str]) -> list[str]:
        """The command that runs another as the user."""
        if self.user is None:
            return [*command]
        return ["setpriv", "--reuid", self.user, "--regid", self.user, "--clear-groups", *command]


class Postgres:
    """A server of PostgreSQL with an empty database.

    Args:
        place: where it listens; all addresses of its network may connect.
        careful: whether it syncs what it writes, as one does that must outlive the machine.
    """

    def __init__(self, place: Place = LOOPBACK, *, careful: bool = False) -> None:
        self._place = place
        self._fsync = "on" if careful else "off"
        initdb, self._program = program("initdb"), program("postgres")
        self._folder = Folder.new(user="postgres" if os.geteuid() == 0 else None)
        self._port = place.port(5432)
        secret = self._folder.path / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._folder.run(
            *(initdb, "--pgdata=data", "--username=diffing", f"--pwfile={secret}", "--no-sync"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"),
        )
        if place.enter:
            with (self._folder.path / "data" / "pg_hba.conf").open("a") as rules:
                rules.write("host all all samenet scram-sha-256\n")
        self.url = (
            f"postgresql+psycopg://diffing:{_PASSWORD_IN_URL}@{place.address}:{self._port}/postgres"
        )
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        options = {
            "listen_addresses": self._place.address,
            "port": self._port,
            "unix_socket_directories": "",
            "fsync": self._fsync,
            "max_connections": 400,
            "shared_buffers": "32MB",
        }
        settings = [f"--{name}={value}" for name, value in options.items()]
        self._process = self._folder.start(self._place, self._program, "-D", "data", *settings)
        self._wait_until_it_answers()

    def stop(self) -> None:
        """Stop the server as if the power failed: without ending what it does."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)  # as `pg_ctl stop -m immediate`
        self._process.wait(_PATIENCE_SECONDS)

    def close(self) -> None:
        """Stop the server, and remove its files."""
        self.stop()
        shutil.rmtree(self._folder.path)

    def _wait_until_it_answers(self) -> None:
        import psycopg

        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                psycopg.connect(self.url.replace("+psycopg", "")).close()
                return
            except psycopg.OperationalError:
                log = self._folder.path / "log"
                assert self._process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)


class Redis:
    """A server of Redis, which forgets all when it stops.

    Args:
        place: where it listens.
    """

    def __init__(self, place: Place = LOOPBACK) -> None:
        self._place = place
        self._program = program("redis-server")
        self._folder = Folder.new()
        self._port = place.port(6379)
        self.url = f"redis://:{_PASSWORD_IN_URL}@{place.address}:{self._port}/0"
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        self._process = self._folder.start(
            self._place,
            *(self._program, "--bind", self._place.address, "--port", str(self._port)),
            *("--save", "", "--appendonly", "no", "--requirepass", PASSWORD),
        )
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection((self._place.address, self._port)).close()
                return
            assert time.monotonic() < deadline, (self._folder.path / "log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server at once."""
        self._process.kill()
        self._process.wait(_PATIENCE_SECONDS)

    def close(self) -> None:
        """Stop the server, and remove its files."""
        self.stop()
        shutil.rmtree(self._folder.path)


@dataclass(frozen=True)
class Urls:
    """The URLs of running servers."""

    database: str
    queue: str


@contextlib.contextmanager
def servers(*, careful: bool = False) -> Iterator[Urls]:
    """One server of each, until the end of the block.

    Args:
        careful: as that of `Postgres`.

    Raises:
        CannotRun: one is not installed.
    """
    with contextlib.ExitStack() as stack:
        database = Postgres(careful=careful)
        stack.callback(database.close)
        queue = Redis()
        stack.callback(queue.close)
        yield Urls(database.url, queue.url)


def shared_servers(folder: Path, owner: int) -> Urls:
    """One server of each for many processes; the first that needs them starts them.

    Args:
        folder: that all these processes know.
        owner: process at whose end the servers end.

    Raises:
        CannotRun: one is not installed.
    """
    for name in (*_OF_POSTGRES, "redis-server"):
        program(name)
    told = folder / "servers.json"
    with (folder / "servers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            keeper = subprocess.Popen(
                [sys.executable, "-m", "tests.servers", str(owner), str(told)],
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            assert keeper.stdout
            with keeper.stdout:
                assert keeper.stdout.read() == b"started\n"
            keeper.returncode = 0  # it outlives this process, so nobody waits for it
    return Urls(**json.loads(told.read_text()))


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _keep(owner: int, told: Path) -> None:
    """Run servers until the owner has ended."""
    handle = os.pidfd_open(owner)
    with servers() as urls:
        told.write_text(json.dumps(vars(urls)))
        os.write(1, b"started\n")
        os.close(1)
        select.select([handle], [], [])


if __name__ == "__main__":
    _keep(int(sys.argv[1]), Path(sys.argv[2]))
