"""Hosts of the service with disks of their own, and the servers that they share on another host."""

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.backends import OneForAll
from tests.bucket import NAME, S3
from tests.servers import Place, Postgres, Redis
from tests.service_under_test import Client, Program, Service
from tests.torture.network import Link, network

STALE_AFTER = 3.0
_FOLDER = "diffing"
_PORT = 8000
_SETTINGS = {
    "port": _PORT,
    "api_keys": "off",
    "stale_after": STALE_AFTER,
    "job_timeout": 60,
    "grace": 2,
    "threads": 1,
}


class Host:
    """An API and a worker on a disk of their own, which a supervisor starts again.

    Args:
        service: on an empty data folder.
        link: of the host.
    """

    def __init__(self, service: Service, link: Link) -> None:
        self.service, self.link = service, link
        self.url = f"http://{link.place.address}:{_PORT}"
        self._settings = _SETTINGS | {"host": link.place.address}

    def start(self) -> None:
        """Start both, and wait until they are ready."""
        self.api, self.worker = self._start("api"), self._start("worker")
        self._wait()

    def look_after(self) -> None:
        """Start again what ended, as a supervisor does."""
        if self.api.has_ended():
            self.api = self._start("api")
        if self.worker.has_ended():
            self.worker = self._start("worker")
        self._wait()

    def is_reachable(self) -> bool:
        """Whether its API takes a connection within a second."""
        with suppress(OSError), socket.create_connection((self.link.place.address, _PORT), 1):
            return True
        return False

    def is_busy(self) -> bool:
        """Whether an attempt at a job runs here."""
        return bool(self.service.diffs_of(self.worker))

    def stop(self) -> None:
        """End both, in order."""
        for program in (self.worker, self.api):
            program.signal(signal.SIGTERM)
            program.ended()

    def scratch(self) -> list[str]:
        """The names of temporary files and of results on the disk."""
        settings = self.service.settings
        folders = (settings.tmp_dir, settings.results_dir, settings.uploads_dir)
        return [path.name for folder in folders for path in folder.iterdir()]

    def _start(self, command: str) -> Program:
        return self.service.start(command, **self._settings)

    def _wait(self) -> None:
        self.api.saw("listening on")
        self.worker.saw("working on up to")


@dataclass(frozen=True)
class Cluster:
    """The hosts, none of them started.

    Args:
        hosts: with the service.
        outside: a folder of this machine, outside the hosts, on the same servers.
        postgres: server of the jobs.
        redis: server of the queue.
        bucket: the files that all share.
    """

    hosts: list[Host]
    outside: Service
    postgres: Postgres
    redis: Redis
    bucket: S3

    def put_inputs(self) -> None:
        """Give the inputs in the folder outside to all: files by the bucket, metrics by a copy."""
        for path in self.outside.settings.input_dir.iterdir():
            if path.suffix == ".csv":
                self.put_input(path.name, path.read_bytes())
                continue
            for host in self.hosts:
                host.service.settings.make_folders()
                (host.service.folder / path.name).write_bytes(path.read_bytes())

    def put_input(self, name: str, content: bytes) -> None:
        """Write an input to the bucket."""
        self.bucket.put(f"{_FOLDER}/input/{name}", content)

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder of the bucket."""
        start = f"{_FOLDER}/{folder}/"
        return [key.removeprefix(start) for key in self.bucket.keys(start)]

    def client_of(self, host: Host) -> Client:
        """A client of the API of a host."""
        return self.outside.client_at(host.url)


@contextmanager
def cluster(folder: Path, hosts: int) -> Iterator[Cluster]:
    """So many hosts, one of them for the servers. All ends with the block.

    Raises:
        CannotRun: a server is not installed, or this process may not make namespaces.
    """
    with ExitStack() as stack:
        *links, last = stack.enter_context(network(hosts))
        postgres, redis, bucket = _servers(stack, last.place)
        backend = OneForAll(
            "redis",
            postgres.url,
            redis.url,
            environment=bucket.environment,
            storage=f"s3://{NAME}/{_FOLDER}",
        )
        made = [
            Host(_service(stack, folder / link.port, backend, link.place), link) for link in links
        ]
        outside = stack.enter_context(Service(folder / "outside", backend))
        yield Cluster(made, outside, postgres, redis, bucket)


def _servers(stack: ExitStack, place: Place) -> tuple[Postgres, Redis, S3]:
    postgres = Postgres(place)
    stack.callback(postgres.close)
    redis = Redis(place)
    stack.callback(redis.close)
    return postgres, redis, stack.enter_context(S3(place))


def _service(stack: ExitStack, folder: Path, backend: OneForAll, place: Place) -> Service:
    return stack.enter_context(Service(folder, backend, place))
