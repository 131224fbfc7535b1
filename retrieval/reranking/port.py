"""The port of rerankers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


@runtime_checkable
class Reranker(Protocol):
    """Scores passages against a query, reading both together."""

    name: str

    def warm_up(self) -> None:
        """Load the model and run it once. Idempotent."""
        ...

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        """One score a passage, in the order given, the higher the better.

        Raises:
            ModelUnavailable: the model can't be loaded or run.
        """
        ...
