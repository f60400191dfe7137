"""A client of web servers, which may not lead it further into the network."""

import errno
import ipaddress
import re
import socket
from typing import Any
from urllib.parse import urlsplit

INSIDE = "leads further into this network"
"""Words of the error for a refused address."""

# as may a bucket, to which s3fs sends each request again
_SILENT_SECONDS = 120
_BUFFER = 1024 * 1024
_ENCODED = re.compile(r"[!#-;=?-Z\[\]_a-z~]+")
_PUBLIC, _PRIVATE, _LOOPBACK, _LINK_LOCAL = range(4)


class Downgraded(Exception):
    """A server redirects from https to http, where everybody may read and change the file."""


def web_client(url: str) -> Any:
    """A file system of fsspec for one URL.

    Raises:
        ImportError: a package is not installed.
    """
    import ssl  # these are loaded only for a URL

    import aiohttp
    import fsspec

    async def session(**options: Any) -> Any:
        trace = aiohttp.TraceConfig()
        trace.on_request_redirect.append(_look_at_redirect)
        # made here: SSL_CERT_FILE may be set later than aiohttp is loaded
        trusted = ssl.create_default_context()
        connector = aiohttp.TCPConnector(ssl=trusted, socket_factory=_Guard().socket)
        return aiohttp.ClientSession(connector=connector, trace_configs=[trace], **options)

    # else a download ends after five minutes, proxies do not count, and a cut gzip is not noticed
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=_SILENT_SECONDS)
    options = {"trust_env": True, "read_bufsize": _BUFFER, "auto_decompress": False}
    return fsspec.filesystem(
        "https",
        skip_instance_cache=True,
        get_client=session,
        client_kwargs={"timeout": timeout, **options},
        headers={"Accept-Encoding": "identity"},
        # a signature may not be that of the same URL with other escapes
        encoded=bool(_ENCODED.fullmatch(url)),
    )


class _Guard:
    """Keeps a server from redirecting this client to others that only this machine can reach.

    Some of these give credentials to each program of the machine, as in clouds.
    """

    def __init__(self) -> None:
        self._most: int | None = None

    def socket(self, address_info: tuple[Any, ...]) -> socket.socket:
        """A socket to an address that is not further inside than the first one.

        Raises:
            PermissionError: it is.
        """
        family, kind, protocol, _, address = address_info
        depth = depth_of(address[0])
        self._most = depth if self._most is None else self._most
        if depth > self._most:
            raise PermissionError(errno.EACCES, INSIDE)
        return socket.socket(family, kind, protocol)


def depth_of(address: str) -> int:
    """How far inside a network an address is: 0 for a public one, 3 for one of a single link."""
    ip = ipaddress.ip_address(address)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip.is_link_local:
        return _LINK_LOCAL
    if ip.is_loopback or ip.is_unspecified:
        return _LOOPBACK
    return _PUBLIC if ip.is_global else _PRIVATE


async def _look_at_redirect(_: object, __: object, redirect: Any) -> None:
    location = redirect.response.headers.get("Location", "")
    if redirect.url.scheme == "https" and urlsplit(location).scheme.lower() == "http":
        raise Downgraded
