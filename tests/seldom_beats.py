"""`diffing`, whose worker tells hourly that a diff lives: `python -m tests.seldom_beats worker`."""

from diffing.cli.main import run
from diffing.worker import worker
from diffing.worker.supervisor import Runner


def _runner(_: float, timeout: float) -> Runner:
    return Runner(3600, timeout)


if __name__ == "__main__":
    worker.Runner = _runner  # type: ignore[assignment, attr-defined]
    run()
