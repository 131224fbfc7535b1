"""What readers say of answers, and of sources that are outdated."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from api.schemas.base import Many, RequestBody, ResponseBody

Reason = Literal["wrong", "incomplete", "off_topic", "wrong_source", "outdated", "unclear", "other"]
Comment = Annotated[str, Field(max_length=2000)]


class FeedbackRequest(RequestBody):
    """What a reader says of an answer, in the place of what they said before."""

    rating: Literal["up", "down"]
    reasons: Annotated[Many[Reason], Field(max_length=7)] = ()
    comment: Comment = ""


class FeedbackBody(ResponseBody):
    """What a reader said of an answer."""

    rating: Literal["up", "down"]
    reasons: tuple[str, ...]
    comment: str
    said_at: datetime


class OutdatedRequest(RequestBody):
    """A source of an answer is outdated, as a reader says."""

    document_id: Annotated[str, Field(max_length=64)]
    comment: Comment = ""


class OutdatedBody(ResponseBody):
    """A document that so many readers say is outdated. ``changed``: its bytes have changed since they last said so."""

    document_id: str
    source_id: str
    external_id: str
    uri: str
    title: str
    readers: int
    comments: tuple[str, ...]
    first_said: datetime
    last_said: datetime
    changed: bool


class OutdatedList(ResponseBody):
    """Documents that readers say are outdated, the latest said first; ``total`` counts all of them."""

    documents: list[OutdatedBody]
    total: int


class SettledBody(ResponseBody):
    """How many readers had said it."""

    settled: int
