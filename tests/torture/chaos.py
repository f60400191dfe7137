"""Jobs of mixed size while everything that runs is killed, stopped or told to stop."""

import json
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx2

from tests.servers import Postgres, Redis
from tests.service_under_test import Program, Service
from tests.torture.referee import METRICS, Referee, Tally, job_in

STALE_AFTER = 3.0
_WORKERS = 2
_OPEN_AT_MOST = 12


class Chaos:
    """An API and workers that a supervisor starts again, and somebody who breaks them.

    Args:
        service: on an empty data folder.
        referee: gets what was accepted.
        rng: decides when, what and whom.
        tally: counts the faults.
        servers: of the database and the queue; none for files.
    """

    def __init__(
        self,
        service: Service,
        referee: Referee,
        rng: random.Random,
        tally: Tally,
        servers: Sequence[Postgres | Redis] = (),
    ) -> None:
        self._servers = servers
        self._service, self._referee, self._rng, self._tally = service, referee, rng, tally
        self._clock = service.folder / "clock.json"
        self._jump(0)
        self._settings = {
            "metrics": referee.catalogue,
            "stale_after": STALE_AFTER,
            "job_timeout": 10,
            "grace": 2,
            "threads": 1,
            "clock": self._clock,
        }
        self._api = service.start("api", "--port", "0", **self._settings)
        self.url = self._api.saw("listening on (http://.*)")[1]
        self._workers = [self._worker() for _ in range(_WORKERS)]
        self._stopped: list[tuple[float, Program]] = []
        self._ending: list[Program] = []
        self._faults: list[Callable[[], bool]] = [
            self._kill_worker,
            self._kill_child,
            self._kill_child,
            self._kill_group,
            self._kill_api,
            self._term_api,
            self._kill_fork_server,
            self._kill_all_workers,
            self._stop_child,
            self._stop_worker,
            self._term_worker,
            self._term_worker_twice,
            self._jump_clock,
        ] + [self._stop_server] * len(servers)

    def run(self, jobs: int) -> None:
        """Have so many jobs accepted, and break things until they are."""
        submitter = threading.Thread(target=self._submit, args=(jobs, self._rng.random()))
        submitter.start()
        while submitter.is_alive():
            time.sleep(self._rng.uniform(0.05, 0.8))
            fault = self._rng.choice(self._faults)
            if fault():
                self._tally.faults[fault.__name__.strip("_").replace("_", " ")] += 1
            self._look_after()
        submitter.join()
        for _, program in self._stopped:
            program.signal(signal.SIGCONT)
        self._stopped = []
        for program in self._ending:  # else nobody would start them again when they have ended
            program.ended()
        self._look_after()

    def stop(self) -> None:
        """End all, in order, and have a last worker sweep."""
        for worker in self._workers:
            worker.signal(signal.SIGTERM)
        for worker in self._workers:
            worker.ended()
        last = self._worker()
        tmp, results = self._service.settings.tmp_dir, self._service.settings.results_dir
        deadline = time.monotonic() + 10
        while [*tmp.iterdir(), *results.glob(".*")] and time.monotonic() < deadline:
            time.sleep(0.1)
        for program in (last, self._api):
            program.signal(signal.SIGTERM)
            program.ended()
        self._service.all_ended()

    def _submit(self, jobs: int, seed: float) -> None:
        rng = random.Random(seed)
        waiting: set[int] = set()
        asked = 0
        with httpx2.Client(base_url=self.url, timeout=30) as client:
            while asked < jobs:
                metric = rng.choices(METRICS, weights=(5, 3, 2))[0]
                # a key makes it safe to ask again where the answer was lost
                key = {"Idempotency-Key": f"{seed}-{asked}"}
                try:
                    # one in four may take the result of an earlier job
                    path = f"/api/diffing/new/{metric}?fresh={int(asked % 4 > 0)}"
                    job_id = job_in(client.post(path, headers=key))
                    if job_id is not None:
                        asked += 1
                        waiting.add(job_id)
                        self._referee.accept(job_id, metric)
                    while len(waiting) >= _OPEN_AT_MOST:
                        waiting -= {i for i in waiting if _has_ended(client, i)}
                        time.sleep(0.1)
                except httpx2.TransportError:
                    time.sleep(0.1)  # the API was killed, and comes back

    def _look_after(self) -> None:
        """Start again what ended, as a supervisor does."""
        now = time.monotonic()
        self._stopped = [(due, program) for due, program in self._stopped if now < due]
        if self._api.has_ended():
            port = self.url.rpartition(":")[2]
            self._api = self._service.start("api", "--port", port, **self._settings)
            self._api.saw("listening on")
        self._workers = [w if not w.has_ended() else self._start() for w in self._workers]
        for worker in self._workers:
            if worker not in [program for _, program in self._stopped]:
                worker.saw("working on up to")

    def _start(self) -> Program:
        return self._service.start_module(
            "tests.programs.jumping_clock", "worker", **self._settings
        )

    def _worker(self) -> Program:
        worker = self._start()
        worker.saw("working on up to")
        return worker

    def _any_worker(self) -> Program:
        return self._rng.choice(self._workers)

    # faults: each tells whether there was something to break

    def _kill_worker(self) -> bool:
        self._end(self._any_worker(), signal.SIGKILL)
        return True

    def _kill_group(self) -> bool:
        worker = self._any_worker()
        worker.signal_all(signal.SIGKILL)
        self._ending.append(worker)
        return True

    def _kill_all_workers(self) -> bool:
        for worker in self._workers:
            self._end(worker, signal.SIGKILL)
        return True

    def _kill_api(self) -> bool:
        self._end(self._api, signal.SIGKILL)
        return True

    def _term_api(self) -> bool:
        self._end(self._api, signal.SIGTERM)
        return True

    def _kill_child(self) -> bool:
        return self._signal_child(signal.SIGKILL)

    def _stop_child(self) -> bool:
        return self._signal_child(signal.SIGSTOP)

    def _kill_fork_server(self) -> bool:
        servers = self._service.fork_servers_of(self._any_worker())
        return any(self._service.signalled(server, signal.SIGKILL) for server in servers)

    def _stop_worker(self) -> bool:
        worker = self._any_worker()
        worker.signal(signal.SIGSTOP)
        # others may wait for a lock that it holds, and we for them: a timer wakes it
        seconds = self._rng.uniform(0.5, 2.5) * STALE_AFTER
        threading.Timer(seconds, worker.signal, [signal.SIGCONT]).start()
        self._stopped.append((time.monotonic() + seconds, worker))
        return True

    def _term_worker(self) -> bool:
        self._end(self._any_worker(), signal.SIGTERM)
        return True

    def _term_worker_twice(self) -> bool:
        worker = self._any_worker()
        self._end(worker, signal.SIGTERM)
        time.sleep(self._rng.uniform(0, 0.3))
        self._end(worker, signal.SIGTERM)
        return True

    def _end(self, program: Program, number: int) -> None:
        program.signal(number)
        self._ending.append(program)

    def _stop_server(self) -> bool:
        server = self._rng.choice(self._servers)
        server.stop()
        time.sleep(self._rng.uniform(0, 1) * STALE_AFTER)
        server.start()
        return True

    def _jump_clock(self) -> bool:
        self._jump(self._rng.uniform(-2, 2) * 86_400)
        return True

    def _jump(self, seconds: float) -> None:
        part = Path(f"{self._clock}.part")
        part.write_text(json.dumps(seconds))
        part.replace(self._clock)

    def _signal_child(self, number: int) -> bool:
        children = self._service.diffs_of(self._any_worker())
        return bool(children) and self._service.signalled(self._rng.choice(children), number)


def _has_ended(client: httpx2.Client, job_id: int) -> bool:
    response = client.get(f"/api/diffing/job/{job_id}/status")
    return response.status_code == 200 and bool(response.json()["finished_at"])
