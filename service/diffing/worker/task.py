"""The order that a worker gives to a child process."""

from dataclasses import dataclass, field
from typing import Any

from diffing.core.logs import Style
from diffing.core.spec import (
    ConversionSpec,
    DiffSpec,
    FetchSpec,
    JoinSpec,
    MadeSpec,
    StopSpec,
    StorageSpec,
)
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits


@dataclass(frozen=True)
class Task:
    """The order for a child.

    Args:
        spec: the fetch, the diff, its join on a cluster or the end of that, the conversion. Also
            what else is made of a result, or done with it.
        outputs: files to write.
        limits: threads, memory and disk.
        log: style of its log.
        said: fields of each of its log lines, such as the id of the job.
    """

    spec: FetchSpec | DiffSpec | JoinSpec | StopSpec | ConversionSpec | MadeSpec | StorageSpec
    outputs: Outputs
    limits: Limits
    log: Style = field(default_factory=Style)
    said: dict[str, Any] = field(default_factory=dict)
