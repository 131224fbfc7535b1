"""Traces: where spans go, and how one trace goes on in another process.

A question's trace begins in the browser (the page sends ``traceparent``, as W3C Trace Context defines it) and goes on
through search, model and checks. What a request sets off among the workers belongs to its trace too: the task queue
carries the same header.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind

from core.errors import ConfigurationError
from core.extras import installing
from core.settings import TelemetrySettings
from core.version import footnote_version

_tracer = trace.get_tracer("footnote")
HEADER = "traceparent"


def set_up_tracing(settings: TelemetrySettings, process: str) -> None:
    """Send this process's spans to the collector that the settings name, in batches, from a thread of their own.

    Args:
        process: which of Footnote's processes this is, as ``api`` or ``worker``.

    Raises:
        ConfigurationError: an endpoint is set, and what speaks to it isn't installed.
    """
    if settings.otlp_endpoint is None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"telemetry.otlp_endpoint is set, and what sends traces isn't installed. Install it with:  "
            f"{installing('otlp')}"
        ) from error
    named = {"service.name": f"footnote-{process}", "service.version": footnote_version()}
    provider = TracerProvider(resource=Resource.create(named))
    exporter = OTLPSpanExporter(endpoint=settings.otlp_endpoint, timeout=10)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


def trace_headers() -> dict[str, str]:
    """What carries the present span to another process; empty without one."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return {HEADER: carrier[HEADER]} if HEADER in carrier else {}


@contextmanager
def continued(name: str, headers: Mapping[str, str], kind: SpanKind, **attributes: str) -> Iterator[None]:
    """A span that belongs to the trace that ``headers`` name, or to a new one. A header that is broken names none.

    Attributes must not be content.
    """
    parent = propagate.extract({HEADER: headers[HEADER]} if HEADER in headers else {})
    with _tracer.start_as_current_span(name, context=parent, kind=kind, attributes=attributes):
        yield


def trace_id() -> str | None:
    """The present trace's id in hexadecimal; None outside one."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None
