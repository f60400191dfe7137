"""The baseline that a job is compared with, and the new file that it may make one of."""

import time
from dataclasses import replace

from diffing.core.baseline import ACCEPTED, Baseline, new_kept_name
from diffing.core.catalogue import Metric
from diffing.core.errors import TAKEN_AWAY, Interrupted
from diffing.core.input_file import InputFile
from diffing.core.settings import Settings
from diffing.core.spec import DiffSpec, KeepSpec
from diffing.files.inputs import Source
from diffing.files.keeping import FOLDER, source_in
from diffing.files.kept import KeptFiles
from diffing.store.baselines import Baselines, How
from diffing.store.job import Job
from diffing.store.job_inputs import old_name
from diffing.store.jobs import End, Jobs
from diffing.worker.claim import Claim
from diffing.worker.sharing import Move, Sharing


class BaselineKeeper:
    """Finds baselines for jobs, and keeps their new files.

    Args:
        settings: the folder of kept files.
        jobs: the jobs table.
        baselines: the tables of baselines.
        sharing: has the credentials of a bucket.
        beat_seconds: time between two signs of life.
    """

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        baselines: Baselines,
        sharing: Sharing,
        beat_seconds: float,
    ) -> None:
        self._settings = settings
        self._sharing = sharing
        self._files = KeptFiles(settings.kept_dir, settings.least_free)
        self._jobs = jobs
        self._baselines = baselines
        self._beat_seconds = beat_seconds

    def noted(self, job: Job, metric: Metric) -> Baseline | None:
        """The baseline of a job, which stays as long as the job runs; None before the first one.

        Args:
            job: that this worker runs.
            metric: of the job.

        Raises:
            UnknownPin: the pin was removed.
            DatabaseUnavailable: a table cannot be used.
        """
        with self._files.staying():
            return self._baselines.note(job, metric.id, old_name(job, metric))

    def source_of(self, baseline: Baseline | None) -> Source:
        """The file of a baseline; before the first one, a file that does not exist.

        Raises:
            MissingInput: the kept file was lost from this machine.
        """
        storage = self._settings.storage
        return source_in(storage, baseline) if storage else self._files.file_of(baseline)

    def end_of(self, job: Job, metric: Metric | None, spec: DiffSpec, end: End, move: Move) -> End:
        """Keep the new file of a job if it may be accepted, and say whether it is by itself.

        Args:
            job: that this worker runs, and whose diff succeeded.
            metric: of the job; None for a one-off diff.
            spec: of the diff.
            end: of the job, so far.
            move: runs an order in a child process of the attempt.

        Raises:
            Interrupted: the job was taken away from this worker.
            DatabaseUnavailable: the jobs table cannot be used.
            DiffingError, OSError: the file cannot be kept. Without it, a later night would be
                compared with an older one, and nobody would notice.
        """
        sha256 = end.summary["new"].get("sha256")
        if metric is None or metric.old != ACCEPTED or sha256 is None:
            return end
        name = self._keep(job, spec.new, sha256, move)
        return end.keeping(name, _how(job, metric, spec, end))

    def _keep(self, job: Job, new: InputFile, sha256: str, move: Move) -> str:
        storage = self._settings.storage
        if not storage:
            with self._files.staying():
                name = self._taken(job, self._files.name_of(new.path, sha256))
            beats = _Beats(Claim(self._jobs, job), self._beat_seconds)
            return self._files.keep(new, sha256, beats)
        name = self._taken(job, new_kept_name(new.path.suffix.lower(), sha256))
        folder = self._settings.scratch_dir(job.id, job.attempt) / FOLDER
        folder.mkdir(exist_ok=True)
        spec = KeepSpec(new, sha256, name, folder, storage, self._settings.least_free)
        move(replace(spec, credentials=self._sharing.credentials))
        return name

    def _taken(self, job: Job, wanted: str) -> str:
        """The name of a kept file, recorded before the file is kept: a sweeper leaves it."""
        if name := self._baselines.take(job, wanted):
            return name
        raise Interrupted(TAKEN_AWAY)


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
            raise Interrupted(TAKEN_AWAY)
        self._due = time.monotonic() + self._seconds
