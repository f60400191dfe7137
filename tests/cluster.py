"""A cluster on loopback: a server of Spark Connect, and a gate before it that can delay queries.

Sail starts in a tenth of a second. `python -m tests.cluster SPARK_HOME COMMAND …` starts a real
Spark, runs a command that uses it in place of Sail, and ends Spark (`make test-spark`).
"""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from tests.servers import free_port
from tests.service_under_test import PATIENCE_SECONDS, Program

VARIABLE = "SPARK_OF_TESTS"
_STREAMED = ("ExecutePlan", "ReattachExecute")


@contextmanager
def cluster() -> Iterator[str]:
    """The address of a server, host and port."""
    if address := os.environ.get(VARIABLE):
        yield address
        return
    os.environ.setdefault("RUST_LOG", "error")
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer()
    server.start(background=True)
    host, port = server.listening_address
    try:
        yield f"{host}:{port}"
    finally:
        server.stop()


class Gate(grpc.GenericRpcHandler):  # type: ignore[misc]  # gRPC ships no types
    """Passes each call on to a server. It can delay queries, which then run until they are ended.

    Like a cluster, it does not end a query because its client is gone.

    Args:
        address: of the server.

    Attributes:
        held: whether queries are delayed.
    """

    def __init__(self, address: str) -> None:
        self.held = False
        self._news = threading.Condition()
        self._running: list[str] = []
        self._ended: list[str] = []
        self._channel = grpc.insecure_channel(address)
        # a held query has a thread
        self._threads = ThreadPoolExecutor(16)
        self._server = grpc.server(self._threads, [self])
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def close(self) -> None:
        """End the gate, and the queries that it delays."""
        with self._news:
            self._running.clear()
            self._news.notify_all()
        self._server.stop(None).wait()
        self._threads.shutdown()
        self._channel.close()

    @property
    def ended(self) -> list[str]:
        """The sessions of the queries that were ended."""
        with self._news:
            return [*self._ended]

    def wait_for(self, number: int) -> list[str]:
        """The sessions of the held queries, once there are so many."""
        with self._news:
            assert self._news.wait_for(lambda: len(self._running) == number, PATIENCE_SECONDS)
            return [*self._running]

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """How gRPC handles a call."""
        method = call.method.rpartition("/")[2]
        if method in _STREAMED:
            return grpc.unary_stream_rpc_method_handler(self._streamed(call.method, method))
        if method == "AddArtifacts":
            return grpc.stream_unary_rpc_method_handler(
                lambda requests, _: self._channel.stream_unary(call.method)(requests)
            )
        return grpc.unary_unary_rpc_method_handler(self._single(call.method, method))

    def _streamed(self, path: str, method: str) -> Any:
        def handle(request: bytes, _: grpc.ServicerContext) -> Iterator[bytes]:
            if self.held and method == "ExecutePlan":
                self._hold(request)
            yield from self._channel.unary_stream(path)(request)

        return handle

    def _single(self, path: str, method: str) -> Any:
        def handle(request: bytes, context: grpc.ServicerContext) -> bytes:
            if method in ("Interrupt", "ReleaseSession"):
                self._end(request, method)
            try:
                return bytes(self._channel.unary_unary(path)(request))
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())
                raise

        return handle

    def _hold(self, request: bytes) -> None:
        from pyspark.sql.connect.proto import ExecutePlanRequest

        plan = ExecutePlanRequest.FromString(request)
        if not plan.plan.HasField("root"):
            return  # a command, such as that for a view
        with self._news:
            self._running.append(plan.session_id)
            self._news.notify_all()
            self._news.wait_for(lambda: plan.session_id not in self._running)

    def _end(self, request: bytes, method: str) -> None:
        from pyspark.sql.connect import proto

        kind = proto.InterruptRequest if method == "Interrupt" else proto.ReleaseSessionRequest
        session = kind.FromString(request).session_id
        with self._news:
            if session in self._running:
                self._running.remove(session)
                self._ended.append(session)
                self._news.notify_all()


@contextmanager
def _spark(home: Path) -> Iterator[str]:
    """The address of a real Spark, in one process."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="diffing-spark-") as folder:
        settings = {
            "spark.connect.grpc.binding.address": "127.0.0.1",
            "spark.connect.grpc.binding.port": port,
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.local.dir": folder,
            "spark.sql.shuffle.partitions": 4,
            "spark.ui.enabled": "false",
        }
        command = [
            *(str(home / "bin" / "spark-submit"), "--master", "local[2]", "--driver-memory", "2g"),
            *(f"--conf={name}={value}" for name, value in settings.items()),
            *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
            "spark-internal",
        ]
        server = Program(
            lambda stderr: subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"},
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )
        )
        try:
            server.saw("Spark Connect server started")
            yield f"127.0.0.1:{port}"
        finally:
            server.close()
            server.drain()


def _main(home: str, command: Sequence[str]) -> int:
    with _spark(Path(home).absolute()) as address:
        environment = {**os.environ, VARIABLE: address}
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], sys.argv[2:]))
