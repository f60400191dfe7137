"""All sections of a job's page: the document of its analysis, in the order of reading."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diffing.api.pages.charts import KINDS_SHOWN
from diffing.api.pages.sections.bridge import Bridge, PeriodBridge, bridge_of, periods_of
from diffing.api.pages.sections.findings import findings_of
from diffing.api.pages.sections.how_much import HowMuch, how_much_of
from diffing.api.pages.sections.movers import MOST_MOVERS, Moved, moved_of
from diffing.api.pages.sections.names import heads_of
from diffing.api.pages.sections.when import When, when_of
from diffing.api.pages.sections.where import Where, where_of


@dataclass(frozen=True)
class Sections:
    """All sections.

    Args:
        document: of the analysis.
        findings: sentences about patterns.
        kinds: of rows, those that there are.
        by: names of the columns of groups.
        bridge, periods, when, how_much, where, moved: the sections.
        series: names of the columns of series.
    """

    document: Mapping[str, Any]
    findings: list[str]
    kinds: list[str]
    by: list[str]
    bridge: Bridge
    periods: list[PeriodBridge]
    when: When | None
    how_much: HowMuch | None
    where: list[Where]
    moved: list[Moved]
    series: list[str]


def sections_of(document: Mapping[str, Any]) -> Sections:
    """The sections.

    Args:
        document: of an analysis.
    """
    movers = document["movers"][:MOST_MOVERS]
    where = where_of(document)
    return Sections(
        document=document,
        findings=findings_of(document, where),
        kinds=[kind for kind in KINDS_SHOWN if document["rows"][kind]],
        by=heads_of(document["by"]),
        bridge=bridge_of(document, document["bridge"]),
        periods=periods_of(document),
        when=when_of(document["calendar"]),
        how_much=how_much_of(document),
        where=where,
        moved=moved_of(movers),
        series=heads_of(list(movers[0]["series"])) if movers else [],
    )
