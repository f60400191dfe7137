"""The command `diffing diff`: compares two files in this process."""

import json
import signal
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from diffing.cli.console import (
    is_terminal,
    progress,
    show_summary,
    show_verdict,
    standard_output,
    target_of,
    warn,
)
from diffing.cli.dialects import with_dialects
from diffing.cli.files import file_or_url, pair, require_files, with_columns
from diffing.cli.options import DataDir, Metrics, Quiet, with_comparison
from diffing.cli.outputs import Format, WantedOutputs
from diffing.cli.suggest import require_key
from diffing.cli.taking import Taking
from diffing.core.baseline import ACCEPTED
from diffing.core.catalogue import Metric, load_catalogue
from diffing.core.cluster import Engine
from diffing.core.comparison import Comparison
from diffing.core.environment import load_settings
from diffing.core.errors import BadArgument
from diffing.core.grouping import columns_in, places_of
from diffing.core.remote_file import RemoteFile
from diffing.core.settings import Settings
from diffing.core.sizes import bytes_in
from diffing.core.spec import DiffSpec
from diffing.files.hash_cache import HashCache
from diffing.files.inputs import Source, find_inputs
from diffing.files.publish import require_apart, scratch_folder
from diffing.sandbox.limits import Limits
from diffing.sandbox.process import use_one_thread_for_algebra

if TYPE_CHECKING:
    from diffing.engine.on_cluster import OnCluster
    from diffing.engine.summary import Summary

ExitCode = Literal["differences", "verdict"]

EXAMPLES = (
    "diffing old.csv new.csv -k id -v price,stock",
    "diffing old.csv new.csv -k id -v price --detail -o changes.parquet",
    "zcat old.csv.gz | diffing - new.csv -k id -v price --abs-tol 0.005",
)

_AS_TEXT = Path("-")


@with_dialects
@with_comparison
def diff(  # noqa: PLR0913 - typer makes an option of each
    files: Annotated[
        list[Any] | None,
        typer.Argument(
            metavar="OLD NEW",
            help="Two files or URLs: CSV, packed CSV or Parquet; - is standard input.",
            parser=file_or_url,
        ),
    ] = None,
    old: Annotated[
        Any,
        typer.Option(
            metavar="FILE", help="OLD, as an option.", show_default=False, parser=file_or_url
        ),
    ] = None,
    new: Annotated[
        Any,
        typer.Option(
            metavar="FILE", help="NEW, as an option.", show_default=False, parser=file_or_url
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(metavar="M", help="A metric of the catalogue: columns, tolerances and files."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File to write. [default: standard output, on a terminal a table]",
        ),
    ] = None,
    output_format: Annotated[
        Format | None,
        typer.Option(
            "--format", help="Format of the result. [default: by the suffix of --output, else csv]"
        ),
    ] = None,
    detail: Annotated[
        bool, typer.Option("--detail", help="Add the columns _change, _changed, _old_<column>.")
    ] = False,
    only_changed_columns: Annotated[
        bool,
        typer.Option(
            "--only-changed-columns",
            help="With --detail: leave out value columns in which no row changed.",
        ),
    ] = False,
    removed: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File for the rows of OLD whose key is not in NEW."),
    ] = None,
    summary: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON file for the summary.")
    ] = None,
    explain: Annotated[
        Path | None,
        typer.Option(
            metavar="[FILE]",
            help="Analyse the changes: as text, or as a JSON file.",
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="Key columns that group the analysis."),
    ] = None,
    report: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="File that shows the analysis, .html, .md or .xlsx; repeat for more.",
        ),
    ] = None,
    cells: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File for each value that changed, one a line."),
    ] = None,
    engine: Annotated[
        Engine | None,
        typer.Option(help="spark: a cluster joins the rows. [default: that of the metric, duckdb]"),
    ] = None,
    fingerprint: Annotated[
        bool, typer.Option("--fingerprint", help="Add a fingerprint of each input to the summary.")
    ] = False,
    hashes: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Keep key hashes of NEW here: as OLD of the next diff, it is read less.",
        ),
    ] = None,
    exit_code: Annotated[
        ExitCode | None,
        typer.Option(
            metavar="[differences|verdict]",
            help="Exit with 1 if there are differences, or if a rule of --expect is not met.",
        ),
    ] = None,
    quiet: Quiet = False,
    data_dir: DataDir = None,
    metrics: Metrics = None,
    *,
    options: dict[str, Any],
) -> None:
    """Write the rows of NEW that were added or really changed.

    Exit status: 0, or 2 after an error; with --exit-code, 1 if rows were added, changed or removed;
    with --exit-code verdict, 1 if a rule of --expect or of the metric is not met.
    """
    settings = load_settings(data_dir=data_dir, metrics=metrics)
    entry = load_catalogue(settings.metrics).find(metric) if metric else None
    paths = pair(files or [], old, new)
    if entry and {"key", "value"} & options.keys():
        raise BadArgument("Give --metric, or --key and --value, not both.")
    if entry and len(files or []) == 1:
        raise BadArgument("Name the file with --old or --new, beside --metric.")
    if not entry:
        require_files(*paths)
    if by and not (explain or report):
        raise BadArgument("--by groups the analysis. Give --explain or --report, too.")
    # imported here: the API and the worker need no DuckDB
    from diffing.engine.diff import Diff
    from diffing.engine.interruptible import run

    use_one_thread_for_algebra()
    # else SIGTERM would leave temporary files
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with scratch_folder() as folder:
        is_shown = output is None and output_format is None and is_terminal()
        wanted = WantedOutputs(
            folder / "shown.csv" if is_shown else target_of(output),
            output_format,
            removed and target_of(removed),
            summary and target_of(summary),
            detail=detail,
            only_changed_columns=only_changed_columns,
            table=folder / "table.csv" if is_shown else None,
            explain=folder / "explained.json" if explain == _AS_TEXT else explain,
            cells=cells and target_of(cells),
            reports=tuple(report or ()),
        )
        taking = Taking(settings, folder, quiet=quiet)
        spec = _spec(taking, entry, paths, options)
        spec = replace(spec, fingerprint=spec.fingerprint or fingerprint)
        spec = _with_hashes(spec, hashes)
        columns = columns_in(by or ())
        by_places = places_of(columns, spec.comparison.key)
        wanted = replace(wanted, by=by_places, inputs=(spec.old, spec.new))
        spec = replace(spec, comparison=_with_totals_by(spec.comparison, columns))
        if exit_code == "verdict" and not spec.comparison.expect:
            raise BadArgument("Give --expect with --exit-code verdict, or a metric with rules.")
        require_apart(spec.inputs, wanted.paths)
        limits = Limits.of(settings, folder).beside(taking.fetched_bytes)
        with _cluster(engine or (entry.engine if entry else None), settings, folder) as cluster:
            work = Diff(spec, limits, cluster=cluster)
            work.fork_helpers()
            with progress("starting", quiet=quiet) as show:
                found = wanted.written(
                    lambda outputs: run(
                        lambda: work.run(outputs, on_progress=lambda now: show(str(now))),
                        work.interrupt,
                    ),
                    limits,
                )
        if hashes:
            HashCache(hashes, bytes_in(settings.hashes_limit)).take(folder)
        if wanted.table:
            from diffing.cli import table  # only a terminal needs it

            table.show(wanted.table, found)
        if explain == _AS_TEXT and wanted.explain:
            _tell(wanted.explain, err=standard_output() in wanted.paths)
    _show(found, quiet=quiet)
    if exit_code and _calls_for(exit_code, found):
        raise typer.Exit(1)


def _cluster(
    engine: Engine | None, settings: Settings, folder: Path
) -> AbstractContextManager["OnCluster | None"]:
    """The cluster that joins the rows; None for DuckDB."""
    if engine != "spark":
        return nullcontext()
    from diffing.cli.clusters import on_cluster  # only for those who ask

    return on_cluster(settings, folder)


def _with_totals_by(comparison: Comparison, by: Sequence[str]) -> Comparison:
    """The comparison, whose totals have the groups of the analysis unless it names others."""
    if comparison.totals_by or not comparison.totals:
        return comparison
    return comparison.with_options({"totals_by": by})


def _with_hashes(spec: DiffSpec, hashes: Path | None) -> DiffSpec:
    """The order, with the folder of key hashes if one is given."""
    if not hashes:
        return spec
    if not hashes.is_dir():
        raise BadArgument(f"--hashes: {hashes} is not a folder. Create it first.")
    return replace(spec, hashes=hashes)


def _show(found: "Summary", *, quiet: bool) -> None:
    if not quiet:
        show_summary(found)
    if found.verdict:
        show_verdict(found.verdict, quiet=quiet)
    for warning in found.warnings:
        warn(warning.detail)


def _calls_for(exit_code: ExitCode, found: "Summary") -> bool:
    """Whether a diff calls for exit status 1."""
    if exit_code == "differences":
        return found.has_differences
    assert found.verdict, "the command requires rules"  # noqa: S101
    return not found.verdict.passed


def _tell(document: Path, *, err: bool) -> None:
    """Print an analysis."""
    from diffing.cli.account import account_of  # only a reader needs it

    account = account_of(json.loads(document.read_text(encoding="utf-8")))
    typer.echo(account, nl=False, err=err)


def _spec(
    taking: Taking,
    entry: Metric | None,
    files: tuple[Path | RemoteFile | None, Path | RemoteFile | None],
    options: dict[str, Any],
) -> DiffSpec:
    """The order for the diff: the given files, or those of the metric."""
    if entry:
        comparison = entry.with_options(options)
        old, new = taking.both(
            _with_those_of(entry, files, taking.settings, comparison),
            old_may_be_missing=comparison.old_may_be_missing,
        )
        return DiffSpec(old, new, comparison, entry.id, entry.fingerprint)
    given = [file for file in files if file]
    old, new = taking.both(given, old_may_be_missing=options.get("first") == "added")
    chosen = with_columns(options, [old, new])
    require_key(chosen, [old, new], taking.settings)
    return DiffSpec(old, new, Comparison.of(**chosen))


def _with_those_of(
    entry: Metric,
    given: Sequence[Path | RemoteFile | None],
    settings: Settings,
    comparison: Comparison,
) -> Sequence[Path | Source]:
    """The given files, and those of the metric in the place of others."""
    old, new = given
    if entry.old == ACCEPTED and not old:
        raise BadArgument(
            f"The metric {entry.id} is compared with its accepted file, which the service has. "
            f"Give --old FILE, or use: diffing submit {entry.id}"
        )
    if old and new:
        return old, new
    found = find_inputs(entry, settings.inputs, comparison.old_may_be_missing)
    return old or found[0], new or found[1]
