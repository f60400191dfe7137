"""The names of groups and series, as heads and texts of a table."""

from collections.abc import Mapping, Sequence

# names of a series or group, up to which each has a column of its own
_BESIDE = 4

Texts = Sequence[str | None]
"""Of a group or series; None is an empty field."""


def heads_of(names: Sequence[str]) -> list[str]:
    """The heads of the columns of groups or series."""
    return list(names) if len(names) <= _BESIDE else [" / ".join(names)]


def texts_of(named: Mapping[str, str | None]) -> Texts:
    """The texts of a group or series, below the heads of their columns."""
    if len(named) <= _BESIDE:
        return list(named.values())
    return [" / ".join(text or "(empty)" for text in named.values())]
