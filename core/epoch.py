"""The state of what a reader may find, as a number that moves with every change of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Epoch:
    """An epoch of one reader's documents.

    Attributes:
        number: only ever grows; equal numbers of the same access terms mean that nothing has changed.
        age_s: seconds since the last change, infinite when there was none.
    """

    number: int
    age_s: float
