"""The process of a worker."""

import logging
import os
from typing import NoReturn

from service import tracing
from service.catalogue import load_catalogue
from service.settings import Settings
from service.worker import Worker


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
