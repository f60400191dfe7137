"""Loads the sections of `sql/`, which the wheel contains as `diffing/sql/`, by name."""

import re
from functools import cache
from pathlib import Path

_PACKAGED = Path(__file__).parent.with_name("sql")
SQL_DIR = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[3] / "sql"

# such a line begins a section, which ends at the next one
_MARK = re.compile(r"^-- ([a-z_-]+) --$", re.MULTILINE)


def query(name: str) -> str:
    """The text of a section, in any file of `sql/`."""
    return sections()[name]


@cache
def sections() -> dict[str, str]:
    """The text of every section, without the head of each file."""
    return {
        name: text for path in sorted(SQL_DIR.rglob("*.sql")) for name, text in sections_of(path)
    }


def sections_of(path: Path) -> list[tuple[str, str]]:
    """The sections of a file, in order: name and text."""
    _, *parts = _MARK.split(path.read_text(encoding="utf-8"))
    return list(zip(parts[::2], parts[1::2], strict=True))
