"""A process that has loaded modules of `diffing`, and forks programs from it.

To load its modules costs a program more than all that most tests ask of it.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from diffing.sandbox.parent_death import die_with_parent
from tests import fork_server

_ROOT = Path(__file__).parent.parent
# What the programs of the service load, some of it only on servers or for a bucket, and what a
# command loads that diffs two files.
_EXTRAS = ("s3fs", "sqlalchemy.dialects.postgresql.psycopg", "psycopg", "redis")
SERVICE = ("diffing.cli.main", "diffing.cli.processes", "diffing.worker.main", *_EXTRAS)
WORKERS = (*SERVICE, *fork_server.MODULES)
COMMANDS = ("diffing.cli.main", "diffing.cli.diff", "diffing.engine.diff")
_MOST_BYTES = 200_000  # of a command with its environment


class Fork:
    """A program that was forked; as much of a Popen as is needed."""

    def __init__(self, parent: "Preloaded", pid: int) -> None:
        self.pid = pid
        self._parent = parent
        self._handle = os.pidfd_open(pid)
        self._status: int | None = None

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._end(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended."""
        status = self._end(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("diffing", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _end(self, timeout: float | None) -> int | None:
        if self._status is None and select.select([self._handle], [], [], timeout)[0]:
            self._status = self._parent.status_of(self.pid)
            os.close(self._handle)
        return self._status


class Preloaded:
    """Starts programs as forks of one process. It ends with this one, even if that is killed.

    Args:
        modules: the modules to load.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.preloaded", str(theirs.fileno()), *modules],
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def start(
        self,
        program: Sequence[str],
        environment: Mapping[str, str],
        stderr: int,
        stdout: int | None = None,
        folder: Path = _ROOT,
    ) -> Fork:
        """Start a program in a folder.

        Args:
            program: a module that is `diffing` in some way, and its arguments.
            environment: all of it.
            stderr, stdout: descriptors that it gets.
            folder: that it starts in.
        """
        command = json.dumps([program, {**environment}, str(folder.absolute())]).encode()
        with self._lock:
            socket.send_fds(
                self._socket, [command], [stderr] if stdout is None else [stderr, stdout]
            )
            return Fork(self, self._answer())

    def status_of(self, pid: int) -> int:
        """The exit status of a program that has ended, asked for once."""
        with self._lock:
            self._socket.send(json.dumps(pid).encode())
            return self._answer()

    def close(self) -> None:
        """End the process, and its programs."""
        self._process.kill()
        self._process.wait()
        self._socket.close()

    def _answer(self) -> int:
        said = self._socket.recv(_MOST_BYTES)
        assert said, "the process that programs are forked from has ended"
        return int(json.loads(said))


def _serve(asked: socket.socket) -> None:
    """Fork programs and tell how they ended; returns in a program, and at the end."""
    here = os.getpid()
    while True:
        message, files, _, _ = socket.recv_fds(asked, _MOST_BYTES, 2)
        if not message:
            return
        command = json.loads(message)
        if isinstance(command, int):
            _, status = os.waitpid(command, 0)
            answer = os.waitstatus_to_exitcode(status)
        elif answer := os.fork():
            for file in files:
                os.close(file)
        else:
            die_with_parent(here)
            asked.close()
            program, environment, folder = command
            _become(program, environment, folder, files)
            return
        asked.send(json.dumps(answer).encode())


def _become(program: list[str], environment: dict[str, str], folder: str, files: list[int]) -> None:
    """Be as a process that was just started with `python -m` and a module."""
    os.setsid()
    for file, number in zip(files, (2, 1), strict=False):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    module, *arguments = program
    sys.argv = [module, *arguments]
    if "worker" in arguments:
        fork_server.prepare()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        _status.append(0 if end.code is None else end.code)
        raise


# the exit status of a program that ended by itself
_status: list[object] = []


def _end() -> None:
    """End a program without freeing all its objects, which would copy the memory of its parent."""
    if _status and isinstance(_status[0], int):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_status[0])
    gc.unfreeze()  # DuckDB's binding reports what is not freed at the end


if __name__ == "__main__":
    atexit.register(_end)  # what is registered first runs last
    for name in sys.argv[2:]:
        importlib.import_module(name)
    gc.freeze()  # a program that looks for garbage would copy it all
    _serve(socket.socket(fileno=int(sys.argv[1])))
