"""Conditions of safe changes: one of two workers wins, and a replaced one changes nothing."""

from datetime import datetime
from typing import Protocol, TypeVar

import sqlalchemy as sa

from diffing.core.errors import Failure
from diffing.core.progress import Progress
from diffing.store.job import Status


class Claimed(Protocol):
    """A row that a worker takes, runs and ends."""

    @property
    def id(self) -> int:
        """Number of the row."""

    @property
    def status(self) -> Status:
        """Its state."""

    @property
    def attempt(self) -> int:
        """Number of its starts."""

    @property
    def seen_at(self) -> datetime:
        """Last sign of life."""

    @property
    def stem(self) -> str:
        """Start of the names of its files."""

    @property
    def mark(self) -> tuple[str, object]:
        """A column, and its value, that a row of a lost database with this id does not have."""


Row = TypeVar("Row", bound=Claimed)


class Table(Protocol[Row]):
    """The table of jobs, or of conversions."""

    def beat(self, row: Row, progress: Progress | None, /) -> bool:
        """Give a sign of life; False if the row has left this attempt."""

    def is_held(self, row: Row, /) -> bool:
        """Whether this attempt still runs the row."""

    def unfinished(self) -> list[Row]:
        """The rows that have not ended."""

    def take_over(self, row: Row, /) -> object:
        """Queue a stale row again; false if another reaper did, or a sign of life came."""

    def give_up(self, row: Row, failure: Failure, /) -> object:
        """Fail a stale row; false if another reaper did, or a sign of life came."""


def word_of_row(row: Claimed) -> str:
    """The word for a row: job or conversion."""
    return type(row).__name__.lower()


def is_held(table: sa.Table, row: Claimed) -> tuple[sa.ColumnElement[bool], ...]:
    """Whether a row is in the state and attempt in which it was read.

    A restored backup gives the id of a lost row to a new one, whose mark differs.
    """
    column, value = row.mark
    return (
        table.c.id == row.id,
        table.c.status == row.status,
        table.c.attempt == row.attempt,
        table.c[column] == value,
    )


def held(table: sa.Table, row: Claimed) -> sa.Update:
    """An update of a row, if this attempt still runs it."""
    return sa.update(table).where(*is_held(table, row))


def unseen_since(table: sa.Table, row: Claimed) -> sa.Update:
    """An update of a row, if it gave no sign of life since it was read."""
    return held(table, row).where(table.c.seen_at == row.seen_at)
