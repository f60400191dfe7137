"""Cuts hosts off, stops and freezes their servers, and kills their programs."""

import random
import signal
import time
from collections.abc import Callable, Iterator

from tests.torture.cluster import STALE_AFTER, Cluster, Host
from tests.torture.referee import Tally

_PATIENCE_SECONDS = 10.0


class Outages:
    """Somebody who breaks a cluster, one fault after another, mostly while a job runs.

    Args:
        cluster: that was started.
        rng: decides when, what and whom.
        tally: counts the faults.
    """

    def __init__(self, cluster: Cluster, rng: random.Random, tally: Tally) -> None:
        self._cluster, self._rng, self._tally = cluster, rng, tally
        self._faults: list[Callable[[], bool]] = [
            self._cut_host_off,
            self._stop_postgresql,
            self._stop_redis,
            self._freeze_bucket,
            self._kill_group_of_worker,
            self._kill_group_of_api,
        ]

    @property
    def each_was_injected(self) -> bool:
        """Whether each fault was met."""
        return len(self._tally.faults) == len(self._faults)

    def run(self, is_needed: Callable[[], bool]) -> None:
        """Break things while that is needed; afterwards, all runs again."""
        for fault in self._order():
            time.sleep(self._rng.uniform(0.1, 2))
            if not is_needed():
                break
            if fault():
                self._tally.faults[fault.__name__.strip("_").replace("_", " ")] += 1
            for host in self._cluster.hosts:
                host.look_after()

    def _order(self) -> Iterator[Callable[[], bool]]:
        """Each fault once, then any."""
        missing = self._rng.sample(self._faults, len(self._faults))
        while True:
            yield missing.pop() if missing else self._rng.choice(self._faults)

    def _busy_host(self) -> Host | None:
        """A host that runs an attempt; None after a long wait."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        hosts = self._cluster.hosts
        while time.monotonic() < deadline:
            for host in self._rng.sample(hosts, len(hosts)):
                if host.is_busy():
                    return host
            time.sleep(0.02)
        return None

    def _last(self, least: float, most: float) -> None:
        time.sleep(self._rng.uniform(least, most) * STALE_AFTER)

    # faults: each tells whether there was something to break

    def _cut_host_off(self) -> bool:
        host = self._busy_host()
        if host is None:
            return False
        host.link.cut()
        assert not host.is_reachable(), "the link was not cut"
        self._last(0, 4)
        host.link.mend()
        return True

    def _stop_postgresql(self) -> bool:
        is_met = self._busy_host() is not None
        self._cluster.postgres.stop()
        self._last(0, 1)
        self._cluster.postgres.start()
        return is_met

    def _stop_redis(self) -> bool:
        self._cluster.redis.stop()
        self._last(0, 1)
        self._cluster.redis.start()
        return True

    def _freeze_bucket(self) -> bool:
        is_met = self._busy_host() is not None
        self._cluster.bucket.server.signal(signal.SIGSTOP)
        self._last(1.2, 2.5)
        self._cluster.bucket.server.signal(signal.SIGCONT)
        return is_met

    def _kill_group_of_worker(self) -> bool:
        host = self._busy_host()
        if host is None:
            return False
        host.worker.signal_all(signal.SIGKILL)
        host.worker.ended()
        return True

    def _kill_group_of_api(self) -> bool:
        host = self._rng.choice(self._cluster.hosts)
        host.api.signal_all(signal.SIGKILL)
        host.api.ended()
        return True
