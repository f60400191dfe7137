"""The catalogue: the metrics, and the comparison of each."""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from diffing.core.comparison import Comparison
from diffing.core.errors import BadCatalogue, UnknownMetric, remedy
from diffing.core.input_file import ENDINGS
from diffing.core.text import faults, shown

BUNDLED = Path(__file__).parent.with_name("metrics.toml")

MetricId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
FileName = Annotated[str, Field(pattern=rf"^[^/\\]+{ENDINGS}$")]


class Metric(Comparison):
    """A named pair of datasets with its keys, values and tolerances.

    Args:
        id: part of the URL.
        aliases: other ids of the same metric.
        old, new: file names, without a folder.
        fingerprint: take a fingerprint of each input.
    """

    id: MetricId
    aliases: tuple[MetricId, ...] = ()
    old: FileName
    new: FileName
    fingerprint: bool = False

    @property
    def comparison(self) -> Comparison:
        """The comparison, without the files."""
        return self.with_options({})


class Catalogue:
    """The metrics of one file, found by id or alias."""

    def __init__(self, metrics: list[Metric]) -> None:
        self.metrics = {metric.id: metric for metric in metrics}
        self._by_name = dict(self.metrics)
        for metric in metrics:
            for alias in metric.aliases:
                if alias in self._by_name:
                    raise BadCatalogue(f"The name {alias} belongs to two metrics.")
                self._by_name[alias] = metric

    def find(self, name: str) -> Metric:
        """The metric of that id or alias.

        Raises:
            UnknownMetric: the text lists the metrics and names the closest one.
        """
        if name in self._by_name:
            return self._by_name[name]
        close = difflib.get_close_matches(name, self._by_name, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise UnknownMetric(
            f"Unknown metric {shown(name)}.{hint} The metrics are: {', '.join(self.metrics)}."
        )


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
        raise BadCatalogue(
            f"The catalogue {path} must contain [metric.<id>] tables and nothing else."
        )
    metrics = []
    for name, entry in entries.items():
        try:
            metrics.append(Metric.model_validate({**entry, "id": name}))
        except (ValidationError, TypeError) as error:
            raise BadCatalogue(f"The catalogue {path}, metric {name}: {faults(error)}.") from None
    return Catalogue(metrics)
