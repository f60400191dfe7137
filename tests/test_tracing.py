"""Traces go to whom the environment names, and nobody loads what sends them unless it does."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.conftest import one_in
from tests.service_under_test import NEW, PATIENCE_SECONDS, Service

PARENT = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


class Collector:
    """Takes traces over HTTP as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._spans: list[tuple[str, Span]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def spans(self, *names: str) -> dict[str, tuple[str, Span]]:
        """Service and span by name, once there is one of each of these names."""
        with self._news:
            there = self._news.wait_for(
                lambda: {*names} <= {span.name for _, span in self._spans}, PATIENCE_SECONDS
            )
            found = {span.name: (service, span) for service, span in self._spans}
        assert there, [*found]
        return found

    def close(self) -> None:
        """Take no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, body: bytes) -> None:
        """Keep what came."""
        with self._news:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                service = attributes_of(resource.resource)["service.name"]
                for scope in resource.scope_spans:
                    self._spans += [(service, span) for span in scope.spans]
            self._news.notify_all()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                collector.take(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler


def attributes_of(told: Any) -> dict[str, Any]:
    """Those of a span or a resource."""
    return {a.key: getattr(a.value, str(a.value.WhichOneof("value"))) for a in told.attributes}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that all programs send to."""
    collector = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    yield collector
    collector.close()


def test_a_trace_goes_from_the_client_through_api_and_worker_to_the_stages_of_the_diff(
    service: Service, collector: Collector
) -> None:
    service.write_small_pair()
    client, _ = service.api_and_worker()
    client.post("/api/diffing/new/revenue", headers={"traceparent": PARENT, "X-Request-ID": "r1"})
    client.wait_for_success(1)
    asked = "POST /api/diffing/new/{metric_id}"
    spans = collector.spans(asked, "job", "checking", "GET /api/diffing/job/{job_id}/status")

    (api, request), (worker, job), (_, stage) = spans[asked], spans["job"], spans["checking"]
    assert ("diffing-api", "diffing-worker") == (api, worker)
    assert PARENT.split("-")[1:3] == [request.trace_id.hex(), request.parent_span_id.hex()]
    assert {request.trace_id} == {job.trace_id, stage.trace_id}
    assert (request.span_id, job.span_id) == (job.parent_span_id, stage.parent_span_id)
    assert (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CONSUMER) == (request.kind, job.kind)
    assert job.start_time_unix_nano <= stage.start_time_unix_nano
    assert stage.end_time_unix_nano <= job.end_time_unix_nano
    told = attributes_of(request)
    assert ("POST", 202, "r1", 1) == (
        told["http.request.method"],
        told["http.response.status_code"],
        told["diffing.request.id"],
        told["diffing.job.id"],
    )
    assert {"diffing.job.id": 1, "diffing.metric": "revenue", "diffing.attempt": 1} == (
        attributes_of(job)
    )


def test_the_span_of_a_job_that_fails_says_so(service: Service, collector: Collector) -> None:
    service.write_small_pair()
    service.write("revenue_new.csv", f"{NEW}1,2\n")
    client, _ = service.api_and_worker()
    client.wait_for_failure(client.new_job())

    status = collector.spans("job")["job"][1].status
    assert status.STATUS_CODE_ERROR == status.code
    assert "revenue_new.csv" in status.message


@pytest.mark.slow
def test_what_was_not_sent_yet_is_sent_at_the_end(
    service: Service, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    service.write_small_pair()
    serve = service.start("serve", "--port", "0", grace=600)
    client = service.client_of(serve)
    client.wait_for_success(client.new_job())
    serve.signal(15)

    assert 0 == serve.ended()
    assert {"diffing-api", "diffing-worker"} == {
        name for name, _ in collector.spans("job", "POST /api/diffing/new/{metric_id}").values()
    }


def test_a_collector_that_is_away_costs_no_job_and_no_end(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "600")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    service.write_small_pair()
    client, worker = service.api_and_worker()
    client.wait_for_success(client.new_job())
    worker.signal(15)

    worker.saw("stopped")
    # what sends them would give up after 30 s; it is waited for 3 s
    assert 0 == worker.ended(20)


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("wanted", one_in(2, [False, True]), ids=["not wanted", "wanted"])
def test_nothing_of_it_is_loaded_unless_it_is_wanted(
    service: Service, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not wanted:
        monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")
    service.write_small_pair()
    programs = [
        service.start_module("tests.programs.imports_told", "api", "--port", "0"),
        service.start_module("tests.programs.imports_told", "worker"),
    ]
    client = service.client_of(programs[0])
    client.wait_for_success(client.new_job())
    for program in programs:
        program.signal(15)

    assert [0, 0] == [program.ended() for program in programs]
    said = ["\n".join(program.lines()) for program in programs]
    assert [wanted, wanted] == ["imported opentelemetry" in lines for lines in said]
    assert not re.findall(
        "imported (?:s3fs|botocore|aiohttp|pyspark|pyarrow|grpc)", "\n".join(said)
    )


@pytest.mark.usefixtures("collector")
def test_without_the_extra_it_is_refused_in_one_line(service: Service) -> None:
    for command in ("api", "worker", "serve"):
        program = service.start_module("tests.programs.without_traces", command)

        assert 2 == program.ended()
        (line,) = program.lines()
        assert line.startswith("diffing: OTEL_EXPORTER_OTLP_ENDPOINT is set, but the extra")


def test_without_the_extra_nothing_is_amiss_as_long_as_nobody_wants_it(service: Service) -> None:
    service.write_small_pair()
    client = service.client_of(
        service.start_module("tests.programs.without_traces", "api", "--port", "0")
    )

    assert 1 == client.new_job()


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ],
)
def test_variables_that_cannot_be_used_are_refused_in_one_line(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
) -> None:
    monkeypatch.setenv(variable, value)
    program = service.start("worker")

    assert 2 == program.ended()
    (line,) = program.lines()
    assert line.startswith(f"diffing: {variable} must be")
