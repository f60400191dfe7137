"""Finds the smallest sets of columns that are unique in files, to suggest a key.

A set that is not unique in some rows is not unique in the file, so most sets fail there. Others are
counted in the whole files. If a set fails there, rows that repeat it join the known rows.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffing.core.columns import Header, key_candidates
from diffing.core.comparison import Comparison
from diffing.core.errors import BadInput, DiffFailed, Interrupted, NoKey
from diffing.core.text import listed
from diffing.csvfiles.borders import Borders
from diffing.csvfiles.csv_file import CsvFile, contents_of
from diffing.csvfiles.header_search import other_delimiter
from diffing.csvfiles.rewrite import rewrite
from diffing.csvfiles.scan import Contents
from diffing.csvfiles.split import PIECES, Pieces
from diffing.engine.connection import CsvRefused, Session
from diffing.engine.key_sets import KeySets, Row, costs, differences, is_unlikely
from diffing.engine.parameters import roles, rules, side_parameters

SECONDS = 60.0
_NAMES = ("old", "new")
# of 1_read.sql, by the end of the names of their views
_SECTIONS = {"in_one_piece": "one_piece", "in_four_pieces": "four_pieces"}
_MOST_KEYS = 3
# of each file; fewer rows if they have many columns
_MOST_ROWS, _MOST_FIELDS = 20_000, 1_000_000
_MOST_REPEATED = 100
# less than one column costs: other sets of the same size are as good as the first one
_AS_GOOD = 0.9


@dataclass(frozen=True)
class SearchContext:
    """The folder, sessions and time of a search.

    Args:
        scratch: an existing folder for copies.
        connect: opens a session that may read these pieces.
        threads: their number.
        interrupted: when set, the search ends.
        seconds: most time for it.
    """

    scratch: Path
    connect: Callable[[Sequence[Pieces]], Session]
    threads: int
    interrupted: threading.Event
    seconds: float = SECONDS


class KeySearch:
    """Looks for keys of one or two files.

    Args:
        files: one, or old and new; a column has the same name in each.
        comparison: its value and ignored columns are not part of a key. Its rules say which fields
            are the same.
        context: folder, sessions and time.
    """

    def __init__(
        self, files: Sequence[CsvFile], comparison: Comparison, context: SearchContext
    ) -> None:
        old, new = (Header(file.name, file.columns) for file in (files[0], files[-1]))
        self._files = files
        self._columns = key_candidates(comparison, old, new)
        self._comparison = comparison
        self._context = context
        self._found: list[tuple[str, ...]] = []
        self._until = 0.0

    def run(self) -> tuple[tuple[str, ...], ...]:
        """The smallest sets that are unique in each file, the best first.

        Raises:
            NoKey: no set is unique in each file, or none was found in time.
            BadInput: a file is not valid CSV.
            OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
            Interrupted: the search was.
        """
        names = " and ".join(file.name for file in self._files)
        advice = "Name the columns that identify a row."
        self._require_delimiters()
        if not self._columns:
            columns = "; ".join(f"{f.name} has {listed(f.own_columns)}" for f in self._files)
            raise NoKey(
                f"{names} have no column in common that may be part of a key. Columns: {columns}."
            )
        self._until = time.monotonic() + self._context.seconds
        in_time = True
        try:
            self._read()
        except Interrupted:
            if self._context.interrupted.is_set():
                raise
            in_time = False
        if not self._found and not in_time:
            raise NoKey(f"No key of {names} was found in time. {advice}")
        if not self._found:
            raise NoKey(
                f"No set of columns is unique in {names}: rows repeat in all columns that may be "
                f"part of a key. {advice}"
            )
        return tuple(self._found)

    def _require_delimiters(self) -> None:
        """Refuse a header of one column that contains a delimiter of other dialects."""
        for file in self._files:
            if len(file.columns) == 1 and (why := other_delimiter(file.columns[0], file.dialect)):
                raise BadInput(f"{file.name}: {why}")

    def _read(self) -> None:
        files = [self._inspected(file) for file in self._files]
        try:
            self._search(files)
        except CsvRefused:
            # as in a diff: the rewrite reports the place of a fault, or makes a readable copy
            self._found.clear()
            copies = [rewrite(file, self._context.scratch) for file, _ in files]
            self._search([self._inspected(copy) for copy in copies])

    def _inspected(self, file: CsvFile) -> tuple[CsvFile, Contents]:
        """The file, or a copy if DuckDB may misread it, and its contents."""
        contents = contents_of(file, self._stop)
        if contents.rows is not None:
            return file, contents
        return self._inspected(rewrite(file, self._context.scratch))

    def _search(self, files: Sequence[tuple[CsvFile, Contents]]) -> None:
        with self._opened(files) as sides:
            rows = [side.some_rows(self._most_rows) for side in sides]
            trial = _Trial(sides, rows, self._stop)
            known = [row for rows in trial.rows for row in rows.values()]
            of_columns = costs(self._columns, known)
            sets = KeySets(of_columns, self._stop)
            every = range(len(of_columns))
            likely = tuple(place for place in every if not is_unlikely(of_columns[place]))
            # rows that only measures tell apart rule out most sets at once
            if likely and (repeated := trial.repeated(likely)):
                sets.reject(repeated)
                if repeated := trial.repeated(every):
                    sets.reject(repeated)
            self._try(sets, trial)

    def _try(self, sets: KeySets, trial: "_Trial") -> None:
        best = math.inf
        for columns, cost in sets:
            if cost > best + _AS_GOOD:
                return
            if repeated := trial.repeated(columns):
                sets.reject(repeated)
                continue
            best = min(best, cost)
            self._found.append(tuple(self._columns[place] for place in columns))
            sets.accept(columns)
            if len(self._found) == _MOST_KEYS:
                return

    @property
    def _most_rows(self) -> int:
        return min(_MOST_ROWS, max(_MOST_FIELDS // len(self._columns), 100))

    @contextmanager
    def _opened(self, files: Sequence[tuple[CsvFile, Contents]]) -> Iterator[list["_Side"]]:
        """One session for all files, so that one interrupt ends it."""
        by_role = self._comparison.model_copy(update={"key": tuple(self._columns), "value": ()})
        pieces = [
            self._pieces(file, contents, name)
            for (file, contents), name in zip(files, _NAMES, strict=False)
        ]
        bound = {
            name: side_parameters(name, file, some.names, by_role)[name]
            for (file, _), some, name in zip(files, pieces, _NAMES, strict=False)
        }
        way = "in_four_pieces" if any(some.cuts for some in pieces) else "in_one_piece"
        with self._context.connect(pieces) as session, self._timed(session):
            # a single file is the other one, too, which is not read
            session.run(_SECTIONS[way], {"new": bound["old"], **bound})
            session.run("rules", rules(by_role))
            yield [
                _Side(session, f"{name}_{way}", file, _places(file, by_role), contents.rows)
                for (file, contents), name in zip(files, _NAMES, strict=False)
            ]

    def _pieces(self, file: CsvFile, contents: Contents, name: str) -> Pieces:
        pieces = Pieces(file, name, min(self._context.threads, PIECES))
        if Borders(file.path, contents.folded).are_lines_at(pieces.cuts):
            return pieces
        return Pieces(file, name, 1)

    @contextmanager
    def _timed(self, session: Session) -> Iterator[None]:
        """A block whose statements end when the time is over."""
        timer = threading.Timer(self._until - time.monotonic(), session.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()  # else it may keep the session until the process ends

    def _stop(self) -> None:
        if self._context.interrupted.is_set() or time.monotonic() > self._until:
            raise Interrupted("The search for a key was interrupted.")


@dataclass(frozen=True)
class _Trial:
    """Tries sets of columns in some rows, then in the whole files.

    Args:
        sides: the files.
        rows: known rows of each, by number.
        on_step: called before a file is read; an exception from it ends the search.
    """

    sides: Sequence["_Side"]
    rows: Sequence[dict[int, Row]]
    on_step: Callable[[], None]

    def repeated(self, columns: Sequence[int]) -> list[int]:
        """The differences of rows that are the same in a set of columns; empty if it is a key."""
        for known in self.rows:
            if found := differences(known.values(), columns):
                return found
        for side, known in zip(self.sides, self.rows, strict=True):
            self.on_step()
            if not side.is_unique(columns):
                repeated = side.rows_that_repeat(columns)
                known.update(repeated)
                if found := differences(repeated.values(), columns):
                    return found
                raise DiffFailed(
                    "The repeated rows were not found; this is a fault of the service."
                )
        return []


class _Side:
    """A file with its columns by role.

    Args:
        session: reads the file.
        view: name of the view that does.
        file: the file.
        places: of each column, its place among those of the file.
        rows: of the file, counted without DuckDB.
    """

    def __init__(
        self, session: Session, view: str, file: CsvFile, places: Sequence[int], rows: int | None
    ) -> None:
        self._session, self._file, self._rows, self._places = session, file, rows, places
        self._bound: dict[str, Any] = {"rows_of_file": view}

    def some_rows(self, most: int) -> dict[int, Row]:
        """The first rows, or of each piece, by number."""
        return self._in_order(self._session.run("some_rows", self._bound | {"most": most}))

    def is_unique(self, columns: Sequence[int]) -> bool:
        """Whether a set of columns is unique in all rows."""
        found = self._session.run("uniqueness", self._bound | _chosen(columns))
        if found["rows"] != self._rows:
            raise CsvRefused(f"{self._file.name}: DuckDB may misread it.")
        return bool(found["rows"] == found["keys"])

    def rows_that_repeat(self, columns: Sequence[int]) -> dict[int, Row]:
        """Rows that are the same in a set of columns, by number."""
        bound = self._bound | _chosen(columns) | {"most": _MOST_REPEATED}
        return self._in_order(self._session.run("rows_that_repeat", bound))

    def _in_order(self, found: dict[str, Any]) -> dict[int, Row]:
        rows = ([row[place] for place in self._places] for row in found["rows"])
        return dict(zip(found["numbers"], rows, strict=True))


def _places(file: CsvFile, by_role: Comparison) -> list[int]:
    keys = [role for role in roles(file, by_role) if role.startswith("key_")]
    place_of = {role: place for place, role in enumerate(keys)}
    return [place_of[f"key_{number}"] for number in range(len(keys))]


def _chosen(columns: Sequence[int]) -> dict[str, Any]:
    return {"chosen": [f"key_{column}" for column in columns]}
