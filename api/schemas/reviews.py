"""Reviews of answers by people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from api.schemas.base import RequestBody, ResponseBody
from api.schemas.conversations import KeptAnswerBody

Rated = Annotated[int, Field(ge=1, le=5)]
Why = Literal["retrieval", "evidence", "writing", "outdated"]


class ReviewRequest(RequestBody):
    """What a reviewer says of an answer, in the place of what they said before.

    Scores go from 1 to 5, the best; null is "can't tell". ``cause``: what is to be mended, null for nothing.
    """

    groundedness: Rated | None
    relevance: Rated | None
    coherence: Rated | None
    faithfulness: Rated | None
    cause: Why | None = None
    comment: Annotated[str, Field(max_length=2000)] = ""


class PairBody(ResponseBody):
    """A question and its answer to be reviewed; ``id`` is the answer's. Whose question it was isn't told."""

    id: str
    sample: str
    due_at: datetime
    asked_at: datetime
    question: str
    answer: KeptAnswerBody


class NextPairs(ResponseBody):
    """What the caller could review next; empty where nothing is left for them."""

    pairs: list[PairBody]


class ProgressBody(ResponseBody):
    """How far the reviews of one sample are: of ``wanted`` are ``done``, and of these are ``mine``."""

    sample: str
    due_at: datetime
    overdue: bool
    pairs: int
    wanted: int
    done: int
    mine: int


class ReviewProgress(ResponseBody):
    """The samples, the latest drawn first; ``weekly`` is how many answers are drawn each week, 0 for none."""

    weekly: int
    samples: list[ProgressBody]


class SampleBody(ResponseBody):
    """A sample that was drawn."""

    sample: str
    pairs: int


class LabelBody(ResponseBody):
    """What one reviewer said of an answer; null scores are "can't tell".

    ``weight`` is how many answers of its week the answer stands for. ``pair`` is null, and ``comment`` and
    ``department`` are empty, where the answer was made from something that the caller may not read.
    """

    id: str
    sample: str
    outcome: Literal["thumbs_down", "abstained", "unsupported", "answered"]
    department: str
    weight: float
    reviewer: str
    scores: dict[str, int | None]
    cause: Why | None
    comment: str
    said_at: datetime
    pair: PairBody | None


class LabelList(ResponseBody):
    """Labels of answers that as many have reviewed as are wanted; ``more``: there are further ones."""

    labels: list[LabelBody]
    more: bool
