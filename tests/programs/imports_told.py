"""`diffing` that says on standard error when anything of an extra is imported."""

import sys
from typing import Any

from diffing.cli.main import run

_EXTRAS = ("opentelemetry", "s3fs", "botocore", "aiohttp", "pyspark", "pyarrow", "grpc")


def _tell(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "import" and arguments[0].partition(".")[0] in _EXTRAS:
        print(f"imported {arguments[0]}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.addaudithook(_tell)
    run()
