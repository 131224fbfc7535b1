"""Settings of the check that an answer's sentences are in its sources, and of the model that weighs evidence."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from core.section import Fraction, Seconds, Section


class VerificationSettings(Section):
    """Checking every sentence of an answer against the passages that it cites."""

    enabled: bool = True
    policy: Literal["mark", "drop", "abstain"] = "mark"
    """``mark``: sentences are shown as they come, and marked; ``drop``: unsupported ones aren't shown; ``abstain``: the
    answer is held back, and there is none if too much of it is unsupported. The latter two show nothing unchecked."""
    abstain_above: Fraction = 0.5
    """With ``abstain``: the share of unsupported sentences above which there is no answer."""
    timeout_s: Seconds = 1
    """How long the check of a sentence may take; then shared words alone judge it, and the rest of the answer."""


class EvidenceSettings(Section):
    """A model that tells whether a passage supports a statement."""

    model: str | None = None
    """A folder made by ``footnote train evidence``; without one shared words and the embedder judge."""
    threads: Annotated[int, Field(ge=0)] = 1
    """Of the CPU, for one sentence or question; 0: all."""
