"""Spans of a request and of the tasks that it sets off belong to one trace."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery.app.task import Context
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from core import logs, telemetry, tracing
from core.errors import ConfigurationError
from core.settings import TelemetrySettings
from ingestion.broker import TaskQueue
from ingestion.tasks.register import _as_task

BROWSER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for module in (tracing, telemetry):
        monkeypatch.setattr(module, "_tracer", provider.get_tracer("footnote"))
    yield exporter
    provider.shutdown()


def test_a_task_goes_on_with_the_trace_of_the_browser(spans: InMemorySpanExporter) -> None:
    app = Celery("test", broker="memory://")
    with tracing.continued("request", {"traceparent": BROWSER}, SpanKind.SERVER):
        TaskQueue(app).send("footnote.sync", {"source_id": "s"})
        assert tracing.trace_id() == BROWSER.split("-")[1]
    with app.connection_for_read() as connection:
        message = connection.SimpleQueue("sync").get_nowait()
    request = Context(message.headers)  # as the worker makes it
    with _as_task(SimpleNamespace(name="footnote.sync", request=request)):  # type: ignore[arg-type]
        event = logs._add_correlation_id(None, "", {"event": "x"})
    assert event["trace_id"] == BROWSER.split("-")[1]
    found = {span.name: span for span in spans.get_finished_spans()}
    assert set(found) == {"request", "footnote.sync", "task.sync"}
    assert {f"{span.context.trace_id:032x}" for span in found.values()} == {BROWSER.split("-")[1]}
    assert found["footnote.sync"].parent.span_id == found["request"].context.span_id
    assert found["task.sync"].parent.span_id == found["footnote.sync"].context.span_id


def test_a_broken_header_begins_a_trace_of_its_own(spans: InMemorySpanExporter) -> None:
    with tracing.continued("request", {"traceparent": "00-rubbish\n"}, SpanKind.SERVER):
        assert tracing.trace_id()
    assert spans.get_finished_spans()[0].parent is None


def test_without_a_trace_nothing_is_sent_along() -> None:
    assert tracing.trace_headers() == {}
    assert tracing.trace_id() is None
    assert logs._add_correlation_id(None, "", {"event": "x"}) == {"event": "x"}


def test_spans_go_to_the_endpoint_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(trace, "set_tracer_provider", made.append)
    tracing.set_up_tracing(TelemetrySettings(), "api")
    assert made == []
    tracing.set_up_tracing(TelemetrySettings(otlp_endpoint="http://127.0.0.1:9/v1/traces"), "worker")
    [provider] = made
    assert provider.resource.attributes["service.name"] == "footnote-worker"
    provider.shutdown()


def test_an_endpoint_without_its_extra_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def lacking(name: str, *rest: Any, **named: Any) -> Any:
        if name.startswith("opentelemetry.exporter"):
            raise ImportError(name)
        return load(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(ConfigurationError, match=r"telemetry\.otlp_endpoint is set.*\[otlp\]"):
        tracing.set_up_tracing(TelemetrySettings(otlp_endpoint="http://127.0.0.1:9/v1/traces"), "api")
