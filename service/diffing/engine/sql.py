"""The SQL files of `sql/`, which the wheel carries as `diffing/sql/`."""

from functools import cache
from pathlib import Path

_PACKAGED = Path(__file__).parent.with_name("sql")
SQL_DIR = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[3] / "sql"

# What a file has for the duckdb shell begins so: to run it takes a tenth of a small diff.
_FOR_ANALYSTS = "\n-- For analysts:"


@cache
def query(name: str) -> str:
    """The text of `sql/<name>.sql`, without what is for the duckdb shell alone."""
    text = (SQL_DIR / f"{name}.sql").read_text(encoding="utf-8")
    return text.partition(_FOR_ANALYSTS)[0]
