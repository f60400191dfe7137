"""The command `diffing suggest-key`, and the error for a missing key, which suggests some."""

import shlex
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from diffing.cli.console import progress
from diffing.cli.dialects import with_dialects
from diffing.cli.files import file_or_url
from diffing.cli.taking import Taking
from diffing.core.comparison import AUTO, Comparison
from diffing.core.environment import load_settings
from diffing.core.input_file import InputFile
from diffing.core.settings import Settings
from diffing.files.publish import scratch_folder
from diffing.files.uploads import SIDES
from diffing.sandbox.limits import Limits

EXAMPLES = ("diffing suggest-key old.csv new.csv", "diffing suggest-key old.csv")


@with_dialects
def suggest_key(
    old: Annotated[
        Any, typer.Argument(metavar="OLD", help="A CSV file, or its URL.", parser=file_or_url)
    ],
    new: Annotated[
        Any, typer.Argument(metavar="[NEW]", help="The other one.", parser=file_or_url)
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Most seconds for the search.")] = 60.0,
    *,
    options: dict[str, Any],
) -> None:
    """Print the smallest sets of columns that are unique in each file, one a line."""
    # imported here: the other commands need no DuckDB
    from diffing.engine.interruptible import run
    from diffing.engine.suggest import KeySuggestion

    settings = load_settings()
    # else SIGTERM would leave temporary files
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with scratch_folder() as folder:
        taking = Taking(settings, folder, quiet=False)
        sides = zip((old, new), SIDES, strict=True)
        files = [taking.one(file, side) for file, side in sides if file]
        with _searching(settings) as limits:
            search = KeySuggestion(files, limits, Comparison.of(key=AUTO, **options), seconds)
            for key in run(search.run, search.interrupt):
                typer.echo(as_options(key))


def require_key(options: Mapping[str, Any], files: Sequence[InputFile], settings: Settings) -> None:
    """Check that a key is given.

    Args:
        options: given fields of a `Comparison`.
        files: the old and the new one.
        settings: limits of the search.

    Raises:
        BadArgument: it is missing, and the text names keys that are unique in both files. Or the
            options contradict each other.
        BadInput: a file is not valid CSV.
    """
    if "key" in options:
        return
    from diffing.engine.suggest import SECONDS_FOR_AN_ERROR, KeySuggestion, missing_key

    comparison = Comparison.of(**{**options, "key": AUTO})
    with _searching(settings) as limits:
        search = KeySuggestion(files, limits, comparison, SECONDS_FOR_AN_ERROR)
        raise missing_key(search, "--key", as_options)


def as_options(key: Sequence[str]) -> str:
    """A key as options of a command."""
    return " ".join(f"--key {shlex.quote(column)}" for column in key)


@contextmanager
def _searching(settings: Settings) -> Iterator[Limits]:
    """A block that searches within limits, and shows that it does."""
    with scratch_folder() as folder, progress("looking for a key"):
        yield Limits.of(settings, folder)
