"""The command `diffing submit`: has a service do a diff."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diffing.cli.console import standard_output, to_people
from diffing.core.errors import BadArgument
from diffing.core.settings import load_client_settings
from diffing.files.publish import require_apart

if TYPE_CHECKING:
    from diffing.cli.client import Asked

Files = Annotated[Path | None, typer.Option(help="A CSV file to send; without it the service's.")]
Columns = Annotated[list[str] | None, typer.Option(help="For a one-off diff; repeat for more.")]
Number = Annotated[float | None, typer.Option(min=0, help="Instead of the metric's.")]


def submit(
    metric: Annotated[
        str | None, typer.Argument(help="A metric of the service; none for a one-off diff.")
    ] = None,
    old: Files = None,
    new: Files = None,
    key: Columns = None,
    value: Columns = None,
    rel_tol: Number = None,
    abs_tol: Number = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result and write it.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="CSV file to write; standard output without it."),
    ] = None,
    url: Annotated[str | None, typer.Option(help="Address of the service [DIFFING_URL].")] = None,
) -> None:
    """Have a service do a diff: print the job's id, or with --wait its result."""
    if output and not wait:
        raise BadArgument("Give --wait with --output.")
    asked = _asked(metric, old, new, key, value, rel_tol, abs_tol)
    target = output or standard_output()
    require_apart(asked.files or [], [target])
    settings = load_client_settings(url=url)
    # imported here: the other commands speak no HTTP
    from diffing.cli.client import Client

    token = settings.token.get_secret_value() if settings.token else None
    with Client(settings.url, token) as client:
        with to_people.status("sending") as progress:
            job_id = client.submit(asked, lambda now: progress.update(str(now)))
            if wait:
                to_people.print(f"job {job_id}")
                client.wait(job_id, lambda now: progress.update(str(now)))
        if not wait:
            typer.echo(job_id)
        else:
            client.fetch(job_id, target)


def _asked(
    metric: str | None,
    old: Path | None,
    new: Path | None,
    key: list[str] | None,
    value: list[str] | None,
    rel_tol: float | None,
    abs_tol: float | None,
) -> "Asked":
    """What to ask for.

    Raises:
        BadArgument: the arguments make no sense together, or a file is not there.
    """
    if bool(old) != bool(new):
        raise BadArgument("Give both --old and --new, or neither.")
    if metric and (key or value):
        raise BadArgument("Give METRIC, or --key and --value, not both.")
    if not metric and not (old and new and key and value):
        raise BadArgument("Give METRIC, or --old, --new, --key and --value.")
    for path in filter(None, (old, new)):
        if not path.is_file():
            raise BadArgument(f"There is no file {path}.")
    from diffing.cli.client import Asked

    return Asked(
        metric=metric,
        files=(old, new) if old and new else None,
        columns={n: c for n, c in (("key", key), ("value", value)) if c},
        tolerances={n: t for n, t in (("rel_tol", rel_tol), ("abs_tol", abs_tol)) if t is not None},
    )
