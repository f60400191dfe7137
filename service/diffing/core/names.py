"""Names for columns that are added to others."""

from collections.abc import Iterable, Sequence


def free_names(taken: Iterable[str], wanted: Sequence[str]) -> list[str]:
    """The wanted names. One that is taken gets additional leading underscores.

    Args:
        taken: the names of the existing columns.
        wanted: the names of the added ones, in their order.
    """
    known, names = set(taken), []
    for name in wanted:
        while name in known:
            name = f"_{name}"
        known.add(name)
        names.append(name)
    return names
