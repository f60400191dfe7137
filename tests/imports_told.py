"""`diffing` that says on standard error when anything of OpenTelemetry is imported."""

import sys
from typing import Any

from diffing.cli.main import run


def _tell(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "import" and arguments[0].partition(".")[0] == "opentelemetry":
        print(f"imported {arguments[0]}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.addaudithook(_tell)
    run()
