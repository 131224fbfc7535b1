"""A question, and who asks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.filters import Filter
from core.principal import Principal
from generation.models.port import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question and who asks it; ``history`` holds the earlier turns, oldest first.

    ``fresh``: no answer from before is wanted.
    """

    text: str
    principal: Principal
    answer_id: str
    conversation_id: str
    history: Sequence[Message] = ()
    filters: Filter | None = None
    pipeline: str | None = None
    fresh: bool = False
