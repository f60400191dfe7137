"""The diff from Python: `from diffing import diff`."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from diffing.core.comparison import ALL, AUTO, Comparison, Duplicates
from diffing.core.environment import load_settings
from diffing.core.errors import BadArgument
from diffing.core.grouping import places_of
from diffing.core.input_file import InputFile
from diffing.core.remote_file import RemoteFile, is_url
from diffing.core.spec import AnalysisSpec, DiffSpec
from diffing.engine.summary import Summary
from diffing.files.fetch import Fetch
from diffing.files.publish import Scratch
from diffing.files.results import DIALECTS, OutputName, Outputs, as_plain, dialect_of_output
from diffing.files.spool import taken
from diffing.files.versions import Versions
from diffing.sandbox.limits import Limits

if TYPE_CHECKING:
    import duckdb

PathLike = str | os.PathLike[str]
Names = str | Sequence[str]
_ANALYSED: tuple[OutputName, OutputName] = ("detail", "removed")


class Difference:
    """The result of a diff. It can be used in a `with` block, which removes its temporary files.

    Args:
        scratch: has the rows, in `rows.csv`; it is removed with this object.
        summary: of the diff.
        limits: threads and memory for the rows.
        spec: the order for the diff.
        versions: of the files that were compared.

    Attributes:
        summary: counts, warnings, and the cost of the diff.
    """

    def __init__(
        self, scratch: Scratch, summary: Summary, limits: Limits, spec: DiffSpec, versions: Versions
    ) -> None:
        folder = scratch.folder
        self.summary = summary
        self._spec = spec
        self._versions = versions
        self._outputs = Outputs(
            detail=folder / "detail.csv",
            removed=folder / "removed.csv",
            totals=folder / "totals.json",
        )
        self._is_detailed = False
        self._folder = folder
        self._rows = folder / "rows.csv"
        self._limits = limits
        self._remove = weakref.finalize(self, scratch.remove)
        self._relation: duckdb.DuckDBPyRelation | None = None

    @property
    def rows(self) -> duckdb.DuckDBPyRelation:
        """The added and changed rows, in the order of new. All columns are text, empty is NULL.

        The relation has a connection of its own. It lives on after this object.

        Raises:
            NotAcceptable: DuckDB cannot store the column names.
            BadArgument: this was closed before.
        """
        if self._relation is None:
            self._require_open("Take its rows")
            from diffing.engine.rows import relation_of

            self._relation = relation_of(self._rows, self.summary.result.rows, self._limits)
        return self._relation

    def explain(self, by: Names = ()) -> dict[str, Any]:
        """The analysis of the diff: what moved, by how much, where and when.

        The first call compares the files once more, for old values and removed rows.

        Args:
            by: the key columns that group it: a name, or a list of names.

        Returns:
            The document that `diffing diff --explain FILE` writes.

        Raises:
            BadArgument: by names other columns, or this was closed before.
            InputChanged: a file changed since it was compared.
            OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
        """
        places = places_of(_names(by), self.summary.key)
        self._require_open("Explain it")
        from diffing.engine.analysis.analyse import Analysis
        from diffing.engine.diff import Diff
        from diffing.engine.interruptible import run

        limits = replace(self._limits, temp_folder=self._folder)
        if not self._is_detailed:
            self._versions.require_same()
            outputs = replace(self._outputs, plain=frozenset(DIALECTS))
            work = Diff(replace(self._spec, fingerprint=False), limits)
            run(partial(work.run, outputs), work.interrupt)
            self._versions.require_same()
            self._is_detailed = True
        assert self._outputs.detail, "it is given above"  # noqa: S101
        assert self._outputs.removed, "it is given above"  # noqa: S101
        found = self.summary.model_dump(mode="json")
        of_detail, of_removed = (as_plain(dialect_of_output(found, name)) for name in _ANALYSED)
        spec = AnalysisSpec(
            self._outputs.detail,
            self._outputs.removed,
            found,
            places,
            of_detail,
            of_removed,
            self._outputs.totals,
        )
        analysis = Analysis(spec, limits)
        return run(analysis.run, analysis.interrupt)

    def _require_open(self, action: str) -> None:
        if not self._remove.alive:
            raise BadArgument(f"The difference is closed. {action} inside the with block.")

    def close(self) -> None:
        """Remove the temporary files. Relations that `rows` returned stay usable."""
        self._remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        found = self.summary
        return (
            f"<Difference: {found.added:,} added, {found.changed:,} changed, "
            f"{found.removed:,} removed, {found.unchanged:,} unchanged>"
        )


def diff(  # noqa: PLR0913 - the options of the command line, as keywords
    old: PathLike,
    new: PathLike,
    key: Names = (),
    value: Names = (),
    *,
    rel_tol: float | None = None,
    abs_tol: float = 0.0,
    tolerance: Mapping[str, Mapping[str, float]] | None = None,
    text: Names = (),
    time: Names = (),
    time_tol: str | None = None,
    trim: bool = False,
    nocase: bool = False,
    empty: Names = (),
    duplicates: Duplicates = "allow",
    ignore: Names = (),
    rename: Mapping[str, str] | None = None,
    old_may_be_missing: bool = False,
    expect: Mapping[str, Any] | None = None,
    period: str | None = None,
    settled_after: str | None = None,
    today: date | str | None = None,
    measure: str | None = None,
    additive: bool = True,
    totals: bool = False,
    totals_by: Names = (),
    detail: bool = False,
    only_changed_columns: bool = False,
    fingerprint: bool = False,
    delimiter: str | None = None,
    quote: str | None = None,
    encoding: str | None = None,
    skip_lines: int | None = None,
    skip_footer: int | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    sniff: bool | None = None,
    old_dialect: Mapping[str, Any] | None = None,
    new_dialect: Mapping[str, Any] | None = None,
) -> Difference:
    """Compare two CSV files, as `diffing diff` does.

    The settings, such as `DIFFING_MEMORY_LIMIT`, come from the environment.

    Args:
        old: the old file: CSV, packed CSV, Parquet, a pipe, or a URL.
        new: the new file.
        key: the columns that identify a row: a name, or a list of names; "auto" finds some.
        value: the columns to compare, or patterns such as "price_*": a name, or a list of names.
            By default all that both files have, except the key.
        rel_tol: relative tolerance, as in `math.isclose`; None for 1e-9, but no tolerance between
            two whole numbers.
        abs_tol: absolute tolerance, as in `math.isclose`.
        tolerance: tolerances of single value columns, such as `{"price": {"abs_tol": 0.005}}`.
        text: value columns that are compared by character.
        time: value columns that are compared as dates and times of ISO 8601.
        time_tol: tolerance of times, such as "1s".
        trim: ignore blanks around keys and values.
        nocase: ignore the case of keys and values.
        empty: words that mean an empty field.
        duplicates: "count" pairs rows of a repeated key one by one; "error" refuses such files.
        ignore: names and patterns of columns that are not compared.
        rename: names of columns in new, by their names in old.
        old_may_be_missing: if old is missing or empty, every row of new is added.
        expect: rules for the verdict in the summary, such as `{"changed": "<= 1%"}`.
        period: key column with dates, months, quarters or years.
        settled_after: time after the end of a period, such as "45d", from which it is settled.
        today: day on which a period is settled or open; None for the newest period of new.
        measure: the key column that names what is measured, for `explain`.
        additive: whether sums of the values mean something, for `explain`.
        totals: take the totals of both whole files, for `explain`.
        totals_by: key columns that group these totals, beside the measure.
        detail: give `rows` the columns `_change`, `_changed` and `_old_<column>`.
        only_changed_columns: leave out of the detail the value columns in which no row changed.
        fingerprint: take a fingerprint of each input.
        delimiter: between fields, in both files.
        quote: around fields; "none" without quotes.
        encoding: such as "cp1252".
        skip_lines: lines above the header to ignore.
        skip_footer: lines at the end to ignore.
        decimal: the decimal sign of values.
        thousands: the sign between thousands of values.
        sniff: find in the files what is not given. A warning in the summary says what was found.
        old_dialect: the last eight for old alone, such as `{"delimiter": ";"}`.
        new_dialect: the same for new.

    Raises:
        BadArgument: an argument is invalid.
        BadInput: a file is not valid CSV, lacks a column, or repeats a key against the options.
        InputChanged: a file changed during the diff.
        OutOfMemory, OutOfDisk, DiffFailed, BadSetting: the machine failed, or its settings did.
    """
    _require_switches(
        old_may_be_missing=old_may_be_missing,
        detail=detail,
        only_changed_columns=only_changed_columns,
        fingerprint=fingerprint,
    )
    if only_changed_columns and not detail:
        raise BadArgument("Give detail=True with only_changed_columns=True.")
    given = {
        "delimiter": delimiter,
        "quote": quote,
        "encoding": encoding,
        "skip_lines": skip_lines,
        "skip_footer": skip_footer,
        "decimal": decimal,
        "thousands": thousands,
        "sniff": sniff,
        "old_dialect": old_dialect,
        "new_dialect": new_dialect,
    }
    dialects = {name: option for name, option in given.items() if option is not None}
    limits = Limits.of(load_settings(), Path(tempfile.gettempdir()))
    with ExitStack() as failed:
        scratch = Scratch.new()
        failed.callback(scratch.remove)
        folder = scratch.folder
        fetch = Fetch(folder, limits.most_temp)
        files = [
            _taken(old, "old", folder, fetch, may_be_missing=old_may_be_missing),
            _taken(new, "new", folder, fetch),
        ]
        limits = limits.beside(fetch.bytes)
        comparison = Comparison.of(
            key=_names(key) or AUTO,
            value=_names(value) or ALL,
            rel_tol=_number(rel_tol),
            abs_tol=_number(abs_tol),
            tolerance=_tolerances(tolerance or {}),
            text=_names(text),
            time=_names(time),
            time_tol=time_tol,
            trim=trim,
            nocase=nocase,
            empty=_names(empty),
            duplicates=duplicates,
            ignore=_names(ignore),
            rename=dict(rename or {}),
            first="added" if old_may_be_missing else "error",
            expect=dict(expect or {}),
            period=period,
            settled_after=settled_after,
            today=today,
            measure=measure,
            additive=additive,
            totals=totals,
            totals_by=_names(totals_by),
            **dialects,
        )
        from diffing.engine.diff import Diff
        from diffing.engine.interruptible import run
        from diffing.engine.suggest import SECONDS_FOR_AN_ERROR, KeySuggestion, missing_key

        if not key:
            search = KeySuggestion(files, limits, comparison, SECONDS_FOR_AN_ERROR)
            raise missing_key(search, "key", _as_argument)
        rows = folder / "rows.csv"
        outputs = Outputs(
            result=None if detail else rows,
            detail=rows if detail else None,
            only_changed_columns=only_changed_columns,
            plain=frozenset(DIALECTS),
        )
        spec = DiffSpec(files[0], files[1], comparison, fingerprint=fingerprint)
        work, versions = Diff(spec, limits), Versions(*files)
        summary = run(partial(work.run, outputs), work.interrupt)
        failed.pop_all()
    return Difference(scratch, summary, limits, spec, versions)


def _taken(
    given: PathLike, side: str, folder: Path, fetch: Fetch, *, may_be_missing: bool = False
) -> InputFile:
    """A file to read: the given one, or a copy of a stream or a remote file."""
    name = os.fspath(given)
    if not is_url(name):
        return taken(Path(given), side, folder)
    try:
        file = RemoteFile.of(name)
    except ValueError as error:
        raise BadArgument(f"{side}: {error}.") from None
    return fetch.copy(file, side, may_be_missing=may_be_missing)


def _as_argument(key: Sequence[str]) -> str:
    return f"key={key[0]!r}" if len(key) == 1 else f"key={[*key]!r}"


def _require_switches(**given: object) -> None:
    """Refuse other values than True and False: the text "no" would count as true.

    Raises:
        BadArgument: a value is another.
    """
    for name, switch in given.items():
        if not isinstance(switch, bool):
            raise BadArgument(f"{name}: must be true or false.")


def _names(given: Names) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _number(given: float | None) -> float | None:
    """A tolerance may be an int here; the options of a comparison are strict."""
    return float(given) if isinstance(given, int) and not isinstance(given, bool) else given


def _tolerances(given: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    return {
        column: {name: _number(number) for name, number in own.items()}
        for column, own in given.items()
    }
