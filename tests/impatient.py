"""`diffing`, whose API waits for no client for long: `python -m tests.impatient api …`."""

from diffing.api.http import protocol
from diffing.cli import main

if __name__ == "__main__":
    protocol._HEAD_SECONDS = 0.6
    protocol._BODY_SECONDS = 0.8
    protocol._LINGER_SECONDS = 0.5
    main.run()
