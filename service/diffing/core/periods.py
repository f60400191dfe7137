"""The periods of a diff: which are settled, still open, or new."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple, get_args

from diffing.core.durations import microseconds

State = Literal["settled", "open", "new", "none"]
STATES: tuple[State, ...] = get_args(State)


class Period(NamedTuple):
    """A date, month, quarter or year: its first and its last day. Other texts have None."""

    start: date | None
    last: date | None


@dataclass(frozen=True)
class Calendar:
    """The state of periods.

    Args:
        newest_of_old: start of the newest period of old; None without one.
        today: the day on which they have it; None if neither a day nor a period is given.
        settled_after: time from the end of a period until it is settled.
    """

    newest_of_old: date | None
    today: date | None
    settled_after: timedelta

    @classmethod
    def of(
        cls,
        old: Iterable[Period],
        new: Iterable[Period],
        settled_after: timedelta,
        today: date | None = None,
    ) -> "Calendar":
        """The calendar of two files. Without a day, it is the start of the newest period of new."""
        newest_of_new = max((period.start for period in new if period.start), default=None)
        newest_of_old = max((period.start for period in old if period.start), default=None)
        return cls(newest_of_old, today or newest_of_new, settled_after)

    @classmethod
    def in_summary(cls, summary: Mapping[str, Any]) -> "Calendar | None":
        """The calendar of a diff, by its summary as JSON values; None without periods."""
        found = summary.get("periods")
        if not found:
            return None
        newest_of_old, today = (
            found[name] and date.fromisoformat(found[name]) for name in ("newest_of_old", "today")
        )
        settled_after = timedelta(microseconds=microseconds(summary["settled_after"]))
        return cls(newest_of_old, today, settled_after)

    @property
    def settled_until(self) -> date | None:
        """The last day of the newest period that may be settled; None if none can be."""
        return self.today - self.settled_after if self.today else None

    def state(self, period: Period) -> State:
        """The state of a period; "none" without dates."""
        start, last = period
        if not start or not last:
            return "none"
        if self.newest_of_old is None or start > self.newest_of_old:
            return "new"
        until = self.settled_until
        return "settled" if until and last <= until else "open"
