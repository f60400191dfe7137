"""The child process of one diff."""

import contextlib
import logging
import resource
import signal
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from diffing.core import logs
from diffing.core.errors import DiffingError, OutOfMemory, of_os
from diffing.engine.diff import Diff
from diffing.engine.sql import SQL_DIR
from diffing.files.results import Outputs
from diffing.sandbox import landlock
from diffing.sandbox.limits import Limits
from diffing.worker.task import Request

_log = logging.getLogger(__name__)


def run_diff(request: Request, sender: Connection) -> None:
    """Run a diff and send how far it is, then the summary as JSON values, or the Failure."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they reach the worker too, which decides
    _be_the_first_to_go(request.limits)
    logs.configure(request.log)
    with logs.bound(**request.said):
        _run_diff(request, sender)


def _run_diff(request: Request, sender: Connection) -> None:
    diff = Diff(
        request.old, request.new, request.comparison, request.limits, request.with_fingerprints
    )
    try:
        summary = diff.run(
            request.outputs,
            request.metric,
            on_progress=sender.send,
            on_ready=partial(_enclose, request),
        )
        sender.send(summary.model_dump(mode="json"))
    except DiffingError as error:
        if error.__cause__:
            _log.error("the diff failed: %s", error, exc_info=error.__cause__)
        sender.send(error.failure)
    except OSError as error:
        _log.exception("the diff failed")
        sender.send(of_os(error).failure)
    except MemoryError:
        _log.exception("the diff failed")
        sender.send(
            OutOfMemory(
                "The diff needs more memory than it may use. Raise DIFFING_MEMORY_LIMIT."
            ).failure
        )


def _enclose(request: Request, parts: Outputs) -> None:
    """Let this process reach what the diff needs, whatever a file may make of DuckDB or Python."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    landlock.enclose(
        # one that is not there is for the diff to complain about
        read=[SQL_DIR, *(file.path for file in (request.old, request.new) if file.path.is_file())],
        write=parts.paths,
        rename={path.parent for path in parts.paths},
        own=[request.limits.temp_folder],
    )


def _be_the_first_to_go(limits: Limits) -> None:
    """When memory runs short it shall hit this process: not the worker, not the API."""
    most = limits.most_memory
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    # a system that does not let us leaves the choice to the kernel
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
