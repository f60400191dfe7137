"""The demo: it makes sample data, diffs it over HTTP, prints the results, and keeps serving."""

import itertools
import time
from pathlib import Path

from rich.console import Console

from diffing.cli.client import Client
from diffing.cli.processes import services
from diffing.core.catalogue import Metric, load_catalogue
from diffing.core.errors import BadSetting, MissingInput
from diffing.core.figures import COUNTS
from diffing.core.settings import Settings
from diffing.engine.samples import METRICS, write_sample
from diffing.files.inputs import find_inputs
from diffing.files.publish import scratch_folder

_ROWS = 200_000
_FIRST_ROWS = 4


def run(settings: Settings, *, once: bool) -> None:
    """Diff each metric of the catalogue over HTTP, and print the results.

    Args:
        settings: the address and the data folder.
        once: return after printing the results, instead of serving.

    Raises:
        BadSetting: the address is in use, the data folder is not writable, or the service would
            require an API key.
        DiffFailed: a job did not succeed.
    """
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    metrics = load_catalogue(settings.metrics).metrics.values()
    if settings.api_keys == "on":
        raise BadSetting("The demo has no API key. Start it without DIFFING_API_KEYS=on.")
    if settings.storage:
        raise BadSetting("The demo has no bucket. Start it without DIFFING_STORAGE_URL.")
    with services(settings) as both:
        for metric in metrics:
            _make_sample(settings, metric, console)
        for metric in metrics:
            job_id = _show(both.url, metric.id, console)
            if not once:
                console.print(f"the whole result: curl -OJ {both.url}/api/diffing/job/{job_id}")
        if not once:
            console.print(f"\nServing on {both.url} until Ctrl-C: open it in a browser.")
            both.wait()


def _make_sample(settings: Settings, metric: Metric, console: Console) -> None:
    try:
        find_inputs(metric, settings.input_dir, metric.old_may_be_missing)
    except MissingInput:
        if metric.id not in METRICS or _has_some(settings.input_dir, metric):
            raise
        with console.status(f"making {_ROWS:,} sample rows of {metric.id}"):
            old, new = settings.input_dir / metric.old, settings.input_dir / metric.new
            write_sample(metric.id, _ROWS, old, new)
        console.print(f"Made sample data: {old}, {new}")


def _has_some(folder: Path, metric: Metric) -> bool:
    """Whether a sample would hide an existing file, such as one of the two."""
    return any(path.name.startswith((metric.old, metric.new)) for path in folder.iterdir())


def _show(url: str, metric: str, console: Console) -> int:
    """Diff a metric, print the result, and return the id of the job."""
    started = time.monotonic()
    with Client(url) as client, scratch_folder() as folder:
        with console.status(metric) as progress:
            job_id = client.submit(metric, fresh=True)
            client.wait(job_id, lambda now: progress.update(f"{metric}: {now}"))
        waited = time.monotonic() - started
        summary = client.summary(job_id)
        result = folder / "result.csv"
        client.fetch(job_id, result)
        with result.open(encoding="utf-8", newline="") as file:
            first = list(itertools.islice(file, _FIRST_ROWS))
    console.print(f"\n[bold]{metric}[/]: {', '.join(f'{n} {summary[n]:,}' for n in COUNTS)}")
    console.print(
        f"of {summary['old']['rows']:,} old and {summary['new']['rows']:,} new rows, "
        f"in {summary['seconds']:.1f} s ({waited:.1f} s with the queue), "
        f"{summary['peak_rss_bytes'] / 1e6:.0f} MB at the peak"
    )
    for row in first:
        console.print(f"  {row.rstrip()}", markup=False)
    return job_id
