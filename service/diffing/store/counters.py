"""Sums over all jobs, which cost the same to read after any number of jobs.

The transaction that changes the state of a job adds to them. So each change counts once, and stays
counted when the job is removed.
"""

import math
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from diffing.store.dialects import upsert
from diffing.store.schema import durations, totals

# The name of jobs without a metric: in sums, in the log, in file names.
ONE_OFF = "one-off"

# Upper bounds of durations, in seconds: from small jobs up to the time-out.
BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


def count_attempt(connection: sa.Connection, metric: str | None, waited: float | None) -> None:
    """Count the start of an attempt.

    Args:
        connection: in the transaction of that change.
        metric: of the job.
        waited: seconds since the job was created; None after the first attempt.
    """
    name = metric or ONE_OFF
    _add(connection, [("attempts", name, "", 1)])
    if waited is not None:
        _add_duration(connection, "wait", name, "", waited)


def count_end(
    connection: sa.Connection,
    metric: str | None,
    status: str,
    took: float | None,
    summary: Mapping[str, Any] | None,
) -> None:
    """Count the end of a job.

    Args:
        connection: in the transaction of that change.
        metric: of the job.
        status: its last state.
        took: seconds of its last attempt; None if no attempt ended it.
        summary: of a job that succeeded.
    """
    name = metric or ONE_OFF
    sums = [("ended", name, status, 1)]
    if summary:
        if verdict := summary.get("verdict"):
            label = "passed" if verdict["passed"] else "not-passed"
            sums.append(("verdicts", name, label, 1))
        sums.append(("rows_emitted", name, "", summary.get("emitted", 0)))
        for side in ("old", "new"):
            read = summary.get(side, {})
            sums.append(("rows_read", name, side, read.get("rows", 0)))
            sums.append(("bytes_read", name, side, read.get("bytes", 0)))
    _add(connection, sums)
    if took is not None:
        _add_duration(connection, "run", name, status, took)


def _add(connection: sa.Connection, sums: list[tuple[str, str, str, int]]) -> None:
    new = upsert(connection, totals)
    both = {"value": totals.c.value + new.excluded.value}
    connection.execute(
        new.on_conflict_do_update(index_elements=[*totals.primary_key], set_=both),
        [dict(zip(totals.c.keys(), row, strict=True)) for row in sums],
    )


def _add_duration(
    connection: sa.Connection, name: str, metric: str, label: str, seconds: float
) -> None:
    seconds = max(seconds, 0.0)  # negative if the clock was set back
    new = upsert(connection, durations).values(
        name=name,
        metric=metric,
        label=label,
        at_most=next((bound for bound in BOUNDS if seconds <= bound), math.inf),
        number=1,
        seconds=seconds,
    )
    both = {column: durations.c[column] + new.excluded[column] for column in ("number", "seconds")}
    connection.execute(
        new.on_conflict_do_update(index_elements=[*durations.primary_key], set_=both)
    )
