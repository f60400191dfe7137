"""Huey's consumer, with the stop of a worker."""

import logging
import signal
import sys
import threading
import time
from datetime import datetime
from types import FrameType

from diffing.sandbox.process import SIGNALS
from diffing.store.lean_huey import Consumer, Huey, Worker

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.1
# Each error logs a traceback, and a fault may last for days: twice as long each time, up to this.
_FIRST_FAULT_SECONDS, _FAULT_SECONDS = 0.5, 10.0
# for scheduled tasks, which the service does not use
_SCHEDULE_SECONDS = 60


def consumer_of(huey: Huey, beside: Huey, workers: int, grace: float) -> "JobConsumer":
    """A consumer, ready to run, which already handles signals.

    Args:
        huey: the queue of jobs.
        beside: another queue, with a thread of its own.
        workers: threads that take jobs.
        grace: seconds that running jobs have to finish at a stop.
    """
    consumer = JobConsumer(
        huey,
        workers=workers,
        periodic=False,
        max_delay=_POLL_SECONDS,
        scheduler_interval=_SCHEDULE_SECONDS,
        shutdown_timeout=grace,
    )
    consumer.attend(beside)
    consumer.heed_signals()
    return consumer


class _Thread(Worker):  # type: ignore[misc]
    """Huey's worker, which rarely polls an unreadable queue."""

    _faults = 0

    def loop(self, now: datetime | None = None) -> None:
        """Poll the queue, and run a task."""
        before = self._faults
        super().loop(now)
        if self._faults == before:
            self._faults = 0

    def sleep(self) -> None:
        """Wait until the next poll."""
        # Huey also sleeps while it handles an error
        if sys.exception():
            self._faults += 1
            seconds = _FIRST_FAULT_SECONDS * 2 ** min(self._faults, 10)
            self.stop_flag.wait(min(seconds, _FAULT_SECONDS))
        else:
            super().sleep()


class JobConsumer(Consumer):  # type: ignore[misc]
    """Huey's consumer, with our handling of signals.

    After the first SIGTERM, SIGINT or SIGHUP, running jobs may finish. The second ends them. The
    handlers never raise.
    """

    worker_class = _Thread
    _signum: int | None

    def attend(self, huey: Huey) -> None:
        """Add a thread for another queue."""
        worker = self._create_worker()
        worker.huey = huey
        self.worker_threads.append((worker, self._create_process(worker, "Worker-beside")))

    def heed_signals(self) -> None:
        """Install the handlers, before the start."""
        self._hurry = threading.Event()
        for number in SIGNALS:
            signal.signal(number, self._stop_or_hurry)

    def start(self) -> None:
        """Start the threads."""
        super().start()
        _log.info("working on up to %d jobs at once", self.workers)

    def _set_signal_handlers(self) -> None:
        """Leave the handlers as they are."""

    def _stop_or_hurry(self, number: int, _: FrameType | None) -> None:
        if self._signum is not None:
            self._hurry.set()
        self._signum = number

    def _join_workers(self) -> bool:
        deadline = time.monotonic() + self.shutdown_timeout
        _log.info("stopping; running jobs have %g s", self.shutdown_timeout)
        threads = [thread for _, thread in self.worker_threads]
        while busy := [thread for thread in threads if thread.is_alive()]:
            if self._hurry.is_set() or time.monotonic() >= deadline:
                return False
            busy[0].join(_POLL_SECONDS)
        return True
