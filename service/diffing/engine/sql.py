"""Loads the sections of `sql/`, which the wheel contains as `diffing/sql/`, by name."""

import hashlib
import re
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path

_PACKAGED = Path(__file__).parent.with_name("sql")
SQL_DIR = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[3] / "sql"

# such a line begins a section, which ends at the next one
_MARK = re.compile(r"^-- ([a-z_-]+) --$", re.MULTILINE)
_MACRO = re.compile(r"^create (?:or replace )?temp macro (\w+)\(.*?;$", re.MULTILINE | re.DOTALL)
_CALLED = re.compile(r"\b(\w+)\(")


class Queries:
    """The statements of sections, and the macros that they call.

    Args:
        sections: the text of each section by name.
    """

    def __init__(self, sections: Mapping[str, str]) -> None:
        self._sections = sections
        self._called: dict[str, tuple[str, ...]] = {}

    @cached_property
    def macros(self) -> dict[str, str]:
        """The statement that creates a macro, by the name of the macro, in any section."""
        texts = self._sections.values()
        return {found[1]: found[0] for text in texts for found in _MACRO.finditer(text)}

    def statements(self, name: str) -> str:
        """The text of a section without macros."""
        return _MACRO.sub("", self._sections[name])

    def macros_of(self, text: str) -> tuple[str, ...]:
        """The names of the macros that a text calls, each after those that it calls itself."""
        if text not in self._called:
            names: dict[str, None] = {}
            for name in _CALLED.findall(text):
                if (definition := self.macros.get(name)) and definition != text:
                    names |= dict.fromkeys((*self.macros_of(definition), name))
            self._called[text] = tuple(names)
        return self._called[text]


@cache
def queries() -> Queries:
    """All sections of `sql/`."""
    return Queries(sections())


def query(name: str) -> str:
    """The text of a section, in any file of `sql/`."""
    return sections()[name]


@cache
def sections() -> dict[str, str]:
    """The text of every section, without the head of each file."""
    return {
        name: text for path in sorted(SQL_DIR.rglob("*.sql")) for name, text in sections_of(path)
    }


@cache
def digest() -> str:
    """A digest of all sections."""
    texts = sorted(sections().items())
    return hashlib.sha256(repr(texts).encode()).hexdigest()


def sections_of(path: Path) -> list[tuple[str, str]]:
    """The sections of a file, in order: name and text."""
    _, *parts = _MARK.split(path.read_text(encoding="utf-8"))
    return list(zip(parts[::2], parts[1::2], strict=True))
