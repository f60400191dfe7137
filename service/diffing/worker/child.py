"""The child process of one diff or conversion."""

import logging
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from diffing.core import logs
from diffing.core.errors import DiffingError, OutOfMemory, of_os
from diffing.core.progress import Progress
from diffing.core.spec import DiffSpec
from diffing.engine.convert import convert
from diffing.engine.diff import Diff
from diffing.engine.sql import SQL_DIR
from diffing.files.results import Outputs
from diffing.sandbox import landlock
from diffing.sandbox.process import bound_memory, ignore_signals, leave_no_core
from diffing.worker.task import Task

_log = logging.getLogger(__name__)


def run(task: Task, sender: Connection) -> None:
    """Do the work, and send how far it is, then what came of it as JSON values, or the Failure."""
    ignore_signals()
    bound_memory(task.limits.most_memory)
    logs.configure(task.log)
    with logs.bound(**task.said):
        _run(task, sender)


def _run(task: Task, sender: Connection) -> None:
    word = task.spec.word
    try:
        sender.send(_done(task, sender.send))
    except DiffingError as error:
        if error.__cause__:
            _log.error("the %s failed: %s", word, error, exc_info=error.__cause__)
        sender.send(error.failure)
    except OSError as error:
        _log.exception("the %s failed", word)
        sender.send(of_os(error).failure)
    except MemoryError:
        _log.exception("the %s failed", word)
        sender.send(
            OutOfMemory(
                "The diff needs more memory than it may use. Raise DIFFING_MEMORY_LIMIT."
            ).failure
        )


def _done(task: Task, on_progress: Callable[[Progress], None]) -> dict[str, Any]:
    """Do the work; returns what is to be known of it."""
    on_ready = partial(_enclose, task)
    if isinstance(task.spec, DiffSpec):
        diff = Diff(task.spec, task.limits)
        return diff.run(task.outputs, on_progress=on_progress, on_ready=on_ready).model_dump(
            mode="json"
        )
    convert(task.spec, task.outputs, task.limits, on_ready)
    return {}


def _enclose(task: Task, parts: Outputs) -> None:
    """Let this process reach what the work needs, whatever a file may make of DuckDB or Python."""
    leave_no_core()
    landlock.enclose(
        # one that is not there is for the work to complain about
        read=[SQL_DIR, *(path for path in task.spec.inputs if path.is_file())],
        write=parts.paths,
        rename={path.parent for path in parts.paths},
        own=[task.limits.temp_folder] if isinstance(task.spec, DiffSpec) else [],
    )
