"""What the members of a request body may be, and what they ask for."""

import re
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from diffing.core.catalogue import Metric
from diffing.core.comparison import ColumnTolerance, Comparison, Duplicates, Tolerance
from diffing.core.errors import Unprocessable
from diffing.core.text import faults, shown

# a name of 255 bytes, if .gz or .zst is looked for, too
_LONGEST_NAME = 250
_LONGEST_FAULTS = 500
_Model = TypeVar("_Model", bound=BaseModel)


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
    return _checked(MetricOptions if metric else OneOffOptions, members)


def comparison_of(options: MetricOptions, metric: Metric | None) -> Comparison | None:
    """What is compared; None when that of the metric is, as it stands in the catalogue.

    A column in `tolerance` has these tolerances instead of those of its own in the catalogue.

    Raises:
        Unprocessable: columns and tolerances do not go together.
    """
    said = options.model_dump(exclude_unset=True, exclude={"old", "new"})
    if not metric:
        return _checked(Comparison, said)
    if not said:
        return None
    usual = metric.comparison.model_dump()
    own = {**usual["tolerance"], **said.get("tolerance", {})}
    return _checked(Comparison, {**usual, **said, "tolerance": own})


def _checked(model: type[_Model], members: dict[str, Any]) -> _Model:
    try:
        return model.model_validate(members)
    except ValidationError as error:
        raise Unprocessable(f"{shown(faults(error), _LONGEST_FAULTS)}.") from None
