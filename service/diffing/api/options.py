"""What the members of a request body may be, and what they ask for."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from diffing.core.catalogue import Metric
from diffing.core.comparison import ColumnTolerance, Comparison, Duplicates, Tolerance
from diffing.core.errors import BadArgument, Unprocessable
from diffing.core.text import faults, shown

# a name of 255 bytes, if .gz or .zst is looked for, too
_LONGEST_NAME = 250
_LONGEST_FAULTS = 500


def _input_name(name: str) -> str:
    usual = re.fullmatch(r"[^/\\.\x00-\x1f][^/\\\x00-\x1f]*\.csv(\.gz|\.zst)?", name)
    if not usual or len(name.encode()) > _LONGEST_NAME:
        raise ValueError("must name a .csv, .csv.gz or .csv.zst file, without a folder")
    return name


InputName = Annotated[str, AfterValidator(_input_name)]
Columns = Annotated[list[str], Field(min_length=1)]


class MetricOptions(BaseModel):
    """What a request for a metric says instead of the catalogue; all may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    old: InputName = ""
    new: InputName = ""
    rel_tol: Tolerance = 0.0
    abs_tol: Tolerance = 0.0
    tolerance: dict[str, ColumnTolerance] = {}
    duplicates: Duplicates = "allow"


class OneOffOptions(MetricOptions):
    """What a request for a diff of no metric says: the files and the columns, at least."""

    old: InputName
    new: InputName
    key: Columns
    value: Columns


def options_of(members: dict[str, Any], metric: Metric | None) -> MetricOptions:
    """The members of a request body, checked.

    Args:
        members: JSON values.
        metric: the metric that is asked for; None for a one-off diff.

    Raises:
        Unprocessable: naming each that is missing, unknown or wrong.
    """
    try:
        return (MetricOptions if metric else OneOffOptions).model_validate(members)
    except ValidationError as error:
        raise _unprocessable(f"{faults(error)}.") from None


def comparison_of(options: MetricOptions, metric: Metric | None) -> Comparison | None:
    """The comparison that a request names; None for that of the catalogue.

    Raises:
        Unprocessable: the columns and tolerances do not fit together.
    """
    said = options.model_dump(exclude_unset=True, exclude={"old", "new"})
    if metric and not said:
        return None
    try:
        return metric.with_options(said) if metric else Comparison.of(**said)
    except BadArgument as error:
        raise _unprocessable(error.detail) from None


def _unprocessable(text: str) -> Unprocessable:
    return Unprocessable(shown(text, _LONGEST_FAULTS))
