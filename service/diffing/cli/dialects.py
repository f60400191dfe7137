"""The options that describe the dialect of the files, the same in each command that takes them."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from diffing.cli.options import with_parameters
from diffing.core.dialect import ENCODINGS
from diffing.core.option_texts import read_options

_PANEL = "Files that are not plain CSV"
_ENCODINGS = ", ".join(ENCODINGS)
_OPTIONS: dict[str, tuple[str, str]] = {
    "delimiter": ("CHARACTER", "Between fields: a character, or tab (usual: a comma)."),
    "quote": ("CHARACTER", 'Around fields: a character, or none (usual: ").'),
    "encoding": ("NAME", f"One of {_ENCODINGS} (usual: utf-8)."),
    "skip_lines": ("N", "Lines above the header to ignore."),
    "skip_footer": ("N", "Lines at the end to ignore, such as totals."),
    "decimal": ("SIGN", "Decimal sign of values, a point or a comma (usual: a point)."),
    "thousands": ("SIGN", "Sign between thousands of values, or none (usual: none)."),
}


def with_dialects(command: Callable[..., None]) -> Callable[..., None]:
    """A command that takes the dialects of the files, too.

    Args:
        command: gets them among `options`, as fields of `Comparison`.
    """
    return with_parameters(command, _parameters(), _read)


def _read(given: dict[str, Any]) -> dict[str, Any]:
    sniff = {"sniff": True} if given.pop("sniff") else {}
    texts = {name: [text] for name, text in given.items() if text is not None}
    return read_options(texts) | sniff


def _parameters() -> list[inspect.Parameter]:
    found = []
    for name, (metavar, about) in _OPTIONS.items():
        found.append(_parameter(name, metavar, about))
        for side in ("old", "new"):
            found.append(_parameter(f"{side}_{name}", metavar, f"The same for {side.upper()}."))
    sniff = typer.Option(
        "--sniff", help="Find what is not given, and say so.", rich_help_panel=_PANEL
    )
    return [*found, _keyword("sniff", Annotated[bool, sniff], False)]


def _parameter(name: str, metavar: str, about: str) -> inspect.Parameter:
    option = typer.Option(metavar=metavar, help=about, rich_help_panel=_PANEL)
    return _keyword(name, Annotated[str | None, option], None)


def _keyword(name: str, annotation: Any, default: object) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)
