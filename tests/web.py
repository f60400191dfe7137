"""A web server on loopback that answers as it was told, well or badly."""

import ipaddress
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Answer:
    """The answer of the server; the connection then ends, unless there is a `Content-Length`.

    Args:
        body: bytes after the headers, as they are sent.
        status: of the answer.
        headers: all of them.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_status(self, status: int) -> "Answer":
        """The same with a status."""
        return replace(self, status=status)


def whole(body: bytes, **headers: str) -> Answer:
    """An answer with a size. In the names of headers, `_` is `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(body, headers={"Content-Length": str(len(body))} | named)


class Web:
    """A server. It ends with the block.

    Args:
        address: where it listens.
        certificate: a file with a certificate and its key; None for HTTP without TLS.

    Attributes:
        answers: by path; for another answer to HEAD, by `HEAD path`.
        otherwise: the answer for other paths.
        requests: the methods and paths of all requests, with their headers.
        url: of the server.
    """

    def __init__(self, address: str = "127.0.0.1", certificate: Path | None = None) -> None:
        self.answers: dict[str, Answer] = {}
        self.otherwise = Answer(status=404)
        self._speaks = threading.Event()
        self._speaks.set()
        self.requests: list[tuple[str, Mapping[str, str]]] = []
        self._server = _Server((address, 0), _handler_of(self))
        scheme = "http"
        if certificate:
            scheme, context = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.url = f"{scheme}://{address}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @contextmanager
    def silence(self) -> Iterator[None]:
        """A block in which no request is answered; its requests are answered at its end."""
        self._speaks.clear()
        try:
            yield
        finally:
            self._speaks.set()

    def wait_to_speak(self) -> None:
        """Wait for the end of a silence."""
        self._speaks.wait()

    def put(self, path: str, answer: Answer, head: Answer | None = None) -> str:
        """Answer requests for a path so, and return its URL."""
        self.answers[path] = answer
        self.answers[f"HEAD {path}"] = head or answer
        return self.url + path


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that leave."""


def _handler_of(web: Web) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(self.path, with_body=True)

        def do_HEAD(self) -> None:
            self._answer(f"HEAD {self.path}", with_body=False)

        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self, asked: str, *, with_body: bool) -> None:
            web.requests.append((f"{self.command} {self.path}", dict(self.headers)))
            answer = web.answers.get(asked.partition("?")[0], web.otherwise)
            web.wait_to_speak()
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(answer.body)
            size = answer.headers.get("Content-Length")
            self.close_connection = size is None or (with_body and int(size) != len(answer.body))

    return Handler


def certificate(folder: Path, days: int) -> Path:
    """A file with a certificate of 127.0.0.1 by itself, and its key.

    Args:
        folder: of the file.
        days: from now until it expires.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    end = datetime.now(UTC) + timedelta(days=days)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(end - timedelta(days=30))
        .not_valid_after(end)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"certificate-{days}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path
