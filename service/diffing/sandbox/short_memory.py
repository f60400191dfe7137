"""Containers with too little memory, in which the kernel kills processes without a message.

A diff on the command line gets a parent, forked early, that reports such a death. The services
refuse to start if the memory is too small for them.
"""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from diffing.core.sizes import memory_is_limited, memory_of_machine
from diffing.sandbox.parent_death import die_with_parent
from diffing.sandbox.process import SIGNALS, be_first_to_go

# An API, a worker and the smallest diff together need 230 MB, as measured, shared memory included.
_LEAST_TO_SERVE = 200_000_000


def refuse_short_memory() -> None:
    """End this process with one line if the memory is too small to serve."""
    memory = memory_of_machine()
    if memory < _LEAST_TO_SERVE:
        sys.stderr.write(
            f"diffing: {memory / 1e6:,.0f} MB of memory are too little to serve. Give the "
            f"container or group {_LEAST_TO_SERVE / 1e6:,.0f} MB or more; 512 MB for large files.\n"
        )
        sys.exit(2)


def survive_short_memory() -> None:
    """Continue in a child process if memory is limited; else do nothing.

    The parent never returns. It ends in the same way as the child.
    """
    if not memory_is_limited():
        return
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    # until both have their handlers: no signal is lost meanwhile
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    parent = os.getpid()
    child = os.fork()
    if child:
        _wait_for(child)
    die_with_parent(parent)
    be_first_to_go()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _wait_for(child: int) -> NoReturn:
    def pass_on(number: int, _: FrameType | None) -> None:
        # a terminal sends Ctrl-C to both
        if not (number == signal.SIGINT and os.isatty(0)):
            os.kill(child, number)

    for number in SIGNALS:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL:
        sys.stderr.write(
            "diffing: The diff was killed: it needs more than the "
            f"{memory_of_machine() / 1e6:,.0f} MB of memory that this container or group has. "
            "Give it more, or set DIFFING_MEMORY_LIMIT lower.\n"
        )
        code = 2
    os._exit(code if code >= 0 else 128 - code)
