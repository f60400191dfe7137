"""Checks whether settings can work together, and on this machine."""

import os
from collections.abc import Mapping

from diffing.core.errors import BadSetting
from diffing.core.settings import ClientSettings, Settings
from diffing.core.sizes import bytes_in, memory_of_machine
from diffing.core.text import like, shown

# A diff cannot start with less.
_LEAST_MEMORY = 1_000_000
# With more threads per core, workers times threads, they slow each other down.
_THREADS_PER_CORE = 8


def refuse_nonsense(settings: Settings) -> None:
    """Check that the settings can work together, and on this machine.

    Raises:
        BadSetting: they cannot. The text says what to change.
    """
    if settings.queue_url and not settings.database_url:
        raise BadSetting(
            "DIFFING_QUEUE_URL: a shared queue needs a shared database. "
            "Set DIFFING_DATABASE_URL, too."
        )
    if settings.storage_url and not settings.database_url:
        raise BadSetting(
            "DIFFING_STORAGE_URL: hosts that share files need to share the jobs. "
            "Set DIFFING_DATABASE_URL, too."
        )
    memory, machine = bytes_in(settings.memory_share), memory_of_machine()
    if memory < _LEAST_MEMORY:
        raise BadSetting(
            f"DIFFING_MEMORY_LIMIT: {settings.memory_share} is too little memory for a diff. "
            "Raise it, or lower DIFFING_WORKERS."
        )
    if memory * settings.workers > machine:
        raise BadSetting(
            f"DIFFING_MEMORY_LIMIT: {settings.workers} x {settings.memory_share} is more than the "
            f"{machine / 1e9:,.1f} GB that this machine or container has. "
            "Lower it or DIFFING_WORKERS."
        )
    if settings.least_free > settings.disk_size:
        raise BadSetting(
            f"DIFFING_MIN_FREE: {settings.min_free} is more than the "
            f"{settings.disk_size / 1e9:,.1f} GB that the disk of the data folder has: the service "
            "would never be ready. Lower it."
        )


def doubts(settings: Settings) -> list[str]:
    """Unlikely settings, one line each."""
    cores = len(os.sched_getaffinity(0))
    said = {
        f"DIFFING_WORKERS x DIFFING_THREADS are {settings.workers * settings.threads} threads on "
        f"{cores} cores": settings.workers * settings.threads > cores * _THREADS_PER_CORE,
        f"DIFFING_RETENTION removes results {settings.retention:g} s after they are made": (
            settings.retention < 60
        ),
        f"DIFFING_GRACE is {settings.grace:g} s, but DIFFING_JOB_TIMEOUT ends each job after "
        f"{settings.job_timeout:g} s": settings.grace > settings.job_timeout,
        f"DIFFING_TEMP_LIMIT is more than the {settings.disk_size / 1e9:,.1f} GB of the disk": (
            settings.temp_limit is not None and bytes_in(settings.temp_limit) > settings.disk_size
        ),
    }
    return [doubt for doubt, applies in said.items() if applies]


def strays(environment: Mapping[str, str]) -> list[str]:
    """Variables that begin like settings, but are unknown; one line each."""
    known = [name.upper() for name in (*Settings.model_fields, *ClientSettings.model_fields)]
    found = []
    for variable in sorted(environment):
        begin, prefix, name = variable.upper().partition("DIFFING_")
        if prefix and not begin and name not in known:
            meant = like(name, known)
            hint = f", {prefix}{meant} is" if meant else ""
            found.append(f"{shown(variable)} is not a setting{hint}")
    return found
