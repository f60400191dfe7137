"""Checks the headers of files before their job is recorded."""

from collections.abc import Sequence

from diffing.core.columns import Header, resolved, shared_columns, wanted
from diffing.core.comparison import Comparison, Options
from diffing.core.errors import Unprocessable
from diffing.core.input_file import InputFile, named_apart
from diffing.core.text import listed
from diffing.csvfiles.open import header_of
from diffing.files.inputs import Source


def require_headers(comparison: Comparison, old: Source, new: Source) -> None:
    """Refuse a diff that would fail because of a header. It reads the first bytes of the files.

    It reads none of files on other machines: a request must not wait for them.

    Args:
        comparison: as it was asked for.
        old: the old file.
        new: the new file.

    Raises:
        BadInput: as the diff would.
    """
    if headers := _headers(comparison, old, new, wanted(comparison)):
        resolved(comparison, *headers)


def without_key(options: Options, old: Source, new: Source) -> Unprocessable:
    """The error for a diff without a key. It names the columns that both files have.

    Args:
        options: of the diff.
        old: the old file.
        new: the new file.

    Raises:
        BadInput: a file has no header.
    """
    advice = 'key: missing. Name the columns that identify a row, or "auto" to find some.'
    headers = _headers(options, old, new, ((), ()))
    if not headers:
        return Unprocessable(advice)
    columns = listed([*shared_columns(*headers)], most=100)
    return Unprocessable(f"{advice} Both files have the columns {columns}.")


def _headers(
    options: Options,
    old: Source,
    new: Source,
    columns: tuple[Sequence[str], Sequence[str]],
) -> tuple[Header, Header] | None:
    """The headers of both files, by the names of new; None if the first bytes do not show them."""
    if not (isinstance(old, InputFile) and isinstance(new, InputFile)):
        return None
    old, new = named_apart(old, new)
    may_be_empty = options.old_may_be_missing
    of_old = header_of(old, columns[0], options.old_dialect, may_be_empty=may_be_empty)
    of_new = header_of(new, columns[1], options.new_dialect)
    if of_old is None or of_new is None:
        return None
    return Header(old.name, of_old).renamed(options.rename), Header(new.name, of_new)
