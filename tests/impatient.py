"""`diffing`, whose API waits for no client for long: `python -m tests.impatient api …`."""

from service import cli
from service.api import protocol

if __name__ == "__main__":
    protocol._HEAD_SECONDS = 0.6
    protocol._BODY_SECONDS = 0.8
    protocol._LINGER_SECONDS = 0.5
    cli.run()
