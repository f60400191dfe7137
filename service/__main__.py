"""`python -m service` is `diffing`."""

from service.cli import app

app(prog_name="diffing")
