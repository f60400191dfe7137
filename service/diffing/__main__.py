"""`diffing`, and `python -m diffing`.

It handles signals before it loads slow modules. Without a handler, the kernel would drop signals to
process 1 of a container.
"""

import gc
import os
import signal
import sys
from types import FrameType

from diffing.cli.typed import with_command

# Loading modules makes many objects and little garbage. By default, Python would look for garbage
# every 700 objects.
gc.set_threshold(50_000)


def main() -> None:
    """Run the command line."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    words = with_command(sys.argv[1:])
    match words:
        case ["health"]:  # runs every few seconds, so it skips the rest of the command line
            from diffing.cli import health

            sys.exit(health.main())
        case ["serve" | "api" | "worker", *_]:
            from diffing.sandbox import short_memory

            short_memory.refuse_short_memory()
        case ["diff", *_]:
            from diffing.sandbox import short_memory

            short_memory.survive_short_memory()
    from diffing.cli.main import run

    if words[:1] not in (["serve"], ["api"], ["worker"]):  # these set their own handlers
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


def _end(number: int, _: FrameType | None) -> None:
    """End by the signal, like a process without a handler."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # process 1 of a container is still alive here


if __name__ == "__main__":
    main()
