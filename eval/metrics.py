"""How certain a mean is. The metrics themselves are trec_eval's: :mod:`eval.retrieval.scoring`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 2000
_BLOCK = 100
"""Means are drawn so many at a time: fast, and bounded in memory."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic and its 95 % confidence interval."""

    value: float
    low: float
    high: float


def mean_with_interval(values: Sequence[float], *, seed: int = 0) -> Estimate:
    """The mean, with a percentile bootstrap interval over the values.

    Raises:
        ValueError: there are none.
    """
    if len(values) == 0:
        raise ValueError("no values to estimate from")
    given, generator = np.asarray(values, dtype=float), np.random.default_rng(seed)
    blocks = (min(_BLOCK, _RESAMPLES - done) for done in range(0, _RESAMPLES, _BLOCK))
    means = [given[generator.integers(0, len(given), (block, len(given)))].mean(axis=1) for block in blocks]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return Estimate(float(given.mean()), float(low), float(high))


def bootstrap(
    statistic: Callable[[NDArray[np.float64]], float], rows: NDArray[np.float64], *, seed: int = 0
) -> Estimate:
    """A statistic of rows, with a 95 % percentile bootstrap interval: whole rows are drawn, so pairs stay pairs.

    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    Raises:
        ValueError: there are no rows.
    """
    if len(rows) == 0:
        raise ValueError("no values to estimate from")
    generator = np.random.default_rng(seed)
    drawn = (rows[generator.integers(0, len(rows), len(rows))] for _ in range(_RESAMPLES))
    low, high = np.percentile([statistic(sample) for sample in drawn], [2.5, 97.5])
    return Estimate(statistic(rows), float(low), float(high))
