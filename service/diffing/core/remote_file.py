"""A file to compare that is on another machine, named by its URL."""

import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

SCHEMES = ("s3", "gs", "https", "http")
"""The schemes of URLs that may name a file."""

STORES = ("s3", "gs", "abfs")
"""The schemes of stores in which an object appears whole or not at all."""

_SCHEME = re.compile(rf"({'|'.join(SCHEMES)})://", re.IGNORECASE)
_IN_A_BUCKET = re.compile(r"(?:[a-z0-9][a-z0-9._-]*|arn:[A-Za-z0-9:._-]+)/.*[^/]")
_FOLDER = re.compile(
    rf"(?:{'|'.join(STORES)})://[A-Za-z0-9][A-Za-z0-9._-]*(?:/[^\x00-\x20\x7f@?#*\[\]/]+)*/?"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class RemoteFile:
    """A file to compare that is on another machine.

    Args:
        url: of the file. It may contain credentials, so only `name` is for messages.
        label: the name for the user; None for the URL.
        may_be_packed: whether a file with the suffix of a packed one is meant, too.
    """

    url: str = field(repr=False)
    label: str | None = None
    may_be_packed: bool = False

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

    def with_suffix(self, suffix: str) -> "RemoteFile":
        """The file whose name has a suffix, too."""
        return RemoteFile(f"{self.url}{suffix}", f"{self.name}{suffix}")

    @property
    def scheme(self) -> str:
        """One of the SCHEMES, or of the STORES."""
        return self.url.partition("://")[0]

    @property
    def is_on_the_web(self) -> bool:
        """Whether a web server has it, rather than a bucket."""
        return self.scheme in ("https", "http")

    @property
    def name(self) -> str:
        """The label, or the URL without user, password and query, which may be credentials."""
        if self.label is not None:
            return self.label
        rest = self.url.partition("://")[2]
        host, slash, path = rest.partition("/")
        if self.is_on_the_web:
            path = re.split("[?#]", path)[0]
        return f"{self.scheme}://{host.rpartition('@')[2]}{slash}{path}"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class RemoteFolder:
    """A folder of a store that hosts share.

    Args:
        url: of the folder, without a slash at its end.
    """

    url: str

    @classmethod
    def of(cls, text: str) -> Self:
        """The folder of a URL.

        Raises:
            ValueError: it is not a usable URL. The text does not contain it.
        """
        if not _FOLDER.fullmatch(text):
            schemes = ", ".join(f"{scheme}://" for scheme in STORES)
            raise ValueError(
                f"must name a bucket and perhaps a folder in it, such as s3://bucket/diffing, "
                f"without credentials; it begins with one of {schemes}"
            )
        return cls(text.rstrip("/"))

    @property
    def scheme(self) -> str:
        """One of the STORES."""
        return self.url.partition("://")[0]

    @property
    def bucket(self) -> str:
        """The URL of the whole bucket."""
        return self.scheme + "://" + self.url.partition("://")[2].partition("/")[0]

    def folder(self, name: str) -> "RemoteFolder":
        """A folder in it."""
        return RemoteFolder(f"{self.url}/{name}")

    def file(
        self, name: str, label: str | None = None, *, may_be_packed: bool = False
    ) -> RemoteFile:
        """A file in it.

        Args:
            name: of the file; it may have slashes.
            label: the name for the user; None for the name.
            may_be_packed: as that of `RemoteFile`.
        """
        return RemoteFile(f"{self.url}/{name}", label or name, may_be_packed)


def is_url(name: str) -> bool:
    """Whether a name is meant as a URL of a file."""
    return bool(_SCHEME.match(name))


def _names_a_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname and parts.path.strip("/") and (parts.port is None or parts.port))
    except ValueError:
        return False
