"""How many tiny jobs a second each backend takes: `python -m tests.bench.backends [--jobs 400]`.

The servers run on this machine. Rounds alternate between the backends, and the best one counts.
"""

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.backends import Backend
from tests.servers import servers
from tests.service_under_test import Client, Service

_NAMES = {
    "sqlite": "SQLite",
    "postgresql": "PostgreSQL",
    "redis": "PostgreSQL and Redis",
}
_THREADS = (1, 4)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="backends")
    parser.add_argument("--jobs", type=int, default=400, help="in each round")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    best: dict[tuple[str, int], float] = {}
    with ExitStack() as stack:
        urls = stack.enter_context(servers(careful=True))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        backends = [
            Backend(),
            Backend("postgresql", urls.database),
            Backend("redis", urls.database, urls.queue),
        ]
        apis = {
            backend.name: stack.enter_context(Service(folder / backend.name, backend))
            for backend in backends
        }
        clients = {name: started(service) for name, service in apis.items()}
        for _ in range(given.rounds):
            for threads in _THREADS:
                for name, client in clients.items():
                    each = per_second(client, given.jobs, threads)
                    best[name, threads] = max(each, best.get((name, threads), 0))
    print("\n".join(table(best)))


def started(service: Service) -> Client:
    """An API that lets any number of jobs wait."""
    service.write_small_pair()
    return service.api(max_queued=1_000_000)


def per_second(client: Client, jobs: int, threads: int) -> float:
    """How many jobs a second so many threads submit."""
    client.new_job()
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda _: client.new_job(), range(jobs)):
            pass
    return jobs / (time.perf_counter() - began)


def table(best: dict[tuple[str, int], float]) -> list[str]:
    """The figures as a table in Markdown, as multiples of those of SQLite."""
    lines = ["| jobs and queue | 1 client | 4 clients |", "|---|---|---|"]
    for name, title in _NAMES.items():
        ratios = (best[name, threads] / best["sqlite", threads] for threads in _THREADS)
        lines.append(f"| {title} | {' | '.join(f'{ratio:.1f}' for ratio in ratios)} |")
    figures = ", ".join(f"{best['sqlite', threads]:.0f}" for threads in _THREADS)
    return [*lines, "", f"SQLite: {figures} jobs a second."]


if __name__ == "__main__":
    main()
