"""A worker that gives a sign of life once an hour: `python -m tests.seldom_beats worker`."""

from functools import partial

from diffing.core import logs
from diffing.core.environment import load_settings
from diffing.worker.main import serve
from diffing.worker.worker import Worker

if __name__ == "__main__":
    settings = load_settings()
    logs.configure(logs.Style(settings.log_level, settings.log_format))
    serve(settings, partial(Worker, beat_seconds=3600))
