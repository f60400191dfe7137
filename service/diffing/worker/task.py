"""What a worker hands to a child process."""

from dataclasses import dataclass, field
from typing import Any

from diffing.core.logs import Style
from diffing.core.spec import ConversionSpec, DiffSpec
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits


@dataclass(frozen=True)
class Task:
    """All that a child needs to know.

    Args:
        spec: the diff or the conversion.
        outputs: where to write.
        limits: what it may use.
        log: how the child logs.
        said: what each line that it logs says, such as the id of the job.
    """

    spec: DiffSpec | ConversionSpec
    outputs: Outputs
    limits: Limits
    log: Style = field(default_factory=Style)
    said: dict[str, Any] = field(default_factory=dict)
