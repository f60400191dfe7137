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
from diffing.core.environment import variables_of
from diffing.core.errors import BadSetting
from diffing.core.settings import Settings
from diffing.store.database import open_database
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
        """Watch a child. After `stop`, it is stopped at once."""
        self._children[name] = child
        watcher = threading.Thread(target=self._watch, args=(child,))
        self._watchers.append(watcher)
        watcher.start()
        if self.told:
            child.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        """Wait for the stop.

        Raises:
            BadSetting: one of the two ended; its own output has the reason.
        """
        self._ended.wait()
        if not self.told:
            ended = [name for name, child in self._children.items() if child.poll() is not None]
            raise BadSetting(f"The {' and the '.join(ended)} ended; stopping.")

    def stop(self) -> None:
        """Stop both. After a second call, running jobs and requests do not finish."""
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
    """Run the API and a worker. SIGTERM, SIGINT and the end of the block stop them.

    Raises:
        BadSetting: the address is in use, a folder is not writable, or the address requires an
            API key and none exists.
    """
    settings.make_folders()
    # both children check these, too, but then three processes would report the error
    load_catalogue(settings.metrics)
    engine = open_database(settings)
    JobQueue(settings, engine)
    engine.dispose()  # this process needs no connections
    with listen(settings.host, settings.port) as listener:
        needs_api_keys(settings, listener)
        both = Services(url_of(listener))

        def stop(_: int, __: FrameType | None) -> None:
            both.stop()

        # before the start of the children, so no signal is lost
        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            fd = listener.fileno()
            both.add("API", _start(settings, "api", "--fd", str(fd), fd=fd))
            listener.close()
            both.add("worker", _start(settings, "worker"))
            yield both
        finally:
            if not both.told:  # a second signal would end their work
                both.stop()
            both.join()
            for number, handler in before.items():
                signal.signal(number, handler)


def _start(settings: Settings, *command: str, fd: int | None = None) -> subprocess.Popen[bytes]:
    # A new session: Ctrl-C reaches only the parent, which then stops both in order. Standard input
    # is the lifeline: the kernel closes it when the parent dies.
    return subprocess.Popen(
        [sys.executable, "-m", "diffing", *command, "--lifeline"],
        env={**os.environ, **variables_of(settings)},
        stdin=subprocess.PIPE,
        start_new_session=True,
        pass_fds=[] if fd is None else [fd],
    )
