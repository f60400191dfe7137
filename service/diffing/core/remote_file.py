"""A file to compare that is on another machine, named by its URL."""

import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

SCHEMES = ("s3", "gs", "https", "http")
"""The schemes of URLs that may name a file."""

_SCHEME = re.compile(rf"({'|'.join(SCHEMES)})://", re.IGNORECASE)
_IN_A_BUCKET = re.compile(r"(?:[a-z0-9][a-z0-9._-]*|arn:[A-Za-z0-9:._-]+)/.*[^/]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class RemoteFile:
    """A file to compare that is on another machine.

    Args:
        url: of the file. It may contain credentials, so only `name` is for messages.
    """

    url: str = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Self:
        """The file of a URL.

        Raises:
            ValueError: it is not a usable URL. The text does not contain it.
        """
        scheme = _SCHEME.match(text)
        if scheme is None or _CONTROL.search(text):
            raise ValueError(f"must be a URL that begins with {', '.join(SCHEMES)}")
        found, rest = scheme[1].lower(), text[scheme.end() :]
        if found in ("s3", "gs"):
            if not _IN_A_BUCKET.fullmatch(rest):
                raise ValueError(
                    f"must name a file in a bucket, such as {found}://bucket/old.csv, "
                    "without credentials"
                )
        elif not _names_a_host(text):
            raise ValueError("must be a URL with a host and a path")
        return cls(f"{found}://{rest}")

    @property
    def scheme(self) -> str:
        """One of the SCHEMES."""
        return self.url.partition("://")[0]

    @property
    def is_on_the_web(self) -> bool:
        """Whether a web server has it, rather than a bucket."""
        return self.scheme in ("https", "http")

    @property
    def name(self) -> str:
        """The URL without user, password and query, which may be credentials."""
        rest = self.url.partition("://")[2]
        host, slash, path = rest.partition("/")
        if self.is_on_the_web:
            path = re.split("[?#]", path)[0]
        return f"{self.scheme}://{host.rpartition('@')[2]}{slash}{path}"

    def __str__(self) -> str:
        return self.name


def is_url(name: str) -> bool:
    """Whether a name is meant as a URL of a file."""
    return bool(_SCHEME.match(name))


def _names_a_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname and parts.path.strip("/") and (parts.port is None or parts.port))
    except ValueError:
        return False
