"""Prometheus metrics of the latest finished week, as ``footnote eval drift --publish`` has told it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from api.schemas.evaluation import DriftBody, WeekBody

if TYPE_CHECKING:
    from ingestion.catalog.catalog import Catalog

_SHARES = ("failed", "abstained", "unsupported", "thumbs_down", "cached")
_MONTH = 4


class DriftMetrics:
    """The latest week beside the four before, in the form that ``generate_latest`` takes; nothing before the first."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def collect(self) -> Iterator[Metric]:
        """Every metric that is known.

        Raises:
            StorageUnavailable: the catalog doesn't answer.
        """
        found = DriftBody.of(self._catalog.published.latest("drift"))
        if found.weeks:
            yield from _of_weeks(found.weeks)
        if found.topics is not None:
            topics = found.topics
            yield _gauge("topics_psi", "How far its questions moved from a month's, as an index.", topics.psi)
            yield _gauge("topics_psi_usual", "What that stays under in 95 of 100 weeks without a move.", topics.usual)
            yield _gauge("new_questions", "Share of its questions unlike any of the month before.", topics.new)


def _of_weeks(weeks: list[WeekBody]) -> Iterator[Metric]:
    *before, week = weeks[-_MONTH - 1 :]
    share = GaugeMetricFamily("footnote_week_share", "Of the latest finished week's answers.", labels=["what"])
    low = GaugeMetricFamily("footnote_week_share_low", "Its 95 % interval's lower end.", labels=["what"])
    month = GaugeMetricFamily("footnote_week_share_before", "Of the four weeks before.", labels=["what"])
    answers = sum(one.answers for one in before)
    for what in _SHARES:
        own = getattr(week, what)
        share.add_metric([what], own.value)
        low.add_metric([what], own.low)
        if answers:
            month.add_metric([what], sum(getattr(one, what).value * one.answers for one in before) / answers)
    yield from (share, low, month)
    yield _gauge("answers", "Answers of that week.", week.answers)
    yield _gauge("p95_seconds", "What 95 in a hundred of them took at most.", week.p95_ms / 1000)
    began = datetime.combine(week.monday, time(), UTC).timestamp()
    yield _gauge("began_timestamp_seconds", "When that week began.", began)


def _gauge(name: str, says: str, value: float) -> Metric:
    gauge = GaugeMetricFamily(f"footnote_week_{name}", says)
    gauge.add_metric([], value)
    return gauge
