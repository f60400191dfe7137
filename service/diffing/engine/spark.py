"""The step of a diff that a cluster does, by Spark Connect. Only this module knows pyspark."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from diffing.core.cluster import Cluster, Join
from diffing.core.comparison import REL_TOL
from diffing.core.errors import BadSetting, DiffFailed, DiffingError, OutOfMemory, Unreachable
from diffing.engine.sql import query
from diffing.files.staging import Staging

_log = logging.getLogger(__name__)

# How often a client tries again: for 4 s at first, then for a minute. By default, it does so
# for ten minutes.
_FIRST_TRIES, _TRIES = 4, 6


class SparkSession:
    """A session on a cluster.

    Args:
        cluster: the place of the diff on it.

    Raises:
        BadSetting: a package is not installed, or the URL is not one of Spark Connect.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._staging = Staging(cluster)
        with _errors_explained():
            self._session = _connected(cluster)

    def close(self) -> None:
        """Release the session. The cluster ends what still runs in it."""
        # the cluster forgets an idle session, too
        with suppress(Exception), warnings.catch_warnings(action="ignore"):
            _limit_tries(self._session, 1)
            self._session.stop()

    def interrupt(self) -> None:
        """End all queries of the session, from any thread or process.

        Raises:
            Unreachable: the cluster does not answer.
        """
        with _errors_explained():
            self._session.interruptAll()

    def join(self, join: Join) -> str:
        """Join and decide the staged rows.

        Args:
            join: how they are compared.

        Returns:
            The name and version of the engine.

        Raises:
            Unreachable: the cluster or its store does not answer.
            DiffFailed: the query failed.
            OutOfMemory: what it decided does not fit in memory.
        """
        import pyarrow.parquet

        staged = self._cluster.staged
        with self._staging.seen_by_the_cluster() as (old, new), _errors_explained():
            session = self._session
            version = session.version
            _limit_tries(session, _TRIES)
            for name, place in (("old_rows", old), ("new_rows", new)):
                session.read.parquet(place).createOrReplaceTempView(name)
            found = session.sql(query("join_on_cluster"), args=_arguments(join)).toArrow()
        pyarrow.parquet.write_table(found, staged.decided)
        return f"spark {version}"


def stop(cluster: Cluster) -> None:
    """End what an attempt left on a cluster: its queries, and its staged files.

    Raises:
        BadSetting, Unreachable: as from `SparkSession`.
    """
    session = SparkSession(cluster)
    try:
        session.interrupt()
    finally:
        session.close()
    Staging(cluster).remove()


def _connected(cluster: Cluster) -> Any:
    # pyspark takes a process without it, such as a child of a worker, for one that tests pyspark
    vars(sys.modules["__main__"]).setdefault("__file__", __file__)
    from pyspark.sql.connect.session import SparkSession as Session

    # threads of it warn of tries, and it logs whole queries with their plans
    warnings.filterwarnings("ignore", module=r"pyspark\.")
    for name in ("SQLQueryContextLogger", "pyspark"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # getOrCreate would return the first session of this process, whatever its URL
    session = Session.builder.remote(cluster.connection).create()
    _limit_tries(session, _FIRST_TRIES)
    return session


def _limit_tries(session: Any, most: int) -> None:
    from pyspark.sql.connect.client.retries import DefaultPolicy

    session.client.set_retry_policies([DefaultPolicy(max_retries=most)])


def _arguments(join: Join) -> dict[str, list[float] | list[str] | list[bool] | bool]:
    """The parameters of 2_join.sql, none of which may be NULL."""
    return {
        "rel_tols": [REL_TOL if tol is None else float(tol) for tol in join.rel_tols],
        "abs_tols": [float(tol) for tol in join.abs_tols],
        # as texts, because an array of small and large integers has no single type
        "time_tols": [str(-1 if tol is None else tol) for tol in join.time_tols],
        "wholes_differ": [tol is None for tol in join.rel_tols],
        "counts": join.counts,
    }


@contextmanager
def _errors_explained() -> Iterator[None]:
    """A block whose errors are in our words: those of a library may contain the token."""
    try:
        with warnings.catch_warnings(action="ignore"):  # the errors say it
            yield
    except DiffingError:
        raise
    except ImportError:
        raise BadSetting(
            'engine = "spark" needs the package pyspark-client. '
            "Run pip install 'diffing[spark]', or leave the engine out."
        ) from None
    except MemoryError:
        raise OutOfMemory(
            "The decisions of the cluster need more memory than the diff may use. "
            "Raise DIFFING_MEMORY_LIMIT."
        ) from None
    except Exception as error:
        if _is_silent(error):
            raise Unreachable(
                "The cluster of DIFFING_SPARK_URL does not answer. Check the URL and the network, "
                "and start the cluster."
            ) from None
        raise DiffFailed("The query on the cluster failed; the log has its message.") from error


def _is_silent(error: Exception) -> bool:
    """Whether a server did not answer, rather than refuse."""
    said = str(error)
    return any(word in said for word in ("UNAVAILABLE", "RetriesExceeded", "RETRIES_EXCEEDED"))
