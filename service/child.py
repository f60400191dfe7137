"""The child process of one diff."""

import logging
import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from service.catalogue import Metric
from service.engine import Diff
from service.errors import DiffingError
from service.limits import Limits
from service.outputs import Outputs

_log = logging.getLogger(__name__)


def run_diff(
    old: Path, new: Path, outputs: Outputs, metric: Metric, limits: Limits, sender: Connection
) -> None:
    """Run a diff and send how far it is, then the summary as JSON values, or the Failure."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # they reach the worker too, which decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    diff = Diff(old, new, metric.comparison, limits, metric.fingerprint)
    try:
        sender.send(
            diff.run(outputs, metric=metric.id, on_progress=sender.send).model_dump(mode="json")
        )
    except DiffingError as error:
        if error.__cause__:
            _log.error("the diff failed: %s", error, exc_info=error.__cause__)
        sender.send(error.failure)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
