"""Conversations that are kept."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from api.schemas.answers import AnswerBody, SourceBody
from api.schemas.base import Many, RequestBody, ResponseBody
from api.schemas.feedback import FeedbackBody

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
Name = Annotated[str, Field(min_length=1, max_length=300)]


class RenameRequest(RequestBody):
    """Another title for a conversation."""

    title: Annotated[str, Field(max_length=200)]


class ShareRequest(RequestBody):
    """Who may read a conversation: everybody who has signed in, or these users and groups."""

    everybody: bool = False
    users: Annotated[Many[Name], Field(max_length=200)] = ()
    groups: Annotated[Many[Name], Field(max_length=200)] = ()


class ShareBody(ResponseBody):
    """Who may read a conversation beside its owner."""

    everybody: bool
    users: list[str]
    groups: list[str]


class ConversationBody(ResponseBody):
    """A conversation. ``shared`` is told to its owner alone; null: with nobody."""

    id: str
    title: str
    created_at: datetime
    updated_at: datetime
    mine: bool
    shared: ShareBody | None


class ConversationList(ResponseBody):
    """One's own conversations, the latest first; ``total`` counts all that were found."""

    conversations: list[ConversationBody]
    total: int
    kept: bool
    """Whether conversations of this caller are kept."""


class KeptSourceBody(SourceBody):
    """A source as it was when it was cited. ``changed``: its document has other bytes by now."""

    changed: bool


class KeptAnswerBody(AnswerBody):
    """An answer as it was given."""

    sources: list[KeptSourceBody]  # type: ignore[assignment]  # sources with one field more


class TurnBody(ResponseBody):
    """A question and its answer.

    ``withheld``: the answer was made from something that the reader may not read, or that is gone. ``answer`` is null
    then, and ``sources`` has those of its sources that they may read.
    """

    answer_id: str
    number: int
    question: str
    filters: dict[str, Any] | None
    pipeline: str | None
    asked_at: datetime
    state: Literal["writing", "done", "stopped", "failed"]
    withheld: bool
    answer: KeptAnswerBody | None
    sources: list[KeptSourceBody]
    feedback: FeedbackBody | None


class ConversationDetail(ConversationBody):
    """A conversation with its turns, the first one first."""

    turns: list[TurnBody]


class DeletedBody(ResponseBody):
    """How many conversations were deleted."""

    deleted: int
