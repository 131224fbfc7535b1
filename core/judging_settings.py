"""Settings of the models that judge answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from core.model_settings import ChatSettings
from core.section import Positive, Section


class JudgeSettings(ChatSettings):
    """A model that judges, how it is reached, and what it costs."""

    name: str = ""
    """What reports and calibrations call it; empty: the model's name."""
    max_tokens: Positive = 4096
    seed: int | None = 0
    concurrency: Positive = 4
    input_price: Annotated[float, Field(ge=0)] = 0.0
    """Of a million tokens that it reads, in your currency."""
    output_price: Annotated[float, Field(ge=0)] = 0.0
    """Of a million tokens that it writes."""

    @model_validator(mode="after")
    def _judges(self) -> Self:
        if self.provider == "none":
            raise ValueError("each of judging.judges needs a provider: openai, azure or bedrock")
        return self

    @property
    def called(self) -> str:
        """What it is called."""
        return self.name or self.model


class JudgingSettings(Section):
    """The models that judge answers, and when one counts."""

    judges: tuple[JudgeSettings, ...] = ()
    floor: Annotated[float, Field(ge=-1, le=1)] = 0.6
    """The least weighted kappa with people at which a gate takes a judge's scores."""
    least_labels: Positive = 50
    """How many answers people must have labelled for that."""
    scoring: Path | None = None
    """A file that replaces what judges are told; None: Footnote's own, in eval/judging/prompts."""
    comparing: Path | None = None

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        names = [one.called for one in self.judges]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"two of judging.judges are called {min(twice)!r}: give one another name")
        return self
