"""Prometheus metrics of what the service depends on, asked when they are scraped: states, queues, the index's disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from api.readiness import Dependency
from api.wiring import Services
from core.errors import FootnoteError


class OperationMetrics:
    """How the service's surroundings are, in the form that ``generate_latest`` takes.

    Args:
        dependencies: as readiness has just found them. What is down isn't asked again: a scrape must not hang on it.
    """

    def __init__(self, services: Services, dependencies: Sequence[Dependency]) -> None:
        self._services = services
        self._dependencies = dependencies
        self._well = {one.name for one in dependencies if one.state == "ok"}

    def collect(self) -> Iterator[Metric]:
        """Every metric; what can't be told now is left out."""
        said = "1 while a dependency is well, 0 while it is down or starting; none for what isn't set up."
        up = GaugeMetricFamily("footnote_dependency_up", said, labels=["dependency", "required"])
        for one in self._dependencies:
            if one.state != "off":
                up.add_metric([one.name, str(one.required).lower()], float(one.state == "ok"))
        yield up
        with suppress(FootnoteError):
            yield from self._queues()
        with suppress(FootnoteError):
            yield from self._disk()

    def _queues(self) -> Iterator[Metric]:
        if "broker" not in self._well:
            return
        tasks = GaugeMetricFamily("footnote_queue_tasks", "Tasks that wait in a queue.", labels=["queue"])
        for queue, count in self._services.queue_depths().items():
            tasks.add_metric([queue], count)
        yield tasks

    def _disk(self) -> Iterator[Metric]:
        index = self._services.index.built
        if index is None or "index" not in self._well:
            return
        room = index.room()
        said = "Bytes of the index's disk; of several nodes, of the one with the least free."
        disk = GaugeMetricFamily("footnote_index_disk_bytes", said, labels=["kind"])
        disk.add_metric(["total"], room.total)
        disk.add_metric(["free"], room.free)
        yield disk
