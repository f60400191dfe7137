"""A child's side of the line to its worker."""

import threading
from multiprocessing.connection import Connection

from diffing.core.cluster import Join
from diffing.core.errors import STOPPED, Failure, Interrupted
from diffing.core.progress import Progress


class Line:
    """Sends messages, from any thread, and asks for a join on a cluster.

    The worker has another process join the rows, because this one may not use the network.

    Args:
        connection: to the worker.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: Progress | Failure | dict[str, object]) -> None:
        """Send a message that needs no answer."""
        with self._lock:
            self._connection.send(message)

    def join(self, join: Join) -> str:
        """Have the cluster join the staged rows.

        Returns:
            The name and version of the engine.

        Raises:
            Interrupted: the worker is gone.
        """
        with self._lock:
            self._connection.send(join)
        try:
            return str(self._connection.recv())
        except (EOFError, OSError):
            raise Interrupted(STOPPED) from None

    def interrupt(self) -> None:
        """Nothing: the worker ends the join, and this process."""
