"""The API and a worker as two processes under one parent, as `diffing serve` runs them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from diffing.api.server import listen, needs_api_keys, url_of
from diffing.core.catalogue import load_catalogue
from diffing.core.errors import BadSetting
from diffing.core.settings import Settings
from diffing.store.database import open_file
from diffing.store.queue import JobQueue


class Services:
    """The API and a worker as two child processes.

    Args:
        url: where the API listens.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._watchers: list[threading.Thread] = []
        self._ended = threading.Event()
        self.told = False

    def add(self, name: str, child: subprocess.Popen[bytes]) -> None:
        """Look after a child from now on; one that comes after `stop` is stopped at once."""
        self._children[name] = child
        watcher = threading.Thread(target=self._watch, args=(child,))
        self._watchers.append(watcher)
        watcher.start()
        if self.told:
            child.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        """Wait until told to stop.

        Raises:
            BadSetting: one of the two ended by itself; its own output says why.
        """
        self._ended.wait()
        if not self.told:
            ended = [name for name, child in self._children.items() if child.poll() is not None]
            raise BadSetting(f"The {' and the '.join(ended)} ended; stopping.")

    def stop(self) -> None:
        """Ask both to stop, and wait until they have; a second call does not let them finish."""
        self.told = True
        for child in [*self._children.values()]:
            child.send_signal(signal.SIGTERM)
        self._ended.set()

    def join(self) -> None:
        """Wait until both have ended."""
        for watcher in self._watchers:
            watcher.join()

    def _watch(self, child: subprocess.Popen[bytes]) -> None:
        child.wait()
        self._ended.set()


@contextmanager
def services(settings: Settings) -> Iterator[Services]:
    """Run the API and a worker; SIGTERM and SIGINT stop them, and so does leaving the context.

    Raises:
        BadSetting: the address is in use, a folder is not writable, or the address requires an
            API key and none exists.
    """
    settings.make_folders()
    # each of the two would find out too, but then all three would say so
    load_catalogue(settings.metrics)
    open_file(settings.jobs_file)
    JobQueue(settings.queue_file)
    with listen(settings.host, settings.port) as listener:
        needs_api_keys(settings, listener)
        both = Services(url_of(listener))

        def stop(_: int, __: FrameType | None) -> None:
            both.stop()

        # before there is anything to stop: a signal that comes meanwhile must not be lost
        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            fd = listener.fileno()
            both.add("API", _start(settings, "api", "--fd", str(fd), fd=fd))
            listener.close()
            both.add("worker", _start(settings, "worker"))
            yield both
        finally:
            if not both.told:  # a second signal would not let them finish
                both.stop()
            both.join()
            for number, handler in before.items():
                signal.signal(number, handler)


def _start(settings: Settings, *command: str, fd: int | None = None) -> subprocess.Popen[bytes]:
    # a session of its own: Ctrl-C reaches the parent alone, which then stops both in order;
    # standard input is the lifeline, which the kernel cuts when the parent dies
    return subprocess.Popen(
        [sys.executable, "-m", "diffing", *command, "--lifeline"],
        env={**os.environ, **settings.as_environment()},
        stdin=subprocess.PIPE,
        start_new_session=True,
        pass_fds=[] if fd is None else [fd],
    )
