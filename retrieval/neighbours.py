"""Letting the best candidates vouch for each other: passages like those that scored well score better."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.chunk import Vectors

_ALONE = 1e-3
"""Cosines that add up to less are noise."""
_SAME = 1e-3
"""A vector that is no farther from the mean of all isn't told apart from it."""


def regularised(scores: Sequence[float], vectors: Vectors, *, weight: float, neighbours: int) -> list[float]:
    """Each candidate's score mixed with those of the candidates nearest to it.

    ``(1 - weight) * s + weight * P s``, where ``s`` is the scores brought to [0, 1] and a row of ``P`` holds the
    cosines to the candidate's nearest neighbours among the others, divided by their sum. A candidate that is like no
    other keeps its own score.

    The cosines are of the vectors without their mean: all candidates are about the question, so what they have in
    common says nothing about which of them belong together.

    Diaz: Regularizing ad hoc retrieval scores, CIKM 2005. Centring: Suzuki and others, EMNLP 2013, there to tame hubs.

    Args:
        scores: one a candidate, the higher the better.
        vectors: shape (candidates, dimensions), unit length.
        weight: from 0 (nothing changes) to 1.
        neighbours: how many count.
    """
    if not scores:
        return []
    own = _unit(np.asarray(scores, np.float64))
    apart = _centred(vectors)
    likeness: NDArray[np.float64] = np.clip(apart @ apart.T, 0.0, 1.0).astype(np.float64)
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


def _centred(vectors: Vectors) -> Vectors:
    """Unit vectors from the mean of all to each, shape as given; 0 for one that isn't told apart from the mean."""
    apart = vectors - vectors.mean(axis=0)
    lengths = np.linalg.norm(apart, axis=1, keepdims=True)
    centred: Vectors = np.where(lengths > _SAME, apart / np.maximum(lengths, _SAME), 0.0).astype(np.float32)
    return centred


def _unit(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    low, width = scores.min(), np.ptp(scores)
    scaled: NDArray[np.float64] = (scores - low) / width if width > 0 else np.zeros_like(scores)
    return scaled
