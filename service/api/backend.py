"""What the endpoints share: settings, catalogue, jobs table, queue."""

from dataclasses import dataclass
from typing import Self

from service.catalogue import Catalogue
from service.jobs import Jobs
from service.settings import Settings
from service.tasks import JobQueue


@dataclass(frozen=True)
class Backend:
    """The parts behind the endpoints."""

    settings: Settings
    catalogue: Catalogue
    jobs: Jobs
    queue: JobQueue

    @classmethod
    def of(cls, settings: Settings, catalogue: Catalogue) -> Self:
        """Open the databases of these settings.

        Raises:
            BadSetting: one of them cannot be used.
        """
        return cls(
            settings,
            catalogue,
            Jobs.in_file(settings.jobs_file),
            JobQueue(settings.queue_file),
        )
