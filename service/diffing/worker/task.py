"""What a worker hands to the process of a diff."""

from dataclasses import dataclass, field
from typing import Any

from diffing.core.comparison import Comparison
from diffing.core.logs import Style
from diffing.csvfiles.input_file import InputFile
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits


@dataclass(frozen=True)
class Request:
    """All that a child needs to know.

    Args:
        old, new: the files.
        outputs: where to write.
        metric: id to name in the summary; None for a one-off diff.
        comparison: what is compared.
        with_fingerprints: take a fingerprint of each input.
        limits: what it may use.
        log: how the child logs.
        said: what each line that it logs says, such as the id of the job.
    """

    old: InputFile
    new: InputFile
    outputs: Outputs
    metric: str | None
    comparison: Comparison
    with_fingerprints: bool
    limits: Limits
    log: Style = field(default_factory=Style)
    said: dict[str, Any] = field(default_factory=dict)
