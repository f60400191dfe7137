"""Many clients at once, who submit, poll, cancel and download while workers come and go."""

import random
import signal
import threading
import time

import httpx2

from tests.service_under_test import Service
from tests.torture.referee import METRICS, Referee, Tally, job_in

_SETTINGS = {"max_queued": 20, "workers": 2, "threads": 1, "grace": 2, "stale_after": 3.0}


class Crowd:
    """So many clients on one service.

    Args:
        service: on an empty data folder.
        referee: gets what was accepted.
        rng: decides what each does.
        tally: of the trial.
    """

    def __init__(
        self, service: Service, referee: Referee, rng: random.Random, tally: Tally
    ) -> None:
        self._service, self._referee, self._rng, self._tally = service, referee, rng, tally
        self._lock = threading.Lock()

    def run(self, clients: int, seconds: float) -> None:
        """Let them loose for a while, then let all jobs end."""
        settings = {**_SETTINGS, "metrics": self._referee.catalogue}
        api = self._service.client_of(self._service.start("api", "--port", "0", **settings))
        worker = self._service.worker(**settings)
        until = time.monotonic() + seconds
        threads = [
            threading.Thread(
                target=self._be_a_client, args=(str(api.base_url), self._rng.random(), until)
            )
            for _ in range(clients)
        ]
        for thread in threads:
            thread.start()
        while time.monotonic() < until:
            time.sleep(self._rng.uniform(1, 4))
            worker.signal(signal.SIGTERM)
            worker.ended()
            self._tally.faults["term worker"] += 1
            worker = self._service.worker(**settings)
        for thread in threads:
            thread.join()
        self._referee.judge(self._tally, api, patience=120)
        worker.signal(signal.SIGTERM)
        worker.ended()
        self._referee.judge_what_is_left(self._tally)

    def _be_a_client(self, url: str, seed: float, until: float) -> None:
        rng = random.Random(seed)
        mine: list[tuple[int, str]] = []
        with httpx2.Client(base_url=url, timeout=60) as client:
            while time.monotonic() < until:
                try:
                    self._act(client, rng, mine)
                except httpx2.TransportError as error:
                    self._note(f"no answer: {error!r}")
                time.sleep(rng.uniform(0, 0.3))

    def _act(self, client: httpx2.Client, rng: random.Random, mine: list[tuple[int, str]]) -> None:
        if not mine or rng.random() < 0.3:
            metric = rng.choices(METRICS, weights=(8, 2, 1))[0]
            job_id = job_in(self._looked_at(client.post(f"/api/diffing/new/{metric}")))
            if job_id is not None:
                mine.append((job_id, metric))
                self._referee.accept(job_id, metric)
            return
        job_id, metric = rng.choice(mine)
        match rng.randrange(5):
            case 0:
                self._looked_at(client.delete(f"/api/diffing/job/{job_id}"))
            case 1 | 2:
                self._looked_at(client.get(f"/api/diffing/job/{job_id}/status"))
            case _:
                response = self._looked_at(client.get(f"/api/diffing/job/{job_id}"))
                if response.status_code == 200 and not self._referee.is_right(
                    metric, response.content
                ):
                    self._note(f"a wrong result of job {job_id}")

    def _looked_at(self, response: httpx2.Response) -> httpx2.Response:
        if response.status_code == 503 and "queue-full" in response.text:
            with self._lock:
                self._tally.refused += 1
        elif response.status_code >= 500:
            self._note(f"{response.status_code}: {response.text}")
        return response

    def _note(self, fault: str) -> None:
        with self._lock:
            self._tally.faults_of_ours.append(fault)
