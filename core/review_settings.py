"""Settings of the reviews of answers by people."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from core.section import Fraction, Section


class ReviewSettings(Section):
    """Which answers that were given people look at, each week."""

    weekly: Annotated[int, Field(ge=0, le=1000)] = 0
    """How many questions and answers are drawn from each week's for reviewers; 0: none, they stay with who asked."""
    twice: Fraction = 0.2
    """The share of them that two reviewers see, neither of whom learns what the other said."""
    due_days: Annotated[int, Field(ge=1, le=90)] = 7
    """How long reviewers have."""
    seed: Annotated[str, Field(max_length=100)] = "footnote"
    """What the draw depends on beside the week: the same seed draws the same from the same answers."""
