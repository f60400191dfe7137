"""What the endpoints share: settings, catalogue, tables, queue."""

import asyncio
from dataclasses import dataclass
from typing import Self

from diffing.api.conversions import Formats
from diffing.api.watch import MOST_WAITING, Watch
from diffing.core.catalogue import Catalogue
from diffing.core.settings import Settings
from diffing.store.api_keys import Keys
from diffing.store.conversions import Conversions
from diffing.store.database import open_file
from diffing.store.job import Job
from diffing.store.jobs import Jobs
from diffing.store.queue import CONVERSIONS, JobQueue
from diffing.store.statistics import Census


@dataclass(frozen=True)
class Backend:
    """The parts behind the endpoints.

    Args:
        settings: all settings.
        catalogue: the metrics.
        jobs: the jobs table.
        keys: the API keys.
        queue: carries the ids.
        census: figures of all jobs and workers.
        watch: looks at jobs for those who wait for them.
        formats: has results written in other formats.
        stopping: set when the process begins to stop; answers that take long end then.
    """

    settings: Settings
    catalogue: Catalogue
    jobs: Jobs
    keys: Keys
    queue: JobQueue
    census: Census
    watch: Watch[Job]
    formats: Formats
    stopping: asyncio.Event

    @classmethod
    def of(cls, settings: Settings, catalogue: Catalogue) -> Self:
        """Open the databases of these settings.

        Raises:
            BadSetting: one of them cannot be used.
        """
        engine = open_file(settings.jobs_file)
        jobs, conversions = Jobs(engine), Conversions(engine)
        stopping, slots = asyncio.Event(), asyncio.Semaphore(MOST_WAITING)
        return cls(
            settings=settings,
            catalogue=catalogue,
            jobs=jobs,
            keys=Keys(engine),
            queue=JobQueue(settings.queue_file),
            census=Census(engine, settings.stale_after),
            watch=Watch(jobs.of_ids, stopping, slots),
            formats=Formats(
                conversions,
                JobQueue(settings.queue_file, name=CONVERSIONS),
                Watch(conversions.of_ids, stopping, slots),
            ),
            stopping=stopping,
        )
