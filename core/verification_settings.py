"""Settings of the check that an answer's sentences are in its sources."""

from __future__ import annotations

from typing import Literal

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
