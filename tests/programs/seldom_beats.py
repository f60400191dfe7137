"""A worker with a sign of life an hour: `python -m tests.programs.seldom_beats worker`."""

from functools import partial

from diffing.core import logs
from diffing.core.environment import load_settings
from diffing.worker.main import serve
from diffing.worker.worker import Worker

if __name__ == "__main__":
    settings = load_settings()
    logs.configure(logs.Style(settings.log_level, settings.log_format))
    serve(settings, partial(Worker, beat_seconds=3600))
