"""Sizes as people write them: `512MB`, `2GiB`, or `40%` of the memory there is."""

import os
import re
from pathlib import Path

from diffing.core.cgroups import memory_limit

_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}


def bytes_in(text: str) -> int:
    """A size as DuckDB reads it: KB is 1,000, KiB 1,024.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%|[KMGT]i?B)\s*", text)
    if found is None:
        raise ValueError(f"{text!r} is no size, such as 512MB or 40%.")
    number, unit = found.groups()
    if unit == "%":
        return int(memory_of_machine() * float(number) / 100)
    return int(float(number) * (1024 if "i" in unit else 1000) ** _POWERS[unit[0]])


def memory_of_machine(root: Path = Path("/")) -> int:
    """Bytes of memory that this machine has, or the fewer that its container or group may use.

    Args:
        root: the folder that `proc` and the mounts of control groups are in.
    """
    return min(_installed(), memory_limit(root) or _installed())


def memory_is_limited(root: Path = Path("/")) -> bool:
    """Whether a container or group may use less memory than the machine has; as above."""
    return memory_of_machine(root) < _installed()


def _installed() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
