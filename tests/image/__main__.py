"""Build the image, run it on a real engine, and print what held: `python -m tests.image`."""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx2

from tests.image.debian import Lacking
from tests.image.engine import Docker, engine
from tests.image.trials import TRIALS, Ground
from tests.service_under_test import Client

# of compose: what a user has under the name of compose.yaml stays as it is
_PROJECT = "diffing-image-test"
_BUILD_SECONDS = 1_200


def main() -> int:
    """Try everything, print a line for each trial, and return the exit status."""
    with tempfile.TemporaryDirectory(prefix="diffing-image-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            with engine(folder) as docker:
                failed = _try_all(docker, folder)
        except Lacking as reason:
            print(f"skipped: {reason}")
            return 0
    print(f"{len(TRIALS) + 2 - failed} passed, {failed} failed")
    return 1 if failed else 0


def _try_all(docker: Docker, folder: Path) -> int:
    """Start what `make up` starts, try it, and stop it; returns how many trials failed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    docker.environment |= {"COMPOSE_PROJECT_NAME": _PROJECT, "PORT": str(port)}
    for name in ("DIFFING_WORKERS", "DIFFING_MEMORY_LIMIT", "DIFFING_API_KEYS"):
        docker.environment.pop(name, None)
    failed = 0
    try:
        if not _holds("`make up` builds the image and starts it.", lambda: _up(docker)):
            return len(TRIALS) + 1
        with Client(f"http://127.0.0.1:{port}", folder) as client:
            for trial in TRIALS:
                with tempfile.TemporaryDirectory(prefix="pair-", dir=folder) as own:
                    Path(own).chmod(0o755)
                    ground = Ground(docker, client, Path(own))
                    failed += not _holds(trial.__doc__ or "", partial(trial, ground))
    finally:
        stopped = _holds("`make down` stops it; the volume is removed too.", lambda: _down(docker))
    return failed + (not stopped)


def _up(docker: Docker) -> str:
    docker.run("make", "up", timeout=_BUILD_SECONDS)
    return ""


def _down(docker: Docker) -> str:
    docker.run("make", "down")
    docker.compose("down", "--volumes")
    assert not docker("ps", "-aq", "--filter", f"name={_PROJECT}").stdout
    return ""


def _holds(sentence: str, check: Callable[[], str]) -> bool:
    began = time.monotonic()
    try:
        said = check()
    except (AssertionError, subprocess.TimeoutExpired, httpx2.HTTPError) as fault:
        print(f"FAILED  {sentence}\n{fault}", flush=True)
        return False
    took = f"{time.monotonic() - began:.0f} s"
    print(f"ok      {sentence} ({took}{f'; {said}' if said else ''})", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
