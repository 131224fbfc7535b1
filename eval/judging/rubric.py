"""What answers are judged by."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Criterion = Literal["groundedness", "relevance", "coherence", "faithfulness"]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)
SCALE = (1, 5)
"""Whole scores; 5 is the best."""


class _Told(BaseModel):
    """A part of a judge's reply. What a model adds of its own is left out."""

    model_config = ConfigDict(extra="ignore")

    reason: Annotated[str, Field(min_length=1, max_length=4000)]
    """Comes first: a model that has written why scores better than one that says why afterwards."""


class Score(_Told):
    """A score by one criterion."""

    score: Annotated[int, Field(ge=SCALE[0], le=SCALE[1], strict=True)]


class Scores(BaseModel):
    """A judge's reply about one answer."""

    model_config = ConfigDict(extra="ignore")

    groundedness: Score
    relevance: Score
    coherence: Score
    faithfulness: Score


class Preference(_Told):
    """A judge's reply about two answers, which are called 1 and 2 there."""

    better: Literal["1", "2", "tie"]
