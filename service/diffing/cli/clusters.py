"""A cluster that joins the rows of a diff on the command line."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diffing.core.settings import Settings
from diffing.engine.on_cluster import OnCluster
from diffing.engine.spark import SparkSession
from diffing.files.staging import Staging


@contextmanager
def on_cluster(settings: Settings, scratch: Path) -> Iterator[OnCluster]:
    """A join on the cluster of the settings. At the end, nothing is left of it there.

    Args:
        settings: the cluster, and the staging place.
        scratch: an existing folder, of this command alone.

    Raises:
        BadSetting: no cluster is set, a package is not installed, or the staging place is unusable.
    """
    cluster = settings.cluster(f"command-{uuid.uuid4()}", scratch, {})
    staging, session = Staging(cluster), SparkSession(cluster)
    try:
        staging.make()
        yield OnCluster(cluster.staged, session)
    finally:
        session.close()
        staging.remove_here()
