"""The child process of one diff."""

import logging
from functools import partial
from multiprocessing.connection import Connection

from diffing.core import logs
from diffing.core.errors import DiffingError, OutOfMemory, of_os
from diffing.engine.diff import Diff
from diffing.engine.sql import SQL_DIR
from diffing.files.results import Outputs
from diffing.sandbox import landlock
from diffing.sandbox.process import bound_memory, ignore_signals, leave_no_core
from diffing.worker.task import Task

_log = logging.getLogger(__name__)


def run_diff(task: Task, sender: Connection) -> None:
    """Run a diff, and send its progress, then the summary as JSON values or the Failure."""
    ignore_signals()
    bound_memory(task.limits.most_memory)
    logs.configure(task.log)
    with logs.bound(**task.said):
        _run_diff(task, sender)


def _run_diff(task: Task, sender: Connection) -> None:
    diff = Diff(task.spec, task.limits)
    try:
        summary = diff.run(
            task.outputs,
            on_progress=sender.send,
            on_ready=partial(_enclose, task),
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


def _enclose(task: Task, parts: Outputs) -> None:
    """Restrict this process to the files of the diff, in case an input exploits a bug."""
    leave_no_core()
    inputs = (task.spec.old.path, task.spec.new.path)
    landlock.enclose(
        # the diff reports a missing one
        read=[SQL_DIR, *(path for path in inputs if path.is_file())],
        write=parts.paths,
        rename={path.parent for path in parts.paths},
        own=[task.limits.temp_folder],
    )
