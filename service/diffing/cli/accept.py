"""The command `diffing accept`: accepts the new file of a job, on a service."""

from typing import Annotated

import typer

from diffing.cli.options import Url

EXAMPLES = ("diffing accept revenue 31 --note 'restated by finance'",)


def accept(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="A metric of the service.")],
    job: Annotated[int, typer.Argument(metavar="JOB", min=1, help="The id of its job.")],
    note: Annotated[str, typer.Option(metavar="TEXT", help="The reason, for later.")] = "",
    url: Url = None,
) -> None:
    """Accept the new file of a job: later jobs of the metric are compared with it."""
    # imported here: the other commands speak no HTTP
    from diffing.cli.client import Client

    with Client.of_settings(url) as client:
        accepted = client.accept(metric, job, note)
    typer.echo(f"{accepted['metric']}: {accepted['name']} of job {accepted['job_id']} is accepted")
