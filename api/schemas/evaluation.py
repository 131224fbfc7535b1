"""What evaluations found, as ``/v1/evaluation`` shows it."""

from __future__ import annotations

from datetime import date, datetime

from api.schemas.base import ResponseBody


class ReportBody(ResponseBody):
    """A report of answers; ``name`` is the set of questions that it is of."""

    id: str
    name: str
    published_at: datetime


class ReportList(ResponseBody):
    """Reports, the latest first."""

    reports: list[ReportBody]


class EstimateBody(ResponseBody):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class WeekBody(ResponseBody):
    """The answers of a week from its Monday on, in UTC: shares of all of them, and how long 95 in a hundred took."""

    monday: date
    answers: int
    p95_ms: float
    failed: EstimateBody
    abstained: EstimateBody
    unsupported: EstimateBody
    thumbs_down: EstimateBody
    cached: EstimateBody


class TopicsBody(ResponseBody):
    """The latest week's questions beside those of the four weeks before.

    ``psi`` is the population stability index over so many ``clusters``, and stays under ``usual`` in 95 of 100 weeks in
    which nothing moves. ``new`` is the share of questions unlike any before, 0.05 where nothing is. ``grown`` is what
    the share of the cluster that grew most was, and is.
    """

    psi: float
    usual: float
    clusters: int
    new: float
    grown: tuple[float, float]


class OldDocumentBody(ResponseBody):
    """A document that the latest week's answers cite much, and that changed long ago."""

    document_id: str
    answers: int
    changed: datetime


class DriftBody(ResponseBody):
    """How weeks differ. ``oldest`` are the documents that the caller may read.

    ``published_at`` is null before the first ``footnote eval drift --publish``.
    """

    published_at: datetime | None
    weeks: list[WeekBody]
    topics: TopicsBody | None
    oldest: list[OldDocumentBody]

    @classmethod
    def of(cls, content: bytes | None) -> DriftBody:
        """What was published; None: nothing was."""
        if content is None:
            return cls(published_at=None, weeks=[], topics=None, oldest=[])
        return cls.model_validate_json(content)
