"""`diffing diff --explain`: the analysis of the diff that just ran."""

from concurrent.futures import ThreadPoolExecutor

from diffing.core.dialect import FullDialect
from diffing.core.spec import AnalysisSpec
from diffing.engine.summary import Summary
from diffing.files.results import OutputName, Outputs, dialect_of
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
    found = summary.model_dump(mode="json")
    spec = AnalysisSpec(
        outputs.detail,
        outputs.removed,
        found,
        by,
        written_dialect(summary, outputs, "detail"),
        written_dialect(summary, outputs, "removed"),
    )
    analysis = Analysis(spec, limits)
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(analysis.run)
        try:
            return as_json(future.result())
        except KeyboardInterrupt:
            analysis.interrupt()
            raise


def written_dialect(summary: Summary, outputs: Outputs, name: OutputName) -> FullDialect:
    """The dialect in which a diff wrote an output."""
    dialect = dialect_of(summary.model_dump(mode="json"), name)
    if name not in outputs.plain:
        return dialect
    return FullDialect(decimal=dialect.decimal, thousands=dialect.thousands)
