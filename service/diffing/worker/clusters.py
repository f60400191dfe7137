"""The places of attempts on a cluster: joins there, and what dead attempts left."""

import logging
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from diffing.core import logs
from diffing.core.cluster import Cluster, Join
from diffing.core.errors import DiffingError
from diffing.core.progress import Progress
from diffing.core.settings import Settings
from diffing.core.spec import JoinSpec, StopSpec
from diffing.files.results import Outputs
from diffing.files.staging import Staging
from diffing.sandbox.limits import Limits
from diffing.worker.supervisor import Runner
from diffing.worker.task import Task

_log = logging.getLogger(__name__)

# It delays the next job of a thread, if the cluster does not answer.
_STOP_SECONDS = 20
# Files in the scratch folder of an attempt: the name of its place on the cluster, and a mark as
# long as a query may run there.
_PLACE, _MARK = "place", "joining"


class Clusters:
    """Starts the processes that talk to a cluster. Diffs may not use the network.

    Args:
        settings: the cluster, and the staging place.
        beat_seconds: time between two signs of life.
    """

    def __init__(self, settings: Settings, beat_seconds: float) -> None:
        self._settings = settings
        # a runner of its own: queries are ended when the other one is closed, too
        self._runner = Runner(beat_seconds, _STOP_SECONDS)
        self.credentials: Mapping[str, str] = {}

    def place(self, scratch: Path) -> Cluster:
        """The place of an attempt, with a folder for staged files.

        Args:
            scratch: folder of the attempt, which exists.

        Raises:
            BadSetting: no cluster is set, or the staging place is unusable.
        """
        # random: Spark refuses a session that it has closed, even one of an earlier database
        name = f"{scratch.name}.{uuid.uuid4()}"
        cluster = self._settings.cluster(name, scratch, self.credentials)
        (scratch / _PLACE).write_text(name)
        Staging(cluster).make()
        return cluster

    def join(self, cluster: Cluster, run: Callable[[Task], dict[str, Any]], join: Join) -> str:
        """Have the cluster join the staged rows of an attempt.

        Args:
            cluster: the place of the attempt.
            run: runs an order as part of the attempt.
            join: how the rows are compared.

        Returns:
            The name and version of the engine.

        Raises:
            ChildFailed, ChildCrashed, TimedOut, Interrupted: as from `Runner.run`.
        """
        mark = cluster.scratch / _MARK
        mark.touch()
        found = run(self._task(JoinSpec(cluster, join)))
        mark.unlink()
        return str(found["engine"])

    def leave(self, scratch: Path) -> bool:
        """End what an ended attempt left on the cluster: a query, and staged files.

        Args:
            scratch: folder of the attempt.

        Returns:
            Whether nothing is left.
        """
        try:
            name = (scratch / _PLACE).read_text()
        except FileNotFoundError:
            return True
        if not (name and self._settings.spark_url and self._settings.staging_url):
            return True
        cluster = self._settings.cluster(name, scratch, self.credentials)
        try:
            if (scratch / _MARK).exists():
                self._runner.run(self._task(StopSpec(cluster)), _Wanted())
            else:
                Staging(cluster).remove_here()
        except DiffingError as error:
            _log.warning("a query of attempt %s may still run: %s", scratch.name, error)
            return False
        return True

    def _task(self, spec: JoinSpec | StopSpec) -> Task:
        settings = self._settings
        return Task(
            spec=spec,
            outputs=Outputs(),
            limits=Limits.of(settings, spec.cluster.scratch),
            log=logs.Style(settings.log_level, settings.log_format),
        )


class _Wanted:
    """The caller of an order that nobody cancels."""

    def beat(self, progress: Progress | None) -> bool:  # noqa: ARG002 - as the protocol has it
        """Take a sign of life."""
        return True

    def is_wanted(self) -> bool:
        """Whether to continue."""
        return True
