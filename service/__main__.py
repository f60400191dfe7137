"""`python -m service` is `diffing`."""

from service.cli import run

run()
