"""The command `diffing diff`: compares two files in this process."""

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diffing.cli.console import standard_output, to_people, warn
from diffing.cli.options import with_comparison
from diffing.core.catalogue import Metric, load_catalogue
from diffing.core.comparison import Comparison
from diffing.core.errors import BadArgument
from diffing.core.input_file import InputFile
from diffing.core.settings import Settings, load_settings
from diffing.core.spec import DiffSpec
from diffing.engine.summary import Summary
from diffing.files.inputs import find_inputs
from diffing.files.publish import published, require_apart, scratch_folder
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits

if TYPE_CHECKING:
    from diffing.engine.diff import Diff


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
