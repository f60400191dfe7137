"""What is added up as jobs go: telling it costs the same, however many jobs there were.

Each sum is written in the transaction that changes the state of a job. So it counts what happened,
once, and does not go back when the job is removed.
"""

import math
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

# that of PostgreSQL knows on_conflict_do_update, too
from sqlalchemy.dialects.sqlite import insert

from diffing.store.schema import durations, totals

# What a job without a metric goes by: where it is counted, in the log, in names of files.
ONE_OFF = "one-off"

# Seconds up to which durations are told apart: small jobs, jobs of minutes, the time-out.
BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


def count_attempt(connection: sa.Connection, metric: str | None, waited: float | None) -> None:
    """Count that a worker took a job.

    Args:
        connection: within the transaction of that change.
        metric: of the job.
        waited: seconds since it was asked for; None when it is not its first attempt.
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
    """Count that a job ended.

    Args:
        connection: within the transaction of that change.
        metric: of the job.
        status: in which state.
        took: seconds of its last attempt; None when no attempt ended it.
        summary: of a job that succeeded.
    """
    name = metric or ONE_OFF
    sums = [("ended", name, status, 1)]
    if summary:
        sums.append(("rows_emitted", name, "", summary.get("emitted", 0)))
        for side in ("old", "new"):
            read = summary.get(side, {})
            sums.append(("rows_read", name, side, read.get("rows", 0)))
            sums.append(("bytes_read", name, side, read.get("bytes", 0)))
    _add(connection, sums)
    if took is not None:
        _add_duration(connection, "run", name, status, took)


def _add(connection: sa.Connection, sums: list[tuple[str, str, str, int]]) -> None:
    new = insert(totals)
    both = {"value": totals.c.value + new.excluded.value}
    connection.execute(
        new.on_conflict_do_update(index_elements=[*totals.primary_key], set_=both),
        [dict(zip(totals.c.keys(), row, strict=True)) for row in sums],
    )


def _add_duration(
    connection: sa.Connection, name: str, metric: str, label: str, seconds: float
) -> None:
    seconds = max(seconds, 0.0)  # the clock was set back meanwhile
    new = insert(durations).values(
        name=name,
        metric=metric,
        label=label,
        at_most=next((bound for bound in BOUNDS if seconds <= bound), math.inf),
        number=1,
        seconds=seconds,
    )
    both = {key: durations.c[key] + new.excluded[key] for key in ("number", "seconds")}
    connection.execute(
        new.on_conflict_do_update(index_elements=[*durations.primary_key], set_=both)
    )
