"""Settings of a canary: a candidate that some conversations are answered by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from core.model_settings import PromptSettings
from core.pipeline import Share
from core.section import Positive, Seconds, Section

STEPS = (5, 25, 100)


class CanarySettings(Section):
    """What the candidate does otherwise, how many conversations it answers, and when it is taken back by itself."""

    share: Literal[0, 5, 25, 100] = 0
    """Conversations in a hundred that the candidate answers; 0: there is none. More keeps those that were its own."""
    step_days: Annotated[int, Field(ge=0)] = 0
    """It begins with 5 in a hundred, and each further step (25, 100), up to ``share``, comes after so many finished
    days and ``after_answers`` of its answers in them; 0: with ``share`` from the start."""
    shadow: Annotated[int, Field(ge=0, le=100)] = 0
    """The candidate is also asked what the baseline answers in so many conversations in a hundred, without being shown:
    afterwards, one question at a time, and not while readers wait."""
    shadow_daily: Positive = 1000
    """Of such questions each process asks no more in a day (UTC): they cost what others cost."""
    pipeline: str | None = None
    """Its pipeline, where a question names none; None: as everywhere."""
    model: str | None = None
    """In the place of ``llm.model``, on the same server; None: the same."""
    prompts: PromptSettings = PromptSettings()
    """In the place of ``prompts``; what is None stays."""
    generation: str | None = None
    """It searches this generation of the index (``footnote index list``); None: the live one."""
    most_errors: Share = 0.1
    """It is stopped once more of its answers of today and yesterday ended in an error."""
    most_unsupported: Share = 0.3
    """It is stopped once more of them had a sentence that no source supports."""
    after_answers: Positive = 50
    """So many of its answers are waited for before either is looked at."""
    slow_s: Seconds | None = None
    """It is stopped once more than one of a hundred of its answers surely takes longer, which is: once its 99th
    percentile is above; None: times aren't looked at."""

    @model_validator(mode="after")
    def _differs(self) -> Self:
        if self.tried and not (self.pipeline or self.model or self.generation or self.prompts != PromptSettings()):
            raise ValueError(
                "canary.share and canary.shadow need something to try: canary.pipeline, canary.model, canary.prompts "
                "or canary.generation"
            )
        return self

    @property
    def tried(self) -> bool:
        """Whether the candidate is asked anything."""
        return bool(self.share or self.shadow)

    def share_after(self, answers: Sequence[int]) -> int:
        """The share of conversations today, by how many answers the candidate gave on each finished day, in order.

        It hangs on finished days alone: what it answers today can't change who it answers.
        """
        steps = [step for step in STEPS if step <= self.share]
        if not self.step_days or not steps:
            return self.share
        at = days = given = 0
        for count in answers:
            days, given = days + 1, given + count
            if days >= self.step_days and given >= self.after_answers and at < len(steps) - 1:
                at, days, given = at + 1, 0, 0
        return steps[at]

    @property
    def id(self) -> str:
        """Of what is tried: another candidate has another, and counts of its own; another share is the same canary.

        Files of prompts count by their names: give a changed file another name.
        """
        tried = self.model_dump_json(include={"pipeline", "model", "prompts", "generation"})
        return hashlib.sha256(tried.encode()).hexdigest()[:12]
