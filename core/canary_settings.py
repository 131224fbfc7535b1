"""Settings of a canary: a candidate that some conversations are answered by."""

from __future__ import annotations

import hashlib
from typing import Literal, Self

from pydantic import model_validator

from core.model_settings import PromptSettings
from core.pipeline import Share
from core.section import Positive, Section


class CanarySettings(Section):
    """What the candidate does otherwise, how many conversations it answers, and when it is taken back by itself."""

    share: Literal[0, 5, 25, 100] = 0
    """Conversations in a hundred that the candidate answers; 0: there is none. More keeps those that were its own."""
    pipeline: str | None = None
    """Its pipeline, where a question names none; None: as everywhere."""
    model: str | None = None
    """In the place of ``llm.model``, on the same server; None: the same."""
    prompts: PromptSettings = PromptSettings()
    """In the place of ``prompts``; what is None stays."""
    most_errors: Share = 0.1
    """It is stopped once more of its answers of today and yesterday ended in an error."""
    most_unsupported: Share = 0.3
    """It is stopped once more of them had a sentence that no source supports."""
    after_answers: Positive = 50
    """So many of its answers are waited for before either is looked at."""

    @model_validator(mode="after")
    def _differs(self) -> Self:
        if self.share and not (self.pipeline or self.model or self.prompts != PromptSettings()):
            raise ValueError("canary.share needs something to try: canary.pipeline, canary.model or canary.prompts")
        return self

    @property
    def id(self) -> str:
        """Of what is tried: another candidate has another, and counts of its own; another share is the same canary.

        Files of prompts count by their names: give a changed file another name.
        """
        tried = self.model_dump_json(include={"pipeline", "model", "prompts"})
        return hashlib.sha256(tried.encode()).hexdigest()[:12]
