"""How certain a figure is, and how long things took. What rankings are worth is trec_eval's to say:
:mod:`eval.retrieval.scoring`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_RESAMPLES = 2000
_BLOCK = 100
"""Means are drawn so many at a time: fast, and bounded in memory."""
_Z = 1.959964
"""The normal quantile of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic and its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"

    def signed(self) -> str:
        """As a difference, as ``+0.012 (-0.001 to +0.024)``."""
        return f"{self.value:+.3f} ({self.low:+.3f} to {self.high:+.3f})"

    def times(self) -> str:
        """As a ratio, as ``1.27x (1.23-1.30)``."""
        return f"{self.value:.2f}x ({self.low:.2f}-{self.high:.2f})"


@dataclass(frozen=True, slots=True)
class Latency:
    """The median and the 95th percentile, in milliseconds."""

    p50_ms: float
    p95_ms: float

    def __str__(self) -> str:
        return f"{self.p50_ms:.1f} / {self.p95_ms:.1f}"


def latency(ms: ArrayLike) -> Latency:
    """Of some times; zero where there is nothing to measure."""
    given = np.asarray(ms, dtype=float)
    if not given.size:
        return Latency(0.0, 0.0)
    p50, p95 = np.percentile(given, [50, 95])
    return Latency(round(float(p50), 3), round(float(p95), 3))


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


def ratio_of_percentiles(times: NDArray[np.float64], over: int, under: int, percentile: float = 50) -> Estimate:
    """The percentile of column ``over`` divided by that of column ``under``, its interval over rows."""

    def statistic(rows: NDArray[np.float64]) -> float:
        top, bottom = np.percentile(rows[:, [over, under]], percentile, axis=0)
        return float(top / bottom)

    return bootstrap(statistic, times)


def ratio_of_sums(times: NDArray[np.float64], over: int, under: int) -> Estimate:
    """The sum of column ``over`` divided by that of column ``under``, its interval over rows."""
    return bootstrap(lambda rows: float(rows[:, over].sum() / rows[:, under].sum()), times)


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % score interval of ``hits / of`` (Wilson, Probable inference, JASA 1927).

    Raises:
        ValueError: of nothing, or more hits than there can be.
    """
    if not 0 <= hits <= of or of == 0:
        raise ValueError(f"{hits} of {of} is not a share")
    share, spread = hits / of, _Z * _Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def share(hits: int, of: int) -> str:
    """As ``98.1 % (412 of 420; 95 % interval 96.3 to 99.0 %)``."""
    if not of:
        return "none"
    low, high = wilson(hits, of)
    return f"{100 * hits / of:.1f} % ({hits} of {of}; 95 % interval {100 * low:.1f} to {100 * high:.1f} %)"
