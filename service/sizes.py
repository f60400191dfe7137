"""Sizes as people write them: `512MB`, `2GiB`, or `40%` of the machine's memory."""

import os
import re

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


def memory_of_machine() -> int:
    """Bytes of memory that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
