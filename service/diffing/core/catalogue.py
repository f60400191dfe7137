"""The catalogue: the metrics, and the comparison of each."""

import logging
import re
import threading
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ValidationError, model_validator

from diffing.core.baseline import ACCEPTED
from diffing.core.cluster import Engine
from diffing.core.comparison import Comparison
from diffing.core.dialect import NAMES
from diffing.core.errors import BadCatalogue, UnknownMetric, remedy
from diffing.core.input_file import ENDINGS
from diffing.core.remote_file import RemoteFile, is_url
from diffing.core.text import faults, near, shown

_log = logging.getLogger(__name__)
_SECONDS_BETWEEN_LOOKS = 1.0

BUNDLED = Path(__file__).parent.with_name("metrics.toml")


def _metric_id(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ValueError("must be letters, digits, _ . and -, and begin with a letter or a digit")
    return name


def _old_name(name: str) -> str:
    return name if name == ACCEPTED else _file_name(name)


def _file_name(name: str) -> str:
    if is_url(name):
        return RemoteFile.of(name).url
    if not re.fullmatch(rf"[^/\\]+{ENDINGS}", name):
        raise ValueError("must name a .csv, .tsv, .txt, .zip or .parquet file, without a folder")
    return name


MetricId = Annotated[str, AfterValidator(_metric_id)]
OldName = Annotated[str, AfterValidator(_old_name)]
FileName = Annotated[str, AfterValidator(_file_name)]


class Metric(Comparison):
    """A named pair of datasets with its keys, values and tolerances.

    Args:
        id: part of the URL.
        aliases: other ids of the same metric.
        old, new: file names, without a folder, or URLs; old may be `ACCEPTED`.
        accept: "when expected" accepts the new file of a job whose verdict is passed.
        fingerprint: take a fingerprint of each input.
        engine: what joins the rows: DuckDB, or a cluster that speaks Spark Connect.
    """

    id: MetricId
    aliases: tuple[MetricId, ...] = ()
    old: OldName
    new: FileName
    accept: Literal["when expected"] | None = None
    fingerprint: bool = False
    engine: Engine = "duckdb"

    @model_validator(mode="after")
    def _can_be_accepted(self) -> Self:
        if self.old == ACCEPTED and self.rename:
            raise ValueError(
                "rename: an accepted file has the names of new; name renamed columns in a request"
            )
        if self.accept and self.old != ACCEPTED:
            raise ValueError(f'accept: needs old = "{ACCEPTED}"')
        if self.accept and not self.expect:
            raise ValueError("accept: needs rules in expect")
        return self

    @property
    def comparison(self) -> Comparison:
        """The comparison, without the files."""
        return self.with_options({})


class Catalogue:
    """The metrics of one file, found by id or alias."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._by_id = {metric.id: metric for metric in metrics}
        self._by_name = dict(self._by_id)
        for metric in metrics:
            for alias in metric.aliases:
                if alias in self._by_name:
                    raise BadCatalogue(f"The name {alias} belongs to two metrics.")
                self._by_name[alias] = metric

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics by id."""
        return self._by_id

    @property
    def is_broken(self) -> bool:
        """Whether the file has changed and cannot be used."""
        return False

    def find(self, name: str) -> Metric:
        """The metric of that id or alias.

        Raises:
            UnknownMetric: the text lists the metrics and names the closest one.
        """
        if name in self._by_name:
            return self._by_name[name]
        hint = near(name, self._by_name)
        raise UnknownMetric(
            f"Unknown metric {shown(name)}.{hint} The metrics are: {', '.join(self.metrics)}.",
            self.metrics,
        )


class WatchedCatalogue(Catalogue):
    """The metrics of a file, read again when it changes. A broken file leaves the last ones.

    Each use looks at the file, but at most once a second unless a metric is unknown.

    Args:
        path: a TOML file; None for the bundled one.

    Raises:
        BadCatalogue: the file cannot be read at first, or an entry is invalid.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen = _stamp(path)
        self._looked = time.monotonic()
        self._latest = load_catalogue(path)
        self._is_broken = False

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics by id."""
        return self._now().metrics

    @property
    def is_broken(self) -> bool:
        """Whether the file has changed and cannot be used."""
        self._now()
        return self._is_broken

    def find(self, name: str) -> Metric:
        """The metric of that id or alias.

        Raises:
            UnknownMetric: the text lists the metrics and names the closest one.
        """
        try:
            return self._now().find(name)
        except UnknownMetric:
            # else a worker could fail a job of a metric that the API read just now
            return self._now(at_once=True).find(name)

    def _now(self, *, at_once: bool = False) -> Catalogue:
        with self._lock:
            if at_once or time.monotonic() >= self._looked + _SECONDS_BETWEEN_LOOKS:
                self._looked = time.monotonic()
                if (stamp := _stamp(self._path)) != self._seen:
                    self._seen = stamp
                    self._read()
            return self._latest

    def _read(self) -> None:
        try:
            self._latest = load_catalogue(self._path)
        except BadCatalogue as error:
            self._is_broken = True
            _log.error("%s The metrics before this change are used.", error)
        else:
            self._is_broken = False
            _log.info("the catalogue has changed: %d metrics", len(self._latest.metrics))


def _stamp(path: Path | None) -> tuple[int, ...] | None:
    """Marks of a file that change with its content; None if it is missing."""
    try:
        status = path.stat() if path else None
    except OSError:
        return None
    return status and (status.st_mtime_ns, status.st_size, status.st_ino)


def load_catalogue(path: Path | None) -> Catalogue:
    """Read and check a catalogue.

    Args:
        path: a TOML file; None for the bundled one.

    Raises:
        BadCatalogue: the file cannot be read, or an entry is invalid. The text names each fault.
    """
    path = path or BUNDLED
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadCatalogue(
            f"Cannot read the catalogue {path}: {error.strerror}.{remedy(error)}"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadCatalogue(f"The catalogue {path} is not TOML: {error}.") from None
    entries = document.pop("metric", None)
    if document or not isinstance(entries, dict) or not entries:
        others = "".join(f", not {shown(name)}" for name in [*document][:1])
        raise BadCatalogue(
            f"The catalogue {path} must contain [metric.<id>] tables and nothing else{others}."
        )
    metrics = []
    for name, entry in entries.items():
        try:
            metrics.append(Metric.model_validate({**entry, "id": name}))
        except (ValidationError, TypeError) as error:
            names = [field for field in (*Metric.model_fields, *NAMES) if field != "id"]
            raise BadCatalogue(
                f"The catalogue {path}, metric {name}: {faults(error, names)}."
            ) from None
    return Catalogue(metrics)
