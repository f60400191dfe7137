"""The SQL of `sql/`, which the wheel carries as `diffing/sql/`, by the names of its sections."""

import re
from functools import cache
from pathlib import Path

_PACKAGED = Path(__file__).parent.with_name("sql")
SQL_DIR = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[3] / "sql"

# a section begins with such a line, and ends where the next begins
_MARK = re.compile(r"^-- ([a-z_-]+) --$", re.MULTILINE)


def query(name: str) -> str:
    """The text of the section of that name, in whichever file of `sql/` it is."""
    return sections()[name]


@cache
def sections() -> dict[str, str]:
    """The text of every section; not what stands above the first of a file."""
    return {
        name: text for path in sorted(SQL_DIR.rglob("*.sql")) for name, text in sections_of(path)
    }


def sections_of(path: Path) -> list[tuple[str, str]]:
    """The sections of a file, in order: name and text."""
    _, *parts = _MARK.split(path.read_text(encoding="utf-8"))
    return list(zip(parts[::2], parts[1::2], strict=True))
