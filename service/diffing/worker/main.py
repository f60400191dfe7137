"""The process of a worker."""

import logging
import os
from collections.abc import Callable
from typing import NoReturn

from diffing.core import tracing
from diffing.core.catalogue import Catalogue, WatchedCatalogue
from diffing.core.environment import forget_secrets
from diffing.core.settings import Settings
from diffing.worker.worker import Worker


def serve(settings: Settings, make: Callable[[Settings, Catalogue], Worker] = Worker) -> NoReturn:
    """Run a worker until SIGTERM or SIGINT, and end the process.

    Args:
        settings: all settings.
        make: makes the worker.

    Raises:
        BadSetting: a folder is not writable, or a database not usable.
    """
    settings.make_folders()
    forget_secrets()  # a diff reads files of others, and needs no database
    make(settings, WatchedCatalogue(settings.metrics)).run()
    tracing.stop()
    logging.shutdown()
    # all is recorded. Python would wait for children, even stopped ones; the kernel kills them
    os._exit(0)
