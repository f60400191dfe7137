"""The APIs of a cluster, as somebody asks them who gets no answer at times."""

import random
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2

from tests.torture.referee import Tally, job_in

# an API that is cut off answers nothing; one with a silent bucket answers after 8 s
_TIMEOUT = httpx2.Timeout(15, connect=2)
Files = Mapping[str, tuple[str, bytes]]


class Apis:
    """Clients of all APIs. They end with the block.

    Args:
        urls: of the APIs.
        rng: decides which one is asked.
        tally: gets what no API may answer.

    Attributes:
        unanswered: uploads that may have arrived without an answer.
    """

    def __init__(self, urls: Sequence[str], rng: random.Random, tally: Tally) -> None:
        self._clients = [httpx2.Client(base_url=url, timeout=_TIMEOUT) for url in urls]
        self._rng, self._tally = rng, tally
        self._over = threading.Event()
        self.unanswered = 0

    def __enter__(self) -> "Apis":
        return self

    def __exit__(self, *exception: object) -> None:
        for client in self._clients:
            client.close()

    @property
    def is_over(self) -> bool:
        """Whether no client still needs an answer."""
        return self._over.is_set()

    def leave(self) -> None:
        """Let all that waits for an answer end soon."""
        self._over.set()

    def any_but(self, other: httpx2.Client | None = None) -> httpx2.Client:
        """One of the APIs."""
        return self._rng.choice([client for client in self._clients if client is not other])

    def new_job(self, path: str, key: str, **more: Any) -> tuple[int, httpx2.Client] | None:
        """Ask one API after another, until one accepts a job. None if all refuse it.

        Args:
            path: of the request.
            key: makes it safe to ask again where the answer was lost.
            more: files to upload, or a body.

        Returns:
            The job, and the API that accepted it.
        """
        while not self.is_over:
            api = self.any_but()
            answer = self.answer(api, "POST", path, headers={"Idempotency-Key": key}, **more)
            if answer is None or answer.status_code >= 500:
                self.unanswered += bool(more.get("files"))
                time.sleep(0.1)
                continue
            if job_id := job_in(answer):
                return job_id, api
            self._tally.faults_of_ours.append(f"{answer.status_code}: {answer.text}")
            return None
        return None

    def answer(
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

    def ended(self, api: httpx2.Client, job_id: int) -> dict[str, Any] | None:
        """The status of a job that has ended, as an API knows it."""
        status = self.answer(api, "GET", f"/api/diffing/job/{job_id}/status")
        if status is None or status.status_code != 200 or not status.json()["finished_at"]:
            return None
        return dict(status.json())
