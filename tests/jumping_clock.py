"""`diffing` on a machine whose clock jumps by the seconds in the file `DIFFING_CLOCK`."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from diffing.cli.main import run
from diffing.store import jobs

_CLOCK = Path(os.environ["DIFFING_CLOCK"])


def _now() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=json.loads(_CLOCK.read_text()))


if __name__ == "__main__":
    jobs._now = _now
    run()
