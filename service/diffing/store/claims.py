"""Conditions that make a change safe: of two workers one wins, and a dead one changes nothing."""

from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

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
