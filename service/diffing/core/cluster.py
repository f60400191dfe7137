"""A cluster that joins the rows of a diff, and the order for it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

Engine = Literal["duckdb", "spark"]
"""The engine that joins the rows of a diff."""

_LOCAL = "file://"


@dataclass(frozen=True)
class Staged:
    """The files that a diff and a cluster exchange.

    Args:
        folder: of this diff alone.
    """

    folder: Path

    @property
    def old(self) -> Path:
        """The rows of old."""
        return self.folder / "old.parquet"

    @property
    def new(self) -> Path:
        """The rows of new."""
        return self.folder / "new.parquet"

    @property
    def decided(self) -> Path:
        """The decisions of the cluster."""
        return self.folder / "decided.parquet"

    @property
    def paths(self) -> list[Path]:
        """All of them."""
        return [self.old, self.new, self.decided]


@dataclass(frozen=True)
class Join:
    """How the staged rows are compared.

    Args:
        rel_tols, abs_tols: of each value column; None if no relative one is set.
        time_tols: of each value column of times in microseconds; None for other columns.
        counts: whether each row of new takes one row of old.
    """

    rel_tols: tuple[float | None, ...]
    abs_tols: tuple[float, ...]
    time_tols: tuple[int | None, ...]
    counts: bool


@dataclass(frozen=True)
class Cluster:
    """One diff's place on a cluster.

    Args:
        url: of its Spark Connect server. It may contain a token.
        staging: folder or URL for the staged files, of this diff alone.
        scratch: an existing folder on this machine, of this diff alone.
        credentials: variables for the environment of the process that connects.
    """

    url: str = field(repr=False)
    staging: str
    scratch: Path
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_shared(self) -> bool:
        """Whether the cluster sees the folder that the diff writes to."""
        return local_folder(self.staging) is not None

    @property
    def staged(self) -> Staged:
        """The staged files on this machine."""
        return Staged(local_folder(self.staging) or self.scratch / "staged")

    @property
    def session(self) -> str:
        """The id of its session. A process that knows the place can end its queries."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, self.staging))

    @property
    def connection(self) -> str:
        """The URL of the session."""
        host, _, given = self.url.partition("/;")
        given = given.strip(";")
        options = [given] if given else []
        if "user_id=" not in given:  # the server knows a session by its user, too
            options.append("user_id=diffing")
        return f"{host.rstrip('/')}/;{';'.join([*options, f'session_id={self.session}'])}"


def local_folder(staging: str) -> Path | None:
    """The folder on this machine that a setting names; None for a URL of a bucket."""
    if staging.startswith(_LOCAL):
        return Path(unquote(urlsplit(staging).path))
    return None if "://" in staging else Path(staging)
