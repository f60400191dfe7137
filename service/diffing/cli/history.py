"""The command `diffing history`: the ended jobs of a metric, from a service."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from diffing.cli.console import is_terminal
from diffing.cli.options import Url
from diffing.core.figures import ROWS
from diffing.core.text import shown

EXAMPLES = ("diffing history revenue", "diffing history revenue --limit 90 > history.json")


def history(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="A metric of the service.")],
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, help="Most jobs to list, newest first.")
    ] = 30,
    url: Url = None,
) -> None:
    """List the ended jobs of a metric: a table on a terminal, else JSON."""
    # imported here: the other commands speak no HTTP
    from diffing.cli.client import Client

    with Client.of_settings(url) as client:
        runs = client.history(metric, limit)
    if is_terminal():
        _show(runs)
    else:
        typer.echo(json.dumps(runs, ensure_ascii=False, indent=2))


def _show(runs: Sequence[Mapping[str, Any]]) -> None:
    # imported here: only a terminal needs it
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, emoji=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("job", "ended", "status"):
        table.add_column(name, no_wrap=True)
    for name in (*ROWS, "seconds"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("verdict", no_wrap=True)
    table.add_column("accepted", no_wrap=True)
    for run in runs:
        table.add_row(*map(Text, _cells(run)))
    console.print(table)
    for run in runs:
        for one in run["unusual"]:
            console.print(f"job {run['job_id']}: {one['text']}", markup=False)
        for rule in (run["verdict"] or {"rules": []})["rules"]:
            if not rule["met"]:
                figure = "infinite" if rule["figure"] is None else f"{rule['figure']:,}"
                console.print(
                    f"job {run['job_id']}: {shown(rule['rule'])} is {figure}; "
                    f"expected: {rule['expected']}",
                    markup=False,
                )


def _cells(run: Mapping[str, Any]) -> list[str]:
    counts, verdict = run["counts"], run["verdict"]
    seconds = "" if run["seconds"] is None else f"{run['seconds']:.1f}"
    passed = "" if verdict is None else "passed" if verdict["passed"] else "not passed"
    return [
        str(run["job_id"]),
        run["finished_at"][:16].replace("T", " "),
        run["status"],
        *(f"{counts[name]:,}" if counts else "" for name in ROWS),
        seconds,
        passed,
        run["accepted"]["accepted_at"][:10] if run["accepted"] else "",
    ]
