"""The worker process's own wiring."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import prometheus_client
import pytest
from celery.signals import worker_init

from core.settings import Settings
from core.telemetry import CHUNKS
from ingestion import worker


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What was started to serve metrics; stopped at the end."""
    started: list[Any] = []

    def start(port: int, host: str) -> None:
        started.append(prometheus_client.start_http_server(port, host))

    monkeypatch.setattr(worker, "start_http_server", start)
    yield started
    for server, thread in started:
        server.shutdown()
        server.server_close()
        thread.join(10)


def set_telemetry(monkeypatch: pytest.MonkeyPatch, **telemetry: Any) -> None:
    settings = Settings.model_validate({"telemetry": telemetry})
    monkeypatch.setattr(worker, "_settings", lambda: settings)


def test_a_worker_gives_way_to_who_answers_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(worker.os, "nice", asked.append)
    set_telemetry(monkeypatch)
    worker_init.send(sender=None)
    assert asked == [worker.NICENESS]


def test_a_worker_ends_with_its_schedule_unless_it_is_being_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A schedule that was killed used to stay away, and with it every sync, until somebody restarted the worker."""
    killed: list[tuple[int, int]] = []
    over = threading.Event()
    monkeypatch.setattr(worker.os, "kill", lambda pid, number: (killed.append((pid, number)), over.set()))
    monkeypatch.setattr(worker, "_stopping", threading.Event())
    ended = SimpleNamespace(join=lambda: None, exitcode=-9)
    worker._end_with_schedule(SimpleNamespace(controller=SimpleNamespace(beat=None)))
    worker._end_with_schedule(SimpleNamespace(controller=SimpleNamespace(beat=ended)))
    assert over.wait(10)
    assert killed == [(os.getpid(), signal.SIGTERM)]
    worker._note_stop()
    stopped = SimpleNamespace(join=over.clear, exitcode=0)
    worker._end_with_schedule(SimpleNamespace(controller=SimpleNamespace(beat=stopped)))
    for thread in threading.enumerate():
        if thread.name == "schedule":
            thread.join(10)
    assert len(killed) == 1


def test_metrics_are_served_where_a_port_is_set(monkeypatch: pytest.MonkeyPatch, served: list[Any]) -> None:
    set_telemetry(monkeypatch, worker_metrics_port=0)
    worker._serve_metrics()
    [(server, _)] = served
    CHUNKS.inc(0)
    said = httpx.get(f"http://127.0.0.1:{server.server_port}/metrics", trust_env=False, timeout=10).text
    assert "footnote_chunks_total" in said


def test_metrics_are_served_nowhere_by_default(monkeypatch: pytest.MonkeyPatch, served: list[Any]) -> None:
    set_telemetry(monkeypatch)
    worker._serve_metrics()
    assert served == []


def test_a_port_in_use_does_not_stop_the_worker(monkeypatch: pytest.MonkeyPatch, served: list[Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        set_telemetry(monkeypatch, worker_metrics_port=taken.getsockname()[1])
        worker._serve_metrics()
    assert served == []
