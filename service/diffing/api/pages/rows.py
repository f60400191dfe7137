"""The rows of a job on its page, in pages: those that a person asks for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from diffing.api.analysis import steps_to_rows, unfinished
from diffing.api.backend import Backend
from diffing.api.results import result_gone
from diffing.core.errors import BadArgument, DatabaseUnavailable, DiffingError, StorageUnavailable
from diffing.core.row_query import DIRECTIONS, KINDS, ORDERS, PARAMETERS, Given
from diffing.store.job import Job, Status

# fields of the form, and choices of one
_MOST_FIELDS, _MOST_CHOICES = 12, 200
_ORDERS = {
    "file": "as in the files",
    "relative": "largest relative change",
    "moved": "largest difference",
}


@dataclass(frozen=True)
class Field:
    """A key column in the form.

    Args:
        name: of the column.
        text: to find there.
        is_shown: whether a person can change it here.
    """

    name: str
    text: str
    is_shown: bool


@dataclass(frozen=True)
class RowsShown:
    """Rows of a job, and the form that asks for them.

    Args:
        query: of this page; empty for all rows.
        whole: the same without a place in the order.
        given: texts of the form, by parameter.
        fields: key columns.
        columns: value columns to choose from; empty for a single one, if it is not chosen.
        choices: texts of the other fields to choose from.
        found: a page, as in the API; None before it is ready.
        following: query of the next page; None after the last one.
        trouble: the reason of a failure; None if the page is being made.
        is_refused: whether that is a fault of the question.
    """

    query: str
    whole: str
    given: Mapping[str, str]
    fields: Sequence[Field]
    columns: Sequence[str]
    choices: Mapping[str, Mapping[str, str]]
    found: Mapping[str, Any] | None = None
    following: str | None = None
    trouble: str | None = None
    is_refused: bool = False

    @property
    def waits(self) -> bool:
        """Whether the page is being made."""
        return self.found is None and self.trouble is None

    @property
    def is_filtered(self) -> bool:
        """Whether the form asks for anything."""
        return bool(self.whole)

    @property
    def number(self) -> int:
        """The number of all rows that match."""
        return sum(self.found["matched"].values()) if self.found else 0


async def rows_shown(
    backend: Backend, request: Request, job: Job, seconds: float
) -> RowsShown | None:
    """The rows that a request asks for; None if the job has none.

    Args:
        backend: of the API.
        request: with the parameters of the form.
        job: in any state.
        seconds: longest wait for them.
    """
    summary = job.summary
    if job.status is not Status.SUCCEEDED or not summary:
        return None
    if not (summary["emitted"] or summary["removed"]):
        return None
    asked = _asked(request)
    shown = _form(asked, summary)
    try:
        steps = steps_to_rows(backend.settings.results_dir, job, asked, "json")
    except BadArgument as error:
        return RowsShown(**shown, trouble=error.detail, is_refused=True)
    try:
        if not seconds:  # a page that loads again sees a failure, and does not try again
            for wanted in steps:
                await backend.formats.refuse_failed(wanted.path)
        for wanted in steps:
            if await unfinished(backend, job, wanted, request, seconds):
                return RowsShown(**shown)
        found = await _page_in(backend, steps[-1].path, job)
    except DiffingError as error:
        # its part of the page may be asked for again; the page shows the job without it
        if seconds and isinstance(error, DatabaseUnavailable | StorageUnavailable):
            raise
        return RowsShown(**shown, trouble=error.detail)
    following = urlencode([*_pairs(asked), ("cursor", found["next"])]) if found["next"] else None
    return RowsShown(**shown, found=found, following=following)


def _asked(request: Request) -> Given:
    """The parameters of the form, in which `changed,added` names two kinds."""
    return Given(
        [
            (name, part)
            for name, text in request.query_params.multi_items()
            if name in PARAMETERS
            for part in (text.split(",") if name == "kind" else [text])
        ]
    )


async def _page_in(backend: Backend, path: Path, job: Job) -> Mapping[str, Any]:
    try:
        file = await backend.stored.open(path)
    except FileNotFoundError:
        raise result_gone(job) from None
    with file:
        found: Mapping[str, Any] = await run_in_threadpool(json.load, file)
    return found


def _form(asked: Given, summary: Mapping[str, Any]) -> dict[str, Any]:
    whole = _pairs(asked)
    names = ("column", "least", "below", "direction", "order", "cursor")
    # a text that is given twice is refused, but the form has one field for it
    given = {name: (asked.all(name) or [""])[-1] for name in names}
    cursor = [("cursor", given["cursor"])] if given["cursor"] else []
    texts = [*asked.key, *[""] * len(summary["key"])]
    fields = [
        Field(name, text, place < _MOST_FIELDS)
        for place, (name, text) in enumerate(zip(summary["key"], texts, strict=False))
    ]
    column, columns = given["column"], summary["value"][:_MOST_CHOICES]
    if column and column not in columns:
        columns = [*columns, column]
    if len(columns) == 1 and not column:
        columns = []
    kinds = [kind for kind in KINDS if kind in asked.all("kind")]
    several = {",".join(kinds): " and ".join(kinds)} if 1 < len(kinds) < len(KINDS) else {}
    return {
        "query": urlencode([*whole, *cursor]),
        "whole": urlencode(whole),
        "given": given | {"kind": ",".join(kinds) if len(kinds) < len(KINDS) else ""},
        "fields": fields,
        "columns": columns,
        "choices": {
            "kind": {"": "all", **{kind: kind for kind in KINDS}, **several},
            "direction": {"": "any", **{one: one for one in DIRECTIONS}},
            "order": {order: _ORDERS[order] for order in ORDERS},
        },
    }


def _pairs(asked: Given) -> list[tuple[str, str]]:
    """The parameters that ask for something, without the place in the order."""
    keys = asked.key
    while keys and not keys[-1]:
        keys = keys[:-1]
    others = [
        (name, text)
        for name in PARAMETERS
        if name not in ("key", "cursor")
        for text in asked.all(name)
        if (name, text) != ("order", ORDERS[0])
    ]
    return [*others, *(("key", text) for text in keys)]
