"""`diffing diff --explain` and `--cells`: what is made of the diff that just ran."""

from functools import partial
from pathlib import Path

from diffing.core.dialect import FullDialect
from diffing.core.spec import AnalysisSpec, CellsSpec
from diffing.engine.interruptible import run
from diffing.engine.summary import Summary
from diffing.files.results import OutputName, Outputs, as_plain, dialect_of_output
from diffing.sandbox.limits import Limits


def explanation(summary: Summary, outputs: Outputs, by: tuple[int, ...], limits: Limits) -> str:
    """Analyse the outputs of a diff.

    Args:
        summary: of the diff.
        outputs: of the diff, with all columns of detail, and removed rows.
        by: places of key columns, from 1.
        limits: memory and disk.

    Returns:
        The document, as JSON.
    """
    # imported here: the API and the worker need no DuckDB
    from diffing.engine.analysis.analyse import Analysis, as_json

    assert outputs.detail, "the caller wants it"  # noqa: S101
    assert outputs.removed, "the caller wants it"  # noqa: S101
    spec = AnalysisSpec(
        outputs.detail,
        outputs.removed,
        summary.model_dump(mode="json"),
        by,
        written_dialect(summary, outputs, "detail"),
        written_dialect(summary, outputs, "removed"),
        totals=outputs.totals,
    )
    analysis = Analysis(spec, limits)
    return as_json(run(analysis.run, analysis.interrupt))


def write_cells(summary: Summary, outputs: Outputs, target: Path, limits: Limits) -> int:
    """Write the cells of a diff that differ, as CSV.

    Args:
        summary: of the diff.
        outputs: of the diff, with all columns of detail.
        target: the file to write.
        limits: memory and disk.

    Returns:
        Their number.
    """
    from diffing.engine.analysis.cells import Cells

    assert outputs.detail, "the caller wants it"  # noqa: S101
    dialect = written_dialect(summary, outputs, "detail")
    cells = Cells(CellsSpec(outputs.detail, summary.model_dump(mode="json"), dialect), limits)
    return run(partial(cells.write, target), cells.interrupt)


def written_dialect(summary: Summary, outputs: Outputs, name: OutputName) -> FullDialect:
    """The dialect in which a diff wrote an output."""
    dialect = dialect_of_output(summary.model_dump(mode="json"), name)
    return as_plain(dialect) if name in outputs.plain else dialect
