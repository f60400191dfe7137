"""Sizes as people write them: `512MB`, `2GiB`, or `40%` of the memory of the machine."""

import os
import re
from pathlib import Path

from diffing.core.cgroups import memory_limit

_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}


def bytes_in(text: str) -> int:
    """A size as DuckDB reads it: KB is 1,000, KiB 1,024.

    Raises:
        ValueError: the text is not a size.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%|[KMGT]i?B)\s*", text)
    if found is None:
        raise ValueError(f"{text!r} is not a size, such as 512MB or 40%.")
    number, unit = found.groups()
    if unit == "%":
        return int(memory_of_machine() * float(number) / 100)
    return int(float(number) * (1024 if "i" in unit else 1000) ** _POWERS[unit[0]])


def memory_of_machine(root: Path = Path("/")) -> int:
    """Bytes of memory of this machine, or of its container or control group, if that has less.

    Args:
        root: the folder of `proc` and of the mounted control groups.
    """
    return min(_installed(), memory_limit(root) or _installed())


def memory_is_limited(root: Path = Path("/")) -> bool:
    """Whether the container or control group has less memory than the machine."""
    return memory_of_machine(root) < _installed()


def _installed() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
