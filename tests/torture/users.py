"""Somebody who submits through one API and downloads through another."""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2

from tests.torture.referee import METRICS, Referee, Tally, job_in

_OPEN_AT_MOST = 12
# an API that is cut off answers nothing; one with a silent bucket answers after 8 s
_TIMEOUT = httpx2.Timeout(15, connect=2)
_Files = Mapping[str, tuple[str, bytes]]


class User:
    """Asks for jobs of mixed size, half of them with uploads, and looks at the results.

    Args:
        urls: of the APIs.
        referee: gets what was accepted, and knows each right answer.
        inputs: folder of the files of the metrics.
        rng: decides what is asked, and of whom.
        tally: gets what no API may answer.
    """

    def __init__(
        self, urls: Sequence[str], referee: Referee, inputs: Path, rng: random.Random, tally: Tally
    ) -> None:
        self._urls, self._referee, self._rng, self._tally = urls, referee, rng, tally
        self._uploads = {metric: _files_of(inputs, metric) for metric in METRICS}
        self._open: dict[int, tuple[str, httpx2.Client]] = {}
        self._over = threading.Event()
        self.unanswered = 0

    def run(self, jobs: int, is_enough: Callable[[], bool]) -> None:
        """Have at least so many jobs accepted, until it is enough."""
        asked = 0
        with ExitStack() as stack:
            self._apis = [
                stack.enter_context(httpx2.Client(base_url=url, timeout=_TIMEOUT))
                for url in self._urls
            ]
            while not (self._over.is_set() or (asked >= jobs and is_enough())):
                self._ask(asked)
                asked += 1
                while len(self._open) >= _OPEN_AT_MOST and not self._over.is_set():
                    self._look_at_open()
                    time.sleep(0.1)

    def leave(self) -> None:
        """Let `run` end soon."""
        self._over.set()

    def _ask(self, number: int) -> None:
        """Ask one API after another, until one accepts the job."""
        metric = self._rng.choices(METRICS, weights=(5, 3, 2))[0]
        files = self._uploads[metric] if self._rng.random() < 0.5 else None
        fresh = int(self._rng.random() < 0.75)  # one in four may take an earlier result
        # a key makes it safe to ask again where the answer was lost
        key = {"Idempotency-Key": f"{id(self)}-{number}"}
        while not self._over.is_set():
            path = f"/api/diffing/new/{metric}?fresh={fresh}"
            api = self._rng.choice(self._apis)
            answer = self._answer(api, "POST", path, headers=key, files=files)
            if answer is None or answer.status_code >= 500:
                self.unanswered += bool(files)
                time.sleep(0.1)
                continue
            job_id = job_in(answer)
            if job_id is None:
                self._tally.faults_of_ours.append(f"{answer.status_code}: {answer.text}")
                return
            self._open[job_id] = metric, api
            self._referee.accept(job_id, metric)
            return

    def _look_at_open(self) -> None:
        for job_id, (metric, accepting) in [*self._open.items()]:
            api = self._rng.choice([api for api in self._apis if api is not accepting])
            status = self._answer(api, "GET", f"/api/diffing/job/{job_id}/status")
            if status is None or status.status_code != 200 or not status.json()["finished_at"]:
                continue
            del self._open[job_id]
            result = self._answer(api, "GET", f"/api/diffing/job/{job_id}")
            if (
                result is not None
                and result.status_code == 200
                and not self._referee.is_right(metric, result.content)
            ):
                self._tally.faults_of_ours.append(f"a wrong result of job {job_id}")

    def _answer(
        self, api: httpx2.Client, method: str, path: str, **more: Any
    ) -> httpx2.Response | None:
        """The answer of an API; None without one."""
        try:
            answer = api.request(method, path, **more)
        except httpx2.TransportError:
            return None
        if answer.status_code >= 500 and answer.status_code != 503:
            self._tally.faults_of_ours.append(f"{answer.status_code}: {answer.text}")
        return answer


def _files_of(inputs: Path, metric: str) -> _Files:
    name = "revenue" if metric == "middle" else metric
    return {
        side: (f"{side}.csv", (inputs / f"{name}_{side}.csv").read_bytes())
        for side in ("old", "new")
    }
