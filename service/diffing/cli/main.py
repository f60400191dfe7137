"""The command line, `diffing`."""

import logging
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diffing import __version__
from diffing.cli.console import readable_errors, standard_output, to_people, warn
from diffing.cli.dialects import with_dialects
from diffing.cli.keys import api_keys
from diffing.cli.options import with_comparison
from diffing.cli.submit import submit
from diffing.core.catalogue import Metric, load_catalogue
from diffing.core.comparison import Comparison
from diffing.core.errors import BadArgument, MissingInput
from diffing.core.input_file import InputFile
from diffing.core.settings import Settings, load_settings
from diffing.core.spec import DiffSpec
from diffing.engine.samples import METRICS, write_sample
from diffing.engine.summary import Summary
from diffing.files.inputs import find_inputs
from diffing.files.publish import published, require_apart, scratch_folder
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits

if TYPE_CHECKING:
    from diffing.engine.diff import Diff

app = typer.Typer(
    name="diffing",
    help="Report which rows of a dataset really changed between two CSV exports.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(api_keys)
app.command()(submit)
_log = logging.getLogger(__name__)

Host = Annotated[str | None, typer.Option(help="Address to listen on [DIFFING_HOST].")]
Port = Annotated[int | None, typer.Option(help="Port to listen on, 0 for any [DIFFING_PORT].")]
Workers = Annotated[int | None, typer.Option(help="Diffs that run at once [DIFFING_WORKERS].")]
LogFormat = Annotated[
    str | None,
    typer.Option(metavar="json|text", help="How to log to standard error [DIFFING_LOG_FORMAT]."),
]
Lifeline = Annotated[bool, typer.Option(hidden=True)]


@app.command()
@with_dialects
@with_comparison
def diff(  # noqa: PLR0913 - typer makes an option of each
    old: Annotated[Path | None, typer.Option(help="The old CSV file.")] = None,
    new: Annotated[Path | None, typer.Option(help="The new CSV file.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="A metric of the catalogue: columns, tolerances and files.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="CSV file to write (default: standard output).")
    ] = None,
    detail: Annotated[
        bool, typer.Option("--detail", help="Add the columns _change and _old_<column>.")
    ] = False,
    removed: Annotated[
        Path | None, typer.Option(help="CSV file for the rows of OLD whose key is not in NEW.")
    ] = None,
    summary: Annotated[Path | None, typer.Option(help="JSON file for the summary.")] = None,
    fingerprint: Annotated[
        bool, typer.Option("--fingerprint", help="Add a fingerprint of each input to the summary.")
    ] = False,
    *,
    options: dict[str, Any],
) -> None:
    """Write the rows of NEW that were added or really changed."""
    settings = load_settings()
    entry = load_catalogue(settings.metrics).find(metric) if metric else None
    comparison = _comparison(entry, options)
    spec = DiffSpec(
        *_inputs(settings, entry, (old, new), comparison.old_may_be_missing),
        comparison,
        metric=entry.id if entry else None,
        fingerprint=fingerprint or bool(entry and entry.fingerprint),
    )
    # imported here: the API and the worker need no DuckDB
    from diffing.engine.diff import Diff

    main = output or standard_output()
    outputs = (
        Outputs(detail=main, removed=removed) if detail else Outputs(result=main, removed=removed)
    )
    summaries = [summary] if summary else []
    require_apart([spec.old.path, spec.new.path], [*outputs.paths, *summaries])
    with scratch_folder() as folder, published(summaries) as parts:
        found = _run(Diff(spec, Limits.of(settings, folder)), outputs)
        for warning in found.warnings:
            warn(warning.detail)
        for part in parts:
            part.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")


@app.command()
def metrics() -> None:
    """Check the catalogue, and list each metric with its files."""
    settings = load_settings()
    for metric in load_catalogue(settings.metrics).metrics.values():
        try:
            found = find_inputs(metric, settings.input_dir, metric.old_may_be_missing)
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


@app.command()
def sample(
    rows: Annotated[int, typer.Option(min=1, help="Rows of each file.")] = 200_000,
    metric: Annotated[
        list[str] | None, typer.Option(help=f"{' or '.join(METRICS)} (default: both).")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path(),
) -> None:
    """Write sample files of the bundled metrics, the same bytes each time."""
    catalogue = load_catalogue(None)
    for name in metric or METRICS:
        entry = catalogue.find(name)
        old, new = out / entry.old, out / entry.new
        write_sample(entry.id, rows, old, new)
        typer.echo(f"{old}\n{new}")


@app.command()
def serve(
    host: Host = None, port: Port = None, workers: Workers = None, log_format: LogFormat = None
) -> None:
    """Run the API and a worker together."""
    settings = load_settings(host=host, port=port, workers=workers, log_format=log_format)
    _begin(settings)
    # imported in the commands that need it: a diff starts in half the time
    from diffing.cli import processes

    with processes.services(settings) as both:
        both.wait()


@app.command()
def api(
    host: Host = None,
    port: Port = None,
    log_format: LogFormat = None,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    lifeline: Lifeline = False,
) -> None:
    """Run the API alone."""
    settings = load_settings(host=host, port=port, log_format=log_format)
    _begin(settings, lifeline)
    from diffing.api import server
    from diffing.core import tracing
    from diffing.sandbox import parent_death

    tracing.start("diffing-api")

    if lifeline:
        parent_death.stop_with_parent()
    server.serve_api(settings, None if fd is None else socket.socket(fileno=fd))


@app.command()
def worker(
    workers: Workers = None, log_format: LogFormat = None, lifeline: Lifeline = False
) -> None:
    """Run a worker alone."""
    settings = load_settings(workers=workers, log_format=log_format)
    _begin(settings, lifeline)
    from diffing.core import tracing
    from diffing.sandbox import parent_death
    from diffing.worker import main

    tracing.start("diffing-worker")

    if lifeline:
        parent_death.stop_with_parent()
    main.serve(settings)


@app.command(name="demo")
def demo_command(
    host: Host = None,
    port: Port = None,
    once: Annotated[bool, typer.Option(help="Exit after printing the results.")] = False,
) -> None:
    """Diff sample data over HTTP, print the results, and keep serving."""
    from diffing.cli import demo

    settings = load_settings(host=host, port=port, log_level="WARNING", log_format="text")
    settings.refuse_nonsense()
    demo.run(settings, once=once)


def run() -> None:
    """Run the command that the arguments name."""
    with readable_errors():
        app(prog_name="diffing")


@app.command()
def health() -> None:
    """Check the API and the worker of this container, for Docker."""
    from diffing.cli import health

    raise typer.Exit(health.main())


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"diffing {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Report which rows of a dataset really changed between two CSV exports."""


def _comparison(entry: Metric | None, options: dict[str, Any]) -> Comparison:
    """The comparison of a metric or of columns, with the given options."""
    columns = [name in options for name in ("key", "value")]
    if entry and any(columns):
        raise BadArgument("Give --metric, or --key and --value, not both.")
    if not entry and not all(columns):
        raise BadArgument("Give --old, --new and either --metric, or --key and --value.")
    return entry.with_options(options) if entry else Comparison.of(**options)


def _inputs(
    settings: Settings,
    entry: Metric | None,
    paths: tuple[Path | None, Path | None],
    old_may_be_missing: bool,
) -> tuple[InputFile, InputFile]:
    """The given files, or else those of the metric."""
    given = [path and InputFile.given(path) for path in paths]
    if given[0] and given[1]:
        return given[0], given[1]
    if not entry:
        raise BadArgument("Give --old, --new and either --metric, or --key and --value.")
    of_metric = find_inputs(entry, settings.input_dir, old_may_be_missing)
    found = [InputFile(path, path.name) for path in of_metric]
    return given[0] or found[0], given[1] or found[1]


def _run(work: "Diff", outputs: Outputs) -> Summary:
    """Run the diff in a thread, so that Ctrl-C can interrupt the SQL."""
    with to_people.status("starting") as progress:
        # else SIGTERM would leave temporary files
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with ThreadPoolExecutor(1) as threads:
            future = threads.submit(
                work.run, outputs, on_progress=lambda now: progress.update(str(now))
            )
            try:
                return future.result()
            except KeyboardInterrupt:
                work.interrupt()
                raise


def _begin(settings: Settings, has_parent: bool = False) -> None:
    """Refuse settings that cannot work, configure the log, and warn of unlikely settings."""
    settings.refuse_nonsense()
    from diffing.core import logs, tracing

    tracing.are_wanted()
    logs.configure(logs.Style(settings.log_level, settings.log_format))
    for doubt in [] if has_parent else settings.doubts():
        _log.warning("%s; is this intended?", doubt)
