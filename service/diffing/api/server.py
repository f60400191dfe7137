"""The process of the API: how it listens, serves and stops."""

import asyncio
import errno
import ipaddress
import logging
import os
import signal
import socket
from types import FrameType

import uvicorn

from diffing.api.app import make_app
from diffing.api.http.protocol import BoundedProtocol
from diffing.api.request_log import Observed
from diffing.core import tracing
from diffing.core.catalogue import WatchedCatalogue
from diffing.core.errors import BadSetting
from diffing.core.settings import Settings
from diffing.store.api_keys import ApiKeys
from diffing.store.database import open_database

_log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """Uvicorn's server. A second signal of any kind ends all connections.

    Args:
        config: of uvicorn.
        stopping: set at the start of the stop, so that long answers end.
    """

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop after all connections have ended."""
        self._stopping.set()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop, or stop at once."""
        if self.should_exit:
            self.force_exit = True
        super().handle_exit(sig, frame)


def serve_api(
    settings: Settings,
    listener: socket.socket | None = None,
    protocol: type[BoundedProtocol] = BoundedProtocol,
) -> None:
    """Run the API until SIGTERM or SIGINT.

    Args:
        settings: the address and the folders.
        listener: a listening socket, in place of the address of the settings.
        protocol: of each connection.

    Raises:
        BadSetting: the address is in use, a folder is not writable, or the address requires an
            API key and none exists.
    """
    settings.make_folders()
    catalogue = WatchedCatalogue(settings.metrics)
    listener = listener or listen(settings.host, settings.port)
    ask_for_api_keys = needs_api_keys(settings, listener)
    app = make_app(settings, catalogue, ask_for_api_keys=ask_for_api_keys)
    _log.info("listening on %s", url_of(listener))
    _log.info("API keys are %s", "on" if ask_for_api_keys else "off: everything is allowed")
    config = uvicorn.Config(
        Observed(app),
        http=protocol,
        ws="none",
        limit_concurrency=settings.max_connections,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(settings.grace),
    )
    server = _Server(config, app.state.stopping)
    # uvicorn sets its own handlers later, and raises the signal again at its end: a clean end
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    try:
        server.run(sockets=[listener])
    finally:
        tracing.stop()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Port 0 chooses a free port.

    Raises:
        BadSetting: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
        # An answer is two writes. Without this, the second waits 40 ms until the client confirms
        # the first. asyncio sets it only for its own sockets.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        # negative if a name cannot be resolved
        number = error.errno or 0
        reason = os.strerror(number) if number >= 0 else "The name cannot be resolved"
        remedy = (
            "Choose another port with --port or DIFFING_PORT."
            if number in (errno.EADDRINUSE, errno.EACCES)
            else "Set DIFFING_HOST to an address of this machine."
        )
        raise BadSetting(f"Cannot listen on {host}:{port}: {reason}. {remedy}") from None


def url_of(listener: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def needs_api_keys(settings: Settings, listener: socket.socket) -> bool:
    """Whether requests to a socket need an API key.

    Raises:
        BadSetting: they do, but no API key exists.
    """
    # the resolved address, not the name: only the address decides who can reach it
    address = listener.getsockname()[0]
    local = ipaddress.ip_address(address).is_loopback
    if settings.api_keys == "off" or (settings.api_keys == "auto" and local):
        return False
    engine = open_database(settings)
    any_is_valid = ApiKeys(engine).any_is_valid()
    engine.dispose()
    if not any_is_valid:
        raise BadSetting(
            f"Listening on {address} requires an API key. Create one with "
            "`diffing keys create NAME`, or allow everything with DIFFING_API_KEYS=off."
        )
    return True
