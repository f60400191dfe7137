"""The health check of Docker: whether the API and the worker of a data folder work.

An API must answer, and a worker must have given a sign of life. The check loads little.
"""

import os
import socket
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from diffing.core.process_name import name_of
from diffing.engine.sql import query

_REQUEST = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_LISTENS = "0A"
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to connect, not to listen
_SECONDS = 3.0


def main() -> int:
    """Check each API and worker here, print the faults, and return the exit status."""
    here = _Process(os.getpid(), "health", _settings_in(os.environ), Path.cwd())
    folder = here.data_dir
    processes = [process for process in _processes() if process.data_dir == folder]
    faults = [fault for process in processes if (fault := _fault_of(process))]
    if not processes:
        faults = [f"Neither an API nor a worker of {folder} runs here."]
    sys.stdout.write("".join(f"{fault}\n" for fault in faults) or "ok\n")
    return 1 if faults else 0


@dataclass(frozen=True)
class _Process:
    pid: int
    command: str
    environment: dict[str, str]  # by names in upper case, with the options of the command
    folder: Path

    @property
    def data_dir(self) -> Path:
        return (self.folder / (self.environment.get("DIFFING_DATA_DIR") or "data")).resolve()

    @property
    def database_url(self) -> str:
        """The server with the jobs database; empty for a file in the data folder."""
        return self.environment.get("DIFFING_DATABASE_URL", "")

    @property
    def stale_after(self) -> float:
        return float(self.environment.get("DIFFING_STALE_AFTER") or 15)

    def addresses(self) -> Iterator[tuple[str, int]]:
        """Its listening addresses, from the kernel."""
        at = Path(f"/proc/{self.pid}")
        sockets = {str(fd.readlink()) for fd in (at / "fd").iterdir()}
        for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
            for line in (at / "net" / table).read_text().splitlines()[1:]:
                _, local, _, state, *_, inode = line.split()[:10]
                if state == _LISTENS and f"socket:[{inode}]" in sockets:
                    words, port = local.split(":")
                    raw = bytes.fromhex(words)
                    # the bytes of each 32-bit word are reversed
                    raw = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
                    host = socket.inet_ntop(family, raw)
                    yield _ANY.get(host, host), int(port, 16)


def _processes() -> Iterator[_Process]:
    """The APIs and workers that this user may inspect."""
    for at in Path("/proc").glob("[0-9]*"):
        try:
            arguments = _texts(at / "cmdline")
            command = _command_of(arguments)
            if command in ("api", "worker"):
                texts = (text.partition("=") for text in _texts(at / "environ"))
                variables = _settings_in({name: value for name, _, value in texts})
                if given := _data_dir_in(arguments):
                    variables["DIFFING_DATA_DIR"] = given
                folder = (at / "cwd").readlink()
                yield _Process(int(at.name), command, variables, folder)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended, or belongs to another user


def _texts(path: Path) -> list[str]:
    return path.read_bytes().decode(errors="replace").split("\0")[:-1]


def _command_of(arguments: list[str]) -> str:
    match arguments:
        case [_, script, command, *_] if script.endswith("/diffing"):
            return command
        case [_, "-m", "diffing", command, *_]:
            return command
    return ""


def _settings_in(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of an environment, whose names may be in letters of any case."""
    return {
        name.upper(): value
        for name, value in environment.items()
        if value and name.upper().startswith("DIFFING_")
    }


def _data_dir_in(arguments: Sequence[str]) -> str:
    """The folder of `--data-dir` on a command line; empty without one."""
    found = ""
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if word == "--data-dir":
            found = following
        elif word.startswith("--data-dir="):
            found = word.partition("=")[2]
    return found


def _fault_of(process: _Process) -> str | None:
    check = _fault_of_api if process.command == "api" else _fault_of_worker
    try:
        fault = check(process)
    except (OSError, sqlite3.Error) as error:
        fault = f"cannot be checked: {error}"
    return fault and f"{process.command}, process {process.pid}: {fault}."


def _fault_of_api(process: _Process) -> str | None:
    addresses = [*process.addresses()]
    for address in addresses:
        with socket.create_connection(address, timeout=_SECONDS) as connection:
            connection.sendall(_REQUEST)
            if connection.recv(64).split(b" ")[1:2] != [b"200"]:
                return "answers with an error"
    return None if addresses else "does not listen"


def _fault_of_worker(process: _Process) -> str | None:
    seen = _seen_on_server(process) if process.database_url else _seen_in_file(process)
    return None if seen else f"gave no sign of life for {process.stale_after:g} s"


def _seen_in_file(process: _Process) -> bool:
    since = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=process.stale_after)
    asked = {"name": name_of(process.pid), "since": since.isoformat(" ", "microseconds")}
    file = (process.data_dir / "jobs.sqlite3").as_uri() + "?mode=ro"
    with closing(sqlite3.connect(file, _SECONDS, uri=True)) as connection:
        [seen] = connection.execute(query("worker_seen"), asked).fetchone()
    return bool(seen)


def _seen_on_server(process: _Process) -> bool:
    import psycopg  # without SQLAlchemy, which loads slowly

    url = process.database_url.replace("+psycopg", "", 1)
    asked = {"name": name_of(process.pid), "seconds": process.stale_after}
    try:
        with psycopg.connect(url, connect_timeout=int(_SECONDS)) as connection:
            found = connection.execute(query("worker_seen_on_server").encode(), asked).fetchone()
    except psycopg.Error as error:
        raise ConnectionError(str(error).splitlines()[0]) from None
    return bool(found and found[0])
