"""Keeps what was accepted, and says in the end what became of it."""

import re
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx2

from diffing.core.catalogue import load_catalogue
from diffing.files.publish import is_part
from diffing.files.results import Outputs
from tests import reference
from tests.service_under_test import NEW, OLD, Client, Service, write_large_pair

CATALOGUE = """
[metric.tiny]
old = "tiny_old.csv"
new = "tiny_new.csv"
key = ["date", "segment_field", "segment_value_id", "stat"]
value = ["value"]

[metric.middle]
old = "revenue_old.csv"
new = "revenue_new.csv"
key = ["date", "segment_field", "segment_value_id", "stat"]
value = ["value"]

[metric.large]
old = "large_old.csv"
new = "large_new.csv"
key = ["date", "segment_field", "segment_value_id", "stat"]
value = ["value"]

[metric.nightly]
old = "accepted"
new = "nightly.csv"
key = ["id"]
value = ["value"]
accept = "when expected"
expect = { columns = "same" }
"""
METRICS = ("tiny", "middle", "large")
# whatever else a job says that failed is a fault of the service
REASONS = (
    "worker died|SIG[A-Z]+ ended the process|process of the diff could not"
    "|process that ran the diff crashed"
    "|took longer than|disk is full|needs more memory|more disk space for temporary files"
)
# the last attempt says this, too; one before it is repeated
_SILENT = "The (database cannot be reached|storage does not answer)"
_MOST_ATTEMPTS = 3


@dataclass
class Tally:
    """The ends of the jobs of one trial."""

    trial: str
    faults: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    accepted: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    wrong: int = 0
    stuck: int = 0
    twice: int = 0
    faults_of_ours: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether all held that must."""
        return not (self.lost or self.wrong or self.stuck or self.twice or self.faults_of_ours)


class Referee:
    """Writes the inputs, knows each right answer, and compares.

    Args:
        service: on an empty data folder.
        rows: of the large pair; the middle one has a tenth of them.
    """

    def __init__(self, service: Service, rows: int) -> None:
        self._service = service
        self._accepted: dict[int, str] = {}
        self._lock = threading.Lock()
        self.catalogue = service.write("metrics.toml", CATALOGUE)
        service.write("tiny_old.csv", OLD)
        service.write("tiny_new.csv", NEW)
        service.write_sample("revenue", rows // 10)
        pair = write_large_pair(self.catalogue.parent, rows)
        pair.old.rename(pair.old.with_name("large_old.csv"))
        pair.new.rename(pair.new.with_name("large_new.csv"))
        self._answers = {name: self._answer(name) for name in METRICS}

    def expect(self, name: str, old: str, new: str) -> None:
        """Learn the right answer for two files with id and value."""
        self._answers[name] = reference.diff(old, new, ["id"], ["value"]).csv.encode()

    def accept(self, job_id: int, metric: str) -> None:
        """A job was accepted: from now on it must not be lost.

        Args:
            job_id: of the job.
            metric: of the job, or the name of its answer.
        """
        with self._lock:
            self._accepted[job_id] = metric

    def is_right(self, metric: str, result: bytes) -> bool:
        """Whether a result is that of the metric, byte for byte."""
        return self._answers[metric] == result

    def wait(self, client: Client) -> None:
        """Wait until all jobs have ended; for long, not for ever: `judge` tells."""
        deadline = time.monotonic() + 60
        for job_id in self._accepted:
            while time.monotonic() < deadline:
                if client.status_of(job_id)["finished_at"]:
                    break
                time.sleep(0.05)

    def judge(self, tally: Tally, client: Client, patience: float) -> None:
        """Wait until all jobs have ended, and look at each."""
        tally.accepted = len(self._accepted)
        deadline = time.monotonic() + patience
        for job_id, metric in self._accepted.items():
            self._judge_one(tally, client, job_id, metric, deadline)

    def judge_what_is_left(self, tally: Tally) -> None:
        """Look at the files, and at what the workers said, when all has ended."""
        self.judge_words(tally, self._service.all_lines())
        settings = self._service.settings
        tally.faults_of_ours += [f"left: {path.name}" for path in settings.tmp_dir.iterdir()]
        results = [path.name for path in settings.results_dir.iterdir()]
        tally.faults_of_ours += [f"left: {name}" for name in self.unneeded(results)]

    def judge_words(self, tally: Tally, lines: Iterable[str]) -> None:
        """Count the jobs that workers say succeeded more than once."""
        told = Counter(
            int(said[1]) for line in lines if (said := re.search(r"job (\d+) succeeded", line))
        )
        tally.twice = sum(count > 1 for count in told.values())

    def unneeded(self, results: Iterable[str]) -> list[str]:
        """The names of results that are not those of the last attempt at a job that succeeded."""
        jobs = {job.id: job for job in self._service.jobs().of_ids(self._accepted)}
        return [
            name
            for name in results
            if not (
                (attempt := Outputs.attempt_of(name))
                and (job := jobs.get(attempt[0]))
                and attempt == (job.id, job.attempt)
                and job.status == "succeeded"
                and not is_part(name)
            )
        ]

    def judge_again(self, tally: Tally, client: Client) -> None:
        """Look at each result once more, as another API sends it."""
        for job_id, metric in self._accepted.items():
            if client.status_of(job_id)["status"] == "succeeded":
                result = client.get(f"/api/diffing/job/{job_id}")
                is_right = result.status_code == 200 and self.is_right(metric, result.content)
                tally.wrong += not is_right

    def _judge_one(
        self, tally: Tally, client: Client, job_id: int, metric: str, deadline: float
    ) -> None:
        while True:
            response = client.get(f"/api/diffing/job/{job_id}/status")
            if response.status_code == 404:
                tally.lost += 1
                return
            status = response.json()
            if status["finished_at"]:
                break
            if time.monotonic() > deadline:
                tally.stuck += 1
                tally.faults_of_ours.append(f"stuck: {status}")
                return
            time.sleep(0.1)
        tally.ends[status["status"]] += 1
        if status["status"] == "succeeded":
            result = client.get(f"/api/diffing/job/{job_id}")
            tally.wrong += not (result.status_code == 200 and self.is_right(metric, result.content))
        elif status["status"] == "failed" and not _is_by_a_fault(status):
            tally.faults_of_ours.append(f"failed: {status['error']['detail']}")

    def _answer(self, name: str) -> bytes:
        metric = load_catalogue(self.catalogue).find(name)
        old, new = (
            (self._service.settings.input_dir / file).read_text()
            for file in (metric.old, metric.new)
        )
        return reference.diff(old, new, list(metric.key), list(metric.value)).csv.encode()


def _is_by_a_fault(status: dict[str, Any]) -> bool:
    """Whether a failed job names a fault that was injected."""
    detail = status["error"]["detail"]
    is_last = status["attempt"] >= _MOST_ATTEMPTS
    return bool(re.search(REASONS, detail) or (is_last and re.search(_SILENT, detail)))


def job_in(response: httpx2.Response) -> int | None:
    """The job that was accepted; None when it was refused."""
    return int(response.json()["job_id"]) if response.status_code == 202 else None
