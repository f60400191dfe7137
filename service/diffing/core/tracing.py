"""OpenTelemetry traces, an extra that is loaded only if an endpoint is set.

The variables are OpenTelemetry's own, such as `OTEL_EXPORTER_OTLP_ENDPOINT`.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from diffing.core.errors import BadSetting
from diffing.core.progress import Progress

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
# At its end, the process waits so long for the collector to take the last spans.
_FLUSH_SECONDS = 3.0

_provider: Any = None
_tracer: Any = None


class Span:
    """A span of a trace. Without traces, it does nothing.

    Args:
        span: of OpenTelemetry; None without traces.
    """

    def __init__(self, span: Any = None) -> None:
        self._span = span

    def name(self, name: str) -> None:
        """Rename the span."""
        if self._span:
            self._span.update_name(name)

    def add(self, attributes: Mapping[str, str | float | None]) -> None:
        """Add attributes, without those that are None."""
        if self._span:
            self._span.set_attributes({k: v for k, v in attributes.items() if v is not None})

    def fail(self, why: str) -> None:
        """Mark the span as failed."""
        if self._span:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_status(Status(StatusCode.ERROR, why))


def are_wanted() -> bool:
    """Whether the environment names an endpoint.

    Raises:
        BadSetting: it does, but the extra is not installed, or a variable is invalid.
    """
    endpoint = next((name for name in _ENDPOINTS if os.environ.get(name)), None)
    if not endpoint or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    _refuse_nonsense(endpoint)
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.sdk.trace  # noqa: F401
    except ImportError:
        raise BadSetting(
            f"{endpoint} is set, but the extra for traces is not installed. "
            "Run pip install 'diffing[traces]', or unset the variable."
        ) from None
    return True


def start(service: str) -> None:
    """Send traces from now on, if they are wanted.

    Args:
        service: name of this process, unless OTEL_SERVICE_NAME is set.

    Raises:
        BadSetting: as from `are_wanted`.
    """
    if not are_wanted():
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    global _provider, _tracer
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": service}
    _provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = _provider.get_tracer("diffing")


def stop() -> None:
    """Send the last spans, for a few seconds at most."""
    if _provider:
        last = threading.Thread(target=_provider.shutdown, daemon=True)
        last.start()
        last.join(_FLUSH_SECONDS)


@contextmanager
def span(name: str, kind: str, parent: str | None) -> Iterator[Span]:
    """A span around the block. An exception that leaves the block marks the span as failed.

    Args:
        name: of the span.
        kind: server or consumer.
        parent: traceparent of the span above; None for the current span.
    """
    if not _tracer:
        yield Span()
        return
    from opentelemetry.trace import SpanKind

    of_kind = SpanKind[kind.upper()]
    with _tracer.start_as_current_span(name, _context(parent), of_kind) as current:
        yield Span(current)


def traceparent() -> str | None:
    """The name of the current span for other processes, as W3C Trace Context defines it."""
    if not _tracer:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")


class Stages:
    """A span for each stage of a diff, below the current span."""

    def __init__(self) -> None:
        self._stage: str | None = None
        self._span: Any = None

    def __call__(self, progress: Progress) -> None:
        """Begin a span if the stage is new."""
        if _tracer and progress.stage != self._stage:
            self._end()
            self._stage, self._span = progress.stage, _tracer.start_span(progress.stage)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        if self._span:
            self._span.end()


def _context(parent: str | None) -> Any:
    if not parent:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent})


def _refuse_nonsense(endpoint: str) -> None:
    if not os.environ[endpoint].startswith(("http://", "https://")):
        raise BadSetting(f"{endpoint} must be a URL that begins with http:// or https://.")
    for name in _PROTOCOLS:
        if os.environ.get(name, "http/protobuf") != "http/protobuf":
            raise BadSetting(
                f"{name} must be http/protobuf, the only protocol of the extra for traces."
            )
