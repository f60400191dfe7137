"""The answers to questions for rows: reads the file of changes within limits."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diffing.core.comparison import Comparison
from diffing.core.csv_record import line_of
from diffing.core.errors import DiffFailed
from diffing.core.row_query import KINDS, cursor_of
from diffing.core.spec import RowsSpec
from diffing.engine.analysis.plain import columns_of_detail
from diffing.engine.analysis.reading import (
    comparison_in,
    reading_result,
    roles_of_detail,
    rules_of,
)
from diffing.engine.analysis.sums import finite
from diffing.engine.connection import OrderedSession, Session, as_pattern
from diffing.engine.stoppable import Stoppable
from diffing.sandbox.limits import Limits
from diffing.sandbox.malloc import set_up_heap

ROWS_OF_PAGE = 50
# of a page: cells of a row, and characters of a text
MOST_CELLS, MOST_CHARACTERS = 50, 1000
_EVERY = "every"


class Rows(Stoppable):
    """The answer to a question for rows.

    Args:
        spec: the order.
        limits: memory and disk.
    """

    def __init__(self, spec: RowsSpec, limits: Limits) -> None:
        super().__init__()
        self._spec = spec
        self._limits = limits
        self._comparison: Comparison = comparison_in(spec.summary)

    def write(self, target: Path) -> None:
        """Write the answer to an existing file: a page if it is JSON, all rows if it is CSV.

        Raises:
            ResultGone: the file of changes was removed.
            OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
            Interrupted: `interrupt` was called.
        """
        set_up_heap(1)
        with (
            tempfile.TemporaryDirectory(prefix="rows-", dir=self._limits.temp_folder) as folder,
            reading_result(self._spec.inputs),
        ):
            self._write(target, Path(folder))

    def _write(self, target: Path, scratch: Path) -> None:
        changes = as_pattern(self._spec.changes)
        files = [target, self._spec.changes, changes]
        with self.session(OrderedSession, self._limits, scratch, files) as session:
            session.run("matching", self._asked(session, str(changes)))
            if target.suffix == ".csv":
                self._write_all(session, target)
            else:
                text = json.dumps(self._page(session, str(changes)), ensure_ascii=False)
                target.write_text(f"{text}\n", encoding="utf-8")

    def _asked(self, session: Session, file: str) -> dict[str, Any]:
        query, rules = self._spec.query, rules_of(self._comparison)["rules"]
        fields = {"fields": [text for _, text in query.key], "rules": rules}
        texts = session.run("texts_compared", fields)["texts"]
        by = [f"slice_{place - 1}" for place, _ in query.key]
        equal = dict(zip(by, texts, strict=True)) or {_EVERY: ""}
        first = next((name for name, text in equal.items() if text is not None), _EVERY)
        return {
            "file": file,
            "kinds": list(query.kinds),
            "by": list(equal),
            "equal": equal,
            "first": [first],
            "first_text": equal.get(first, ""),
            "nth": query.nth,
            "least": query.least,
            "below": query.below,
            "up": query.is_up,
            "sort": query.order,
        }

    def _write_all(self, session: Session, target: Path) -> None:
        columns = columns_of_detail(self._spec.detail, self._spec.dialect)
        matched = session.run("rows_counted")
        counted = sum(matched.values())
        # the file of changes has the last rows of the detail behind removed ones
        is_mixed = 0 < matched["removed"] < counted
        sorts = is_mixed or self._spec.query.order != "file"
        written = session.run(
            "rows_written_sorted" if sorts else "rows_written",
            {
                "roles": roles_of_detail(columns, self._comparison),
                # DuckDB writes line ends between rows, but not after the prefix
                "prefix": line_of(columns) + "\n" * bool(counted),
                "output": str(target),
            },
        )["Count"]
        if written != counted:
            raise DiffFailed("The rows do not add up; this is a fault of the service.")

    def _page(self, session: Session, file: str) -> dict[str, Any]:
        rank, row = self._spec.query.after or (None, 0)
        matched = session.run("rows_counted")
        start = {"rank": rank, "row": row, "most": ROWS_OF_PAGE + 1}
        chosen = session.run("rows_chosen", start)["chosen"]
        shown, more = chosen[:ROWS_OF_PAGE], chosen[ROWS_OF_PAGE:]
        wanted = {"file": file, "rows": [one["row"] for one in shown]}
        found = {one["row"]: one for one in session.run("rows_shown", wanted)["found"]}
        return {
            "matched": {kind: matched[kind] for kind in KINDS},
            "rows": [self._row(found[one["row"]]) for one in shown],
            "next": cursor_of(shown[-1]["rank"], shown[-1]["row"]) if more else None,
        }

    def _row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        comparison = self._comparison
        cells = [
            (nth, name)
            for nth, name in enumerate(comparison.value)
            if _is_shown(row, nth) or (row["kind"] == "changed" and row["sizes"][nth] is not None)
        ]
        return {
            "kind": row["kind"],
            "key": {name: _cut(row[f"key_{i}"]) for i, name in enumerate(comparison.key)},
            "cells": [_cell(row, nth, name) for nth, name in cells[:MOST_CELLS]],
            "more_cells": max(0, len(cells) - MOST_CELLS),
        }


def _is_shown(row: Mapping[str, Any], nth: int) -> bool:
    """Whether a row that was added or removed has a value there."""
    return row["kind"] != "changed" and bool(_texts(row, nth))


def _texts(row: Mapping[str, Any], nth: int) -> Sequence[str]:
    return [text for text in (row[f"old_value_{nth}"], row[f"value_{nth}"]) if text is not None]


def _cell(row: Mapping[str, Any], nth: int, name: str) -> dict[str, Any]:
    """The old and the new text of a value, and how far its number moved."""
    is_changed = row["kind"] == "changed"
    return {
        "column": name,
        "old": _cut(row[f"old_value_{nth}"]),
        "new": _cut(row[f"value_{nth}"]),
        "difference": finite(row["moves"][nth]) if is_changed else None,
        "relative": finite(row["sizes"][nth]) if is_changed else None,
    }


def _cut(text: str | None) -> str | None:
    """A text that is not too long for a page."""
    if text is None or len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[: MOST_CHARACTERS - 1]}\u2026"
