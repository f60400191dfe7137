"""Every setting. Its variable is `DIFFING_` and the name of the field in capitals."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from diffing.core.cluster import Cluster, local_folder
from diffing.core.errors import BadSetting
from diffing.core.remote_file import RemoteFolder
from diffing.core.sizes import bytes_in
from diffing.core.text import written_as

# More than any useful wait, and within the range of every clock and timer.
_LONGEST_SECONDS = 1e9
# With less free space, a disk counts as full.
_FREE = 100_000_000

Seconds = Annotated[float, Field(gt=0, le=_LONGEST_SECONDS)]
Size = Annotated[
    str, written_as(r"\s*\d+(\.\d+)?\s*[KMGT]i?B\s*", "must be a size such as 512MB or 2GiB")
]
Share = Annotated[
    str,
    written_as(
        r"\s*\d+(\.\d+)?\s*([KMGT]i?B|%)\s*", "must be a size such as 512MB, or a share such as 40%"
    ),
]

SECRETS = {
    "database_url": ("postgresql+psycopg", "postgresql"),
    "queue_url": ("redis", "rediss", "postgresql", "postgresql+psycopg"),
    "spark_url": ("sc",),
}
"""The URLs that may have a password, each with its schemes."""


def _in_data_folder(data_dir: Path | None) -> Path | None:
    """The catalogue in the data folder; None if that file is missing."""
    path = data_dir and data_dir / "metrics.toml"
    return path if path and path.is_file() else None


class Settings(BaseModel):
    """The settings of the service. Each default is safe and works unchanged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path = Field(
        Path("data"), description="folder of inputs, results, temporary files and job databases"
    )
    database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL database of the jobs, such as "
        "`postgresql+psycopg://user:password@host/name`; default: a file in the data folder",
    )
    queue_url: SecretStr | None = Field(
        None,
        description="queue of the jobs on Redis, `redis://…`, or PostgreSQL, `postgresql://…`; "
        "default: the database of `DIFFING_DATABASE_URL`, else a file in the data folder",
    )
    storage_url: str | None = Field(
        None,
        description="bucket that many hosts share, `s3://bucket/folder`, with `input/`, "
        "`uploads/`, `results/` and `kept/` in it; default: the data folder",
    )
    cache_limit: Annotated[int, Field(ge=0)] = Field(
        10_000_000_000,
        description="most bytes of results that an API keeps of the bucket on its disk",
    )
    metrics: Path | None = Field(
        default_factory=lambda given: _in_data_folder(given.get("data_dir")),
        description="the metrics catalogue, a TOML file; default: `metrics.toml` in the data "
        "folder, else the bundled one",
    )
    spark_url: SecretStr | None = Field(
        None,
        description="Spark Connect server of a cluster, `sc://host:15002`, for metrics with "
        '`engine = "spark"` and for `--engine spark`',
    )
    staging_url: (
        Annotated[
            str, written_as(r"[^*?\[\]{}%\s]+", "must have no blank, and none of * ? [ ] { } %")
        ]
        | None
    ) = Field(
        None,
        description="folder that this machine and the cluster share, or URL of a bucket, "
        "`s3://bucket/folder`, for the files that they exchange",
    )
    host: Annotated[str, Field(min_length=1)] = Field(
        "127.0.0.1", description="address that the API listens on"
    )
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8000, description="port of the API")
    api_keys: Literal["auto", "on", "off"] = Field(
        "auto",
        description="`on`: requests need an API key; `off`: they need none; `auto`: off on "
        "loopback, on elsewhere",
    )
    hosts: Annotated[
        str,
        written_as(
            r"([A-Za-z0-9_.-]+(,[A-Za-z0-9_.-]+)*)?", "must be host names, with commas between"
        ),
    ] = Field(
        "",
        description="host names that clients may use, besides localhost and IP addresses, "
        "separated by commas; default: any name with API keys on, `DIFFING_HOST` with API keys off",
    )
    max_connections: Annotated[int, Field(ge=1)] = Field(
        300, description="most connections to the API at once; further requests get 503"
    )
    workers: Annotated[int, Field(ge=1, le=1_000)] = Field(1, description="diffs that run at once")
    threads: Annotated[int, Field(ge=1, le=1_000)] = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)),
        description="threads of one diff; default: one per core",
    )
    memory_limit: Share | None = Field(
        None,
        description="memory of the process of one diff, such as `512MB`, `2GiB` or `40%`; "
        "beyond it, the diff spills to disk; default: 70 % of the memory of the machine or "
        "container, shared by the workers",
    )
    temp_limit: Size | None = Field(
        None,
        description="disk space that one diff may fill when it spills, and with files that it "
        "fetches, such as `20GB`; default: 90 % of the free space",
    )
    min_free: Size | None = Field(
        None,
        description="free disk space that `/ready` requires, such as `1GB`; default: 100 MB, or "
        "10 % of a disk smaller than 1 GB",
    )
    max_unpacked_bytes: Annotated[int, Field(ge=1)] = Field(
        8_000_000_000,
        description="most bytes of one input after decompression; a job with a larger one fails",
    )
    hashes_limit: Size = Field(
        "1GB",
        description="disk space for key hashes of the last files, 8 bytes a row, with which the "
        "next diff reads less; `0GB` keeps none",
    )
    exact_keys: bool = Field(
        False,
        description="keep whole keys in memory, instead of 128 bits per key: more memory, and not "
        "even a chance of 10^-24 that two keys are confused",
    )
    stale_after: Annotated[float, Field(ge=0.1, le=_LONGEST_SECONDS)] = Field(
        15, description="seconds without a heartbeat after which a running job is queued again"
    )
    max_attempts: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        3, description="most attempts at a job; then it fails"
    )
    grace: Annotated[float, Field(ge=0, le=_LONGEST_SECONDS)] = Field(
        30, description="seconds that running jobs get to finish when the worker is stopped"
    )
    job_timeout: Seconds = Field(
        3600, description="most seconds of one attempt; then the job fails"
    )
    max_queued: Annotated[int, Field(ge=1, le=1_000_000_000)] = Field(
        1000, description="most jobs that may wait; further requests get 503"
    )
    max_upload_bytes: Annotated[int, Field(ge=1)] = Field(
        10_000_000_000,
        description="most bytes of one upload, both files together; larger requests get 413",
    )
    retention: Seconds = Field(
        7 * 24 * 3600,
        description="seconds after which an ended job is removed with its result",
    )
    history_retention: Seconds = Field(
        400 * 24 * 3600,
        description="seconds after which an ended job leaves the history of its metric",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="lowest level that is logged to standard error"
    )
    log_format: Literal["json", "text"] | None = Field(
        None,
        description="`json`: one object per line; `text`: for people; default: text on a "
        "terminal, else JSON",
    )

    @field_validator("port", mode="before")
    @classmethod
    def _is_no_service(cls, port: object) -> object:
        if isinstance(port, str) and port.startswith(("tcp://", "udp://")):
            raise PydanticCustomError(
                "port",
                "must be a whole number, but Kubernetes sets it to the address of a Service named "
                "diffing. Set enableServiceLinks: false in the pod, or name the Service otherwise",
            )
        return port

    @field_validator("database_url", "queue_url", "spark_url")
    @classmethod
    def _begins_as_it_must(cls, url: SecretStr | None, field: ValidationInfo) -> SecretStr | None:
        scheme, mark, _ = url.get_secret_value().partition("://") if url else ("", "", "")
        known = SECRETS[field.field_name or ""]
        if url and not (mark and scheme in known):
            beginnings = " or ".join(f"{each}://" for each in known)
            # a plain error would repeat the URL
            raise PydanticCustomError("url", f"the URL must begin with {beginnings}")
        return url

    @field_validator("storage_url")
    @classmethod
    def _names_a_store(cls, url: str | None) -> str | None:
        try:
            return RemoteFolder.of(url).url if url else None
        except ValueError as error:
            # a plain error would repeat the URL
            raise PydanticCustomError("url", f"the URL {error}") from None

    @property
    def storage(self) -> RemoteFolder | None:
        """The folder in a bucket that many hosts share; None for the data folder."""
        return RemoteFolder(self.storage_url) if self.storage_url else None

    @property
    def inputs(self) -> Path | RemoteFolder:
        """The folder of the metrics' files, wherever it is."""
        return self.storage.folder("input") if self.storage else self.input_dir

    def cluster(self, name: str, scratch: Path, credentials: Mapping[str, str]) -> Cluster:
        """The place of a diff on the cluster.

        Args:
            name: of the diff. No other diff has it.
            scratch: an existing folder, of this diff alone.
            credentials: for the store of the staged files.

        Raises:
            BadSetting: no cluster is set.
        """
        if not (self.spark_url and self.staging_url):
            missing = "DIFFING_STAGING_URL" if self.spark_url else "DIFFING_SPARK_URL"
            raise BadSetting(
                f'engine = "spark" needs {missing}. Set DIFFING_SPARK_URL, such as '
                "sc://host:15002, and DIFFING_STAGING_URL, a folder that the cluster shares."
            )
        base = local_folder(self.staging_url)
        staging = str(base.absolute() / name) if base else f"{self.staging_url.rstrip('/')}/{name}"
        return Cluster(self.spark_url.get_secret_value(), staging, scratch, credentials)

    @property
    def queue_server(self) -> SecretStr | None:
        """The URL of the server with the queue; None for a file."""
        return self.queue_url or self.database_url

    @property
    def input_dir(self) -> Path:
        """The folder of the metrics' files."""
        return self.data_dir / "input"

    @property
    def uploads_dir(self) -> Path:
        """The folder of uploads, with one folder per upload."""
        return self.data_dir / "uploads"

    @property
    def results_dir(self) -> Path:
        """The folder of results."""
        return self.data_dir / "results"

    @property
    def kept_dir(self) -> Path:
        """The folder of accepted and pinned files."""
        return self.data_dir / "kept"

    @property
    def hashes_dir(self) -> Path:
        """The folder of key hashes."""
        return self.data_dir / "hashes"

    @property
    def tmp_dir(self) -> Path:
        """The folder that running diffs spill to."""
        return self.data_dir / "tmp"

    @property
    def jobs_file(self) -> Path:
        """The SQLite file of the jobs table."""
        return self.data_dir / "jobs.sqlite3"

    @property
    def queue_file(self) -> Path:
        """The SQLite file of the queue."""
        return self.data_dir / "queue.sqlite3"

    @property
    def cache_dir(self) -> Path:
        """The folder of what APIs keep of a bucket."""
        return self.data_dir / "cache"

    def scratch_dir(self, job_id: int, attempt: int) -> Path:
        """The folder in which an attempt spills and unpacks."""
        return self.tmp_dir / f"{job_id}.{attempt}"

    @property
    def memory_share(self) -> str:
        """The memory limit of one diff, as DuckDB reads it."""
        return self.memory_limit or f"{70 // self.workers}%"

    @property
    def least_free(self) -> int:
        """Bytes of the disk that must be free."""
        return bytes_in(self.min_free) if self.min_free else min(_FREE, self.disk_size // 10)

    @property
    def disk_size(self) -> int:
        """Size of the disk of the data folder, which may not exist yet."""
        folders = (self.data_dir, *self.data_dir.absolute().parents)
        return shutil.disk_usage(next(folder for folder in folders if folder.is_dir())).total

    def make_folders(self) -> None:
        """Create the data folder and the folders in it.

        Raises:
            BadSetting: a folder cannot be created, or is not writable.
        """
        for folder in (
            self.data_dir,
            self.input_dir,
            self.uploads_dir,
            self.results_dir,
            self.kept_dir,
            self.hashes_dir,
            self.tmp_dir,
        ):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise BadSetting(
                    f"Cannot create the folder {folder}: {error.strerror}. "
                    "Set DIFFING_DATA_DIR to a writable folder."
                ) from None
            if not os.access(folder, os.W_OK | os.X_OK):
                is_read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
                reason = (
                    "Its file system is read-only. Make it writable"
                    if is_read_only
                    else f"Give it to the user {os.geteuid()}"
                )
                raise BadSetting(
                    f"Cannot write to the folder {folder}. {reason}, "
                    "or set DIFFING_DATA_DIR to a writable folder."
                )


class ClientSettings(BaseModel):
    """The settings of a client."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, written_as(r"https?://.+", "must begin with http:// or https://")] = Field(
        "http://127.0.0.1:8000", description="address of the service for `diffing submit`"
    )
    token: SecretStr | None = Field(
        None,
        description="token of the API key that `diffing submit` sends",
    )

    @field_validator("token")
    @classmethod
    def _fits_a_header(cls, token: SecretStr | None) -> SecretStr | None:
        if token and not re.fullmatch(r"[!-~]+", token.get_secret_value()):
            # a plain error would repeat the token
            raise PydanticCustomError("token", "must be ASCII without blanks and line ends")
        return token
