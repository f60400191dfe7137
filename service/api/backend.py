"""What the endpoints share: settings, catalogue, tables, queue."""

import asyncio
from dataclasses import dataclass, field
from typing import Self

from service.catalogue import Catalogue
from service.census import Census
from service.database import open_file
from service.jobs import Jobs
from service.keys import Keys
from service.settings import Settings
from service.tasks import JobQueue


@dataclass(frozen=True)
class Backend:
    """The parts behind the endpoints.

    Args:
        settings: all settings.
        catalogue: the metrics.
        jobs: the jobs table.
        queue: carries the ids.
        stopping: set when the process begins to stop; answers that take long end then.
    """

    settings: Settings
    catalogue: Catalogue
    jobs: Jobs
    keys: Keys
    queue: JobQueue
    census: Census
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, settings: Settings, catalogue: Catalogue) -> Self:
        """Open the databases of these settings.

        Raises:
            BadSetting: one of them cannot be used.
        """
        engine = open_file(settings.jobs_file)
        return cls(
            settings,
            catalogue,
            Jobs(engine),
            Keys(engine),
            JobQueue(settings.queue_file),
            Census(engine, settings.stale_after),
        )
