"""`diffing diff --report`: what changed as one file for people, in the format of its suffix."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffing.core.errors import BadArgument


@dataclass(frozen=True)
class Found:
    """The diff that a report shows.

    Args:
        summary: of the diff, as JSON values.
        document: of its analysis.
    """

    summary: Mapping[str, Any]
    document: Mapping[str, Any]


def require_formats(paths: Sequence[Path]) -> None:
    """Check that each report has a known format.

    Raises:
        BadArgument: a suffix is unknown.
    """
    for path in paths:
        if path.suffix.lower() not in _WRITERS:
            raise BadArgument(f"{path}: unknown format of a report. Use {', '.join(_WRITERS)}.")


def write_report(path: Path, target: Path, found: Found) -> None:
    """Write a report.

    Args:
        path: its suffix names the format.
        target: the file to write.
        found: by the diff and its analysis.
    """
    _WRITERS[path.suffix.lower()](target, found)


def _write_html(target: Path, found: Found) -> None:
    # imported here: no other command needs the pages
    from diffing.api.pages.report import report_without_service

    text = report_without_service(found.summary, found.document)
    target.write_text(text, encoding="utf-8")


def _write_markdown(target: Path, found: Found) -> None:
    from diffing.api.pages.report import markdown_without_service

    text = markdown_without_service(found.summary, found.document)
    target.write_text(text, encoding="utf-8")


_WRITERS: dict[str, Callable[[Path, Found], None]] = {
    ".html": _write_html,
    ".md": _write_markdown,
}
