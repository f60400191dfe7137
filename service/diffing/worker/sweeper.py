"""Removes unneeded files: of dead attempts, and of jobs past their retention time."""

import logging
import math
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from diffing.core.errors import BadSetting, StorageUnavailable
from diffing.core.settings import Settings
from diffing.files import uploads
from diffing.files.kept import KeptFiles
from diffing.files.publish import at_rest, is_part
from diffing.files.results import ANSWERS_KEPT_SECONDS, MOST_ANSWERS, Outputs
from diffing.store.baselines import Baselines
from diffing.store.claims import Claimed
from diffing.store.history import History
from diffing.store.job import Job, Status
from diffing.store.jobs import Jobs
from diffing.worker.shared_files import SharedFiles

_log = logging.getLogger(__name__)


class Sweeper:
    """Cleans the folders of results, temporary files and uploads, and the storage.

    The jobs table decides. The sweeper first lists the files, and then reads the table. An attempt
    that is unknown or over by then cannot start again.

    Args:
        settings: the folders, and the retention time of jobs.
        jobs: the jobs table.
        history: of the metrics.
        baselines: accepted files and pins.
        leave_cluster: called with the scratch folder of an ended attempt; whether the attempt left
            nothing on a cluster.
    """

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        history: History,
        baselines: Baselines,
        leave_cluster: Callable[[Path], bool] = lambda _: True,
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._history = history
        self._leave_cluster = leave_cluster
        self._kept = KeptFiles(settings.kept_dir)
        shared = settings.storage
        self._needed = partial(baselines.needed, settings.history_retention)
        self._shared = (
            SharedFiles(shared, jobs, self._needed, settings.retention) if shared else None
        )

    def connect(self, service: str) -> None:
        """Read the credentials of the storage, which are not in the environment later.

        Args:
            service: id of this service, to which the storage must belong.

        Raises:
            BadSetting: the storage belongs to another service.
            StorageUnavailable: it does not answer.
        """
        if self._shared:
            self._shared.connect(service)

    def sweep(self) -> None:
        """Remove all unneeded files.

        Raises:
            OSError: a folder cannot be read, or a file not removed.
            DatabaseUnavailable: the jobs table cannot be read.
            StorageUnavailable: the storage does not answer.
        """
        try:
            self._forget_old_jobs()
        except StorageUnavailable as error:
            _log.warning("old jobs stay until the storage answers: %s", error)
        except BadSetting as error:
            _log.error("nothing is removed: %s", error)
            return
        self._history.forget_ended_before(self._settings.history_retention)
        self._remove_dead([*self._files(self._settings.results_dir, "*")])
        self._remove_dead([*self._files(self._settings.tmp_dir, "*")])
        uploads.remove_orphans(self._settings.uploads_dir, self._jobs.uploads)
        self._kept.remove_all_but(self._needed)
        if self._shared:
            try:
                self._shared.sweep()
            except BadSetting as error:
                _log.error("nothing is removed from the storage: %s", error)

    def clear(self, row: Claimed) -> None:
        """Remove results and temporary files with the names of an attempt that begins.

        They are of an earlier database, which was moved away and had the same ids.

        Raises:
            OSError: a file cannot be removed.
        """
        self._remove_scratch(self._settings.tmp_dir / row.stem)
        for path, *attempt in self._files(self._settings.results_dir, f"*{row.stem}.*"):
            if attempt == [row.id, row.attempt]:
                path.unlink(missing_ok=True)

    def tidy(self, row: Claimed) -> None:
        """Remove the unneeded files of an ended attempt.

        Raises:
            OSError: a file cannot be removed.
            DatabaseUnavailable: the jobs table cannot be read.
        """
        self._remove_scratch(self._settings.tmp_dir / row.stem)
        self._remove_dead([*self._files(self._settings.results_dir, f"*{row.stem}.*")])

    def thin(self, row: Claimed) -> None:
        """Remove the oldest answers to questions for rows of a result, if there are many.

        Raises:
            OSError: a file cannot be removed.
        """
        for suffix, most in MOST_ANSWERS.items():
            pattern = f"{row.stem}.rows-*{suffix}"
            found = [(_age(path), path) for path in self._settings.results_dir.glob(pattern)]
            for _, path in sorted(found)[most:]:
                path.unlink(missing_ok=True)

    def _forget_old_jobs(self) -> None:
        old = self._jobs.ended_before(self._settings.retention)
        for job in old:
            # the files first: a job without its result answers 410
            for path in self._settings.results_dir.glob(f"{job.id}.*"):
                path.unlink(missing_ok=True)
            if job.upload:
                uploads.remove(self._settings.uploads_dir, job.upload)
            if self._shared:
                self._shared.remove_of(job)
            self._jobs.forget(job)

    def _files(self, folder: Path, pattern: str) -> Iterable[tuple[Path, int, int]]:
        """The files and folders of attempts, with job and attempt."""
        for path in folder.glob(pattern):
            if attempt := Outputs.attempt_of(path.name) or _scratch_of(path.name):
                yield path, *attempt

    def _remove_dead(self, files: list[tuple[Path, int, int]]) -> None:
        jobs = {job.id: job for job in self._jobs.of_ids(job_id for _, job_id, _ in files)}
        for path, job_id, attempt in files:
            with _unneeded(path, jobs.get(job_id), attempt) as is_unneeded:
                if is_unneeded and path.is_dir():
                    self._remove_scratch(path)
                elif is_unneeded:
                    path.unlink(missing_ok=True)

    def _remove_scratch(self, folder: Path) -> None:
        if self._leave_cluster(folder):  # else the next sweep tries again
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _unneeded(path: Path, job: Job | None, attempt: int) -> Iterator[bool]:
    """Whether nothing needs a file or folder of an attempt. It stays so during the block."""
    if not (job and job.needs(attempt)):
        yield True
    elif job.status is Status.PROCESSING:
        yield False
    elif path.is_dir() or is_part(path.name):
        # a conversion of its result, or its analysis, may be running
        with at_rest(path) as is_at_rest:
            yield is_at_rest
    else:
        yield Outputs.has_rows(path.name) and _age(path) >= ANSWERS_KEPT_SECONDS


def _age(path: Path) -> float:
    """The seconds since a file was written; one that is gone is old."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def _scratch_of(name: str) -> tuple[int, int] | None:
    """The job and attempt of a scratch folder; None for other names."""
    found = re.fullmatch(r"(\d{1,19})\.(\d{1,9})", name)
    return found and (int(found[1]), int(found[2]))
