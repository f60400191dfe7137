"""The process of a worker."""

import logging
import os
from typing import NoReturn

from diffing.core import tracing
from diffing.core.catalogue import load_catalogue
from diffing.core.settings import Settings
from diffing.worker.worker import Worker


def serve(settings: Settings) -> NoReturn:
    """Run a worker until SIGTERM or SIGINT, and end the process.

    Raises:
        BadSetting: a folder cannot be written to, or a database not used.
    """
    settings.make_folders()
    Worker(settings, load_catalogue(settings.metrics)).run()
    tracing.stop()
    logging.shutdown()
    # all is recorded: Python would wait for children that may be stopped, which the kernel ends
    os._exit(0)
