"""The diff from Python: `from diffing import diff`."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from diffing.core.comparison import ALL, AUTO, Comparison, Duplicates
from diffing.core.errors import BadArgument
from diffing.core.settings import load_settings
from diffing.core.spec import DiffSpec
from diffing.engine.summary import Summary
from diffing.files.publish import new_scratch_folder
from diffing.files.results import DIALECTS, Outputs
from diffing.files.spool import taken
from diffing.sandbox.limits import Limits

if TYPE_CHECKING:
    import duckdb

PathLike = str | os.PathLike[str]
Names = str | Sequence[str]


class Difference:
    """The result of a diff. It can be used in a `with` block, which removes its temporary files.

    Args:
        folder: has the rows, in `rows.csv`; it is removed with this object.
        summary: of the diff.
        limits: threads and memory for the rows.

    Attributes:
        summary: counts, warnings, and the cost of the diff.
    """

    def __init__(self, folder: Path, summary: Summary, limits: Limits) -> None:
        self.summary = summary
        self._rows = folder / "rows.csv"
        self._limits = limits
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
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
            if not self._remove.alive:
                raise BadArgument("The difference is closed. Take its rows inside the with block.")
            from diffing.engine.rows import relation_of

            self._relation = relation_of(self._rows, self.summary.result.rows, self._limits)
        return self._relation

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
    measure: str | None = None,
    additive: bool = True,
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
        old: the old file: CSV, packed CSV, Parquet, or a pipe.
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
        duplicates: "error" refuses files that repeat a key.
        ignore: names and patterns of columns that are not compared.
        rename: names of columns in new, by their names in old.
        old_may_be_missing: if old is missing or empty, every row of new is added.
        measure: the key column that names what is measured, for `explain`.
        additive: whether sums of the values mean something, for `explain`.
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
        folder = new_scratch_folder()
        failed.callback(shutil.rmtree, folder, ignore_errors=True)
        files = [taken(Path(p), side, folder) for p, side in ((old, "old"), (new, "new"))]
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
            measure=measure,
            additive=additive,
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
        work = Diff(spec, limits)
        summary = run(partial(work.run, outputs), work.interrupt)
        failed.pop_all()
    return Difference(folder, summary, limits)


def _as_argument(key: Sequence[str]) -> str:
    return f"key={key[0]!r}" if len(key) == 1 else f"key={[*key]!r}"


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
