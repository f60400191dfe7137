"""Errors of web servers and of the way to them, in our words."""

import os
from typing import Any

from diffing.core.errors import BadInput, DiffingError, MissingInput, Unreachable
from diffing.files.web_client import INSIDE, Downgraded

GONE = (404, 410)
"""The statuses of a missing file."""

NO_FILE = "no such file. Check the URL, and put the file there."
"""Words of the error for a missing file."""

_DENIED = (401, 403)
# the client's faults that another request may not have
_TEMPORARY = (408, 425, 429)
_TRY_AGAIN = "Check the URL and the network, and try again."
_FILE_ITSELF = "Name the URL of the file itself."
_REASONS = {
    "ClientPayloadError": "the connection ended too early",
    "ServerDisconnectedError": "the server ended the connection",
}


def explained(name: str, error: Exception) -> DiffingError:
    """Our error for one of aiohttp or fsspec.

    Args:
        name: of the file, for the user.
        error: the other one.
    """
    kind = type(error).__name__
    status = _status_of(error)
    if isinstance(error, FileNotFoundError) or status in GONE:
        return MissingInput(f"{name}: {NO_FILE}")
    if isinstance(error, Downgraded):
        return BadInput(
            f"{name}: the server redirects from https to http, where others may change the file. "
            f"{_FILE_ITSELF}"
        )
    if INSIDE in str(error):
        return BadInput(f"{name}: the server redirects to an address that {INSIDE}. {_FILE_ITSELF}")
    if "Redirect" in kind:
        return BadInput(f"{name}: the server redirects to nothing that is a file. {_FILE_ITSELF}")
    if "Certificate" in kind:
        return BadInput(
            f"{name}: the certificate of the server is not valid: {_certificate(error)}. "
            "Renew it, or name its authority in SSL_CERT_FILE."
        )
    return _of_status(name, status, error) if status else _of_way(name, error)


def _of_status(name: str, status: int, error: Any) -> DiffingError:
    if status in _DENIED:
        return BadInput(
            f"{name}: access denied: HTTP status {status}. Check the URL; it may be too old."
        )
    if 400 <= status < 500 and status not in _TEMPORARY:
        return BadInput(
            f"{name}: the server refuses the request: HTTP status {status}. Check the URL."
        )
    seconds = (error.headers or {}).get("Retry-After", "")
    when = f"Try again after {int(seconds)} seconds." if seconds.isdecimal() else _TRY_AGAIN
    return Unreachable(f"{name}: cannot be fetched: HTTP status {status}. {when}")


def _of_way(name: str, error: Exception) -> DiffingError:
    return Unreachable(f"{name}: cannot be fetched: {_reason(error)}. {_TRY_AGAIN}")


def _reason(error: Exception) -> str:
    kind = type(error).__name__
    if "Timeout" in kind:
        return "the server was silent for too long"
    if hasattr(error, "status"):
        return "the server does not speak HTTP"
    found: Any = getattr(error, "os_error", error)
    if "SSL" in kind:
        return f"TLS failed: {getattr(found, 'reason', kind)}"
    if "DNS" in kind:
        return f"its host is not known: {found.strerror}"
    if isinstance(found, OSError) and found.errno:
        return os.strerror(found.errno)
    return _REASONS.get(kind, kind)


def _status_of(error: Exception) -> int | None:
    """The status that a server sent. aiohttp also gives one to what is not HTTP."""
    return None if error.__cause__ else getattr(error, "status", None)


def _certificate(error: Any) -> str:
    return str(getattr(error.certificate_error, "verify_message", "") or "no reason is known")
