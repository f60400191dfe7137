"""The documents, docstrings and messages use plain words and short sentences."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

MODULES = sorted((ROOT / "service" / "diffing").rglob("*.py"))
TESTS = sorted({*(ROOT / "tests").rglob("*.py")} - {ROOT / "tests" / "conftest.py"})
QUERIES = sorted((ROOT / "sql").rglob("*.sql"))
DOCUMENTS = [
    ROOT / name
    for name in (
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "service/README.md",
        "service/diffing/api/README.md",
        "sql/README.md",
        "tests/README.md",
    )
]
MOST_WORDS = 25
# the field has other words for these
OLD_WORDS = re.compile(
    r"\bis no [a-z]|\bthere is none\b|\bany more\b|\blikewise\b|\bholds?\b|\bstands?\b|\bshall\b"
    r"|\bso that there\b|\bof those that\b|\bto be done\b|\bmeant so\b|\bwhat cannot be\b"
    r"|\bhangs? on\b|\bTells\b"
)
# a clause in the place of a noun, but no question
CLAUSE_AS_SUBJECT = re.compile(r"^(What|Who|Whoever|Whose|Whatever)\b[^?]*$")

# in several modules, where each means the same for its subject
SHARED_NAMES = {
    *("diff", "main", "run", "serve", "stop", "upgrade", "version"),
    *("Span", "reading", "rules", "rules_of", "sections_of"),
}


def sentences(text: str) -> list[str]:
    return [one for one in re.split(r"(?<=[.!?:;])\s+", " ".join(text.split())) if one]


def paragraphs(document: Path) -> Iterator[str]:
    """The text of a document, without code and headings; each cell of a table by itself."""
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    for block in re.split(r"\n\s*\n|\n(?=- |\d\. |\|)", text):
        if not block.lstrip().startswith("#"):
            yield from block.split("|") if block.lstrip().startswith("|") else [block]


def strings(module: Path) -> Iterator[str]:
    """The docstrings and messages of a module: all strings of several words."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.value


def docstrings(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def comments(query: Path) -> Iterator[str]:
    lines = query.read_text(encoding="utf-8").splitlines()
    yield " ".join(line.split("-- ", 1)[1] for line in lines if "-- " in line)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_a_sentence_of_a_document_has_at_most_25_words(document: Path) -> None:
    found = [one for text in paragraphs(document) for one in sentences(text)]

    assert [] == [one for one in found if len(one.split()) > MOST_WORDS]


@pytest.mark.parametrize("module", [*MODULES, *TESTS], ids=named)
def test_a_sentence_of_a_docstring_has_at_most_25_words(module: Path) -> None:
    # the tree of the errors is not made of sentences
    texts = [text for text in docstrings(module) if "──" not in text]
    found = [
        one
        for text in texts
        for block in re.split(r"\n\s*\n|\n(?=\s*[\w, ]+: )", text)
        for one in sentences(block)
    ]

    assert [] == [one for one in found if len(one.split()) > MOST_WORDS]


@pytest.mark.parametrize("path", [*DOCUMENTS, *MODULES, *QUERIES], ids=named)
def test_texts_use_the_words_of_the_field(path: Path) -> None:
    texts = {".md": paragraphs, ".py": strings, ".sql": comments}[path.suffix](path)
    found = [one for text in texts for one in sentences(text)]

    assert [] == [one for one in found if OLD_WORDS.search(one) or CLAUSE_AS_SUBJECT.match(one)]


@pytest.mark.parametrize("module", TESTS, ids=named)
def test_docstrings_of_tests_use_the_words_of_the_field(module: Path) -> None:
    found = [one for text in docstrings(module) for one in sentences(text)]

    assert [] == [one for one in found if OLD_WORDS.search(one) or CLAUSE_AS_SUBJECT.match(one)]


def test_a_public_name_is_that_of_one_thing() -> None:
    places = defaultdict(list)
    for module in MODULES:
        for node in ast.parse(module.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                places[node.name].append(named(module))

    repeated = {name for name, found in places.items() if len(found) > 1 and name[0] != "_"}
    assert set() == repeated - SHARED_NAMES
