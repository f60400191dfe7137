"""New files of earlier jobs in the place of old: the accepted one, and those with a name."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from diffing.core.comparison import Comparison
from diffing.core.input_file import PACKED, PACKED_ENDINGS, PARQUET

ACCEPTED = "accepted"
"""In the place of the name of old: the new file that was accepted last."""

PIN_NAME = "[A-Za-z0-9][A-Za-z0-9_.-]{0,79}"
"""The pattern of the name of a pin."""

_PIN = re.compile(f"pin:({PIN_NAME})")
_ENDING = rf"\.csv(?:{PACKED_ENDINGS})?|{re.escape(PARQUET)}"
_KEPT = re.compile(rf"([0-9a-f]{{64}})(\.[0-9a-f]{{16}})?({_ENDING})")


@dataclass(frozen=True)
class Baseline:
    """The new file of an earlier job, which is kept.

    Args:
        job_id: of that job.
        kept: its name among the kept files.
        name: of the file, as the job had it.
        sha256: of the file, in hexadecimal.
        pin: name of the pin; None for the accepted file.
    """

    job_id: int
    kept: str
    name: str
    sha256: str
    pin: str | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The baseline in JSON values."""
        return cls(**values)


def kept_name(suffix: str, sha256: str) -> str:
    """The name under which a file is kept.

    Args:
        suffix: of the file; it says whether the file is packed.
        sha256: of the file.
    """
    if suffix == PARQUET:
        return f"{sha256}{PARQUET}"
    return f"{sha256}.csv{suffix if suffix in PACKED else '.zst'}"


def new_kept_name(suffix: str, sha256: str) -> str:
    """A name for the same file that no file ever had. The arguments are those of `kept_name`."""
    start, dot, end = kept_name(suffix, sha256).partition(".")
    return f"{start}.{secrets.token_hex(8)}{dot}{end}"


def is_packed_copy(kept: str, suffix: str) -> bool:
    """Whether a file is kept as it is.

    Args:
        kept: its name among the kept files.
        suffix: of the file.
    """
    return kept.endswith(PARQUET) or suffix in PACKED


def content_of(kept: str) -> tuple[str, bool, str] | None:
    """The SHA-256 in the name of a kept file, whether no other file had the name, and its ending.

    It is None for other names.
    """
    found = _KEPT.fullmatch(kept)
    return found and (found[1], bool(found[2]), found[3])


def pin_in(name: str) -> str | None:
    """The pin in the place of the name of old; None for another name."""
    found = _PIN.fullmatch(name)
    return found and found[1]


def is_baseline(name: str | None) -> bool:
    """Whether the name of old means a baseline, not a file."""
    return name is not None and (name == ACCEPTED or pin_in(name) is not None)


def against(baseline: Baseline | None, comparison: Comparison) -> Comparison:
    """A comparison with a baseline as old: it is written as new files are.

    Args:
        baseline: the old file; None before the first one, when every row is added.
        comparison: of the metric or the request.
    """
    # a baseline that was lost must not count as one without rows
    first = "error" if baseline else "added"
    update = {"old_dialect": comparison.new_dialect, "first": first}
    return comparison.model_copy(update=update)
