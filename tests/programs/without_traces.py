"""`diffing` as it is where the extra for traces is not installed."""

import sys
from typing import Any

from diffing.cli.main import run

if __name__ == "__main__":
    nothing: Any = None
    sys.modules["opentelemetry"] = nothing
    run()
