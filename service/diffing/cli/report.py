"""`diffing diff --report`: what changed as one file for people, in the format of its suffix."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Any

from diffing.cli.written import written
from diffing.core.errors import BadArgument, CannotWrite, NotAcceptable, is_disk_full, of_os
from diffing.core.input_file import InputFile, named_apart
from diffing.core.spec import cells_in

_WORKBOOK = ".xlsx"
MOST_CELLS = 1_048_575
"""The rows of a sheet in Excel, without the header."""


@dataclass(frozen=True)
class ReportedDiff:
    """The diff that a report shows.

    Args:
        summary: of the diff, as JSON values.
        document: of its analysis.
        cells: CSV of each value that differs; None if no report needs it.
        folder: for temporary files.
    """

    summary: Mapping[str, Any]
    document: Mapping[str, Any]
    cells: Path | None
    folder: Path


def is_report(path: Path) -> bool:
    """Whether the suffix of a file is that of a report."""
    return path.suffix.lower() in _WRITERS


def require_formats(paths: Sequence[Path]) -> None:
    """Check that each report has a known format.

    Raises:
        BadArgument: a suffix is unknown, or the library for its format is not installed.
    """
    for path in paths:
        if path.suffix.lower() not in _WRITERS:
            raise BadArgument(f"{path}: unknown format of a report. Use {', '.join(_WRITERS)}.")
        if path.suffix.lower() == _WORKBOOK and not find_spec("xlsxwriter"):
            raise BadArgument(
                f"{path}: the extra for workbooks is not installed. "
                "Run pip install 'diffing[xlsx]', or write .html or .md."
            )


def needs_cells(paths: Sequence[Path]) -> bool:
    """Whether a report lists each value that differs."""
    return any(path.suffix.lower() == _WORKBOOK for path in paths)


def require_room(paths: Sequence[Path], summary: Mapping[str, Any]) -> None:
    """Check that each report can contain all values that differ.

    Raises:
        NotAcceptable: a sheet has too few rows.
    """
    cells = cells_in(summary)
    if needs_cells(paths) and cells > MOST_CELLS:
        raise NotAcceptable(
            f"{cells:,} values differ, and a sheet has room for {MOST_CELLS:,}. "
            "Write them with --cells FILE, and a report as .html or .md."
        )


def as_reported(summary: Mapping[str, Any], old: InputFile, new: InputFile) -> Mapping[str, Any]:
    """The summary of a diff, whose warnings name options as they are typed, and no folders.

    A report is for others, whom the folders of this machine do not concern.

    Args:
        summary: of the diff, as JSON values.
        old: with the name that the user gave.
        new: the same.
    """
    files = [replace(file, name=PurePath(file.name).name) for file in (old, new)]
    names = {old.name: files[0].name, new.name: files[1].name}
    if old.name != new.name:
        names = dict(zip(names, (file.name for file in named_apart(*files)), strict=True))
    given = re.compile("|".join(map(re.escape, names)))
    warnings = [
        {**warning, "detail": given.sub(lambda name: names[name[0]], written(warning["detail"]))}
        for warning in summary["warnings"]
    ]
    return {**summary, "warnings": warnings}


def write_report(path: Path, target: Path, found: ReportedDiff) -> None:
    """Write a report.

    Args:
        path: its suffix names the format.
        target: the file to write.
        found: by the diff and its analysis.

    Raises:
        NotAcceptable: a workbook cannot contain all of it.
        CannotWrite, OutOfDisk: the file, or a temporary one, cannot be written.
    """
    try:
        _WRITERS[path.suffix.lower()](target, found)
    except OSError as error:
        raise (of_os(error) if is_disk_full(error) else CannotWrite(path, error)) from None


def _write_html(target: Path, found: ReportedDiff) -> None:
    # imported here: no other command needs the pages
    from diffing.api.pages.report import report_without_service

    text = report_without_service(found.summary, found.document)
    target.write_text(text, encoding="utf-8")


def _write_markdown(target: Path, found: ReportedDiff) -> None:
    from diffing.api.pages.report import markdown_without_service

    text = markdown_without_service(found.summary, found.document)
    target.write_text(text, encoding="utf-8")


def _write_workbook(target: Path, found: ReportedDiff) -> None:
    from diffing.cli.workbook import write_workbook

    assert found.cells, "the caller writes them"  # noqa: S101
    write_workbook(target, found.summary, found.document, found.cells, found.folder)


_WRITERS: dict[str, Callable[[Path, ReportedDiff], None]] = {
    ".html": _write_html,
    ".md": _write_markdown,
    _WORKBOOK: _write_workbook,
}
