"""Where a diff writes and reports."""

from dataclasses import dataclass
from pathlib import Path

from diffing.engine.reporter import Reporter
from diffing.files.results import Outputs


@dataclass(frozen=True)
class Destination:
    """The places to which a diff writes and reports.

    Args:
        outputs: files to write.
        scratch: an existing, private folder.
        reporter: of stages and progress.
    """

    outputs: Outputs
    scratch: Path
    reporter: Reporter
