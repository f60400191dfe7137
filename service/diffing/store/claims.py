"""Conditions that make a change safe: of two workers one wins, and a dead one changes nothing."""

from datetime import datetime
from typing import Protocol, TypeVar

import sqlalchemy as sa

from diffing.core.errors import Failure
from diffing.core.progress import Progress
from diffing.store.job import Status


class Claimed(Protocol):
    """A row that a worker takes, works on and ends."""

    @property
    def id(self) -> int:
        """Number of the row."""

    @property
    def status(self) -> Status:
        """Its state."""

    @property
    def attempt(self) -> int:
        """How many times it was taken."""

    @property
    def seen_at(self) -> datetime:
        """Last sign of life."""

    @property
    def stem(self) -> str:
        """What the names of its files begin with."""


Row = TypeVar("Row", bound=Claimed)


class Table(Protocol[Row]):
    """The table of jobs, or that of conversions."""

    def beat(self, row: Row, progress: Progress | None, /) -> bool:
        """Give a sign of life; False when the row is no longer this attempt's."""

    def is_held(self, row: Row, /) -> bool:
        """Whether the row still is this attempt's."""

    def unfinished(self) -> list[Row]:
        """The rows that have yet to end."""

    def take_over(self, row: Row, /) -> object:
        """Queue a stale row again; something false when another did, or it lives after all."""

    def give_up(self, row: Row, failure: Failure, /) -> object:
        """Fail a stale row; something false when another did, or it lives after all."""


def word_of(row: Claimed) -> str:
    """What a row is: a job or a conversion."""
    return type(row).__name__.lower()


def is_held(table: sa.Table, row: Claimed) -> tuple[sa.ColumnElement[bool], ...]:
    """Whether a row still is this attempt's."""
    return (
        table.c.id == row.id,
        table.c.status == Status.PROCESSING,
        table.c.attempt == row.attempt,
    )


def held(table: sa.Table, row: Claimed) -> sa.Update:
    """An update of a row that still is this attempt's."""
    return sa.update(table).where(*is_held(table, row))


def unseen_since(table: sa.Table, row: Claimed) -> sa.Update:
    """An update of a row that gave no sign of life since it was read."""
    return sa.update(table).where(
        table.c.id == row.id,
        table.c.status == row.status,
        table.c.attempt == row.attempt,
        table.c.seen_at == row.seen_at,
    )
