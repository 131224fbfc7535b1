"""Whether a difference between two pipelines is more than chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import permutation_test

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
    moved = differences[np.abs(differences) > _TOLERANCE]
    if len(moved) <= 1:  # of one difference, either sign is as extreme
        return 1.0
    # Queries that didn't move add nothing to any flip of signs, so only the others need flipping.
    result = permutation_test(
        (moved,),
        _mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=_RESAMPLES,
        alternative="two-sided",
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def _mean(values: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = np.mean(values, axis=axis)
    return mean


def split_by_sign(before: Sequence[float], after: Sequence[float]) -> tuple[int, int, int]:
    """How many pairs got better, worse, and stayed equal."""
    differences = [a - b for b, a in zip(before, after, strict=True)]
    better = sum(difference > _TOLERANCE for difference in differences)
    worse = sum(difference < -_TOLERANCE for difference in differences)
    return better, worse, len(differences) - better - worse
