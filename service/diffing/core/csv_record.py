"""A single CSV record."""

import csv
from collections.abc import Iterable
from io import StringIO


def line_of(fields: Iterable[str]) -> str:
    """A CSV record, quoted as DuckDB quotes, without a line end."""
    line = StringIO()
    # csv quotes a field with a CR only if the line end has one
    csv.writer(line, lineterminator="\r\n").writerow(fields)
    return line.getvalue().removesuffix("\r\n")


def fields_of(line: str) -> list[str]:
    """The fields of a CSV record. A text without a comma or a quote is one field, of any lines.

    Raises:
        ValueError: it is not a single record, or has a quote in the wrong place.
    """
    if not {",", '"'} & set(line):
        return [line]
    try:
        (fields,) = csv.reader([line], strict=True)
    except csv.Error as error:
        raise ValueError(str(error)) from None
    return fields
