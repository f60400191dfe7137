"""The command line, `diffing`."""

import logging
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from service import __version__, demo, server
from service.catalogue import Comparison, comparison_of, find_inputs, load_catalogue
from service.errors import BadArgument, DiffingError, MissingInput
from service.limits import Limits
from service.samples import METRICS, write_sample
from service.settings import Settings, load_settings
from service.summary import Summary

app = typer.Typer(
    name="diffing",
    help="Tells which rows of a dataset really changed between two CSV exports.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_errors = Console(stderr=True, soft_wrap=True, highlight=False)

Host = Annotated[str | None, typer.Option(help="Address to listen on [DIFFING_HOST].")]
Port = Annotated[int | None, typer.Option(help="Port to listen on, 0 for any [DIFFING_PORT].")]
Workers = Annotated[int | None, typer.Option(help="Diffs that run at once [DIFFING_WORKERS].")]
Lifeline = Annotated[bool, typer.Option(hidden=True)]
Tolerance = Annotated[float | None, typer.Option(help="As in math.isclose.")]


@contextmanager
def _readable_errors() -> Iterator[None]:
    """An error is one line on standard error and exit status 2."""
    try:
        yield
    except DiffingError as error:
        cause = f" ({str(error.__cause__).splitlines()[0]})" if error.__cause__ else ""
        _errors.print(f"diffing: {error.detail}{cause}", markup=False)
        raise typer.Exit(2) from None


@app.command()
def diff(
    old: Annotated[Path | None, typer.Option(help="The old CSV file.")] = None,
    new: Annotated[Path | None, typer.Option(help="The new CSV file.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="A metric of the catalogue: its columns and tolerances.")
    ] = None,
    key: Annotated[list[str] | None, typer.Option(help="A key column; repeat for more.")] = None,
    value: Annotated[list[str] | None, typer.Option(help="A value column; repeat.")] = None,
    rel_tol: Tolerance = None,
    abs_tol: Tolerance = None,
    output: Annotated[
        Path | None, typer.Option(help="CSV file to write; standard output without it.")
    ] = None,
    summary: Annotated[Path | None, typer.Option(help="JSON file for the summary.")] = None,
) -> None:
    """Write the rows of NEW that are new or whose value really differs."""
    with _readable_errors():
        settings = load_settings()
        name, comparison, (old, new) = _what_to_compare(
            settings, metric, key or [], value or [], rel_tol, abs_tol, old, new
        )
        with tempfile.TemporaryDirectory(prefix="diffing-") as folder:
            limits = Limits(
                threads=settings.threads,
                memory=settings.memory_share,
                temp_folder=Path(folder),
                temp=settings.temp_limit,
            )
            result = output or Path(folder) / "result.csv"
            found = _run(old, new, comparison, limits, result, name)
            if output is None:
                with result.open("rb") as file:
                    shutil.copyfileobj(file, sys.stdout.buffer)
        if summary:
            summary.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")


@app.command()
def metrics() -> None:
    """List the catalogue, checked, and whether each metric has its files."""
    with _readable_errors():
        settings = load_settings()
        for metric in load_catalogue(settings.metrics).metrics.values():
            try:
                files = ", ".join(path.name for path in find_inputs(metric, settings.input_dir))
            except MissingInput as missing:
                files = missing.detail
            typer.echo(metric.id)
            typer.echo(f"  aliases    {', '.join(metric.aliases) or '-'}")
            typer.echo(f"  key        {', '.join(metric.key)}")
            typer.echo(f"  value      {', '.join(metric.value)}")
            typer.echo(f"  tolerance  relative {metric.rel_tol:g}, absolute {metric.abs_tol:g}")
            typer.echo(f"  files      {files}")


@app.command()
def sample(
    rows: Annotated[int, typer.Option(min=1, help="Rows of each file.")] = 200_000,
    metric: Annotated[
        list[str] | None, typer.Option(help=f"{' or '.join(METRICS)}; without it both.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path(),
) -> None:
    """Write sample files of the bundled metrics; the same bytes each time."""
    with _readable_errors():
        catalogue = load_catalogue(None)
        for name in metric or METRICS:
            entry = catalogue.find(name)
            old, new = out / entry.old, out / entry.new
            write_sample(entry.id, rows, old, new)
            typer.echo(f"{old}\n{new}")


@app.command()
def serve(host: Host = None, port: Port = None, workers: Workers = None) -> None:
    """Run the API and a worker together."""
    with _readable_errors():
        settings = load_settings(host=host, port=port, workers=workers)
        _log_to_stderr(settings)
        with server.services(settings) as both:
            both.wait()


@app.command()
def api(
    host: Host = None,
    port: Port = None,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    lifeline: Lifeline = False,
) -> None:
    """Run the API alone."""
    with _readable_errors():
        settings = load_settings(host=host, port=port)
        _log_to_stderr(settings)
        if lifeline:
            server.stop_with_parent()
        server.serve_api(settings, None if fd is None else socket.socket(fileno=fd))


@app.command()
def worker(workers: Workers = None, lifeline: Lifeline = False) -> None:
    """Run a worker alone."""
    with _readable_errors():
        settings = load_settings(workers=workers)
        _log_to_stderr(settings)
        if lifeline:
            server.stop_with_parent()
        server.serve_worker(settings)


@app.command(name="demo")
def demo_command(
    host: Host = None,
    port: Port = None,
    once: Annotated[bool, typer.Option(help="Exit when the results are printed.")] = False,
) -> None:
    """Do the main job on sample data over HTTP, show it, and go on serving."""
    with _readable_errors():
        demo.run(load_settings(host=host, port=port, log_level="WARNING"), once=once)


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
    """Tells which rows of a dataset really changed between two CSV exports."""


def _what_to_compare(
    settings: Settings,
    metric: str | None,
    key: list[str],
    value: list[str],
    rel_tol: float | None,
    abs_tol: float | None,
    old: Path | None,
    new: Path | None,
) -> tuple[str | None, Comparison, tuple[Path, Path]]:
    """The metric's id if there is one, the comparison, and the old and new file."""
    if metric is None:
        if not (key and value and old and new):
            raise BadArgument("Give --old, --new and either --metric, or --key and --value.")
        close = comparison_of(
            key, value, 1e-9 if rel_tol is None else rel_tol, 0.0 if abs_tol is None else abs_tol
        )
        return None, close, (old, new)
    if key or value:
        raise BadArgument("Give --metric, or --key and --value, not both.")
    entry = load_catalogue(settings.metrics).find(metric)
    close = comparison_of(
        list(entry.key),
        list(entry.value),
        entry.rel_tol if rel_tol is None else rel_tol,
        entry.abs_tol if abs_tol is None else abs_tol,
    )
    if old and new:
        return entry.id, close, (old, new)
    in_catalogue = find_inputs(entry, settings.input_dir)
    return entry.id, close, (old or in_catalogue[0], new or in_catalogue[1])


def _run(
    old: Path, new: Path, comparison: Comparison, limits: Limits, output: Path, metric: str | None
) -> Summary:
    """Run the diff in a thread, so that Ctrl-C can interrupt the SQL."""
    # imported here: the API and the worker need no DuckDB
    from service.engine import Diff

    with _errors.status("starting") as progress:
        work = Diff(
            old, new, comparison, limits, on_stage=lambda stage: progress.update(f"{stage} …")
        )
        # else SIGTERM would leave temporary files behind
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with ThreadPoolExecutor(1) as threads:
            future = threads.submit(work.run, output, metric)
            try:
                return future.result()
            except KeyboardInterrupt:
                work.interrupt()
                raise


def _log_to_stderr(settings: Settings) -> None:
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.captureWarnings(True)
    for library in ("huey", "uvicorn"):
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.root.level))
