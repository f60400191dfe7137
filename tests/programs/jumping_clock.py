"""A worker on a machine whose clock jumps by the seconds in the file `DIFFING_CLOCK`."""

import json
import os
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from diffing.core import logs
from diffing.core.environment import load_settings
from diffing.worker.main import serve
from diffing.worker.worker import Worker

_CLOCK = Path(os.environ["DIFFING_CLOCK"])


def _now() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=json.loads(_CLOCK.read_text()))


if __name__ == "__main__":
    settings = load_settings()
    logs.configure(logs.Style(settings.log_level, settings.log_format))
    serve(settings, partial(Worker, now=_now))
