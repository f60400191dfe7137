"""The figures of `store/statistics.py` as Prometheus metrics."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from diffing import __version__
from diffing.core.catalogue import Catalogue
from diffing.core.errors import StorageUnavailable
from diffing.files.keeping import Kept
from diffing.files.kept import Used
from diffing.store.counters import BOUNDS, ONE_OFF
from diffing.store.job import FINISHED, Status
from diffing.store.statistics import CounterValue, Figures, Statistics

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


@dataclass(frozen=True)
class _Family:
    """Figures of one name.

    Args:
        row: their name in the table.
        name: their name in the answer.
        text: their description.
        label: a label in addition to the metric; empty without one.
        values: the values of that label.
    """

    row: str
    name: str
    text: str
    label: str = ""
    values: tuple[str, ...] = ("",)

    @property
    def labels(self) -> list[str]:
        """The names of the labels."""
        return ["metric", self.label] if self.label else ["metric"]

    def of(self, metric: str, value: str) -> list[str]:
        """The values of the labels."""
        return [metric, value] if self.label else [metric]


_SIDES = ("old", "new")
_TOTALS = (
    _Family("attempts", "diffing_attempts", "Attempts at jobs that were started."),
    _Family(
        "ended", "diffing_jobs_ended", "Jobs that ended, by their last state.", "status", FINISHED
    ),
    _Family(
        "verdicts",
        "diffing_verdicts",
        "Diffs that succeeded and had rules, by whether all were met.",
        "verdict",
        ("passed", "not-passed"),
    ),
    _Family("rows_read", "diffing_rows_read", "Rows of diffs that succeeded.", "side", _SIDES),
    _Family("rows_emitted", "diffing_rows_emitted", "Rows in results: added and changed."),
    _Family(
        "bytes_read",
        "diffing_read_bytes",
        "Size on disk of the inputs of diffs that succeeded.",
        "side",
        _SIDES,
    ),
)
_DURATIONS = (
    _Family(
        "run",
        "diffing_job_duration_seconds",
        "From the start of the last attempt to the end.",
        "status",
    ),
    _Family("wait", "diffing_job_wait_seconds", "From the creation of a job to its first attempt."),
)


class Exposition:
    """Writes the figures of the service and of this process in the text format of Prometheus.

    Args:
        statistics: the figures.
        catalogue: the counters of its metrics begin as 0.
        kept: the kept files.
    """

    def __init__(self, statistics: Statistics, catalogue: Catalogue, kept: Kept) -> None:
        # not the global registry, which every app in the process would share
        self._registry = CollectorRegistry()
        self._registry.register(_Tables(statistics, catalogue, kept))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """All figures, as of now.

        Raises:
            DatabaseUnavailable: the tables cannot be read.
        """
        return generate_latest(self._registry)


class _Tables(Collector):
    def __init__(self, statistics: Statistics, catalogue: Catalogue, kept: Kept) -> None:
        self._statistics = statistics
        self._catalogue = catalogue
        self._kept = kept

    def describe(self) -> Iterable[Metric]:
        """Nothing: else the registration would read the tables."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The figures."""
        figures = self._statistics.take()
        yield InfoMetricFamily("diffing_build", "The release.", {"version": __version__})
        yield from _gauges(figures)
        with suppress(StorageUnavailable):  # a bucket does not list them
            yield from _of_kept_files(self._kept.used())
        for family in _TOTALS:
            yield self._total(figures, family)
        for family in _DURATIONS:
            yield _histogram(figures, family)

    def _total(self, figures: Figures, family: _Family) -> Metric:
        zeros = [
            CounterValue(family.row, metric, value, 0)
            for metric in [*self._catalogue.metrics, ONE_OFF]
            for value in family.values
        ]
        sums = {
            (total.metric, total.label): total.value
            for total in (*zeros, *figures.totals)
            if total.name == family.row
        }
        found = CounterMetricFamily(family.name, family.text, labels=family.labels)
        for (metric, value), total in sorted(sums.items()):
            found.add_metric(family.of(metric, value), total)
        return found


def _gauges(figures: Figures) -> Iterator[Metric]:
    jobs = GaugeMetricFamily(
        "diffing_jobs",
        "Jobs in the table, by state. Ended jobs stay for DIFFING_RETENTION.",
        labels=["status"],
    )
    for status, number in figures.jobs.items():
        jobs.add_metric([status], number)
    yield jobs
    for name, text, value in (
        ("diffing_queue_depth", "Jobs that wait for a worker.", figures.jobs[Status.QUEUED]),
        (
            "diffing_queue_oldest_age_seconds",
            "Since the oldest waiting job was created; 0 if no job waits.",
            figures.oldest_queued or 0,
        ),
        (
            "diffing_workers",
            "Workers with a sign of life within DIFFING_STALE_AFTER.",
            figures.crew.workers,
        ),
        ("diffing_worker_slots", "Jobs that these workers run at once.", figures.crew.slots),
    ):
        yield GaugeMetricFamily(name, text, value=value)


def _of_kept_files(used: Used) -> Iterator[Metric]:
    for name, text, value in (
        ("diffing_kept_files", "Accepted and pinned files, and those that may be.", used.files),
        ("diffing_kept_bytes", "Their size on the disk.", used.bytes),
    ):
        yield GaugeMetricFamily(name, text, value=value)


def _histogram(figures: Figures, family: _Family) -> Metric:
    histogram = HistogramMetricFamily(family.name, family.text, labels=family.labels)
    for found in figures.durations:
        if found.name != family.row:
            continue
        up_to = [
            (str(bound), sum(n for at_most, n in found.numbers.items() if at_most <= bound))
            for bound in BOUNDS
        ]
        histogram.add_metric(
            family.of(found.metric, found.label),
            [*up_to, ("+Inf", sum(found.numbers.values()))],
            found.seconds,
        )
    return histogram
