"""Messages of the commands to people, on standard error, and their exit status."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import typer
from typer.exceptions import TyperException

from diffing.cli.habits import INSTEAD
from diffing.cli.typed import with_command
from diffing.cli.written import written, written_error
from diffing.core.errors import BadArgument, DiffingError
from diffing.core.text import shown
from diffing.engine.summary import Summary, Verdict

_MOST_COLUMNS = 5
# the words of typer, and ours
_PLAINLY = (
    (r"^No such option: (\S+) \(Possible options: (.*)\)$", r"Unknown option \1. Did you mean \2?"),
    (r"^No such option: (\S+)$", r"Unknown option \1"),
    (r"^No such command '(.+?)'", r"No command or file is named \1"),
    (r"^Invalid value for '(.*?)': (?:Value error, )?", r"Invalid \1: "),
    (r"^Got unexpected extra argument\(s\) \((.*)\)$", r"\1 is not expected here"),
    (r"Input should be a valid integer.*", "must be a whole number"),
    (r"Input should be a valid number.*", "must be a number"),
    (r"Input should be greater than or equal to (\S+)", r"must be at least \1"),
    (r"Input should be less than or equal to (\S+)", r"must be at most \1"),
    (r"^Option '(\S+)' requires an argument$", r"Give a value to \1"),
    (r"^Missing (?:argument|option) '(.+?)'$", r"Give \1"),
)
_UNKNOWN = r"((?:Unknown option|No command or file is named) (-*[A-Za-z0-9-]+))"
# of values, for options that other programs have without one
_EXAMPLES = {
    option: f", such as {option} {value}"
    for options, value in (
        ("-k --key", "id"),
        ("-v --value", "price"),
        ("-o --output", "changes.csv"),
        ("--removed", "removed.csv"),
        ("--summary", "summary.json"),
        ("--report", "report.html"),
        ("--cells", "cells.csv"),
        ("--delimiter", "';'"),
        ("--expect", "'changed <= 1%'"),
    )
    for option in options.split()
}


def examples(*lines: str) -> str:
    """The end of a help text, with commands to type."""
    listed = "\n".join(f"  {line}" for line in lines)
    return f"\b\nExamples:\n{listed}"  # \b keeps the line ends


def standard_output() -> Path:
    """The path of standard output.

    Raises:
        BadArgument: standard output is closed.
    """
    if sys.stdout is None:
        raise BadArgument("Standard output is closed. Name a file with --output.")
    return Path("/dev/stdout")


def target_of(output: Path | None) -> Path:
    """The path to write to: standard output for `-`, or if none is given.

    Raises:
        BadArgument: standard output is closed.
    """
    return standard_output() if output is None or output == Path("-") else output


def say(text: str) -> None:
    """Print a line to people, on standard error.

    Raises:
        OSError: it cannot be written.
    """
    typer.echo(text, err=True)


@contextmanager
def progress(stage: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Show a stage on a terminal, while the block runs.

    Yields:
        A function that shows the next stage.
    """
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # only a terminal needs it

    with Console(stderr=True, highlight=False, emoji=False).status(stage) as status:
        yield status.update


def is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def show_summary(found: Summary) -> None:
    """Show the counts of a diff, and the columns that changed most, on standard error."""
    within = f", {found.within_tolerance:,} of them within tolerance" * (found.within_tolerance > 0)
    with suppress(OSError):
        say(
            f"{found.added:,} added · {found.changed:,} changed · {found.removed:,} removed · "
            f"{found.unchanged:,} unchanged{within}   {found.seconds:.1f} s"
        )
        if len(found.value) > 1 and found.changed:
            say(f"changed most: {_most_changed(found)}")
        sides = (("old", found.columns.only_old), ("new", found.columns.only_new))
        if alone := [f"{side} alone has {_some(names)}" for side, names in sides if names]:
            say(f"not compared: {' · '.join(alone)}")


def show_verdict(verdict: Verdict, *, quiet: bool = False) -> None:
    """Show the rules that are not met, on standard error; unless quiet, also that all are met."""
    with suppress(OSError):
        if verdict.passed and not quiet:
            number = len(verdict.rules)
            say(f"verdict: as expected, by {number} rule{'s' * (number > 1)}")
        for rule in verdict.rules:
            if not rule.met:
                figure = "infinite" if rule.figure is None else f"{rule.figure:,}"
                share = "" if rule.share is None else f", {rule.share:.3g} %"
                say(
                    f"verdict: not as expected: {shown(rule.rule)} is {figure}{share}; "
                    f"expected: {rule.expected}"
                )


def _most_changed(found: Summary) -> str:
    """The value columns that differ in most rows, with their counts."""
    counts = sorted(found.columns.changed.items(), key=lambda item: -item[1])
    counts = [(name, rows) for name, rows in counts if rows]
    listed = [f"{shown(name)} {rows:,}" for name, rows in counts[:_MOST_COLUMNS]]
    others = len(counts) - len(listed)
    more = [f"{others:,} more {'column' if others == 1 else 'columns'}"] if others else []
    return " · ".join([*listed, *more])


def _some(names: Sequence[str]) -> str:
    """The first of these columns, and the number of the others."""
    others = len(names) - _MOST_COLUMNS
    first = ", ".join(map(shown, names[:_MOST_COLUMNS]))
    return f"{first} and {others:,} more" if others > 0 else first


def warn(detail: str) -> None:
    """Show a warning as one line on standard error."""
    with suppress(OSError):
        say(f"diffing: warning: {written(detail)}")


@contextmanager
def readable_errors() -> Iterator[None]:
    """Show an error as one line on standard error, with exit status 2."""
    _occupy_standard_descriptors()
    try:
        try:
            yield
        finally:
            if sys.stdout:
                sys.stdout.flush()
    except DiffingError as error:
        cause = f" ({str(error.__cause__).splitlines()[0]})" if error.__cause__ else ""
        _exit(f"{written_error(error)}{cause}")
    except TyperException as error:
        _exit(_usage(error))
    except BrokenPipeError:
        _exit(None)
    except OSError as error:
        _exit(f"{error.filename or 'Cannot write standard output'}: {error.strerror}.")


def _usage(error: TyperException) -> str:
    """An error of the arguments, in one line."""
    text = " ".join(error.format_message().split()).rstrip(".")
    for pattern, plain in _PLAINLY:
        text = re.sub(pattern, plain, text)
    if unknown := re.match(_UNKNOWN, text):
        ours = INSTEAD.get(unknown[2])
        text = f"{unknown[1]}. Use {ours}" if ours else text
    if option := getattr(error, "option_name", None):
        text += _EXAMPLES.get(option, "") if text.startswith("Give a value") else ""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else f"diffing {with_command(sys.argv[1:])[0]}"
    end = "" if text.endswith("?") else "."
    return f"{text}{end} See {command} -h."


def _exit(fault: str | None) -> None:
    with suppress(OSError):
        if fault:
            say(f"diffing: {fault}")
    # at its end, Python would try again to write the rest of standard output
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(2 if fault else 1)


def _occupy_standard_descriptors() -> None:
    """Open closed ones: else a file that is opened later would become standard output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
