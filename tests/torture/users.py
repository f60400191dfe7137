"""Somebody who submits through one API and downloads through another."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import httpx2

from tests.torture.apis import Apis, Files
from tests.torture.referee import METRICS, Referee, Tally

_OPEN_AT_MOST = 12


class User:
    """Asks for jobs of mixed size, half of them with uploads, and looks at the results.

    Args:
        apis: of the cluster.
        referee: gets what was accepted, and knows each right answer.
        inputs: folder of the files of the metrics.
        rng: decides what is asked.
        tally: gets wrong results.
    """

    def __init__(
        self, apis: Apis, referee: Referee, inputs: Path, rng: random.Random, tally: Tally
    ) -> None:
        self._apis, self._referee, self._rng, self._tally = apis, referee, rng, tally
        self._uploads = {metric: _files_of(inputs, metric) for metric in METRICS}
        self._open: dict[int, tuple[str, httpx2.Client]] = {}

    def run(self, jobs: int, is_enough: Callable[[], bool]) -> None:
        """Have at least so many jobs accepted, until it is enough."""
        asked = 0
        while not (self._apis.is_over or (asked >= jobs and is_enough())):
            self._ask(asked)
            asked += 1
            while len(self._open) >= _OPEN_AT_MOST and not self._apis.is_over:
                self._look_at_open()
                time.sleep(0.1)

    def _ask(self, number: int) -> None:
        metric = self._rng.choices(METRICS, weights=(5, 3, 2))[0]
        files = self._uploads[metric] if self._rng.random() < 0.5 else None
        fresh = int(self._rng.random() < 0.75)  # one in four may take an earlier result
        path = f"/api/diffing/new/{metric}?fresh={fresh}"
        if taken := self._apis.new_job(path, f"{id(self)}-{number}", files=files):
            job_id, api = taken
            self._open[job_id] = metric, api
            self._referee.accept(job_id, metric)

    def _look_at_open(self) -> None:
        for job_id, (metric, accepting) in [*self._open.items()]:
            api = self._apis.any_but(accepting)
            if not self._apis.ended(api, job_id):
                continue
            del self._open[job_id]
            result = self._apis.answer(api, "GET", f"/api/diffing/job/{job_id}")
            if (
                result is not None
                and result.status_code == 200
                and not self._referee.is_right(metric, result.content)
            ):
                self._tally.faults_of_ours.append(f"a wrong result of job {job_id}")


def _files_of(inputs: Path, metric: str) -> Files:
    name = "revenue" if metric == "middle" else metric
    return {
        side: (f"{side}.csv", (inputs / f"{name}_{side}.csv").read_bytes())
        for side in ("old", "new")
    }
