"""The command line, `diffing`."""

import logging
import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from diffing import __version__
from diffing.cli.accept import EXAMPLES as ACCEPT_EXAMPLES
from diffing.cli.accept import accept
from diffing.cli.console import examples, readable_errors
from diffing.cli.diff import EXAMPLES as DIFF_EXAMPLES
from diffing.cli.diff import diff
from diffing.cli.history import EXAMPLES as HISTORY_EXAMPLES
from diffing.cli.history import history
from diffing.cli.keys import api_keys
from diffing.cli.options import DataDir, Metrics
from diffing.cli.submit import EXAMPLES as SUBMIT_EXAMPLES
from diffing.cli.submit import submit
from diffing.cli.suggest import EXAMPLES as SUGGEST_EXAMPLES
from diffing.cli.suggest import suggest_key
from diffing.cli.typed import with_command
from diffing.core.catalogue import load_catalogue
from diffing.core.environment import load_settings
from diffing.core.errors import MissingInput
from diffing.core.settings import Settings
from diffing.core.settings_checks import doubts, refuse_nonsense, strays
from diffing.engine.samples import METRICS, write_sample
from diffing.files.inputs import find_inputs

app = typer.Typer(
    name="diffing",
    help="Report which rows of a dataset really changed between two CSV exports.",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.add_typer(api_keys)
app.command(epilog=examples(*DIFF_EXAMPLES))(diff)
app.command(epilog=examples(*SUBMIT_EXAMPLES))(submit)
app.command(epilog=examples(*ACCEPT_EXAMPLES))(accept)
app.command(epilog=examples(*HISTORY_EXAMPLES))(history)
app.command(epilog=examples(*SUGGEST_EXAMPLES))(suggest_key)
_log = logging.getLogger(__name__)

Host = Annotated[
    str | None,
    typer.Option(metavar="HOST", help="Address to listen on. [DIFFING_HOST; default: 127.0.0.1]"),
]
Port = Annotated[
    int | None,
    typer.Option(
        metavar="PORT", help="Port to listen on, 0 for any. [DIFFING_PORT; default: 8000]"
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(metavar="N", help="Diffs that run at once. [DIFFING_WORKERS; default: 1]"),
]
LogFormat = Annotated[
    str | None,
    typer.Option(
        metavar="json|text",
        help="How to log to standard error. [DIFFING_LOG_FORMAT; default: text on a terminal]",
    ),
]
Rows = Annotated[int, typer.Option(metavar="N", min=1, help="Rows of each file.")]
Lifeline = Annotated[bool, typer.Option(hidden=True)]


@app.command(epilog=examples("diffing metrics", "diffing metrics --data-dir /srv/diffing"))
def metrics(data_dir: DataDir = None, metrics: Metrics = None) -> None:
    """Check the catalogue, and list each metric with its files."""
    settings = load_settings(data_dir=data_dir, metrics=metrics)
    for metric in load_catalogue(settings.metrics).metrics.values():
        try:
            found = find_inputs(metric, settings.inputs, metric.old_may_be_missing)
            files = ", ".join(path.name for path in found)
        except MissingInput as missing:
            files = missing.detail
        typer.echo(metric.id)
        typer.echo(f"  aliases    {', '.join(metric.aliases) or '-'}")
        typer.echo(f"  key        {', '.join(metric.key)}")
        typer.echo(f"  value      {', '.join(metric.value)}")
        relative = "default" if metric.rel_tol is None else f"{metric.rel_tol:g}"
        typer.echo(f"  tolerance  relative {relative}, absolute {metric.abs_tol:g}")
        typer.echo(f"  files      {files}")


@app.command(epilog=examples("diffing sample --rows 1000 --out data/input"))
def sample(
    rows: Rows = 200_000,
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="M", help=f"{' or '.join(METRICS)}. [default: both]"),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder to write to.")] = Path(),
) -> None:
    """Write sample files of the bundled metrics, the same bytes each time."""
    catalogue = load_catalogue(None)
    for name in metric or METRICS:
        entry = catalogue.find(name)
        old, new = out / entry.old, out / entry.new
        write_sample(entry.id, rows, old, new)
        typer.echo(f"{old}\n{new}")


@app.command(epilog=examples("diffing serve", "diffing serve --port 8001 --data-dir /srv/diffing"))
def serve(  # noqa: PLR0913 - typer makes an option of each
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    log_format: LogFormat = None,
    data_dir: DataDir = None,
    metrics: Metrics = None,
) -> None:
    """Run the API and a worker together."""
    settings = load_settings(
        host=host,
        port=port,
        workers=workers,
        log_format=log_format,
        data_dir=data_dir,
        metrics=metrics,
    )
    _begin(settings)
    # imported in the commands that need it: a diff starts in half the time
    from diffing.cli import processes

    with processes.services(settings) as both:
        both.wait()


@app.command(epilog=examples("diffing api --host 0.0.0.0"))
def api(  # noqa: PLR0913 - typer makes an option of each
    host: Host = None,
    port: Port = None,
    log_format: LogFormat = None,
    data_dir: DataDir = None,
    metrics: Metrics = None,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    lifeline: Lifeline = False,
) -> None:
    """Run the API alone."""
    settings = load_settings(
        host=host, port=port, log_format=log_format, data_dir=data_dir, metrics=metrics
    )
    _begin(settings, lifeline)
    from diffing.api import server
    from diffing.core import tracing
    from diffing.sandbox import parent_death

    tracing.start("diffing-api")

    if lifeline:
        parent_death.stop_with_parent()
    server.serve_api(settings, None if fd is None else socket.socket(fileno=fd))


@app.command(epilog=examples("diffing worker --workers 2"))
def worker(
    workers: Workers = None,
    log_format: LogFormat = None,
    data_dir: DataDir = None,
    metrics: Metrics = None,
    lifeline: Lifeline = False,
) -> None:
    """Run a worker alone."""
    settings = load_settings(
        workers=workers, log_format=log_format, data_dir=data_dir, metrics=metrics
    )
    _begin(settings, lifeline)
    from diffing.core import tracing
    from diffing.sandbox import parent_death
    from diffing.worker import main

    tracing.start("diffing-worker")

    if lifeline:
        parent_death.stop_with_parent()
    main.serve(settings)


@app.command(name="demo", epilog=examples("diffing demo --once"))
def demo_command(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    metrics: Metrics = None,
    once: Annotated[bool, typer.Option("--once", help="Exit after printing the results.")] = False,
) -> None:
    """Diff sample data over HTTP, print the results, and keep serving."""
    from diffing.cli import demo

    settings = load_settings(
        host=host,
        port=port,
        data_dir=data_dir,
        metrics=metrics,
        log_level="WARNING",
        log_format="text",
    )
    refuse_nonsense(settings)
    demo.run(settings, once=once)


def run() -> None:
    """Run the command that the arguments name."""
    with readable_errors():
        status = app(
            args=with_command(sys.argv[1:]),
            prog_name="diffing",
            standalone_mode=False,
        )
    sys.exit(status)


@app.command(epilog=examples("diffing health"))
def health() -> None:
    """Check the API and the worker of this container, for Docker."""
    from diffing.cli import health

    raise typer.Exit(health.main())


@app.command(epilog=examples("diffing version"))
def version() -> None:
    """Show the version."""
    _version(True)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"diffing {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Report which rows of a dataset really changed between two CSV exports."""


def _begin(settings: Settings, has_parent: bool = False) -> None:
    """Refuse settings that cannot work, configure the log, and warn of unlikely settings."""
    refuse_nonsense(settings)
    from diffing.core import logs, tracing

    tracing.are_wanted()
    logs.configure(logs.Style(settings.log_level, settings.log_format))
    for doubt in [] if has_parent else [*doubts(settings), *strays(os.environ)]:
        _log.warning("%s; is this intended?", doubt)
