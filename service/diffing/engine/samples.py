"""Sample pairs of the bundled metrics, made by the SQL of `sql/samples/`."""

from pathlib import Path

from diffing.core.errors import BadArgument, BadSetting
from diffing.engine.sql import SQL_DIR, query

METRICS = tuple(sorted(path.stem for path in (SQL_DIR / "samples").glob("*.sql")))
_MEMORY = "1GB"


def write_sample(metric: str, rows: int, old: Path, new: Path) -> None:
    """Write a pair of files, with the same bytes for the same arguments.

    Args:
        metric: one of METRICS.
        rows: data rows of each file.
        old: file to write, created with its folder; a `.gz` suffix compresses.
        new: the same for the new file.

    Raises:
        BadArgument: the metric has no samples.
        BadSetting: a file cannot be written.
    """
    # imported here: the API and the worker need no DuckDB
    import duckdb

    if metric not in METRICS:
        raise BadArgument(f"No samples of {metric}. Samples exist of {', '.join(METRICS)}.")
    with duckdb.connect(config={"memory_limit": _MEMORY}) as connection:
        connection.execute("set enable_progress_bar = false")  # it would go to standard output
        for side, path in (("old", old), ("new", new)):
            part = path.with_name(f".part-{path.name}")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                connection.execute(query(metric), {"rows": rows, "side": side, "path": str(part)})
                part.replace(path)
            except (OSError, duckdb.IOException):
                raise BadSetting(
                    f"Cannot write {path}. Check the folder's permissions and the free space."
                ) from None
            finally:
                part.unlink(missing_ok=True)
