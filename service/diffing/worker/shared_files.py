"""Removes unneeded files from the storage that hosts share, by the rules of the data folder."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime

from diffing.core.baseline import content_of
from diffing.core.remote_file import RemoteFolder
from diffing.files import uploads
from diffing.files.bucket import Bucket
from diffing.files.keeping import FOLDER
from diffing.files.ownership import require_ours
from diffing.files.results import ANSWERS_KEPT_SECONDS, MOST_ANSWERS, Outputs
from diffing.store.job import Job
from diffing.store.jobs import Jobs

# A request for each thousand files; what an attempt left may stay for some time.
_SECONDS_APART = 600.0
# S3 refuses requests whose clock is 15 minutes off, so the clocks of hosts and storage agree.
_ORPHANS_KEPT_SECONDS = 24 * 3600.0
_AT_ONCE = 1000


class SharedFiles:
    """Cleans the results, uploads and kept files in the storage.

    Args:
        folder: the storage.
        jobs: the jobs table.
        needed_kept: gives the names of the kept files that must stay.
        retention: seconds for which ended jobs are kept.

    Raises:
        BadSetting: a package is not installed.
    """

    def __init__(
        self,
        folder: RemoteFolder,
        jobs: Jobs,
        needed_kept: Callable[[], Collection[str]],
        retention: float,
    ) -> None:
        self.bucket = Bucket(folder, hasty=True)
        self._jobs = jobs
        self._needed_kept = needed_kept
        self._service = ""
        self._apart = min(_SECONDS_APART, retention / 4)
        self._due = self._looked_at = -math.inf

    def connect(self, service: str) -> None:
        """Read the credentials of the environment, and check to whom the folder belongs.

        Args:
            service: id of this service.

        Raises:
            BadSetting: it belongs to another service.
            StorageUnavailable: the storage does not answer.
        """
        self.bucket.connect()
        self._service = service
        self._require_ours()

    def remove_of(self, job: Job) -> None:
        """Remove the files of an ended job.

        Raises:
            BadSetting: as from `connect`.
            StorageUnavailable: the storage does not answer.
        """
        if time.monotonic() > self._looked_at + self._apart:
            self._require_ours()
        results = self.bucket.names("results", f"{job.id}.")
        keys = [f"results/{name}" for name in results]
        if job.upload:
            keys += [uploads.key_of(job.upload, side) for side in uploads.SIDES]
        self._remove(keys)

    def sweep(self) -> None:
        """Remove all unneeded files, if the last time is long ago.

        Raises:
            BadSetting: as from `connect`.
            StorageUnavailable: the storage does not answer.
            DatabaseUnavailable: the jobs table cannot be read.
        """
        if time.monotonic() < self._due:
            return
        self._require_ours()
        # first the files, then the table: an attempt that is over by then cannot start again
        results, sent, kept = (self.bucket.names(name) for name in ("results", "uploads", FOLDER))
        self._remove([f"results/{name}" for name in self._dead(results)])
        self._remove([f"uploads/{name}" for name in self._orphans(sent)])
        self._remove([f"{FOLDER}/{name}" for name in self._unused(kept)])
        self._due = time.monotonic() + self._apart

    def _require_ours(self) -> None:
        require_ours(self.bucket, self._service)
        self._looked_at = time.monotonic()

    def _dead(self, results: dict[str, datetime]) -> list[str]:
        """The results that no job needs, and too many or old answers to questions for rows."""
        found = {name: its for name in results if (its := Outputs.attempt_of(name))}
        jobs = {job.id: job for job in self._jobs.of_ids({job_id for job_id, _ in found.values()})}
        dead, answers = [], defaultdict(list)
        for name, (job_id, attempt) in found.items():
            if not ((job := jobs.get(job_id)) and job.needs(attempt)):
                dead.append(name)
            elif Outputs.has_rows(name):
                answers[job_id, name.rpartition(".")[2]].append(name)
        for (_, suffix), names in answers.items():
            names.sort(key=lambda name: results[name], reverse=True)
            most = MOST_ANSWERS[f".{suffix}"]
            old = [name for name in names[:most] if _age(results[name]) > ANSWERS_KEPT_SECONDS]
            dead += [*names[most:], *old]
        return dead

    def _orphans(self, sent: dict[str, datetime]) -> list[str]:
        """The uploads whose job was never recorded, or is gone."""
        old = [name for name, when in sent.items() if _age(when) > _ORPHANS_KEPT_SECONDS]
        of_jobs = self._jobs.uploads({name.partition("/")[0] for name in old})
        return [name for name in old if name.partition("/")[0] not in of_jobs]

    def _unused(self, kept: Iterable[str]) -> list[str]:
        """The kept files that nothing needs.

        A host may stop between this look and the removal, for longer than any lock or age would
        bear. Still nothing is lost: a file is named in the database before it is there, and a name
        that is not in use is never used again. The same content then gets a new name.
        """
        needed = self._needed_kept()
        return [name for name in kept if content_of(name) and name not in needed]

    def _remove(self, names: list[str]) -> None:
        for start in range(0, len(names), _AT_ONCE):
            self.bucket.remove(names[start : start + _AT_ONCE])


def _age(when: datetime) -> float:
    return (datetime.now(UTC) - when).total_seconds()
