"""The port of what tells how likely a passage supports a statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class SupportModel(Protocol):
    """Judges statements whose hard facts have been found in the passage, or that have none."""

    def warm_up(self) -> None:
        """Load what it needs. Raises ModelUnavailable or ConfigurationError: that can't be done."""
        ...

    def probabilities(self, statement: str, passages: Sequence[str]) -> list[float]:
        """For each passage how likely it supports the whole statement, from 0 to 1. Blocks.

        Raises:
            ModelUnavailable: the model can't be run; words have to judge then.
        """
        ...
