"""A bucket: an S3 server, and on loopback a gate before it that can stop."""

import contextlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from typing import Self

import httpx2

from tests.servers import LOOPBACK, Place
from tests.service_under_test import PATIENCE_SECONDS, server

NAME = "exports"
SECRET = "s3cr3t-of-the-bucket"  # noqa: S105 - the server takes any
_BLOCK = 64 * 1024
_DENIED = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{NAME}/denied/*",
        }
    ],
}


class S3:
    """An S3 server with one bucket. It ends with the block.

    Files below `denied/` are refused.

    Args:
        place: where it listens.
    """

    def __init__(self, place: Place = LOOPBACK) -> None:
        moto = ["-W", "ignore", "-m", "moto.server", "-H", place.address, "-p", "0"]
        self.server = server(moto, place.enter)
        self.port = int(self.server.saw(rf"Running on http://{place.address}:(\d+)")[1])
        self.url = f"http://{place.address}:{self.port}"
        self._client = httpx2.Client(base_url=self.url, timeout=PATIENCE_SECONDS, verify=False)
        self._put(f"/{NAME}")
        self._put(f"/{NAME}?policy", json.dumps(_DENIED).encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.close()
        self.server.close()
        self.server.drain()

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which programs find the bucket."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def put(self, key: str, content: str | bytes) -> str:
        """Write a file that everyone may read, and return its URL."""
        data = content.encode() if isinstance(content, str) else content
        self._put(f"/{NAME}/{key}", data, {"x-amz-acl": "public-read"})
        return f"s3://{NAME}/{key}"

    def keys(self, prefix: str) -> list[str]:
        """The keys of the files whose keys begin like that."""
        found: list[str] = []
        while page := self._page(prefix, found[-1] if found else ""):
            found += page
        return found

    def remove(self, key: str) -> None:
        """Remove a file."""
        assert self._client.delete(f"/{NAME}/{key}").is_success

    def over_http(self, key: str) -> str:
        """The URL of a file for a web client, with what must not be said."""
        return f"{self.url}/{NAME}/{key}?signature={SECRET}"

    def _page(self, prefix: str, after: str) -> list[str]:
        """The first thousand keys after another."""
        asked = {"list-type": "2", "prefix": prefix, "start-after": after}
        answer = self._client.get(f"/{NAME}", params=asked)
        assert answer.is_success, answer.text
        return re.findall("<Key>([^<]*)</Key>", answer.text)

    def _put(self, path: str, data: bytes = b"", headers: dict[str, str] | None = None) -> None:
        answer = self._client.put(path, content=data, headers=headers)
        assert answer.is_success, answer.text


class Bucket(S3):
    """A bucket on loopback behind a gate.

    Attributes:
        gate: before the server.
        url: of the gate.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate(self.port)
        self.url = self.gate.url

    def __exit__(self, *exception: object) -> None:
        self.gate.close()
        super().__exit__(*exception)


class Gate:
    """Lets bytes pass to a server on loopback and back, unless it is shut.

    Args:
        port: of the server.

    Attributes:
        url: of the gate.
        reached: set when the request came at which it was to shut.
        requests: the first lines of all requests.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.reached = threading.Event()
        self.requests: list[bytes] = []
        self._open = threading.Event()
        self._open.set()
        self._awaited: tuple[bytes, bytes, int] | None = None
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        threading.Thread(target=self._listen, daemon=True).start()

    @contextlib.contextmanager
    def shut_at(self, method: str, number: int, folder: str = "/") -> Iterator[None]:
        """A block whose so many-th request of a method is kept back, with all that follows.

        Only requests for a key in the folder count.
        """
        self.reached.clear()
        self._awaited = method.encode() + b" ", folder.encode(), number
        try:
            yield
        finally:
            self._awaited = None
            self.open()

    def wait(self) -> None:
        """Wait until it has shut."""
        assert self.reached.wait(PATIENCE_SECONDS), "the request never came"

    def open(self) -> None:
        """Let all pass that was kept back."""
        self._open.set()

    def close(self) -> None:
        """End all connections."""
        self._open.set()
        self._listener.close()
        with self._lock:
            for one in self._sockets:
                one.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                with self._lock:
                    self._sockets |= {client, server}
                threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        back = threading.Thread(target=self._pass, args=(server, client, False), daemon=True)
        back.start()
        self._pass(client, server, True)
        back.join()
        with self._lock:
            self._sockets -= {client, server}
            for one in (client, server):
                one.close()

    def _pass(self, one: socket.socket, other: socket.socket, is_request: bool) -> None:
        with contextlib.suppress(OSError):
            while block := one.recv(_BLOCK):
                if is_request:
                    self._look_at(block)
                self._open.wait()
                other.sendall(block)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _look_at(self, block: bytes) -> None:
        with self._lock:
            request = block.partition(b"\r\n")[0]
            self.requests.append(request)
            if self._awaited is None:
                return
            method, folder, left = self._awaited
            if not request.startswith(method) or folder not in request:
                return
            self._awaited = (method, folder, left - 1) if left > 1 else None
            if left == 1:
                self._open.clear()
                self.reached.set()
