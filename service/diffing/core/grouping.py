"""The key columns by which an analysis groups rows."""

from collections.abc import Sequence

from diffing.core.csv_record import fields_of
from diffing.core.errors import BadArgument
from diffing.core.text import shown

_MOST = 8  # their places are part of a file's name


def columns_in(texts: Sequence[str]) -> list[str]:
    """The columns in CSV records: `a,b` names two.

    Raises:
        BadArgument: a text is not a CSV record.
    """
    try:
        return [name for text in texts for name in fields_of(text)]
    except ValueError:
        raise BadArgument(
            "by is not a CSV record. Quote names that contain a comma or a quote."
        ) from None


def places_of(by: Sequence[str], key: Sequence[str]) -> tuple[int, ...]:
    """The places of columns in a key, from 1.

    Args:
        by: names of columns, as a client gave them.
        key: the key columns.

    Raises:
        BadArgument: one is not a key column or named twice, or there are too many.
    """
    for name in by:
        if name not in key:
            names = ", ".join(shown(column) for column in key[:20])
            raise BadArgument(f"by: {shown(name)} is not a key column. Key columns: {names}.")
        if by.count(name) > 1:
            raise BadArgument(f"by: {shown(name)} is named twice.")
    if len(by) > _MOST:
        raise BadArgument(f"by: name at most {_MOST} columns.")
    return tuple(key.index(name) + 1 for name in by)
