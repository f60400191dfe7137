"""Somebody whose export is compared with the accepted one, night after night."""

import random
import time
from collections.abc import Callable
from typing import Any

from diffing.store.baselines import Baselines
from tests.service_under_test import Client
from tests.torture.apis import Apis
from tests.torture.cluster import Cluster
from tests.torture.referee import Referee, Tally

_HEADER = "id,value\n"
_FILE = "nightly.csv"
_ROWS = 50_000
# few, so that the same content is accepted again
_VERSIONS = 4
_LEAST = 3
_KEPT_SECONDS = 24 * 3600.0
_PAGE = 100


class Nights:
    """Has each night's file accepted, by the job itself or by a request, in turn.

    Args:
        cluster: with the bucket.
        apis: of the cluster.
        referee: gets what was accepted, and each right answer.
        rng: decides what the files are.
        tally: gets what is wrong.
    """

    def __init__(
        self, cluster: Cluster, apis: Apis, referee: Referee, rng: random.Random, tally: Tally
    ) -> None:
        self._cluster, self._apis, self._referee = cluster, apis, referee
        self._rng, self._tally = rng, tally
        self._files = [_file(version) for version in range(_VERSIONS)]
        self._old = _HEADER
        self._jobs: list[int] = []

    def run(self, is_enough: Callable[[], bool]) -> None:
        """Have nights until it is enough."""
        number = 0
        while not (self._apis.is_over or (number >= _LEAST and is_enough())):
            self._night(f"night-{number}", is_by_request=number % 2 > 0)
            number += 1

    def _night(self, name: str, *, is_by_request: bool) -> None:
        new = self._rng.choice(self._files)
        # a job with a file of its own accepts nothing by itself
        body = {"json": {"new": f"{name}.csv"}} if is_by_request else {}
        self._cluster.put_input(f"{name}.csv" if body else _FILE, new.encode())
        taken = self._apis.new_job("/api/diffing/new/nightly?fresh=1", f"{id(self)}-{name}", **body)
        if taken is None:
            return
        job_id, _ = taken
        self._referee.expect(name, self._old, new)
        self._referee.accept(job_id, name)
        status = self._ended(job_id)
        if status.get("status") != "succeeded":
            return
        found = status["baseline"] and status["baseline"]["job_id"]
        if found != (self._jobs[-1] if self._jobs else None):
            self._tally.faults_of_ours.append(f"job {job_id} was compared with {found}")
        if not is_by_request or self._accept(job_id):
            self._jobs.append(job_id)
            self._old = new

    def judge(self, client: Client) -> None:
        """Look whether each file was accepted once, in order."""
        found = client.get(f"/api/diffing/metrics/nightly/accepted?limit={_PAGE}").json()
        ids = [one["job_id"] for one in found["accepted"]]
        if ids != self._jobs[: -_PAGE - 1 : -1]:
            self._tally.faults_of_ours.append(f"accepted: {ids}, not {self._jobs[::-1]}")

    def judge_files(self) -> None:
        """Look at the kept files, when all has ended: those in use, and no other."""
        tables = Baselines(self._cluster.outside.database())
        kept = {*self._cluster.names("kept")}
        accepted = {one.kept for one in tables.accepted("nightly", _PAGE)}
        lost, unused = accepted - kept, kept - tables.needed(_KEPT_SECONDS)
        self._tally.faults_of_ours += [f"lost: {name}" for name in lost]
        self._tally.faults_of_ours += [f"left: {name}" for name in unused]

    def _ended(self, job_id: int) -> dict[str, Any]:
        """The status of a job that has ended; empty if no client still waits."""
        while not self._apis.is_over:
            if status := self._apis.ended(self._apis.any_but(), job_id):
                return status
            time.sleep(0.1)
        return {}

    def _accept(self, job_id: int) -> bool:
        path, asked = "/api/diffing/metrics/nightly/accept", {"job_id": job_id}
        while not self._apis.is_over:
            answer = self._apis.answer(self._apis.any_but(), "POST", path, json=asked)
            if answer is not None and answer.status_code == 200:
                return True
            if answer is not None and answer.status_code != 503:
                self._tally.faults_of_ours.append(f"{answer.status_code}: {answer.text}")
                return False
            time.sleep(0.1)
        return False


def _file(version: int) -> str:
    """A version of the file: one row in a hundred is not that of the others."""
    rows = (f"{i},{i if i % 100 else i + version}\n" for i in range(version, _ROWS))
    return _HEADER + "".join(rows)
