"""Whether a difference between two pipelines is more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 9999
_TOLERANCE = 1e-5
"""Differences up to it are rounding: however small, they would count as losses if they all had one sign."""


def p_value(before: Sequence[float], after: Sequence[float], *, seed: int = 0) -> float:
    """Two-sided p of the mean of paired differences, by Fisher's randomisation test.

    The signs of the differences are flipped at random; all combinations where there are fewer than ``_RESAMPLES``.
    Smucker, Allan and Carterette, A Comparison of Statistical Significance Tests for Information Retrieval
    Evaluation, CIKM 2007, which recommends it over the Wilcoxon and sign tests.

    Raises:
        ValueError: the two are not of one length, or there are none.
    """
    if len(before) != len(after) or not before:
        raise ValueError(f"{len(before)} and {len(after)} values are not pairs")
    differences = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    moved = differences[np.abs(differences) > _TOLERANCE].astype(np.float32)
    if len(moved) <= 1:  # of one difference, either sign is as extreme
        return 1.0
    # Queries that didn't move add nothing to any flip of signs, so only the others need flipping.
    exact = 2 ** len(moved) <= _RESAMPLES
    flipped = np.abs((_all_signs(len(moved)) if exact else _random_signs(len(moved), seed)) @ moved)
    seen = abs(float(moved.sum()))
    as_extreme = int(np.count_nonzero(flipped >= seen * (1 - _TOLERANCE)))
    return as_extreme / len(flipped) if exact else (as_extreme + 1) / (len(flipped) + 1)


def _all_signs(count: int) -> NDArray[np.float32]:
    """Every combination of so many signs, a row each."""
    bits = np.arange(2**count)[:, None] >> np.arange(count)
    return np.where(bits & 1, np.float32(1), np.float32(-1))


def _random_signs(count: int, seed: int) -> NDArray[np.float32]:
    """``_RESAMPLES`` combinations at random."""
    return _wide_signs(1 << (count - 1).bit_length(), seed)[:, :count]


@lru_cache(maxsize=4)
def _wide_signs(count: int, seed: int) -> NDArray[np.float32]:
    """Drawn once for all metrics of a comparison, which move on about as many questions."""
    drawn = np.random.default_rng(seed).integers(0, 2, (_RESAMPLES, count), dtype=np.int8)
    return (2 * drawn - 1).astype(np.float32)


def split_by_sign(before: Sequence[float], after: Sequence[float]) -> tuple[int, int, int]:
    """How many pairs got better, worse, and stayed equal."""
    differences = [a - b for b, a in zip(before, after, strict=True)]
    better = sum(difference > _TOLERANCE for difference in differences)
    worse = sum(difference < -_TOLERANCE for difference in differences)
    return better, worse, len(differences) - better - worse
