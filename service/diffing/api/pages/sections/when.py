"""When: the rows in time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from diffing.api.pages.charts import KINDS_SHOWN, CalendarChart, Span, Tick
from diffing.api.pages.sections.names import Texts, texts_of

# parts of pictures in time, beyond which they have no titles, so that a page stays small
_MOST_TITLES = 600


@dataclass(frozen=True)
class TimeLine:
    """The rows of a group in time.

    Args:
        texts: of the group; None for all groups that are not named.
        spans: its rows.
        label: of the first of them, for those who do not see the picture.
        counts: rows by kind.
        undated: rows without a date.
    """

    texts: Texts | None
    spans: list[Span]
    label: str
    counts: dict[str, int]
    undated: int


@dataclass(frozen=True)
class When:
    """The rows in time, by group."""

    column: str
    unit: str
    lines: list[TimeLine]
    ticks: list[Tick]
    undated: int


def when_of(entries: Sequence[Mapping[str, Any]]) -> When | None:
    """The section of the entries of a calendar; None without dates."""
    dated = [entry for entry in entries if entry["start"] is not None]
    if not dated:
        return None
    calendar = CalendarChart(dated[0]["unit"], [entry["start"] for entry in dated])
    lines = []
    for _, found in groupby(entries, key=lambda entry: entry["group"]):
        of_group = list(found)
        group = of_group[0]["group"]
        counts = {kind: sum(entry[kind] for entry in of_group) for kind in KINDS_SHOWN}
        with_date = [entry for entry in of_group if entry["start"] is not None]
        undated = sum(counts.values()) - sum(entry[k] for entry in with_date for k in KINDS_SHOWN)
        texts = None if group is None else texts_of(group)
        spans = calendar.line(with_date)
        label = spans[0].title + ", and further periods" * (len(spans) > 1) if spans else "none"
        lines.append(TimeLine(texts, spans, label, counts, undated))
    if sum(len(line.spans) for line in lines) > _MOST_TITLES:
        lines = [
            replace(line, spans=[replace(span, title="") for span in line.spans]) for line in lines
        ]
    return When(
        column=dated[0]["column"],
        unit=dated[0]["unit"],
        lines=lines,
        ticks=calendar.ticks(),
        undated=sum(line.undated for line in lines),
    )
