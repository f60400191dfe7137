"""Jobs on hosts that share servers alone, while these and the links between them fail."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from tests.torture.apis import Apis
from tests.torture.cluster import Cluster
from tests.torture.nights import Nights
from tests.torture.outages import Outages
from tests.torture.referee import Referee, Tally
from tests.torture.users import User

_PATIENCE_SECONDS = 180.0
_SWEEP_SECONDS = 30.0


class Hosts:
    """A user, a metric whose new files are accepted, and somebody who breaks things, on a cluster.

    Args:
        cluster: that was not started.
        referee: of the folder outside.
        rng: decides when, what and whom.
        tally: of the trial.
    """

    def __init__(
        self, cluster: Cluster, referee: Referee, rng: random.Random, tally: Tally
    ) -> None:
        self._cluster, self._referee, self._tally = cluster, referee, tally
        cluster.put_inputs()
        for host in cluster.hosts:
            host.start()
        inputs = cluster.outside.settings.input_dir
        urls = [host.url for host in cluster.hosts]
        self._apis = Apis(urls, random.Random(rng.random()), tally)
        self._user = User(self._apis, referee, inputs, random.Random(rng.random()), tally)
        own = random.Random(rng.random())
        self._nights = Nights(cluster, self._apis, referee, own, tally)
        self._outages = Outages(cluster, rng, tally)

    def run(self, jobs: int) -> None:
        """Have so many jobs accepted and each fault injected, and look at what became of them."""
        with self._apis, ThreadPoolExecutor(2) as threads:
            asking = threads.submit(self._user.run, jobs, lambda: self._outages.each_was_injected)
            nights = threads.submit(self._nights.run, asking.done)
            try:
                self._outages.run(lambda: not (asking.done() and nights.done()))
                nights.result(_PATIENCE_SECONDS)
            finally:
                self._apis.leave()
        asking.result()
        first, *others = [self._cluster.client_of(host) for host in self._cluster.hosts]
        self._referee.judge(self._tally, first, _PATIENCE_SECONDS)
        for client in others:
            self._referee.judge_again(self._tally, client)
            self._nights.judge(client)

    def stop(self) -> None:
        """End all, and have last workers sweep; then look at what is left."""
        hosts = self._cluster.hosts
        for host in hosts:
            host.stop()
        for host in hosts:
            host.start()
        deadline = time.monotonic() + _SWEEP_SECONDS
        while self._left() and time.monotonic() < deadline:
            time.sleep(0.2)
        for host in hosts:
            host.stop()
        for host in hosts:
            host.service.all_ended()
        self._tally.faults_of_ours += [f"left: {name}" for name in self._left()]
        lines = chain.from_iterable(host.service.all_lines() for host in hosts)
        self._referee.judge_words(self._tally, lines)
        self._judge_uploads()
        self._nights.judge_files()

    def _left(self) -> list[str]:
        """The files that no rule keeps, on the disks and in the bucket."""
        on_disks = [name for host in self._cluster.hosts for name in host.scratch()]
        return on_disks + self._referee.unneeded(self._cluster.names("results"))

    def _judge_uploads(self) -> None:
        """Look for uploads without a job, which stay for a day: lost requests may leave some."""
        sent = {name.partition("/")[0] for name in self._cluster.names("uploads")}
        orphans = sent - self._cluster.outside.jobs().uploads(sent)
        if len(orphans) > self._apis.unanswered:
            self._tally.faults_of_ours.append(f"{len(orphans)} uploads have no job")
