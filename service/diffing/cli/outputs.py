"""The files that `diffing diff` writes, in the formats that the user wants."""

import csv
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from diffing.cli.explain import explanation, write_cells, written_dialect
from diffing.cli.report import (
    ReportedDiff,
    as_reported,
    is_report,
    needs_cells,
    require_formats,
    require_room,
    write_report,
)
from diffing.core.dialect import FullDialect
from diffing.core.errors import BadArgument, is_disk_full, of_os
from diffing.core.input_file import InputFile
from diffing.core.spec import ConversionSpec
from diffing.csvfiles.translate import Translation
from diffing.engine.summary import ResultSummary, Summary
from diffing.files.checksums import sha256
from diffing.files.publish import published
from diffing.files.results import OutputName, Outputs
from diffing.sandbox.limits import Limits

_CELLS = "cells.csv"
Format = Literal["csv", "json", "jsonl", "parquet"]
_OF_SUFFIX: dict[str, Format] = {
    "": "csv",
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".tsv": "csv",
    ".txt": "csv",
}


@dataclass(frozen=True)
class WantedOutputs:
    """The outputs that a user wants.

    Args:
        result: where to write the result.
        chosen: its format; None to go by its suffix.
        removed: where to write the removed rows.
        summary: where to write the summary.
        detail: whether the result has columns for the change and the old values.
        only_changed_columns: whether detail leaves out the value columns in which no row changed.
        explain: where to write the analysis.
        by: places of the key columns that group it, from 1.
        cells: where to write the cells that differ.
        reports: where to write what changed, for people.
        inputs: old and new, for the names in reports; None without reports.
        table: a file for the detail, to be shown in place of writing the result.

    Raises:
        BadArgument: a suffix is unknown, or two options contradict each other.
    """

    result: Path
    chosen: Format | None = None
    removed: Path | None = None
    summary: Path | None = None
    detail: bool = field(default=False, kw_only=True)
    only_changed_columns: bool = field(default=False, kw_only=True)
    table: Path | None = field(default=None, kw_only=True)
    explain: Path | None = field(default=None, kw_only=True)
    by: tuple[int, ...] = field(default=(), kw_only=True)
    cells: Path | None = field(default=None, kw_only=True)
    reports: tuple[Path, ...] = field(default=(), kw_only=True)
    inputs: tuple[InputFile, InputFile] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.only_changed_columns and not self.detail:
            raise BadArgument("Give --detail with --only-changed-columns.")
        require_formats(self.reports)
        self._formats()

    @property
    def analyses(self) -> bool:
        """Whether an analysis is wanted."""
        return bool(self.explain or self.reports)

    @property
    def paths(self) -> list[Path]:
        """All files to write."""
        result = None if self.table else self.result
        others = (self.summary, self.explain, self.cells, *self.reports)
        return [path for path in (self.removed, result, *others) if path]

    def written(self, run: Callable[[Outputs], Summary], limits: Limits) -> Summary:
        """Write all files. They appear only when all of them are complete.

        Args:
            run: runs the diff, and writes CSV.
            limits: threads, memory and disk; its folder is for the CSV of other formats.

        Raises:
            NotAcceptable: the format cannot store the column names.
            BadArgument, CannotWrite, OutOfDisk, BadSetting, BrokenPipeError: as from `published`.
        """
        needs_detail = bool(self.analyses or self.cells)
        with published(self.paths) as parts, _full_disk_reported():
            if set(self._formats().values()) == {"csv"} and not needs_detail:
                ordered = iter(parts)  # a device may be named several times
                removed = next(ordered) if self.removed else None
                found = run(self._csv(self.result if self.table else next(ordered), removed))
                for part in ordered:
                    _write_summary(found, part)
                return found
            target = dict(zip(self.paths, parts, strict=True))
            folder = limits.temp_folder
            removed = folder / "removed.csv" if self.removed or self.analyses else None
            outputs = self._csv(folder / "result.csv", removed)
            if needs_detail:
                outputs = _for_analysis(outputs, folder)
            if self.analyses:
                outputs = replace(outputs, totals=folder / "totals.json")
            found = run(outputs)
            require_room(self.reports, found.model_dump(mode="json"))
            document = self._analysed(found, outputs, target, limits) if needs_detail else ""
            if not self.table:
                found = self._converted(found, folder / "result.csv", target[self.result], limits)
            if self.removed and removed:
                spec = ConversionSpec(removed, found.removed)
                _write(spec, target[self.removed], self._formats()[self.removed], limits)
            if self.summary:
                _write_summary(found, target[self.summary])
            self._report(found, document, target, folder)
        return found

    def _analysed(
        self, found: Summary, outputs: Outputs, target: Mapping[Path, Path], limits: Limits
    ) -> str:
        """Write what is made of the outputs, which have all columns until then.

        Returns:
            The document of the analysis; empty if none is wanted.
        """
        document = explanation(found, outputs, self.by, limits) if self.analyses else ""
        if self.explain:
            target[self.explain].write_text(document, encoding="utf-8")
        if self.cells or needs_cells(self.reports):
            source = limits.temp_folder / _CELLS
            source.touch()
            rows = write_cells(found, outputs, source, limits)
            if self.cells:
                wanted = self._formats()[self.cells]
                _write(ConversionSpec(source, rows), target[self.cells], wanted, limits)
        if self.only_changed_columns:
            assert outputs.detail, "detail is wanted"  # noqa: S101
            _leave_out_unchanged(outputs.detail, found, written_dialect(found, outputs, "detail"))
        return document

    def _report(
        self, found: Summary, document: str, target: Mapping[Path, Path], folder: Path
    ) -> None:
        if not self.reports:
            return
        assert self.inputs, "the command names them"  # noqa: S101
        summary = as_reported(found.model_dump(mode="json"), *self.inputs)
        cells = folder / _CELLS if needs_cells(self.reports) else None
        shown = ReportedDiff(summary, json.loads(document), cells, folder)
        for path in self.reports:
            write_report(path, target[path], shown)

    def _csv(self, result: Path, removed: Path | None) -> Outputs:
        plain = self._converted_ones()
        if self.table:
            is_needed = self.summary or self.reports
            return Outputs(result if is_needed else None, self.table, removed, plain=plain)
        if self.detail:
            return Outputs(None, result, removed, self.only_changed_columns, plain)
        return Outputs(result, None, removed, plain=plain)

    def _converted_ones(self) -> frozenset[OutputName]:
        """The outputs that are converted, or shown."""
        formats, plain = self._formats(), set[OutputName]()
        if self.table or formats[self.result] != "csv":
            plain |= {"detail"} if self.table else {"result", "detail"}
        if self.removed and formats[self.removed] != "csv":
            plain.add("removed")
        return frozenset(plain)

    def _converted(self, found: Summary, source: Path, target: Path, limits: Limits) -> Summary:
        """Write the result, and summarize the file."""
        rows, wanted = found.result.rows, self._formats()[self.result]
        _write(ConversionSpec(source, rows), target, wanted, limits)
        # the target may be standard output
        file = source if wanted == "csv" else target
        result = ResultSummary(rows=rows, bytes=file.stat().st_size, sha256=sha256(file))
        return found.model_copy(update={"result": result})

    def _formats(self) -> dict[Path, Format]:
        """The format of each file with rows."""
        formats: dict[Path, Format] = {}
        if not self.table:
            formats[self.result] = self.chosen or _format_of(self.result)
        for path in (self.removed, self.cells):
            if path:
                formats[path] = (not path.suffix and self.chosen) or _format_of(path)
        return formats


@contextmanager
def _full_disk_reported() -> Iterator[None]:
    """Errors of Python's own writes would name a file that is not full, or none."""
    try:
        yield
    except OSError as error:
        raise of_os(error) if is_disk_full(error) else error from None


def _format_of(path: Path) -> Format:
    suffix = path.suffix.lower()
    # pipes and devices have names of their own
    if suffix in _OF_SUFFIX or (path.exists() and not path.is_file()):
        return _OF_SUFFIX.get(suffix, "csv")
    known = ", ".join(filter(None, _OF_SUFFIX))
    if is_report(path):
        raise BadArgument(f"{path}: {suffix} is for reports: use --report {path}. Or use {known}.")
    raise BadArgument(f"{path}: unknown suffix {path.suffix}. Use {known}; or choose a --format.")


def _for_analysis(outputs: Outputs, folder: Path) -> Outputs:
    """The same outputs, and those that an analysis reads, with all columns."""
    detail = outputs.detail or folder / "detail.csv"
    return replace(outputs, detail=detail, only_changed_columns=False)


def _leave_out_unchanged(detail: Path, found: Summary, dialect: FullDialect) -> None:
    """Leave out of a detail the value columns in which no row changed."""
    left_out = {name for name, rows in found.columns.changed.items() if not rows}
    if not left_out:
        return
    csv.field_size_limit(sys.maxsize)
    part = detail.with_suffix(".part")
    with (
        detail.open("rb") as source,
        part.open("w", encoding=dialect.encoding, newline="") as target,
    ):
        text = Translation(source, "detail", dialect, dialect)
        columns = text.columns or []
        first_old = len(columns) - len(found.value)
        of_new = columns[: first_old - 2]
        dropped = {i for i, name in enumerate(of_new) if name in left_out}
        dropped |= {first_old + i for i, name in enumerate(found.value) if name in left_out}
        kept = [place for place in range(len(columns)) if place not in dropped]
        text.alter = lambda fields: [fields[place] for place in kept]
        target.write(f"{text.line_of([columns[place] for place in kept])}\n")
        target.writelines(text.chunks())
    part.replace(detail)


def _write(spec: ConversionSpec, target: Path, wanted: Format, limits: Limits) -> None:
    if wanted == "csv":
        shutil.copyfile(spec.source, target)
        return
    from diffing.engine.convert import write_as  # only these formats need it

    write_as(wanted, spec, target, limits)


def _write_summary(found: Summary, target: Path) -> None:
    target.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
