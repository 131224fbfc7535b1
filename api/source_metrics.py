"""Prometheus metrics of sources, asked of the catalog when they are scraped.

A source is named by its id: names may say what nobody needs who watches machines.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from api.schemas.sources import seconds_since

if TYPE_CHECKING:
    from ingestion.catalog.catalog import Catalog
    from ingestion.catalog.standings import Standing

_LABELS = ["source", "kind"]
_GAUGES = {
    "passages": "Passages of a source that can be found.",
    "bytes": "Bytes of a source's documents.",
    "interval_seconds": "Between two listings of a source.",
    "lag_seconds": "Since the last listing began that ended well.",
    "oldest_pending_seconds": "That the document has waited which has waited longest for its turn.",
    "answers": "0 while a source doesn't answer.",
    "paused": "1 while somebody has paused a source.",
    "run_bytes": "Bytes of the documents that the latest sync indexed.",
    "run_documents_per_second": "Documents of the latest sync that got through lately.",
    "run_eta_seconds": "Until the documents of the latest sync are through.",
}
_COUNTS = ("seen", "unchanged", "indexed", "failed", "deleted", "superseded", "open")


class SourceMetrics:
    """How the sources of a catalog stand, in the form that ``generate_latest`` takes."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def collect(self) -> Iterator[Metric]:
        """Every metric, with one sample a source, or several.

        Raises:
            StorageUnavailable: the catalog doesn't answer.
        """
        standings, now = self._catalog.standings.list(), self._catalog.clock.now()
        values = {standing.source.id: _values(standing, now) for standing in standings}
        for name, said in _GAUGES.items():
            gauge = GaugeMetricFamily(f"footnote_source_{name}", said, labels=_LABELS)
            for standing in standings:
                value = values[standing.source.id][name]
                if value is not None:
                    gauge.add_metric(_named(standing), value)
            yield gauge
        documents = "Documents of a source by state."
        states = GaugeMetricFamily("footnote_source_documents", documents, labels=[*_LABELS, "state"])
        latest = "Documents of the latest sync by what became of them."
        counts = GaugeMetricFamily("footnote_source_run_documents", latest, labels=[*_LABELS, "outcome"])
        for standing in standings:
            for state, count in standing.documents.items():
                states.add_metric([*_named(standing), state], count)
            for outcome in _COUNTS if standing.last_sync else ():
                counts.add_metric([*_named(standing), outcome], getattr(standing.last_sync, outcome))
        yield from (states, counts)


def _named(standing: Standing) -> list[str]:
    return [standing.source.id, standing.source.kind]


def _values(standing: Standing, now: datetime) -> dict[str, float | None]:
    run = standing.last_sync
    return {
        "passages": standing.passages,
        "bytes": standing.bytes,
        "interval_seconds": float(standing.source.interval_s),
        "lag_seconds": seconds_since(standing.last_success_at, now),
        "oldest_pending_seconds": seconds_since(standing.oldest_pending_at, now),
        "answers": float(standing.waits is None),
        "paused": float(standing.source.paused_at is not None),
        "run_bytes": run.bytes if run else None,
        "run_documents_per_second": run.rate if run else None,
        "run_eta_seconds": run.eta_s if run else None,
    }
