"""Waits for what a service under test does by itself."""

import time
from typing import Any

from tests.service_under_test import PATIENCE_SECONDS, Service

STALE_AFTER = 5.0
"""Long enough that no worker that lives is taken for dead, whatever else the machine does."""


def wait_until(true: Any, what: str, patience: float = PATIENCE_SECONDS) -> None:
    """Wait until a function returns something true."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def wait_until_nothing_is_left(service: Service) -> None:
    """No temporary file, no file of a result that is none: these go one after the other."""
    folders = (service.settings.tmp_dir, service.settings.results_dir)
    wait_until(lambda: not [p for folder in folders for p in folder.iterdir()], "a file is left")
