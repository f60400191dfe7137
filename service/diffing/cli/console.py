"""Messages of the commands to people, on standard error, and their exit status."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console

from diffing.core.errors import BadArgument, DiffingError

to_people = Console(stderr=True, soft_wrap=True, highlight=False)


def standard_output() -> Path:
    """The path of standard output.

    Raises:
        BadArgument: standard output is closed.
    """
    if sys.stdout is None:
        raise BadArgument("Standard output is closed. Name a file with --output.")
    return Path("/dev/stdout")


def warn(detail: str) -> None:
    """Show a warning as one line on standard error."""
    with suppress(OSError):
        to_people.print(f"diffing: warning: {detail}", markup=False)


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
        _exit(f"{error.detail}{cause}")
    except BrokenPipeError:
        _exit(None)
    except OSError as error:
        _exit(f"{error.filename or 'Cannot write standard output'}: {error.strerror}.")


def _exit(fault: str | None) -> None:
    with suppress(OSError):
        if fault:
            to_people.print(f"diffing: {fault}", markup=False)
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
