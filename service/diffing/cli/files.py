"""The files and columns that a user names, on the command line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from diffing.core.csv_record import fields_of
from diffing.core.dialect import SIDES, Dialect, by_side
from diffing.core.errors import BadArgument
from diffing.core.input_file import InputFile
from diffing.core.remote_file import RemoteFile, is_url
from diffing.core.text import shown, typed_option
from diffing.csvfiles.open import columns_of
from diffing.files.spool import STANDARD_INPUT

_File = TypeVar("_File", Path, Path | RemoteFile)
_LISTS = ("key", "value", "text", "time", "totals_by")
_EXAMPLE = "such as diffing old.csv new.csv -k id"


def file_or_url(word: str) -> Path | RemoteFile:
    """A file as it was typed. A path would lose a part of a URL.

    Raises:
        BadArgument: it is not a usable URL.
    """
    if not word:
        raise BadArgument("The name of a file is empty.")
    if not is_url(word):
        return Path(word)
    try:
        return RemoteFile.of(word)
    except ValueError as error:
        raise BadArgument(f"A file {error}.") from None


def pair(
    named: Sequence[_File], old: _File | None, new: _File | None
) -> tuple[_File | None, _File | None]:
    """The old and the new file.

    Args:
        named: files without an option: both, or the one that has no option.
        old: the file of `--old`.
        new: the file of `--new`.

    Raises:
        BadArgument: there are too many, or both are standard input.
    """
    free = [side for side, path in enumerate((old, new)) if path is None]
    if len(named) > len(free):
        surplus = shown(str(named[len(free)]))
        raise BadArgument(
            f"Give two files, OLD and NEW: {surplus} is a third. "
            "Name columns with --key and --value."
        )
    paths = [old, new]
    for side, path in zip(free, named, strict=False):
        paths[side] = path
    if paths[0] == paths[1] == STANDARD_INPUT:
        raise BadArgument("Only one of OLD and NEW can be -, standard input.")
    return paths[0], paths[1]


def require_files(old: Path | RemoteFile | None, new: Path | RemoteFile | None) -> None:
    """Check that both files are given.

    Raises:
        BadArgument: one is missing.
    """
    if not old and not new:
        raise BadArgument(f"Give two files, OLD and NEW, {_EXAMPLE}; or a metric.")
    if not new:
        raise BadArgument(f"Give NEW, the second file, {_EXAMPLE}.")
    if not old:
        raise BadArgument(f"Give OLD, the first file, {_EXAMPLE}.")


def with_columns(options: Mapping[str, Any], files: Sequence[InputFile]) -> dict[str, Any]:
    """The options, in which `a,b` names two columns, unless a file has a column of that name.

    Args:
        options: given fields of `Comparison`; each name of a column is a text as typed.
        files: whose headers count.

    Raises:
        BadArgument: a name is empty, or blanks separate names.
    """
    lists = {name: options[name] for name in _LISTS if name in options}
    if not any({*", "} & {*text} or not text for texts in lists.values() for text in texts):
        return dict(options)
    pairs = zip(files, _dialects(options), strict=True)
    known = {column for file, dialect in pairs for column in columns_of(file, dialect)}
    for name, texts in lists.items():
        for text in texts:
            _require_names(typed_option(name), text, known)
    return {**options, **{name: _split(texts, known) for name, texts in lists.items()}}


def _dialects(options: Mapping[str, Any]) -> list[Dialect]:
    """The dialects of old and new."""
    try:
        given = by_side(options)
        return [Dialect.model_validate(given.get(side, {})) for side in SIDES]
    except ValueError:  # the comparison reports it
        return [Dialect(), Dialect()]


def _require_names(option: str, text: str, known: set[str]) -> None:
    if not known or text in known:
        return
    if not text.strip():
        raise BadArgument(f"{option} is empty. Name columns, such as {option} {sorted(known)[0]}")
    parts = text.split()
    if len(parts) > 1 and known.issuperset(parts):
        raise BadArgument(
            f"{option}: no column {text!r}. Write a comma between names: {option} {','.join(parts)}"
        )


def _split(texts: Sequence[str], known: set[str]) -> list[str]:
    names: list[str] = []
    for text in texts:
        parts = [text] if text in known or "," not in text else _fields(text)
        names += [name if name in known else name.strip() or name for name in parts]
    return names


def _fields(text: str) -> list[str]:
    try:
        return fields_of(text)
    except ValueError:
        return text.split(",")
