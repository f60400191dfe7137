"""The main job, shown: sample data, diffs over HTTP, their results, and the service goes on."""

import json
import time
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from service.catalogue import Metric, find_inputs, load_catalogue
from service.errors import BadSetting, DiffFailed, MissingInput
from service.samples import METRICS, write_sample
from service.server import services
from service.settings import Settings

_ROWS = 200_000
_FIRST_ROWS = 4
_POLL_SECONDS = 0.1
_COUNTS = ("added", "changed", "removed", "unchanged", "within_tolerance", "emitted")


def run(settings: Settings, *, once: bool) -> None:
    """Diff each metric of the catalogue over HTTP and print what came of it.

    Args:
        settings: where to listen, and the data folder.
        once: return when the results are printed instead of serving until told to stop.

    Raises:
        BadSetting: the address is in use, the data folder cannot be written to, or it would take
            an API key.
        DiffFailed: a job did not succeed.
    """
    console = Console(highlight=False, soft_wrap=True)
    metrics = load_catalogue(settings.metrics).metrics.values()
    if settings.keys == "on":
        raise BadSetting("The demo has no API key: start it without DIFFING_KEYS=on.")
    with services(settings) as both:
        for metric in metrics:
            _make_sample(settings, metric, console)
        for metric in metrics:
            _show(both.url, metric.id, console)
        if not once:
            console.print(f"\nServing on {both.url} until Ctrl-C.")
            both.wait()


def _make_sample(settings: Settings, metric: Metric, console: Console) -> None:
    try:
        find_inputs(metric, settings.input_dir)
    except MissingInput:
        if metric.id not in METRICS:
            raise
        with console.status(f"making {_ROWS:,} sample rows of {metric.id}"):
            old, new = settings.input_dir / metric.old, settings.input_dir / metric.new
            write_sample(metric.id, _ROWS, old, new)
        console.print(f"Made sample data: {old}, {new}")


def _show(url: str, metric: str, console: Console) -> None:
    started = time.monotonic()
    job_url = (
        f"{url}/api/diffing/job/{_request(f'{url}/api/diffing/new/{metric}', 'POST')['job_id']}"
    )
    _wait(job_url, metric, console)
    waited = time.monotonic() - started
    summary = _request(f"{job_url}/summary")
    console.print(f"\n[bold]{metric}[/]: {', '.join(f'{n} {summary[n]:,}' for n in _COUNTS)}")
    console.print(
        f"of {summary['old']['rows']:,} old and {summary['new']['rows']:,} new rows, "
        f"in {summary['seconds']:.1f} s ({waited:.1f} s with the queue), "
        f"{summary['peak_rss_bytes'] / 1e6:.0f} MB at the peak"
    )
    with urlopen(job_url) as response:
        for _ in range(_FIRST_ROWS):
            console.print(f"  {response.readline().decode().rstrip()}", markup=False)
    console.print(f"the whole result: curl -OJ {job_url}")


def _wait(job_url: str, metric: str, console: Console) -> None:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        shown = progress.add_task(metric)
        while True:
            job = _request(f"{job_url}/status")
            progress.update(shown, description=f"{metric}: {job['stage'] or job['status']}")
            if job["status"] == "succeeded":
                return
            if job["error"]:
                raise DiffFailed(f"{metric}: {job['error']['detail']}")
            time.sleep(_POLL_SECONDS)


def _request(url: str, method: str = "GET") -> dict[str, Any]:
    try:
        with urlopen(Request(url, method=method)) as response:
            return dict(json.load(response))
    except HTTPError as error:
        raise DiffFailed(f"{method} {url}: {HTTPStatus(error.code).phrase}") from None
