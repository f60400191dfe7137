"""Fuzz a service of its own: `python -m tests.fuzz [--seed N] [--requests 10000]`."""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.fuzz.trial import fuzz_a_service


def main() -> int:
    """Run it, print what came of it, and return the exit status."""
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=100)
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        findings, most_memory = fuzz_a_service(
            Path(folder) / "data", given.seed, given.requests, given.clients
        )
    for status, count in sorted(findings.answers.items()):
        print(f"{count:7,} x {status or 'closed without a word'}")
    print(f"the API held {most_memory / 1e6:.0f} MB at most")
    print("\n".join(findings.faults[:20]) or "no fault")
    return 1 if findings.faults else 0


if __name__ == "__main__":
    sys.exit(main())
