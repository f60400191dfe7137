"""The catalogue: which metrics there are, and what a diff of each compares."""

import difflib
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from diffing.core.errors import BadArgument, BadCatalogue, MissingInput, UnknownMetric, remedy

BUNDLED = Path(__file__).parent.with_name("metrics.toml")

Duplicates = Literal["allow", "error"]
Tolerance = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Columns = Annotated[tuple[str, ...], Field(min_length=1)]
MetricId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
FileName = Annotated[str, Field(pattern=r"^[^/\\]+\.csv(\.gz|\.zst)?$")]
_PACKED = (".gz", ".zst")


class ColumnTolerance(BaseModel):
    """The tolerances of one value column; None for that of the comparison."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rel_tol: Tolerance | None = None
    abs_tol: Tolerance | None = None


class Comparison(BaseModel):
    """What makes two rows the same row, and two values the same value.

    Args:
        key: columns that name a row, at least one.
        value: columns that are compared, at least one, none of them in `key`.
        rel_tol: relative tolerance, as in `math.isclose`.
        abs_tol: absolute tolerance, as in `math.isclose`; where both are 0, numbers are compared
            as decimals.
        tolerance: value columns that have tolerances of their own.
        duplicates: whether keys that stand in several rows of a file are an error.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Columns
    value: Columns
    rel_tol: Tolerance = 1e-9
    abs_tol: Tolerance = 0.0
    tolerance: dict[str, ColumnTolerance] = {}
    duplicates: Duplicates = "allow"

    @property
    def tolerances(self) -> tuple[tuple[float, float], ...]:
        """The relative and the absolute tolerance of each value column."""
        own = (self.tolerance.get(column, ColumnTolerance()) for column in self.value)
        return tuple(
            (
                self.rel_tol if column.rel_tol is None else column.rel_tol,
                self.abs_tol if column.abs_tol is None else column.abs_tol,
            )
            for column in own
        )

    @property
    def compares_decimals(self) -> bool:
        """Whether a value column has both tolerances 0: its numbers are compared exactly."""
        return any(rel_tol == abs_tol == 0 for rel_tol, abs_tol in self.tolerances)

    @model_validator(mode="after")
    def _columns_are_named_once(self) -> Self:
        columns = [*self.key, *self.value]
        twice = sorted({c for c in columns if columns.count(c) > 1})
        if twice:
            names = ", ".join(map(shown, twice))
            raise ValueError(f"column named twice among key and value: {names}")
        return self

    @model_validator(mode="after")
    def _tolerances_are_of_value_columns(self) -> Self:
        others = sorted(set(self.tolerance) - set(self.value))
        if others:
            names = ", ".join(map(shown, others))
            raise ValueError(f"tolerance of what is no value column: {names}")
        return self


class Metric(Comparison):
    """A named pair of datasets with its keys, values and tolerances.

    Args:
        id: stands in the URL.
        aliases: other ids that mean the same.
        old, new: file names.
        fingerprint: take a fingerprint of each input.
    """

    id: MetricId
    aliases: tuple[MetricId, ...] = ()
    old: FileName
    new: FileName
    fingerprint: bool = False

    @property
    def comparison(self) -> Comparison:
        """What a diff of the metric compares."""
        return Comparison(**self.model_dump(include=set(Comparison.model_fields)))


class Catalogue:
    """The metrics of one file, found by id or alias."""

    def __init__(self, metrics: list[Metric]) -> None:
        self.metrics = {metric.id: metric for metric in metrics}
        self._by_name = dict(self.metrics)
        for metric in metrics:
            for alias in metric.aliases:
                if alias in self._by_name:
                    raise BadCatalogue(f"The name {alias} stands for two metrics.")
                self._by_name[alias] = metric

    def find(self, name: str) -> Metric:
        """The metric of that id or alias.

        Raises:
            UnknownMetric: with the metrics there are, and the closest name.
        """
        if name in self._by_name:
            return self._by_name[name]
        close = difflib.get_close_matches(name, self._by_name, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise UnknownMetric(
            f"There is no metric {shown(name)}.{hint} The metrics are: {', '.join(self.metrics)}."
        )


def load_catalogue(path: Path | None) -> Catalogue:
    """Read and check a catalogue.

    Args:
        path: a TOML file; None for the bundled one.

    Raises:
        BadCatalogue: it cannot be read, or an entry is wrong; the text names each fault.
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
        raise BadCatalogue(f"The catalogue {path} must hold [metric.<id>] tables and nothing else.")
    metrics = []
    for name, entry in entries.items():
        try:
            metrics.append(Metric.model_validate({**entry, "id": name}))
        except (ValidationError, TypeError) as error:
            raise BadCatalogue(f"The catalogue {path}, metric {name}: {faults(error)}.") from None
    return Catalogue(metrics)


def comparison_of(
    key: Sequence[str],
    value: Sequence[str],
    rel_tol: float = 1e-9,
    abs_tol: float = 0.0,
    tolerance: Mapping[str, Mapping[str, float]] | None = None,
    duplicates: str = "allow",
) -> Comparison:
    """A comparison from arguments, which are as those of Comparison.

    Raises:
        BadArgument: a tolerance is negative or no number, no column is given, or one twice.
    """
    given = [("", {"rel_tol": rel_tol, "abs_tol": abs_tol}), *(tolerance or {}).items()]
    for column, tolerances in given:
        for name, number in tolerances.items():
            if not number >= 0 or math.isinf(number):
                of_column = f" of {shown(column)}" if column else ""
                raise BadArgument(f"{name}{of_column} must be a number, 0 or more, not {number}.")
    try:
        return Comparison(
            key=tuple(key),
            value=tuple(value),
            rel_tol=rel_tol,
            abs_tol=abs_tol,
            tolerance={c: ColumnTolerance(**t) for c, t in (tolerance or {}).items()},
            duplicates=duplicates,
        )
    except ValidationError as error:
        raise BadArgument(f"{faults(error)}.") from None


def find_inputs(metric: Metric, folder: Path) -> tuple[Path, Path]:
    """The paths of a metric's old and new file.

    Raises:
        MissingInput: as from `find_input`.
    """
    of_metric = f"The metric {metric.id} has"
    return find_input(metric.old, folder, of_metric), find_input(metric.new, folder, of_metric)


def find_input(name: str, folder: Path, there_is: str = "There is") -> Path:
    """The path of an input file, which may stand compressed where it is named plain.

    It may be a link to another file of the folder, which may itself be a link to anywhere.

    Args:
        name: of the file.
        folder: that of the inputs.
        there_is: how an error begins.

    Raises:
        MissingInput: naming the file that is not there, leads out of the folder, or those of which
            it could be either.
    """
    path = _find(name, folder, there_is)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise MissingInput(
            f"{there_is} no input file {path.name}, but a link of that name "
            "that leads out of the data folder's input/: put the file itself there."
        )
    return path


def _find(name: str, folder: Path, there_is: str) -> Path:
    if (folder / name).is_file():
        return folder / name
    packed = [path for suffix in _PACKED if (path := folder / f"{name}{suffix}").is_file()]
    if not packed:
        raise MissingInput(
            f"{there_is} no input file {shown(name)}: put it into the data folder's input/."
        )
    if len(packed) > 1:
        raise MissingInput(
            f"{there_is} no input file {shown(name)}, but both "
            f"{' and '.join(path.name for path in packed)}: remove one of them."
        )
    return packed[0]


def faults(error: Exception) -> str:
    """The faults that pydantic found, on one line."""
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        ": ".join(
            filter(None, [".".join(map(str, e["loc"])), e["msg"].removeprefix("Value error, ")])
        )
        for e in error.errors()
    )


def shown(name: str, limit: int = 80) -> str:
    """A name from outside, safe and short enough to stand in a message."""
    plain = re.sub(r"[^\x20-\x7e\xa1-\ud7ff\ue000-\U0010ffff]", "?", name)
    return plain if len(plain) <= limit else f"{plain[:limit]}…"
