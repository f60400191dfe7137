"""The changes as Markdown for a pull request or a chat: the facts of a job's page, in short.

Names and values are code spans, which contain no markup, mentions or links. Sentences, in which
names are, have their signs escaped.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from diffing.api.pages.rendering import (
    shown_amount,
    shown_change,
    shown_count,
    shown_move,
    shown_number,
    shown_share,
)
from diffing.api.pages.sections.bridge import Step
from diffing.api.pages.sections.document import Sections
from diffing.api.pages.sections.movers import Moved
from diffing.core.figures import CELLS, PARTS
from diffing.core.periods import STATES
from diffing.core.text import shown

_MOST_COLUMNS, _MOST_NAMED = 15, 8
_OF_PERIODS = ("old_rows", "new_rows", "added", "changed", "removed", "unchanged")
# signs that begin a markup in some dialect of Markdown
_SIGNS = re.compile(r"([\\`*_\[\]<>&|~$])")
# what services make links of, even if it is escaped
_MENTIONS = re.compile(r"([@#]|:(?=//)|\bwww(?=\.))", re.IGNORECASE)
_JOINER = "\u2060"  # takes no room
_EMPTY = "*empty*"

Cells = Sequence[str]


def markdown_of(
    summary: Mapping[str, Any], sections: Sections | None, address: str | None = None
) -> str:
    """The text.

    Args:
        summary: of the diff, as JSON values.
        sections: of its analysis; None without one.
        address: of the page of the job; None without a service.
    """
    parts = [
        f"## Changes in {code(summary['metric'] or summary['new']['name'])}",
        _sentence(summary),
        _verdict(summary),
        _periods(summary),
        _listed([f"{one['title']}: {one['detail']}" for one in summary["warnings"]]),
        *(_analysed(sections) if sections else []),
        _proof(summary),
        f"The page and its downloads: <{address}>" if address else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def code(text: str | None) -> str:
    """A name or value as code, in which nothing is markup, also in a table."""
    if not text:
        return _EMPTY
    # no escape of | is read in the same way everywhere, so it is outside of the code
    return "&#124;".join(part and _span(part) for part in shown(text).split("|"))


def _span(text: str) -> str:
    """Text as code: the fence is longer than any run of backquotes in it."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    if text.strip(" ") and (text[0] in " `" or text[-1] in " `"):
        text = f" {text} "  # these two are not shown
    return f"{fence}{text}{fence}"


def escaped(text: str) -> str:
    """A sentence without markup."""
    line = " ".join(text.split())
    return _MENTIONS.sub(rf"\1{_JOINER}", _SIGNS.sub(r"\\\1", line))


def _sentence(summary: Mapping[str, Any]) -> str:
    if not (summary["emitted"] or summary["removed"]):
        return f"**Nothing changed.** All {summary['new']['rows']:,} rows of new are in old."
    removed = summary["removed"]
    return (
        f"**{summary['emitted']:,}** of {summary['new']['rows']:,} rows are in the result: "
        f"**{summary['added']:,}** added, **{summary['changed']:,}** changed. "
        f"**{removed:,}** row{'' if removed == 1 else 's'} of old "
        f"{'is' if removed == 1 else 'are'} removed. {summary['unchanged']:,} are unchanged, "
        f"{summary['within_tolerance']:,} of them within tolerance."
    )


def _verdict(summary: Mapping[str, Any]) -> str:
    verdict = summary.get("verdict")
    if not verdict:
        return ""
    rows = [
        [
            code(rule["rule"]),
            code(rule["expected"]),
            "infinite" if rule["figure"] is None else f"{rule['figure']:,.15g}",
            "" if rule["share"] is None else f"{rule['share']:.3g} %",
            "yes" if rule["met"] else "**no**",
        ]
        for rule in verdict["rules"]
    ]
    said = "as expected" if verdict["passed"] else "not as expected"
    return f"### Verdict: {said}\n\n" + _table(
        2, ["rule", "expected", "found", "share", "met"], rows
    )


def _periods(summary: Mapping[str, Any]) -> str:
    periods = summary.get("periods")
    if not periods:
        return ""
    rows = [
        [state, *(shown_count(periods[state][name]) for name in _OF_PERIODS)] for state in STATES
    ]
    heads = ["periods", *(name.replace("_", " ") for name in _OF_PERIODS)]
    return "### Settled and open periods\n\n" + _table(1, heads, rows)


def _analysed(sections: Sections) -> list[str]:
    return [
        _listed(_sentences(sections)),
        _columns(sections.document["columns"]),
        _bridge(sections),
        _movers(sections),
    ]


def _sentences(sections: Sections) -> list[str]:
    """Noise first, limits of the figures last."""
    notes, noise = sections.document["notes"], sections.how_much and sections.how_much.noise
    if not noise:
        return [*sections.findings, *notes]
    left = (
        f"With a relative tolerance of {noise.tolerance}, {noise.rows:,} rows would still be "
        "changed."
    )
    return [notes[0], left, *sections.findings, *notes[1:]]


def _columns(columns: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            code(one["column"]),
            *(shown_count(one[name]) for name in CELLS),
            shown_change(one["middle"]),
            shown_change(one["largest"]),
            shown_move(one["net"]),
        ]
        for one in columns[:_MOST_COLUMNS]
    ]
    heads = ["column", *CELLS.values(), "middle change", "largest", "net"]
    table = _table(1, heads, rows)
    return _section("Columns", table, len(columns) - len(rows), "columns")


def _bridge(sections: Sections) -> str:
    rows = [_step(line, len(sections.by)) for line in sections.bridge.lines]
    heads = ["column", *map(code, sections.by), *PARTS, "net"]
    table = _table(1 + len(sections.by), heads, rows)
    title = "From old to new"
    if sections.bridge.open:
        title += f": {sections.bridge.open:,} lines do not add up, a fault of the service"
    return _section(title, table, sections.bridge.more, "lines")


def _step(line: Step, groups: int) -> list[str]:
    others = f"{line.others:,} other{'' if line.others == 1 else 's'}"
    texts = [others, *[""] * (groups - 1)] if line.others else []
    return [
        code(line.column),
        *(texts or map(code, line.texts)),
        *(shown_move(line.moves[kind]) for kind in PARTS),
        f"**{shown_move(line.net)}**",
    ]


def _movers(sections: Sections) -> str:
    rows = [_moved(one) for one in sections.moved]
    heads = ["column", *map(code, sections.series), "cells", "largest", "net", "times usual"]
    table = _table(1 + len(sections.series), heads, rows)
    more = len(sections.document["movers"]) - len(rows)
    return _section("Series that moved most", table, more, "series")


def _moved(one: Moved) -> list[str]:
    found = one.found
    return [
        code(found["column"]),
        *map(code, one.texts),
        shown_number(found["cells"]),
        shown_move(found["largest"]),
        shown_move(found["net"]),
        shown_amount(found["times_usual"]),
    ]


def _proof(summary: Mapping[str, Any]) -> str:
    old, new, result = summary["old"], summary["new"], summary["result"]
    tolerance = "default" if summary["rel_tol"] is None else f"{summary['rel_tol']:g}"
    share = shown_share(summary["emitted"], new["rows"])
    key, more = summary["key"], len(summary["key"]) - _MOST_NAMED
    return _listed(
        [
            f"old: {old['name']}, {old['rows']:,} rows; new: {new['name']}, {new['rows']:,} rows",
            f"key: {', '.join(map(shown, key[:_MOST_NAMED]))}{f' and {more} more' * (more > 0)}",
            f"tolerance: relative {tolerance}, absolute {summary['abs_tol']:g}",
            f"result: {result['rows']:,} rows, {share} of new, SHA-256 {result['sha256']}",
        ]
    )


def _listed(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {escaped(sentence)}" for sentence in sentences)


def _section(title: str, table: str, more: int, word: str) -> str:
    rest = f"\n\nAnd {more:,} further {word}." if more > 0 else ""
    return f"### {title}\n\n{table}{rest}" if table else ""


def _table(texts: int, heads: Cells, rows: Sequence[Cells]) -> str:
    """A table, whose first columns are texts, and the others figures; empty without rows."""
    if not rows:
        return ""
    sides = ["---"] * texts + ["---:"] * (len(heads) - texts)
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, sides, *rows])
