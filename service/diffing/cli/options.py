"""The options of a comparison, the same in each command that takes them."""

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from diffing.core.comparison import Duplicates
from diffing.core.option_texts import read_options

Tolerances = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[COLUMN=]NUMBER",
        help="As in math.isclose; COLUMN= sets one value column. "
        "[default: 1e-9 relative, but 0 between whole numbers; 0 absolute]",
    ),
]

Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Only warnings and errors on standard error.")
]
Url = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Address of the service. [DIFFING_URL; default: http://127.0.0.1:8000]",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Folder of the service. [DIFFING_DATA_DIR; default: data]"),
]
Metrics = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The catalogue, a TOML file. [DIFFING_METRICS]"),
]


def _given(  # noqa: PLR0913 - typer makes an option of each
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            "-k",
            metavar="A,B",
            help="Columns that identify a row; auto finds some. [required or a metric]",
        ),
    ] = None,
    value: Annotated[
        list[str] | None,
        typer.Option(
            "--value",
            "-v",
            metavar="A,B",
            help="Columns to compare, or patterns such as 'price_*'. "
            "[default: all that both files have, except the key]",
        ),
    ] = None,
    rel_tol: Tolerances = None,
    abs_tol: Tolerances = None,
    text: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="Value columns to compare by character."),
    ] = None,
    time: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="Value columns of ISO 8601 times."),
    ] = None,
    time_tol: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Tolerance of times, such as 500ms or 1s."),
    ] = None,
    trim: Annotated[bool, typer.Option("--trim", help="Ignore blanks around fields.")] = False,
    nocase: Annotated[bool, typer.Option("--nocase", help="Ignore case.")] = False,
    empty: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD", help="A word that means an empty field; repeatable."),
    ] = None,
    duplicates: Annotated[
        Duplicates | None,
        typer.Option(
            help="count: rows of a repeated key pair one by one; error: refuse repeated keys."
            " [default: allow]"
        ),
    ] = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help="Such as 'changed <= 1%', for the verdict; repeatable."),
    ] = None,
    period: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Key column of dates, months, quarters or years."),
    ] = None,
    settled_after: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When a period is settled after its end, such as 45d."),
    ] = None,
    today: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="For --settled-after. [default: newest period of NEW]"),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="Not a value column, say 'updated_*'; repeat for more."
        ),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OLD=NEW", help="The column OLD of old is NEW in new; repeat for more."
        ),
    ] = None,
    old_may_be_missing: Annotated[
        bool,
        typer.Option(
            "--old-may-be-missing", help="Without OLD, or if it is empty, all rows are added."
        ),
    ] = False,
    measure: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Key column that names what is measured."),
    ] = None,
    not_additive: Annotated[
        bool, typer.Option("--not-additive", help="Sums of the values mean nothing.")
    ] = False,
    totals: Annotated[
        bool, typer.Option("--totals", help="For the analysis: also sum up both whole files.")
    ] = False,
    totals_by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A,B", help="Key columns that group the totals. [default: those of --by]"
        ),
    ] = None,
) -> dict[str, Any]:
    """The given options, as fields of `Comparison`."""
    texts = {
        "rel_tol": rel_tol,
        "abs_tol": abs_tol,
        "expect": expect,
        "ignore": ignore,
        "rename": rename,
    }
    options = read_options({name: given for name, given in texts.items() if given})
    chosen = {
        "key": key,
        "value": value,
        "text": text,
        "time": time,
        "time_tol": time_tol,
        "trim": trim,
        "nocase": nocase,
        "empty": empty,
        "duplicates": duplicates,
        "period": period,
        "settled_after": settled_after,
        "today": today,
        "first": "added" if old_may_be_missing else None,
        "measure": measure,
        "totals": totals,
        "totals_by": totals_by,
    }
    flags = {"additive": False} if not_additive else {}
    return options | flags | {name: given for name, given in chosen.items() if given}


def with_comparison(command: Callable[..., None]) -> Callable[..., None]:
    """A command that takes the options of a comparison, too.

    Args:
        command: gets them as `options`: given fields of `Comparison`.
    """
    of_comparison = list(inspect.signature(_given).parameters.values())
    return with_parameters(command, of_comparison, lambda given: _given(**given), place=1)


def with_parameters(
    command: Callable[..., None],
    added: Sequence[inspect.Parameter],
    read: Callable[[dict[str, Any]], dict[str, Any]],
    place: int | None = None,
) -> Callable[..., None]:
    """A command that takes more parameters.

    Args:
        command: gets what `read` returns among `options`.
        added: the parameters.
        read: makes options of their values, which it gets by name.
        place: number of parameters before them; None for all.
    """
    own = [p for p in inspect.signature(command).parameters.values() if p.name != "options"]

    @wraps(command)
    def run(**arguments: Any) -> None:
        others = arguments.pop("options", {})
        options = read({p.name: arguments.pop(p.name) for p in added})
        command(**arguments, options=others | options)

    place = len(own) if place is None else place
    parameters = [*own[:place], *added, *own[place:]]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run
