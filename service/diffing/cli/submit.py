"""The command `diffing submit`: starts a diff on a service."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from diffing.cli.console import standard_output, to_people, warn
from diffing.cli.dialects import with_dialects
from diffing.cli.options import with_comparison
from diffing.core.errors import BadArgument
from diffing.core.settings import load_client_settings
from diffing.csvfiles.recognise import address
from diffing.files.publish import require_apart

Files = Annotated[
    Path | None, typer.Option(help="A CSV file to send (default: that of the metric).")
]


@with_dialects
@with_comparison
def submit(  # noqa: PLR0913 - typer makes an option of each
    metric: Annotated[
        str | None, typer.Argument(help="A metric of the service; else give files and columns.")
    ] = None,
    old: Files = None,
    new: Files = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the result, and write it.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="CSV file to write (default: standard output)."),
    ] = None,
    url: Annotated[str | None, typer.Option(help="Address of the service [DIFFING_URL].")] = None,
    *,
    options: dict[str, Any],
) -> None:
    """Start a diff on a service: print its job id, or with --wait its result."""
    if output and not wait:
        raise BadArgument("Give --wait with --output.")
    files = [path for path in (old, new) if path]
    _require_sense(metric, options, files)
    target = output or standard_output()
    require_apart(files, [target])
    settings = load_client_settings(url=url)
    # imported here: the other commands speak no HTTP
    from diffing.cli.client import Client

    token = settings.token.get_secret_value() if settings.token else None
    with Client(settings.url, token) as client:
        with to_people.status("sending") as progress:
            job_id = client.submit(metric, options, files, lambda now: progress.update(str(now)))
            if wait:
                to_people.print(f"job {job_id}")
                client.wait(job_id, lambda now: progress.update(str(now)))
        if not wait:
            typer.echo(job_id)
        else:
            for warning in client.fetch(job_id, target):
                warn(warning)


def _require_sense(
    metric: str | None, options: Mapping[str, object], files: Sequence[Path]
) -> None:
    """Check the arguments.

    Raises:
        BadArgument: two arguments contradict each other, or a file is missing.
    """
    columns = [name in options for name in ("key", "value")]
    if len(files) == 1:
        raise BadArgument("Give both --old and --new, or neither.")
    if metric and any(columns):
        raise BadArgument("Give METRIC, or --key and --value, not both.")
    if not metric and not (files and all(columns)):
        raise BadArgument("Give METRIC, or --old, --new, --key and --value.")
    for path in files:
        if not path.is_file():
            raise BadArgument(address(str(path)) or f"Missing file {path}.")
