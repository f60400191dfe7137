"""A fork of a worker, from before its start, that becomes the fork server of its diffs.

A fork server of its own loads all modules of a diff. That costs a worker more than most jobs do.
"""

import ctypes
import json
import os
import signal
import socket
from collections.abc import Sequence
from multiprocessing import util
from typing import Any

from diffing.sandbox.parent_death import die_with_parent

# What a fork server loads that the worker does not have.
MODULES = ("diffing.worker.child",)
WAITING, SERVING = "waiting", "forkserver"
_PR_SET_NAME = 15
_MOST_BYTES = 200_000


def prepare() -> None:
    """Fork this process; `multiprocessing` takes the fork as its first fork server."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    worker = os.getpid()
    if not (pid := os.fork()):
        ours.close()
        die_with_parent(worker)
        _name(WAITING)
        _serve(theirs)
    theirs.close()
    start = util.spawnv_passfds

    def taken(path: bytes, arguments: Sequence[Any], fds: Sequence[int]) -> int:
        code = os.fsdecode(arguments[-1])
        if "forkserver" not in code:
            return start(path, arguments, fds)
        util.spawnv_passfds = start
        with ours:
            message = json.dumps([[*fds], code, {**os.environ}]).encode()
            try:
                socket.send_fds(ours, [message], [*fds])
            except OSError:  # it was killed while it waited
                return start(path, arguments, fds)
        return pid

    util.spawnv_passfds = taken  # type: ignore[assignment]


def _serve(asked: socket.socket) -> None:
    """Be the fork server, or end with the worker."""
    message, files, _, _ = socket.recv_fds(asked, _MOST_BYTES, 4)
    if not message:
        os._exit(0)
    numbers, code, environment = json.loads(message)
    asked.close()
    _place(files, numbers)
    os.environ.clear()
    os.environ.update(environment)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) not in (None, signal.SIG_DFL, signal.SIG_IGN):
            signal.signal(number, signal.SIG_DFL)
    _name(SERVING)
    try:
        exec(code, {})  # noqa: S102 - as `python -c` does
    finally:
        os._exit(0)


def _place(files: Sequence[int], numbers: Sequence[int]) -> None:
    """Give the files the numbers that they had in the worker."""
    highest = max(*numbers, *files) + 1
    for place, file in enumerate(files):
        os.dup2(file, highest + place)
        os.close(file)
    for place, number in enumerate(numbers):
        os.dup2(highest + place, number)
        os.close(highest + place)


def _name(name: str) -> None:
    """Give this process a name that /proc shows."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)
