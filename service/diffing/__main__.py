"""`diffing`, and `python -m diffing`.

Signals are handled before anything is loaded that takes time: the kernel drops those of process 1
of a container that has no handler for them.
"""

import gc
import os
import signal
import sys
from types import FrameType

# Modules are many objects and no garbage; Python would look for some every 700 objects.
gc.set_threshold(50_000)


def main() -> None:
    """Run the command line."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    match sys.argv[1:]:
        case ["health"]:  # asked every few seconds, so without the rest of the command line
            from diffing.cli import health

            sys.exit(health.main())
        case ["serve" | "api" | "worker", *_]:
            from diffing.sandbox import short_memory

            short_memory.refuse_short_memory()
        case ["diff", *_]:
            from diffing.sandbox import short_memory

            short_memory.survive_short_memory()
    from diffing.cli.main import run

    if sys.argv[1:2] not in (["serve"], ["api"], ["worker"]):  # these have handlers of their own
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


def _end(number: int, _: FrameType | None) -> None:
    """End by the signal, as a process without a handler does."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # process 1 of a container is still there


if __name__ == "__main__":
    main()
