"""The command `diffing submit`: starts a diff on a service."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from diffing.cli.console import standard_output, to_people, warn
from diffing.core.errors import BadArgument
from diffing.core.settings import load_client_settings
from diffing.csvfiles.recognise import address
from diffing.files.publish import require_apart

Files = Annotated[
    Path | None, typer.Option(help="A CSV file to send (default: that of the metric).")
]
Columns = Annotated[
    list[str] | None, typer.Option(help="For a diff without a metric; repeat for more.")
]
Number = Annotated[float | None, typer.Option(min=0, help="Replaces that of the metric.")]


def submit(  # noqa: PLR0913 - typer makes an option of each
    metric: Annotated[
        str | None, typer.Argument(help="A metric of the service; else give files and columns.")
    ] = None,
    old: Files = None,
    new: Files = None,
    key: Columns = None,
    value: Columns = None,
    rel_tol: Number = None,
    abs_tol: Number = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the result, and write it.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="CSV file to write (default: standard output)."),
    ] = None,
    url: Annotated[str | None, typer.Option(help="Address of the service [DIFFING_URL].")] = None,
) -> None:
    """Start a diff on a service: print its job id, or with --wait its result."""
    if output and not wait:
        raise BadArgument("Give --wait with --output.")
    options = {"key": key, "value": value, "rel_tol": rel_tol, "abs_tol": abs_tol}
    members = {name: given for name, given in options.items() if given is not None}
    files = [path for path in (old, new) if path]
    _require_sense(metric, members, files)
    target = output or standard_output()
    require_apart(files, [target])
    settings = load_client_settings(url=url)
    # imported here: the other commands speak no HTTP
    from diffing.cli.client import Client

    token = settings.token.get_secret_value() if settings.token else None
    with Client(settings.url, token) as client:
        with to_people.status("sending") as progress:
            job_id = client.submit(metric, members, files, lambda now: progress.update(str(now)))
            if wait:
                to_people.print(f"job {job_id}")
                client.wait(job_id, lambda now: progress.update(str(now)))
        if not wait:
            typer.echo(job_id)
        else:
            for warning in client.fetch(job_id, target):
                warn(warning)


def _require_sense(
    metric: str | None, members: Mapping[str, object], files: Sequence[Path]
) -> None:
    """Check the arguments.

    Raises:
        BadArgument: two arguments contradict each other, or a file is missing.
    """
    columns = [name in members for name in ("key", "value")]
    if len(files) == 1:
        raise BadArgument("Give both --old and --new, or neither.")
    if metric and any(columns):
        raise BadArgument("Give METRIC, or --key and --value, not both.")
    if not metric and not (files and all(columns)):
        raise BadArgument("Give METRIC, or --old, --new, --key and --value.")
    for path in files:
        if not path.is_file():
            raise BadArgument(address(str(path)) or f"Missing file {path}.")
