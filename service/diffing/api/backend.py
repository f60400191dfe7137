"""The parts that all endpoints share: settings, catalogue, tables, queue."""

import asyncio
from dataclasses import dataclass
from typing import Self

from diffing.api.conversions import Formats
from diffing.api.http.downloads import Files
from diffing.api.stored import Stored
from diffing.api.watch import MOST_WAITING, Watch
from diffing.core.baseline import ACCEPTED
from diffing.core.catalogue import Catalogue, Metric
from diffing.core.errors import MissingInput
from diffing.core.remote_file import RemoteFile
from diffing.core.settings import Settings
from diffing.files.inputs import InputState, state_of_input
from diffing.files.keeping import Kept, kept_of
from diffing.files.storage import Storage, storage_of
from diffing.files.uploads import remove_orphans
from diffing.store.api_keys import ApiKeys
from diffing.store.baselines import Baselines
from diffing.store.conversions import Conversions
from diffing.store.database import open_database
from diffing.store.history import History
from diffing.store.job import Job
from diffing.store.jobs import Jobs
from diffing.store.queue import CONVERSIONS, JobQueue
from diffing.store.secret import service_id
from diffing.store.sessions import Sessions
from diffing.store.statistics import Statistics


@dataclass(frozen=True)
class Backend:
    """The parts behind the endpoints.

    Args:
        settings: all settings.
        catalogue: the metrics.
        jobs: the jobs table.
        api_keys: the API keys.
        sessions: of browsers.
        queue: of job ids.
        statistics: figures of all jobs and workers.
        history: of the metrics.
        baselines: accepted files and pins.
        kept: the files of these.
        watch: follows jobs for waiting requests.
        formats: gets results in other formats.
        storage: the uploads, and the state of the storage.
        stored: the results.
        downloads: answers requests for files.
        stopping: set when the process begins to stop, which ends long answers.
    """

    settings: Settings
    catalogue: Catalogue
    jobs: Jobs
    api_keys: ApiKeys
    sessions: Sessions
    queue: JobQueue
    statistics: Statistics
    history: History
    baselines: Baselines
    kept: Kept
    watch: Watch[Job]
    formats: Formats
    storage: Storage
    stored: Stored
    downloads: Files
    stopping: asyncio.Event

    def state_of_old(self, metric: Metric) -> InputState:
        """The old file that a new job of a metric would read, which may be an accepted one."""
        if metric.old != ACCEPTED:
            return state_of_input(metric.old, self.settings.inputs)
        newest = self.baselines.accepted(metric.id, 1)
        if not newest:
            return InputState(ACCEPTED)
        name, when = f"{ACCEPTED}: {newest[0].name}", newest[0].accepted_at
        try:
            file = self.kept.source_of(newest[0].baseline)
            if isinstance(file, RemoteFile):
                return InputState(name, modified=when, is_remote=True)
            return InputState(name, file.path.stat().st_size, when)
        except (MissingInput, FileNotFoundError):
            return InputState(ACCEPTED)

    @classmethod
    def of(cls, settings: Settings, catalogue: Catalogue) -> Self:
        """Open the databases and the storage of these settings.

        Raises:
            BadSetting, DatabaseUnavailable, DiskUnavailable, StorageUnavailable: one of them cannot
                be used.
        """
        storage, engine = storage_of(settings), open_database(settings)
        stored = Stored(storage)
        jobs, conversions = Jobs(engine), Conversions(engine)
        if settings.storage:
            storage.require_ours(service_id(engine))
            # this host may have no worker, which would do it
            remove_orphans(settings.uploads_dir, jobs.uploads)
            storage.remove_copies(settings.uploads_dir)
        stopping, slots = asyncio.Event(), asyncio.Semaphore(MOST_WAITING)
        return cls(
            settings=settings,
            catalogue=catalogue,
            jobs=jobs,
            api_keys=ApiKeys(engine),
            sessions=Sessions(engine),
            queue=JobQueue(settings, engine),
            statistics=Statistics(engine, settings.stale_after),
            history=History(engine),
            baselines=Baselines(engine),
            kept=kept_of(settings),
            watch=Watch(jobs.of_ids, stopping, slots),
            formats=Formats(
                conversions,
                JobQueue(settings, engine, name=CONVERSIONS),
                Watch(conversions.of_ids, stopping, slots),
                stored,
            ),
            storage=storage,
            stored=stored,
            downloads=Files(),
            stopping=stopping,
        )
