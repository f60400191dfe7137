"""The options of a comparison, the same in each command that takes them."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from diffing.core.comparison import Duplicates
from diffing.core.option_texts import read_options

Tolerances = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[COLUMN=]NUMBER", help="As in math.isclose; COLUMN= sets one value column."
    ),
]


def _given(  # noqa: PLR0913 - typer makes an option of each
    key: Annotated[list[str] | None, typer.Option(help="A key column; repeat for more.")] = None,
    value: Annotated[
        list[str] | None, typer.Option(help="A value column; repeat for more.")
    ] = None,
    rel_tol: Tolerances = None,
    abs_tol: Tolerances = None,
    duplicates: Annotated[
        Duplicates | None,
        typer.Option(help="error: refuse files that repeat a key."),
    ] = None,
    old_may_be_missing: Annotated[
        bool,
        typer.Option(
            "--old-may-be-missing", help="Without OLD, or if it is empty, all rows are added."
        ),
    ] = False,
) -> dict[str, Any]:
    """The given options, as fields of `Comparison`."""
    texts = {"rel_tol": rel_tol, "abs_tol": abs_tol}
    options = read_options({name: given for name, given in texts.items() if given})
    chosen = {
        "key": key,
        "value": value,
        "duplicates": duplicates,
        "first": "added" if old_may_be_missing else None,
    }
    return options | {name: given for name, given in chosen.items() if given}


def with_comparison(command: Callable[..., None]) -> Callable[..., None]:
    """A command that takes the options of a comparison, too.

    Args:
        command: gets them as `options`: given fields of `Comparison`.
    """
    own = [p for p in inspect.signature(command).parameters.values() if p.name != "options"]
    of_comparison = list(inspect.signature(_given).parameters.values())

    @wraps(command)
    def run(**arguments: Any) -> None:
        others = arguments.pop("options", {})
        options = _given(**{p.name: arguments.pop(p.name) for p in of_comparison})
        command(**arguments, options=others | options)

    parameters = [*own, *of_comparison]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run
