"""The baseline that a job is compared with, and the new file that it may make one of."""

import logging
import time
from dataclasses import asdict, replace

from diffing.core.baseline import ACCEPTED, against
from diffing.core.catalogue import Metric
from diffing.core.errors import DiffingError, Interrupted
from diffing.core.settings import Settings
from diffing.core.spec import DiffSpec
from diffing.files.kept import KeptFiles, require_one_disk
from diffing.store.baselines import Baselines, How
from diffing.store.job import Job
from diffing.store.job_inputs import old_name
from diffing.store.jobs import End, Jobs
from diffing.worker.claim import Claim

_log = logging.getLogger(__name__)


class BaselineKeeper:
    """Finds baselines for jobs, and keeps their new files.

    Args:
        settings: the folder of kept files.
        jobs: the jobs table.
        baselines: the tables of baselines.
        beat_seconds: time between two signs of life.
    """

    def __init__(
        self, settings: Settings, jobs: Jobs, baselines: Baselines, beat_seconds: float
    ) -> None:
        self._settings = settings
        self._kept = KeptFiles(settings.kept_dir, settings.least_free)
        self._jobs = jobs
        self._baselines = baselines
        self._beat_seconds = beat_seconds

    def compared(self, job: Job, metric: Metric, spec: DiffSpec) -> DiffSpec:
        """The order for the diff of a job with a baseline as old.

        Args:
            job: that this worker runs.
            metric: of the job.
            spec: the order, with any old file.

        Raises:
            Conflict: the service has no kept files.
            UnknownPin: the pin was removed.
            DatabaseUnavailable: a table cannot be used.
        """
        require_one_disk(self._settings)
        with self._kept.staying():
            baseline = self._baselines.named(metric.id, old_name(job, metric))
            self._jobs.note_baseline(job, asdict(baseline) if baseline else None)
        old, comparison = self._kept.file_of(baseline), against(baseline, spec.comparison)
        return replace(spec, old=old, comparison=comparison)

    def end_of(self, job: Job, metric: Metric | None, spec: DiffSpec, end: End) -> End:
        """Keep the new file of a job if it may be accepted, and say whether it is by itself.

        Args:
            job: that this worker runs, and whose diff succeeded.
            metric: of the job; None for a one-off diff.
            spec: of the diff.
            end: of the job, so far.

        Raises:
            Interrupted: the job was taken away from this worker.
            DatabaseUnavailable: the jobs table cannot be used.
        """
        sha256 = end.summary["new"].get("sha256")
        if metric is None or metric.old != ACCEPTED or sha256 is None or self._settings.storage:
            return end
        name = self._kept.name_of(spec.new.path, sha256)
        with self._kept.staying():
            self._jobs.note_kept(job, name)
        try:
            self._kept.keep(spec.new, sha256, _Beats(Claim(self._jobs, job), self._beat_seconds))
        except Interrupted:
            raise
        except (DiffingError, OSError) as error:
            # the result is right; a request to accept the file tries again
            _log.error("job %d: its new file cannot be kept: %s", job.id, error)
            return end
        return end.keeping(name, _how(job, metric, spec, end))


def _how(job: Job, metric: Metric, spec: DiffSpec, end: End) -> How | None:
    """How the new file of a job is accepted by itself; None if it is not.

    A job with files or options of its own accepts nothing: else a request could relax the rules.
    """
    if job.comparison or job.old or job.new:
        return None
    if spec.comparison.old_may_be_missing:
        return "first"
    verdict = end.summary.get("verdict")
    if metric.accept == "when expected" and verdict and verdict["passed"]:
        return "expected"
    return None


class _Beats:
    """Gives signs of life while a file is packed."""

    def __init__(self, claim: Claim[Job], seconds: float) -> None:
        self._claim = claim
        self._seconds = seconds
        self._due = time.monotonic() + seconds

    def __call__(self) -> None:
        if time.monotonic() < self._due:
            return
        if not self._claim.beat(None):
            raise Interrupted("The job was taken away from this worker.")
        self._due = time.monotonic() + self._seconds
