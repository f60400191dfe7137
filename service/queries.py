"""The SQL files of `sql/`, which the wheel carries as `service/sql/`."""

from functools import cache
from pathlib import Path

_PACKAGED = Path(__file__).with_name("sql")
SQL_DIR = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parent.parent / "sql"


@cache
def query(name: str) -> str:
    """The text of `sql/<name>.sql`."""
    return (SQL_DIR / f"{name}.sql").read_text(encoding="utf-8")
