"""What the commands have in common: how they speak to people, apart from what they print."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from service.errors import DiffingError

to_people = Console(stderr=True, soft_wrap=True, highlight=False)


@contextmanager
def readable_errors() -> Iterator[None]:
    """An error is one line on standard error and exit status 2."""
    try:
        yield
    except DiffingError as error:
        cause = f" ({str(error.__cause__).splitlines()[0]})" if error.__cause__ else ""
        to_people.print(f"diffing: {error.detail}{cause}", markup=False)
        raise typer.Exit(2) from None
