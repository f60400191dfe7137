"""The members of a request body, checked, and the comparison that they name."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ValidationError

from diffing.core.baseline import is_baseline
from diffing.core.catalogue import Metric
from diffing.core.comparison import ALL, Columns, Comparison, Key, Options
from diffing.core.dialect import NAMES
from diffing.core.errors import BadArgument, Unprocessable
from diffing.core.input_file import ENDINGS
from diffing.core.remote_file import is_url
from diffing.core.text import faults, shown
from diffing.csvfiles.file_kinds import address

# a name has at most 255 bytes, including a possible suffix such as .zst
_LONGEST_NAME = 250
_LONGEST_FAULTS = 1000


def _input_name(name: str) -> str:
    if is_url(name):
        raise ValueError(
            "a request cannot name a URL. Send the file, or name the URL in the catalogue"
        )
    if (refusal := address(name)) and not name.startswith("file:"):
        raise ValueError(refusal.rstrip("."))
    usual = re.fullmatch(rf"[^/\\.\x00-\x1f][^/\\\x00-\x1f]*{ENDINGS}", name)
    if not usual or len(name.encode()) > _LONGEST_NAME:
        raise ValueError("must name a .csv, .tsv, .txt, .zip or .parquet file, without a folder")
    return name


def _old_name(name: str) -> str:
    return name if is_baseline(name) else _input_name(name)


InputName = Annotated[str, AfterValidator(_input_name)]
OldName = Annotated[str, AfterValidator(_old_name)]


class _Files(BaseModel):
    old: OldName = ""
    new: InputName = ""


class MetricOptions(Options, _Files):
    """Options in a request for a metric. Each replaces that of the catalogue."""


class OneOffOptions(MetricOptions):
    """Options in a request for a one-off diff. The files and the key are required."""

    old: InputName
    new: InputName
    key: Key
    value: Columns = ALL


def options_of(members: dict[str, Any], metric: Metric | None) -> MetricOptions:
    """The members of a request body, checked.

    Args:
        members: JSON values.
        metric: the requested metric; None for a one-off diff.

    Raises:
        Unprocessable: the text names each missing, unknown or invalid member.
    """
    kind = MetricOptions if metric else OneOffOptions
    try:
        return kind.model_validate(members)
    except ValidationError as error:
        raise _unprocessable(f"{faults(error, [*kind.model_fields, *NAMES])}.") from None


def comparison_of(options: MetricOptions, metric: Metric | None) -> Comparison | None:
    """The comparison that a request names; None for that of the catalogue.

    Raises:
        Unprocessable: the columns and tolerances contradict each other.
    """
    said = options.model_dump(exclude_unset=True, exclude={"old", "new"})
    if metric and is_baseline(options.old) and metric.rename:
        said.setdefault("rename", {})  # a baseline has the names of new
    if metric and not said:
        return None
    try:
        return metric.with_options(said) if metric else Comparison.of(**said)
    except BadArgument as error:
        raise _unprocessable(error.detail) from None


def _unprocessable(text: str) -> Unprocessable:
    return Unprocessable(shown(text, _LONGEST_FAULTS))
