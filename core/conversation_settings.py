"""Settings of conversations, and of streams that break off."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from core.section import Positive, Section


class ConversationSettings(Section):
    """What is kept of questions and answers, and for how long."""

    keep: bool = True
    """Keep the conversations of readers who have a name or a key. False: none, and what was kept is deleted."""
    retention_days: Annotated[int, Field(ge=0)] = 90
    """A conversation that nobody went on with for so long is deleted; 0: kept until its owner deletes it."""
    grace_s: Annotated[float, Field(ge=0)] = 30
    """For so long an answer goes on being written after the last stream that reads it broke; 0: it ends with it."""
    resume_s: Positive = 300
    """For so long a stream that broke can be taken up again after the last event was written."""
