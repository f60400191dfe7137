"""The files of a job: sent, named, or those of its metric. Baselines are not among them."""

from diffing.core.baseline import is_baseline
from diffing.core.catalogue import Metric
from diffing.core.input_file import InputFile
from diffing.core.settings import Settings
from diffing.files import uploads
from diffing.files.inputs import Source, find_input, new_of, old_of
from diffing.store.job import Job


def has_baseline(job: Job, metric: Metric | None) -> bool:
    """Whether the old file of a job is a kept one."""
    return job.upload is None and is_baseline(old_name(job, metric))


def old_name(job: Job, metric: Metric | None) -> str:
    """The name of the old file in the folder of inputs, or that of a baseline."""
    return job.old or (metric.old if metric else "")


def old_file(
    settings: Settings, job: Job, metric: Metric | None, *, may_be_missing: bool
) -> Source:
    """The old file of a job.

    Args:
        settings: the folders.
        job: whose old file is not a baseline.
        metric: of the job; None for a one-off diff.
        may_be_missing: whether it need not exist.

    Raises:
        MissingInput: as from `find_input`.
    """
    if job.upload:
        return _uploaded(settings, job.upload, "old", job.old)
    if metric and not job.old:
        return old_of(metric, settings.inputs, may_be_missing=may_be_missing)
    return find_input(job.old or "", settings.inputs, may_be_missing=may_be_missing)


def new_file(settings: Settings, job: Job, metric: Metric | None) -> Source:
    """The new file of a job.

    Args:
        settings: the folders.
        job: the job.
        metric: of the job; None for a one-off diff.

    Raises:
        MissingInput: as from `find_input`.
    """
    if job.upload:
        return _uploaded(settings, job.upload, "new", job.new)
    if metric and not job.new:
        return new_of(metric, settings.inputs)
    return find_input(job.new or "", settings.inputs)


def _uploaded(settings: Settings, upload: str, side: str, name: str | None) -> Source:
    if settings.storage:
        return settings.storage.file(uploads.key_of(upload, side), name or f"{side}.csv")
    path = uploads.file_of(settings.uploads_dir, upload, side)
    return InputFile(path, name or path.name)
