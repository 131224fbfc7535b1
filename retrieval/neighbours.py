"""Letting the best candidates vouch for each other: passages like those that scored well score better."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.chunk import Vectors

_ALONE = 1e-3
"""Cosines that add up to less are noise."""


def regularised(scores: Sequence[float], vectors: Vectors, *, weight: float, neighbours: int) -> list[float]:
    """Each candidate's score mixed with those of the candidates nearest to it.

    ``(1 - weight) * s + weight * P s``, where ``s`` is the scores brought to [0, 1] and a row of ``P`` holds the
    cosines to the candidate's nearest neighbours among the others, divided by their sum. A candidate that is like no
    other keeps its own score.

    Diaz: Regularizing ad hoc retrieval scores, CIKM 2005.

    Args:
        scores: one a candidate, the higher the better.
        vectors: shape (candidates, dimensions), unit length.
        weight: from 0 (nothing changes) to 1.
        neighbours: how many count.
    """
    if not scores:
        return []
    own = _unit(np.asarray(scores, np.float64))
    likeness: NDArray[np.float64] = np.clip(vectors @ vectors.T, 0.0, 1.0).astype(np.float64)
    np.fill_diagonal(likeness, 0.0)
    if neighbours < len(own) - 1:
        least = np.sort(likeness, axis=1)[:, -neighbours][:, None]
        likeness = np.where(likeness >= least, likeness, 0.0)
    sums = likeness.sum(axis=1)
    around = np.where(sums > _ALONE, likeness @ own / np.maximum(sums, _ALONE), own)
    mixed: list[float] = ((1 - weight) * own + weight * around).tolist()
    return mixed


def pooled(windows: Vectors) -> Vectors:
    """The unit vector of a chunk's windows together, shape (dimensions,)."""
    total = windows.sum(axis=0)
    unit: Vectors = (total / max(float(np.linalg.norm(total)), float(np.finfo(np.float32).tiny))).astype(np.float32)
    return unit


def _unit(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    low, width = scores.min(), np.ptp(scores)
    scaled: NDArray[np.float64] = (scores - low) / width if width > 0 else np.zeros_like(scores)
    return scaled
